/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an earlier daemon left: the kernel's objects are the truth. A load is taken up again when
 * its record and its pins agree. What is proven gone or foreign is removed: a pin that is not in
 * its folder, or that is of another object than the record says. All else stays, and is in the
 * table as unknown, where root can see and unload it: an error of bpf(2), a record that cannot be
 * read, another bpffs than the one that it was pinned in.
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "descriptors.h"
#include "journal.h"
#include "record-file.h"
#include "record-table.h"

#define FDS_KEPT  128
#define NO_RECORD "it has no record"

static void report(int priority, const char *id, const char *what, const char *why)
{
	struct journal_entry *entry;

	entry = journal_new(priority, "load %s of an earlier bpfgated %s%s%s", id, what,
			    *why ? ": " : "", why);
	journal_add(entry, "BPFGATE_LOAD=%s", id);
	journal_send(entry, JOURNAL_LOADS);
}

static void free_ids(char **ids, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(ids[i]);
	free(ids);
}

static int open_objects(struct load *load, struct error *error)
{
	_cleanup_free_ unsigned *link_programs = NULL;
	int r;

	r = pin_open(load->id, load->manifest->n_programs, load->manifest->n_maps, &load->objects,
		     &load->links, error);
	if (r < 0)
		return r;
	link_programs = calloc(load->links.n + 1, sizeof(*link_programs));
	if (!link_programs)
		return -ENOMEM;
	for (unsigned i = 0; i < load->links.n; i++)
		link_programs[i] = load->attachments[load->links.items[i].attachment].program;
	return pin_check(&load->objects, load->programs, load->maps, &load->links, link_programs,
			 error);
}

/*
 * Leaves descriptors for what the daemon is there for: loads that are unknown because there are too
 * few can be listed and unloaded, and a daemon that cannot take a connection is of no use.
 */
static bool has_room(struct table *table)
{
	_cleanup_close_ int lowest = openat(table->folder, ".", O_PATH | O_CLOEXEC);
	struct rlimit limit;

	return lowest >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	       (rlim_t)lowest + FDS_KEPT < limit.rlim_cur;
}

/* Without a record there is no more to say of it than its id. */
static struct load *load_nameless(const char *id)
{
	_cleanup_load_ struct load *load = load_new();

	if (!load)
		return NULL;
	memcpy(load->id, id, LOAD_ID_SIZE);
	load->uid = LOAD_UID_UNKNOWN;
	load->lifetime = LIFETIME_PERSISTENT;
	load->rule = strdup("");
	load->rule_source = strdup("");
	load->manifest = calloc(1, sizeof(*load->manifest));
	if (!load->rule || !load->rule_source || !load->manifest)
		return NULL;
	load->manifest->name = strdup("");
	load->manifest->version = strdup("");
	return load->manifest->name && load->manifest->version ? TAKE_PTR(load) : NULL;
}

/* *ret: what goes into the table; -ENOMEM. @load is what its record says, or NULL. */
static int stay_unknown(struct load *load, const char *id, const char *why, struct load **ret)
{
	_cleanup_load_ struct load *unknown = load ? load_ref(load) : load_nameless(id);

	if (unknown)
		unknown->unknown = strdup(why);
	if (!unknown || !unknown->unknown)
		return -ENOMEM;
	unknown->usage = (struct usage){USAGE_UNKNOWN, USAGE_UNKNOWN};
	*ret = TAKE_PTR(unknown);
	return 0;
}

/* Has the kernel, or bpffs, said that it is not there, or is another's? No other error says so. */
static bool is_proven(int r, const char *id, bool has_record)
{
	if (!has_record)
		return pin_exists(id) == 0;
	return r == -ESTALE || (r == -ENOENT && pin_exists(id) >= 0);
}

/*
 * Looks at what there is of load @id: 0 and *ret is to be in the table, known or not, or 0 and NULL
 * where it is proven gone or foreign, and @error says how; -ENOMEM.
 */
static int look(struct table *table, const char *id, struct load **ret, struct error *error)
{
	_cleanup_load_ struct load *load = NULL;
	int r, r_objects;

	r = record_read(table->folder, id, &load, error);
	r_objects = r < 0 ? r : pin_place_check(&load->place, error);
	if (r_objects == 0)
		r_objects = open_objects(load, error);
	if (r_objects == 0 && !has_room(table)) {
		r_objects = error_set(error, -EMFILE, ERROR_FAILED, STEP_RECORD,
				      "there are too few file descriptors for it "
				      "(LimitNOFILE= of bpfgated.service)");
		links_done(&load->links);
		loaded_done(&load->objects);
	}
	*ret = NULL;
	if (r_objects < 0 && is_proven(r_objects, id, r == 0))
		return 0;
	if (r_objects < 0)
		return stay_unknown(load, id, error->message ?: strerror(-r_objects), ret);
	descriptors_settle(load);
	measure(&load->objects, &load->usage);
	*ret = TAKE_PTR(load);
	return 0;
}

/* @load, a reference, in the place of the unknown one of that id, or of none; 1 where that one has
 * been unloaded meanwhile. With no @load it only goes. */
