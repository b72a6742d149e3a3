/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gate.h"

#include <systemd/sd-daemon.h>

/* ---- snapshots ---- */

struct snapshot *gate_snapshot(struct gate *gate)
{
	struct snapshot *snapshot;

	pthread_mutex_lock(&gate->lock);
	snapshot = gate->snapshot;
	__atomic_add_fetch(&snapshot->refs, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&gate->lock);
	return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
	if (!snapshot || __atomic_sub_fetch(&snapshot->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (snapshot->keyring)
		keyring_drop(snapshot->keyring);
	trust_unref(snapshot->trust);
	policy_unref(snapshot->policy);
	free(snapshot->keyring_reason);
	free(snapshot);
}

/* The certificates that the kernel is to have; what it says of each that it does not take. */
static int fill_keyring(struct snapshot *snapshot, struct error *error)
{
	_cleanup_free_ struct blob *certificates = NULL;
	_cleanup_free_ const struct trusted_key **keys = NULL;
	_cleanup_free_ int *rejected = NULL;
	const struct trust *trust = snapshot->trust;
	unsigned n = 0;
	int r;

	certificates = calloc(trust->n_keys + 1, sizeof(*certificates));
	keys = calloc(trust->n_keys + 1, sizeof(*keys));
	rejected = calloc(trust->n_keys + 1, sizeof(*rejected));
	if (!certificates || !keys || !rejected)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "Out of memory.");
	for (unsigned i = 0; i < trust->n_keys; i++) {
		if (!trust->keys[i].usable)
			continue;
		keys[n] = &trust->keys[i];
		certificates[n++] = trust->keys[i].der;
	}
	if (n == 0)
		return error_set(error, -ENOKEY, ERROR_FAILED, STEP_NONE,
				 "no trusted key can be used");
	r = keyring_make(certificates, n, rejected, &snapshot->keyring, error);
	for (unsigned i = 0; i < n && r == 0; i++)
		if (rejected[i])
			fprintf(stderr,
				SD_NOTICE "%s: the kernel does not take this key (%s); it counts "
					  "for the daemon's own check only\n",
				keys[i]->file, strerror(rejected[i]));
	return r;
}

/* A kernel that does not verify needs no keyring. */
static void make_keyring(const struct gate *gate, struct snapshot *snapshot)
{
	_cleanup_error_ struct error error = ERROR_INIT;

	if (gate->probe.contract == CONTRACT_NONE || fill_keyring(snapshot, &error) == 0)
		return;
	snapshot->keyring_reason = strdup(error_message(&error));
	fprintf(stderr, SD_WARNING "No keyring, so no bundle can be loaded: %s\n",
		error_message(&error));
}

static void report_keys(const struct gate *gate, const struct trust *trust)
{
	for (unsigned i = 0; i < trust->n_keys; i++)
		if (!trust->keys[i].usable)
			fprintf(stderr, SD_WARNING "%s/%s: not trusted: %s\n", gate->keys_dir,
				trust->keys[i].file, trust->keys[i].reason ?: "cannot be used");
}

static int snapshot_new(const struct gate *gate, struct snapshot **ret, struct error *error)
{
	_cleanup_snapshot_ struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	int r;

	if (!snapshot)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "Out of memory.");
	snapshot->refs = 1;
	r = trust_read(gate->keys_dir, gate->owner, &snapshot->trust, error);
	if (r == 0)
		r = policy_read(gate->policy_dirs, gate->owner, &snapshot->policy, error);
	if (r < 0)
		return r;
	report_keys(gate, snapshot->trust);
	make_keyring(gate, snapshot);
	*ret = TAKE_PTR(snapshot);
	return 0;
}

/* ---- the gate ---- */

static void report_probe(const struct gate *gate)
{
	if (gate->probe.contract != CONTRACT_NONE)
		fprintf(stderr, SD_INFO "Linux %s verifies signatures, contract v%d\n",
			gate->probe.release, gate->probe.contract);
	else if (gate->daemon_only)
		fprintf(stderr,
			SD_ALERT
			"UNSAFE: Linux %s does not verify signatures (%s), and "
			"--unsafe-daemon-only lets bundles be loaded on the daemon's check "
			"alone\n",
			gate->probe.release, gate->probe.reason);
	else
		fprintf(stderr,
			SD_WARNING "Linux %s does not verify signatures, so no bundle can be "
				   "loaded: %s\n",
			gate->probe.release, gate->probe.reason);
}

static int restore(struct gate *gate, struct error *error)
{
	unsigned restored = 0, removed = 0;
	int r;

	r = table_restore(gate->table, &restored, &removed, error);
	if (r == 0 && restored + removed)
		fprintf(stderr, SD_INFO "Taken up again: %u loads; removed: %u\n", restored,
			removed);
	return r;
}

int gate_setup(struct gate *gate, const char *state_dir, struct error *error)
{
	int r;

	pthread_mutex_init(&gate->lock, NULL);
	kernel_probe(&gate->probe);
	report_probe(gate);
	r = snapshot_new(gate, &gate->snapshot, error);
	if (r == 0)
		r = table_new(state_dir, &gate->table, error);
	if (r == 0)
		r = restore(gate, error);
	if (r < 0)
		return r;
	if (gate->snapshot->policy->deny_all)
		fprintf(stderr, SD_ERR "The policy cannot be used, all loads are denied: %s\n",
			gate->snapshot->policy->reason);
	return 0;
}

int gate_reload(struct gate *gate, struct error *error)
{
	struct snapshot *snapshot, *old;
	int r;

	r = snapshot_new(gate, &snapshot, error);
	if (r < 0)
		return r;
	if (snapshot->policy->deny_all && !gate->snapshot->policy->deny_all) {
		error_set(error, -EINVAL, ERROR_FAILED, STEP_NONE,
			  "The new policy cannot be used, the previous one stays: %s",
			  snapshot->policy->reason);
		policy_unref(snapshot->policy);
		snapshot->policy = policy_ref(gate->snapshot->policy);
		r = -EINVAL;
	}
	pthread_mutex_lock(&gate->lock);
	old = gate->snapshot;
	gate->snapshot = snapshot;
	pthread_mutex_unlock(&gate->lock);
	snapshot_unref(old);
	return r;
}

void gate_done(struct gate *gate)
{
	table_free(gate->table);
	snapshot_unref(gate->snapshot);
	pthread_mutex_destroy(&gate->lock);
}
