/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gate.h"

#include <stdarg.h>

#include "audit.h"
#include "enforce.h"
#include "journal.h"
#include "pin.h"

struct snapshot *gate_snapshot(struct gate *gate)
{
	struct snapshot *snapshot;

	pthread_mutex_lock(&gate->lock);
	snapshot = snapshot_ref(gate->snapshot);
	pthread_mutex_unlock(&gate->lock);
	return snapshot;
}

static void report_probe(const struct gate *gate)
{
	if (gate->probe.contract != CONTRACT_NONE)
		journal_line(LOG_INFO, "Linux %s verifies signatures, contract v%d",
			     gate->probe.release, gate->probe.contract);
	else if (gate->daemon_only)
		journal_line(LOG_ALERT,
			     "UNSAFE: Linux %s does not verify signatures (%s), and "
			     "--unsafe-daemon-only lets bundles be loaded on the daemon's check "
			     "alone",
			     gate->probe.release, gate->probe.reason);
	else
		journal_line(LOG_WARNING,
			     "Linux %s does not verify signatures, so no bundle can be "
			     "loaded: %s",
			     gate->probe.release, gate->probe.reason);
}

static void report_snapshot(const struct snapshot *snapshot)
{
	if (snapshot->policy->deny_all)
		journal_line(LOG_ERR, "The policy cannot be used, all loads are denied: %s",
			     snapshot->policy->reason);
	if (snapshot->revocations->deny_all)
		journal_line(LOG_ERR, "What is revoked cannot be read, all loads are denied: %s",
			     snapshot->revocations->reason);
	if (snapshot->revocations->n)
		journal_line(LOG_INFO, "Revocations in force: %u", snapshot->revocations->n);
}

static int guard_links(struct gate *gate)
{
	_cleanup_free_ struct load **loads = NULL;
	unsigned n = 0;
	int r;

	r = table_list(gate->table, 0, &loads, &n);
	for (unsigned i = 0; i < n; i++) {
		for (unsigned j = 0; j < loads[i]->links.n && r == 0; j++)
			r = enforce_link_add(loads[i]->links.items[j].fd);
		load_unref(loads[i]);
	}
	return r;
}

/* Of links whose load is unknown nobody else may get a descriptor either: then the gate goes on
 * with all that the earlier daemon told it. */
static int forget_links(struct gate *gate)
{
	if (table_count_unknown(gate->table) > 0)
		return 0;
	enforce_links_forget();
	return guard_links(gate);
}

/* Without them what is to be bounded is refused, and nothing else. */
static void setup_memory(const struct gate *gate)
{
	_cleanup_error_ struct error error = ERROR_INIT;

	if (memory_groups_setup(gate->configuration.memory_groups, &error) < 0)
		journal_line(LOG_WARNING,
			     "The memory of maps cannot be bounded, so nothing is loaded by rules "
			     "with a limit \"mapMemory\" (see MEMORY in bpfgated(8)): %s",
			     error_message(&error));
}

/* Without a place for pins a load fails at its end, and says the same. */
static void report_pins(void)
{
	_cleanup_error_ struct error error = ERROR_INIT;

	if (pin_root_check(&error) < 0)
		journal_line(LOG_ERR, "Nothing can be loaded to stay: %s", error_message(&error));
}

static int restore(struct gate *gate, struct error *error)
{
	_cleanup_examination_ struct examination examination = {};
	struct restoration found = {};
	int r;

	report_pins();
	enforce_links_begin();
	r = table_restore(gate->table, &found, error);
	if (r == 0 && forget_links(gate) < 0)
		r = error_set(error, -EIO, ERROR_FAILED, STEP_NONE,
			      "The links of what is loaded cannot be guarded.");
	enforce_links_end();
	if (r < 0)
		return r;
	if (found.n_restored + found.n_removed + found.n_unknown)
		journal_line(found.n_unknown ? LOG_WARNING : LOG_INFO,
			     "Taken up again: %u loads; removed: %u; left as they are, unknown: %u",
			     found.n_restored, found.n_removed, found.n_unknown);
	r = examine_all(gate, gate->snapshot, &examination);
	return r < 0 ? error_set(error, r, ERROR_FAILED, STEP_NONE, "Out of memory.") : 0;
}