static int put(struct table *table, const char *id, struct load *load, bool again)
{
	_cleanup_load_ struct load *old = NULL, *new = load;
	int r = 0;

	pthread_mutex_lock(&table->lock);
	old = table_lookup(table, id, 0);
	if (old ? !old->unknown : again)
		r = 1;
	/* before the old one goes: without memory for the new one it stays */
	if (r == 0 && new)
		r = table_charge_locked(table, new);
	if (r == 0 && old)
		table_take_out(table, old);
	else
		old = NULL;
	if (r == 0 && new)
		r = table_insert(table, new);
	if (r == 0)
		new = NULL;
	pthread_mutex_unlock(&table->lock);
	return r;
}

/* True when nothing of it is left. */
static bool remove_one(struct table *table, const char *id, const char *why)
{
	int r = pin_remove(id, NULL, NULL);

	if (r == 0)
		r = record_remove(table->folder, id);
	if (r == 0) {
		report(4, id, "is not whole, and was removed", why);
		return true;
	}
	report(3, id, "is not whole, and cannot be removed", strerror(-r));
	return false;
}

/* @again: it is in the table as unknown. */
static int restore_one(struct table *table, const char *id, bool again, struct restoration *found)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load *load = NULL;
	bool unknown;
	int r;

	r = look(table, id, &load, &error);
	if (r < 0)
		return r;
	if (!load && remove_one(table, id, error_message(&error)))
		found->n_removed++;
	else if (!load)
		r = stay_unknown(NULL, id, error_message(&error), &load);
	if (r < 0)
		return r;
	unknown = load && load->unknown;
	if (unknown)
		report(3, id, "cannot be taken up, and is left as it is", load->unknown);
	r = put(table, id, load, again);
	if (r == 0 && load && !unknown) {
		report(6, id, "is taken up again", "");
		found->n_restored++;
	}
	return r < 0 ? r : 0;
}

static int restore_records(struct table *table, struct restoration *found)
{
	char **ids;
	unsigned n;
	int r;

	r = record_list(table->folder, &ids, &n);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < n && r == 0; i++)
		r = restore_one(table, ids[i], false, found);
	free_ids(ids, n);
	return r;
}

/* Pins that no record speaks of: somebody has taken the records away, for no daemon leaves that. */
static int keep_orphans(struct table *table)
{
	char **ids;
	unsigned n;
	int r;

	r = pin_list(&ids, &n);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < n && r == 0; i++) {
		struct load *load = NULL;

		if (table_find(table, ids[i], 0, &load, NULL) < 0) {
			report(3, ids[i], "cannot be taken up, and is left as it is", NO_RECORD);
			r = stay_unknown(NULL, ids[i], NO_RECORD, &load);
			if (r == 0)
				r = put(table, ids[i], TAKE_PTR(load), false);
		}
		load_unref(load);
	}
	free_ids(ids, n);
	return r;
}

static unsigned remove_stray(struct table *table, const struct load *load, const char *digest)
{
	_cleanup_removal_ struct removal removal = {};
	char why[128];
	int r;

	snprintf(why, sizeof(why), "it follows %s, which is not loaded", digest);
	r = table_remove_all(table, load->id, 0, &removal, NULL);
	if (r < 0)
		report(3, load->id, "cannot be removed", why);
	else
		report(4, load->id, "was removed", why);
	for (unsigned i = 0; i < removal.n; i++)
		report(4, removal.items[i].id, "was removed", "it follows one that was");
	return removal.n + (r == 0);
}

/* What followed a session of the earlier daemon, which ended with it. One whose record cannot be
 * read may be what they follow. */
static int remove_strays(struct table *table, unsigned *removed)
{
	_cleanup_free_ struct load **loads = NULL;
	char digest[DIGEST_TEXT_SIZE];
	unsigned n = 0, n_nameless = 0;
	int r;

	r = table_list(table, 0, &loads, &n);
	for (unsigned i = 0; i < n; i++)
		n_nameless += loads[i]->uid == LOAD_UID_UNKNOWN;
	for (unsigned i = 0; i < n; i++) {
		if (n_nameless == 0 && table_is_stray(table, loads[i], digest))
			*removed += remove_stray(table, loads[i], digest);
		load_unref(loads[i]);
	}
	return r;
}

static int restored(struct table *table, int r, struct restoration *found, struct error *error)
{
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_RECORD,
				 "cannot take up the loads of an earlier bpfgated: %s",
				 strerror(-r));
	found->n_unknown = table_count_unknown(table);
	return 0;
}

int table_restore(struct table *table, struct restoration *ret, struct error *error)
{
	int r;

	*ret = (struct restoration){};
	r = pin_lock(&table->pins, error);
	if (r == 0)
		r = pin_sweep();
	if (r == 0)
		r = restore_records(table, ret);
	if (r == 0)
		r = keep_orphans(table);
	if (r == 0)
		r = remove_strays(table, &ret->n_removed);
	return restored(table, r, ret, error);
}

int table_restore_unknown(struct table *table, struct restoration *ret, struct error *error)
{
	_cleanup_free_ struct load **loads = NULL;
	unsigned n = 0;
	int r = 0;

	*ret = (struct restoration){};
	if (table->pins < 0)
		r = pin_lock(&table->pins, error);
	if (r == 0)
		r = table_list(table, 0, &loads, &n);
	for (unsigned i = 0; i < n; i++) {
		if (r == 0 && loads[i]->unknown)
			r = restore_one(table, loads[i]->id, true, ret);
		load_unref(loads[i]);
	}
	if (r == 0)
		r = remove_strays(table, &ret->n_removed);
	return restored(table, r, ret, error);
}
