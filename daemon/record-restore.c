/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an earlier daemon left: the kernel's objects are the truth. A load is taken up again when
 * its record and its pins agree; whatever is not whole is removed, so that nothing runs that nobody
 * can see or unload.
 */
#include "descriptors.h"
#include "journal.h"
#include "record-file.h"
#include "record-table.h"

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

static int restore_one(struct table *table, const char *id, struct error *error)
{
	_cleanup_load_ struct load *load = NULL;
	int r;

	r = record_read(table->folder, id, &load, error);
	if (r < 0)
		return r;
	r = open_objects(load, error);
	if (r < 0)
		return r;
	descriptors_settle(load);
	measure(&load->objects, &load->usage);
	pthread_mutex_lock(&table->lock);
	r = table_insert(table, load);
	if (r == 0)
		load_ref(load);
	pthread_mutex_unlock(&table->lock);
	return r;
}

/* 1 when nothing of it is left. */
static unsigned remove_one(struct table *table, const char *id, const char *why)
{
	int r = pin_remove(id), r_record = record_remove(table->folder, id);

	if (r == 0)
		r = r_record;
	if (r == 0) {
		report(4, id, "is not whole, and was removed", why);
		return 1;
	}
	report(3, id, "is not whole, and cannot be removed", strerror(-r));
	return 0;
}

/* Says nothing of the load: with more memory or fds the next daemon can take it up. */
static bool is_shortage(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}

static int restore_records(struct table *table, unsigned *restored, unsigned *removed)
{
	char **ids;
	unsigned n;
	int r;

	r = record_list(table->folder, &ids, &n);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < n; i++) {
		_cleanup_error_ struct error error = ERROR_INIT;

		r = restore_one(table, ids[i], &error);
		if (r == 0) {
			report(6, ids[i], "is taken up again", "");
			++*restored;
		} else if (is_shortage(r)) {
			report(3, ids[i], "is left as it is", error.message ?: strerror(-r));
			break;
		} else {
			r = 0;
			*removed += remove_one(table, ids[i], error.message ?: strerror(-r));
		}
	}
	free_ids(ids, n);
	return r;
}

/* Pins that no record speaks of: the daemon ended between the two. */
static int remove_orphans(struct table *table, unsigned *removed)
{
	char **ids;
	unsigned n;
	int r;

	r = pin_list(&ids, &n);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < n; i++) {
		struct load *load = NULL;

		if (table_find(table, ids[i], 0, &load, NULL) < 0)
			*removed += remove_one(table, ids[i], "it has no record");
		load_unref(load);
	}
	free_ids(ids, n);
	return 0;
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

/* What followed a session of the earlier daemon, which ended with it. */
static int remove_strays(struct table *table, unsigned *removed)
{
	_cleanup_free_ struct load **loads = NULL;
	char digest[DIGEST_TEXT_SIZE];
	unsigned n = 0;
	int r;

	r = table_list(table, 0, &loads, &n);
	for (unsigned i = 0; i < n; i++) {
		if (table_is_stray(table, loads[i], digest))
			*removed += remove_stray(table, loads[i], digest);
		load_unref(loads[i]);
	}
	return r;
}

int table_restore(struct table *table, unsigned *ret_restored, unsigned *ret_removed,
		  struct error *error)
{
	unsigned restored = 0, removed = 0;
	int r;

	r = pin_lock(&table->pins, error);
	if (r == 0)
		r = pin_sweep();
	if (r == 0)
		r = restore_records(table, &restored, &removed);
	if (r == 0)
		r = remove_orphans(table, &removed);
	if (r == 0)
		r = remove_strays(table, &removed);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_RECORD,
				 "cannot take up the loads of an earlier bpfgated: %s",
				 strerror(-r));
	*ret_restored = restored;
	*ret_removed = removed;
	return 0;
}