static int setup_floors(struct gate *gate)
{
	_cleanup_error_ struct error why = ERROR_INIT;
	int r;

	r = floors_new(&gate->configuration.floors, &gate->floors);
	if (r == 0 && floors_retry(gate->floors, &why) < 0)
		journal_line(LOG_ERR, "%s", error_message(&why));
	return r;
}

int gate_setup(struct gate *gate, const char *state_dir, struct error *error)
{
	int r;

	pthread_mutex_init(&gate->lock, NULL);
	pthread_mutex_init(&gate->reloading, NULL);
	kernel_probe(&gate->probe);
	report_probe(gate);
	gate->configuration.want_keyring = gate->probe.contract != CONTRACT_NONE;
	r = snapshot_read(&gate->configuration, NULL, &gate->snapshot, error);
	if (r < 0)
		return r;
	report_snapshot(gate->snapshot);
	setup_memory(gate);
	r = setup_floors(gate);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "Out of memory.");
	r = table_new(state_dir, &gate->table, error);
	return r < 0 ? r : restore(gate, error);
}

/* ---- reload ---- */

static const struct trusted_key *find_revoked(const struct trust *trust,
					      const uint8_t digest[static DIGEST_SIZE])
{
	const struct trusted_key *key = trust_find(trust, digest);

	return key && key->revoked ? key : NULL;
}

/* What is revoked since the last time: by a file of revoked.d, or by its issuer. */
static void report_revoked(const struct snapshot *old, const struct snapshot *new)
{
	for (unsigned i = 0; i < new->revocations->n; i++)
		if (!revocations_have(old->revocations, &new->revocations->items[i]))
			audit_revocation(&new->revocations->items[i]);
	for (unsigned i = 0; i < new->trust->n_keys; i++) {
		const struct trusted_key *key = &new->trust->keys[i];

		if (key->revoked && !find_revoked(old->trust, key->digest))
			audit_revoked_key(key);
	}
}

static struct snapshot *swap(struct gate *gate, struct snapshot *snapshot)
{
	struct snapshot *old;

	pthread_mutex_lock(&gate->lock);
	old = gate->snapshot;
	gate->snapshot = snapshot_ref(snapshot);
	pthread_mutex_unlock(&gate->lock);
	return old;
}

/* One thing after the other that did not work. */
static int add_failure(char **text, const char *format, ...) _printf_(2, 3);
static int add_failure(char **text, const char *format, ...)
{
	_cleanup_free_ char *one = NULL;
	char *longer;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&one, format, ap);
	va_end(ap);
	if (n < 0) {
		one = NULL;
		return -ENOMEM;
	}
	if (asprintf(&longer, "%s%s%s", *text ?: "", *text ? "; " : "", one) < 0)
		return -ENOMEM;
	free(*text);
	*text = longer;
	return 0;
}

/* @floors: what is wrong with them, or no error. */
static int reload_result(const struct snapshot *snapshot, const struct examination *examination,
			 const struct error *floors, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	int r = 0;

	if (examination->n_failed)
		r = add_failure(&text,
				"%u loads are revoked and could not be unloaded; the journal says "
				"why",
				examination->n_failed);
	if (r == 0 && snapshot->stale_reason)
		r = add_failure(&text, "%s", snapshot->stale_reason);
	if (r == 0 && examination->n_unknown)
		r = add_failure(
			&text,
			"%u loads of an earlier bpfgated are unknown still; \"bpfctl list\" "
			"shows them, the journal says why",
			examination->n_unknown);
	if (r == 0 && floors->code != ERROR_NONE)
		r = add_failure(&text, "%s", error_message(floors));
	if (r == 0 && (snapshot->policy->deny_all || snapshot->revocations->deny_all))
		r = add_failure(&text, "All loads are denied, as before: %s",
				snapshot->policy->deny_all ? snapshot->policy->reason
							   : snapshot->revocations->reason);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "Out of memory.");
	return text ? error_set(error, examination->n_failed ? -EIO : -EINVAL, ERROR_FAILED,
				STEP_NONE, "%s", text)
		    : 0;
}

