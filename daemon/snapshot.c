/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "snapshot.h"

#include <time.h>

#include "journal.h"

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
	__atomic_add_fetch(&snapshot->refs, 1, __ATOMIC_RELAXED);
	return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
	if (!snapshot || __atomic_sub_fetch(&snapshot->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (!snapshot->keyring_of)
		keyring_drop(snapshot->keyring);
	snapshot_unref(snapshot->keyring_of);
	trust_unref(snapshot->trust);
	policy_unref(snapshot->policy);
	revocations_unref(snapshot->revocations);
	free(snapshot->keyring_reason);
	free(snapshot->stale_reason);
	free(snapshot);
}

/* ---- the keyring ---- */

static int add_stale(struct snapshot *snapshot, const char *what, const char *reason)
{
	char *longer;

	if (asprintf(&longer, "%s%s%s: %s", snapshot->stale_reason ?: "",
		     snapshot->stale_reason ? "; " : "", what, reason) < 0)
		return -ENOMEM;
	free(snapshot->stale_reason);
	snapshot->stale_reason = longer;
	return 0;
}

/* The certificates that the kernel is to have; what it says of each that it does not take. */
static int fill_keyring(struct snapshot *snapshot, struct error *error)
{
	_cleanup_free_ struct blob *certificates = NULL;
	_cleanup_free_ struct trusted_key **keys = NULL;
	_cleanup_free_ int *rejected = NULL;
	struct trust *trust = snapshot->trust;
	unsigned n = 0;
	int r;

	certificates = calloc(trust->n_keys + 1, sizeof(*certificates));
	keys = calloc(trust->n_keys + 1, sizeof(*keys));
	rejected = calloc(trust->n_keys + 1, sizeof(*rejected));
	if (!certificates || !keys || !rejected)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "Out of memory.");
	for (unsigned i = 0; i < trust->n_keys; i++) {
		if (!trust->keys[i].usable ||
		    revocations_find_key(snapshot->revocations, trust->keys[i].digest))
			continue;
		keys[n] = &trust->keys[i];
		certificates[n++] = trust->keys[i].der;
	}
	if (n == 0)
		return error_set(error, -ENOKEY, ERROR_FAILED, STEP_NONE,
				 "no trusted key can be used");
	r = keyring_make(certificates, n, rejected, &snapshot->keyring, error);
	for (unsigned i = 0; i < n && r == 0; i++) {
		if (!rejected[i])
			continue;
		keys[i]->kernel_rejects = true;
		journal_line(LOG_NOTICE,
			     "%s: the kernel does not take this key (%s); it counts for the "
			     "daemon's own check only",
			     keys[i]->file, strerror(rejected[i]));
	}
	return r;
}

/* One that is in use by loads of the previous snapshot, and maybe of one before. */
static void keep_keyring(struct snapshot *snapshot, struct snapshot *previous)
{
	struct snapshot *owner = previous->keyring_of ?: previous;

	snapshot->keyring = owner->keyring;
	snapshot->keyring_of = snapshot_ref(owner);
}

static int make_keyring(struct snapshot *snapshot, struct snapshot *previous)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	int r;

	r = fill_keyring(snapshot, &error);
	if (r == 0)
		return 0;
	if ((r == -EDQUOT || r == -ENOMEM) && previous && previous->keyring > KEYRING_PLATFORM) {
		keep_keyring(snapshot, previous);
		journal_line(LOG_ERR, "The previous keyring stays: %s", error_message(&error));
		return add_stale(snapshot, "The previous keyring stays", error_message(&error));
	}
	snapshot->keyring_reason = strdup(error_message(&error));
	journal_line(LOG_WARNING, "No keyring, so no bundle can be loaded: %s",
		     error_message(&error));
	return 0;
}

/* ---- reading ---- */

static void report_keys(const struct configuration *from, const struct trust *trust)
{
	for (unsigned i = 0; i < trust->n_keys; i++)
		if (!trust->keys[i].usable && !trust->keys[i].authority)
			journal_line(LOG_WARNING, "%s/%s: not trusted: %s", from->keys_dir,
				     trust->keys[i].file,
				     trust->keys[i].reason ?: "cannot be used");
}

/* What cannot be used must not undo what was in force before. */
static int take_over(struct snapshot *snapshot, const struct snapshot *previous)
{
	int r = 0;

	if (snapshot->policy->deny_all && !previous->policy->deny_all) {
		r = add_stale(snapshot, "The new policy cannot be used, the previous one stays",
			      snapshot->policy->reason);
		policy_unref(snapshot->policy);
		snapshot->policy = policy_ref(previous->policy);
	}
	if (r == 0 && snapshot->revocations->deny_all && !previous->revocations->deny_all) {
		r = add_stale(snapshot,
			      "What is revoked now cannot be read, the previous revocations stay",
			      snapshot->revocations->reason);
		revocations_unref(snapshot->revocations);
		snapshot->revocations = revocations_ref(previous->revocations);
	}
	return r;
}

int snapshot_read(const struct configuration *from, struct snapshot *previous,
		  struct snapshot **ret, struct error *error)
{
	_cleanup_snapshot_ struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	struct timespec now;
	int r;

	if (!snapshot)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "Out of memory.");
	snapshot->refs = 1;
	snapshot->keyring = KEYRING_NONE;
	clock_gettime(CLOCK_REALTIME, &now);
	snapshot->read_usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	r = trust_read(from->keys_dir, from->owner, &snapshot->trust, error);
	if (r == 0)
		r = policy_read(from->policy_dirs, from->owner, &snapshot->policy, error);
	if (r == 0)
		r = revocations_read(from->revoked_dir, from->owner, &snapshot->revocations, error);
	if (r == 0 && previous)
		r = take_over(snapshot, previous);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "Out of memory.");
	report_keys(from, snapshot->trust);
	/* a kernel that does not verify needs none */
	if (from->want_keyring && from->keyring)
		snapshot->keyring = *from->keyring;
	else if (from->want_keyring && make_keyring(snapshot, previous) < 0)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "Out of memory.");
	*ret = TAKE_PTR(snapshot);
	return 0;
}
