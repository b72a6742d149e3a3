/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record.h"

#include <pthread.h>
#include <stdarg.h>
#include <sys/random.h>

#include "descriptors.h"
#include "enforce.h"
#include "record-file.h"
#include "record-table.h"

/* What cannot be counted for want of memory is tried again for a second. */
#define PUT_BACK_TRIES	    10
#define PUT_BACK_PAUSE_USEC 100000

struct load *load_new(void)
{
	struct load *load;
	uint64_t id;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return NULL;
	load = calloc(1, sizeof(*load));
	if (!load)
		return NULL;
	load->refs = 1;
	load->gate_epoch = enforce_epoch();
	hex_encode(&id, sizeof(id), load->id);
	memset(load->objects.programs, 0xff, sizeof(load->objects.programs));
	memset(load->objects.maps, 0xff, sizeof(load->objects.maps));
	return load;
}

struct load *load_ref(struct load *load)
{
	__atomic_add_fetch(&load->refs, 1, __ATOMIC_RELAXED);
	return load;
}

void load_unref(struct load *load)
{
	if (!load || __atomic_sub_fetch(&load->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	/* A program must not run on while its maps go. */
	links_done(&load->links);
	loaded_done(&load->objects);
	descriptors_give_back(load);
	for (unsigned i = 0; i < load->n_attachments; i++)
		target_done(&load->attachments[i].target);
	free(load->attachments);
	tuning_done(&load->tuning);
	manifest_free(load->manifest);
	free(load->signers);
	free(load->rule);
	free(load->rule_source);
	free(load->unknown);
	free(load);
}

void load_ended(const char *id, const char *reason, struct error *ret, const char *format, ...)
{
	char why[640];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	error_set(ret, 0, ERROR_ENDED, STEP_NONE, "load %s has been taken down: %s", id, why);
	error_field_string(ret, "id", id);
	error_field_string(ret, "reason", reason);
}

struct load **table_bucket(struct load *buckets[TABLE_BUCKETS], const char *key)
{
	uint32_t hash = 2166136261u;

	for (; *key; key++)
		hash = (hash ^ (uint8_t)*key) * 16777619u;
	return &buckets[hash % TABLE_BUCKETS];
}

int table_insert(struct table *table, struct load *load)
{
	struct load **bucket = table_bucket(table->buckets, load->id), *before = table->last;
	struct load **digest = table_bucket(table->digests, load->digest);

	if (table_charge_locked(table, load) < 0)
		return -ENOMEM;
	table_count_locked(table, load, 1);
	load->listed = true;
	table->n_loads++;
	table->n_following += load->manifest->n_after > 0;
	table->n_unknown += load->unknown != NULL;
	load->next_id = *bucket;
	*bucket = load;
	load->next_digest = *digest;
	*digest = load;

	/* Nearly always the youngest; not while a restart takes loads up again. */
	while (before && before->loaded_usec > load->loaded_usec)
		before = before->previous;
	load->previous = before;
	load->next = before ? before->next : table->first;
	*(load->next ? &load->next->previous : &table->last) = load;
	*(before ? &before->next : &table->first) = load;
	return 0;
}

void table_take_out(struct table *table, struct load *load)
{
	struct load **at = table_bucket(table->buckets, load->id);

	while (*at != load)
		at = &(*at)->next_id;
	*at = load->next_id;
	at = table_bucket(table->digests, load->digest);
	while (*at != load)
		at = &(*at)->next_digest;
	*at = load->next_digest;
	*(load->previous ? &load->previous->next : &table->first) = load->next;
	*(load->next ? &load->next->previous : &table->last) = load->previous;
	load->next = load->previous = load->next_id = load->next_digest = NULL;
	table->n_loads--;
	table->n_following -= load->manifest->n_after > 0;
	table->n_unknown -= load->unknown != NULL;
	table_count_locked(table, load, -1);
	load->listed = false;
	table_uncharge_locked(table, load);
}

struct load *table_lookup(struct table *table, const char *id, uid_t uid)
{
	struct load *load = *table_bucket(table->buckets, id);

	while (load && !streq(load->id, id))
		load = load->next_id;
	return load && table_visible(load, uid) ? load : NULL;
}

int table_not_found(const char *id, struct error *error)
{
	error_set(error, -ENOENT, ERROR_NOT_FOUND, STEP_REQUEST,
		  "there is no load %s, or it is not yours; bpfctl list shows those that are",
		  *id ? id : "without a name");
	if (error)
		error_field_string(error, "id", id);
	return -ENOENT;
}

int table_new(const char *state_dir, struct table **ret, struct error *error)
{
	struct table *table;
	int r, folder;

	r = record_folder_open(state_dir, &folder, error);
	if (r < 0)
		return r;
	table = calloc(1, sizeof(*table));
	if (!table) {
		safe_close(folder);
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_RECORD, "out of memory");
	}
	pthread_mutex_init(&table->lock, NULL);
	table->folder = folder;
	table->pins = -1;
	*ret = table;
	return 0;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	while (table->first) {
		struct load *load = table->first;

		table_take_out(table, load);
		/* Somebody may still hold a reference, but a session ends with the daemon. */
		links_done(&load->links);
		load_unref(load);
	}
	accounts_done(&table->accounts);
	rates_done(&table->rates);
	safe_close(table->pins);
	safe_close(table->folder);
	pthread_mutex_destroy(&table->lock);
	free(table);
}

/* Its record stays where its pins do. */
static void unpin(struct table *table, const struct load *load)
{
	if (pin_remove(load->id, &load->place, NULL) == 0)
		record_remove(table->folder, load->id);
}

/* The record first, and at the end last: pins without one are never what a daemon left that was
 * killed, so that a restart need not take them for that. */
static int make_persistent(struct table *table, struct load *load, struct error *error)
{
	int r;

	r = pin_place_find(&load->place, error);
	if (r == 0)
		r = record_write(table->folder, load, error);
	if (r < 0)
		return r;
	r = pin_load(load->id, &load->objects, &load->links, error);
	if (r < 0)
		unpin(table, load);
	return r;
}

/* On failure it is taken out again. */
static int guard_late(struct table *table, struct load *load)
{
	int r = enforce_guard(&load->objects, &load->links);
	bool listed;

	if (r == 0)
		return 0;
	pthread_mutex_lock(&table->lock);
	listed = load->listed;
	if (listed)
		table_take_out(table, load);
	pthread_mutex_unlock(&table->lock);
	if (listed)
		load_unref(load);
	return r;
}

int table_add(struct table *table, struct load *load, struct error *error)
{
	int r;

	if (load->lifetime == LIFETIME_PERSISTENT) {
		r = make_persistent(table, load, error);
		if (r < 0)
			return error_set(error, r, ERROR_FAILED, STEP_RECORD,
					 "cannot keep the load: %s", strerror(-r));
	}
	pthread_mutex_lock(&table->lock);
	r = stage_check_locked(table, load, error);
	if (r == 0)
		r = table_lookup(table, load->id, 0) ? -EEXIST : table_insert(table, load);
	if (r == 0)
		load_ref(load);
	pthread_mutex_unlock(&table->lock);
	/* A gate that came up meanwhile, and later than this, finds it in the table. */
	if (r == 0 && load->gate_epoch != enforce_epoch())
		r = guard_late(table, load);
	if (r == 0)
		return 0;
	if (load->lifetime == LIFETIME_PERSISTENT)
		unpin(table, load);
	return error_set(error, r, ERROR_FAILED, STEP_RECORD, "cannot record the load: %s",
			 strerror(-r));
}

/* It cannot be taken down, so it stays where its owner can try again. */
static int put_back(struct table *table, struct load *load, int why, const struct error *reason,
		    struct error *error)
{
	int r = -ENOMEM;

	for (unsigned i = 0; r == -ENOMEM && i < PUT_BACK_TRIES; i++) {
		usleep(i ? PUT_BACK_PAUSE_USEC : 0);
		pthread_mutex_lock(&table->lock);
		r = table_insert(table, load);
		pthread_mutex_unlock(&table->lock);
	}
	error_set(error, why, ERROR_FAILED, STEP_RECORD,
		  "cannot remove the pins of load %s in " PIN_ROOT ", so it still runs: %s",
		  load->id, reason->message ?: strerror(-why));
	if (r < 0)
		load_unref(load);
	return why;
}

int table_take_down(struct table *table, struct load *load, struct error *error)
{
	_cleanup_error_ struct error reason = ERROR_INIT;
	int r;

	if (load->lifetime == LIFETIME_PERSISTENT) {
		r = pin_remove(load->id, &load->place, &reason);
		if (r < 0 && load->unknown &&
		    pin_is_gone(load->programs, load->manifest->n_programs))
			r = 0;
		if (r < 0)
			return put_back(table, load, r, &reason, error);
	}
	/* At once, not with the last reference: another request may be looking at it just now. */
	links_done(&load->links);
	if (load->lifetime == LIFETIME_PERSISTENT)
		record_remove(table->folder, load->id);
	load_unref(load);
	return 0;
}

int table_remove(struct table *table, const char *id, uid_t uid, struct error *error)
{
	struct load *load;
	int r = 0;

	pthread_mutex_lock(&table->lock);
	load = table_lookup(table, id, uid);
	if (load)
		r = stage_check_alone_locked(table, load, uid, error);
	if (load && r == 0)
		table_take_out(table, load);
	pthread_mutex_unlock(&table->lock);
	if (!load)
		return table_not_found(id, error);
	return r < 0 ? r : table_take_down(table, load, error);
}

int table_find(struct table *table, const char *id, uid_t uid, struct load **ret,
	       struct error *error)
{
	struct load *load;

	pthread_mutex_lock(&table->lock);
	load = table_lookup(table, id, uid);
	if (load)
		load_ref(load);
	pthread_mutex_unlock(&table->lock);
	if (!load)
		return table_not_found(id, error);
	*ret = load;
	return 0;
}

int table_list(struct table *table, uid_t uid, struct load ***ret, unsigned *ret_n)
{
	struct load **loads;
	unsigned n = 0;

	pthread_mutex_lock(&table->lock);
	loads = calloc(table->n_loads + 1, sizeof(struct load *));
	for (struct load *load = table->first; loads && load; load = load->next)
		if (table_visible(load, uid))
			loads[n++] = load_ref(load);
	pthread_mutex_unlock(&table->lock);
	if (!loads)
		return -ENOMEM;
	*ret = loads;
	*ret_n = n;
	return 0;
}

unsigned table_count_all(struct table *table)
{
	unsigned n;

	pthread_mutex_lock(&table->lock);
	n = table->n_loads;
	pthread_mutex_unlock(&table->lock);
	return n;
}

unsigned table_count_unknown(struct table *table)
{
	unsigned n;

	pthread_mutex_lock(&table->lock);
	n = table->n_unknown;
	pthread_mutex_unlock(&table->lock);
	return n;
}