/* What could not be looked at when the daemon was started. Where that fails it is as unknown as
 * before. */
static void try_unknown(struct gate *gate, struct examination *ret)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct restoration found;

	if (table_count_unknown(gate->table) == 0)
		return;
	enforce_links_begin();
	if (table_restore_unknown(gate->table, &found, &error) < 0)
		journal_line(LOG_ERR, "Unknown loads: %s", error_message(&error));
	enforce_links_end();
	ret->n_unknown = table_count_unknown(gate->table);
}

/* One at a time. Whatever fails, the rest is done. */
static int reload(struct gate *gate, struct examination *ret, struct error *error)
{
	_cleanup_snapshot_ struct snapshot *snapshot = NULL, *old = NULL;
	_cleanup_error_ struct error floors = ERROR_INIT;
	int r;

	/* only a reload replaces it, so that the pointer is good here */
	r = snapshot_read(&gate->configuration, gate->snapshot, &snapshot, error);
	if (r < 0)
		return r;
	old = swap(gate, snapshot);
	report_snapshot(snapshot);
	report_revoked(old, snapshot);
	setup_memory(gate);
	floors_retry(gate->floors, &floors);
	try_unknown(gate, ret);
	r = examine_all(gate, snapshot, ret);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "Out of memory.");
	return reload_result(snapshot, ret, &floors, error);
}

int gate_reload(struct gate *gate, struct examination *ret, struct error *error)
{
	int r;

	*ret = (struct examination){};
	pthread_mutex_lock(&gate->reloading);
	r = reload(gate, ret, error);
	pthread_mutex_unlock(&gate->reloading);
	return r;
}

/* ---- enforcement ---- */

/* What is loaded now is guarded from now on: by another gate than the one that it was made under.
 */
static int guard_all(struct gate *gate)
{
	struct load **loads = NULL;
	unsigned n = 0;
	int r;

	enforce_links_begin();
	r = table_list(gate->table, 0, &loads, &n);
	for (unsigned i = 0; i < n; i++) {
		if (r == 0 && !loads[i]->unknown)
			r = enforce_guard(&loads[i]->objects, &loads[i]->links);
		load_unref(loads[i]);
	}
	free(loads);
	enforce_links_end();
	return r;
}

int gate_enforce(struct gate *gate, enum gate_mode mode, enum gate_mode *ret_before,
		 bool (*abandoned)(const void *userdata), const void *userdata, struct error *error)
{
	unsigned epoch = enforce_epoch();
	int r, r_guard = 0;

	pthread_mutex_lock(&gate->reloading);
	*ret_before = enforce_mode();
	/* whoever waited for his turn may have given up by now */
	if (abandoned(userdata))
		r = error_set(error, -ECANCELED, ERROR_FAILED, STEP_REQUEST,
			      "The client had gone before it was begun.");
	else
		r = enforce_set_mode(mode, error);
	/* even where the one before could not be taken away */
	if (enforce_epoch() != epoch)
		r_guard = guard_all(gate);
	pthread_mutex_unlock(&gate->reloading);
	if (r == 0 && r_guard < 0)
		return error_set(error, r_guard, ERROR_FAILED, STEP_NONE,
				 "the gate is in force, but what was loaded before cannot be "
				 "guarded by it: %s: unload it, or restart bpfgated",
				 strerror(-r_guard));
	return r;
}

void gate_done(struct gate *gate)
{
	table_free(gate->table);
	floors_free(gate->floors);
	snapshot_unref(gate->snapshot);
	pthread_mutex_destroy(&gate->lock);
	pthread_mutex_destroy(&gate->reloading);
}
