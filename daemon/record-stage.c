/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loads that follow others. What follows what is nowhere written down: it shows from the digests of
 * what is listed, so that it is the same after a restart.
 */
#include "json.h"

#include "record-table.h"

/* How many dependents a refusal names before it says "and N more". */
#define DEPENDENTS_NAMED 8

/* A session of another user may end at any time, and is none of this one's business. */
static bool can_follow(const struct load *base, const char *digest, uid_t uid)
{
	return (base->uid == uid || base->lifetime == LIFETIME_PERSISTENT) &&
	       streq(base->digest, digest);
}

enum base {
	BASE_NONE,
	BASE_LEAVES, /* there is one, but not for long */
	BASE_THERE,
};

/* Lock held. Is there something of that digest that a load of @uid can follow? */
static enum base find_base(struct table *table, const char *digest, uid_t uid)
{
	const struct load *base = *table_bucket(table->digests, digest);
	enum base found = BASE_NONE;

	for (; base; base = base->next_digest) {
		if (!can_follow(base, digest, uid))
			continue;
		if (!base->leaving)
			return BASE_THERE;
		found = BASE_LEAVES;
	}
	return found;
}

/* Lock held. The first that @load follows and that is not there, or NULL. */
static const char *find_missing(struct table *table, const struct load *load)
{
	for (unsigned i = 0; i < load->manifest->n_after; i++)
		if (find_base(table, load->manifest->after[i], load->uid) != BASE_THERE)
			return load->manifest->after[i];
	return NULL;
}

int stage_check_locked(struct table *table, const struct load *load, struct error *error)
{
	const char *missing = find_missing(table, load);

	if (!missing)
		return 0;
	error_set(error, -ENOENT, ERROR_NO_BASE, STEP_RECORD,
		  "the bundle is to be loaded after %s, which was unloaded meanwhile", missing);
	error_field_string(error, "digest", missing);
	return -ENOENT;
}

int table_list_bases(struct table *table, const char *digest, uid_t uid, struct load ***ret,
		     unsigned *ret_n)
{
	struct load **bases;
	unsigned n = 0;

	pthread_mutex_lock(&table->lock);
	bases = calloc(table->n_loads + 1, sizeof(struct load *));
	for (struct load *load = *table_bucket(table->digests, digest); bases && load;
	     load = load->next_digest)
		if (!load->unknown && can_follow(load, digest, uid))
			bases[n++] = load_ref(load);
	pthread_mutex_unlock(&table->lock);
	if (!bases)
		return -ENOMEM;
	*ret = bases;
	*ret_n = n;
	return 0;
}

bool table_is_stray(struct table *table, const struct load *load,
		    char ret_digest[static DIGEST_TEXT_SIZE])
{
	const char *missing;

	pthread_mutex_lock(&table->lock);
	missing = load->listed ? find_missing(table, load) : NULL;
	if (missing)
		snprintf(ret_digest, DIGEST_TEXT_SIZE, "%s", missing);
	pthread_mutex_unlock(&table->lock);
	return missing;
}

/* ---- dependents ---- */

/* Lock held. Not of what had lost its base before. */
static bool loses_base(struct table *table, const struct load *load)
{
	for (unsigned i = 0; i < load->manifest->n_after; i++)
		if (find_base(table, load->manifest->after[i], load->uid) == BASE_LEAVES)
			return true;
	return false;
}

/* Lock held. Puts those that lose their base as it is now marked behind *last. */
static bool mark_more(struct table *table, struct load **last)
{
	bool more = false;

	for (struct load *load = table->first; load; load = load->next) {
		if (load->leaving || !loses_base(table, load))
			continue;
		load->leaving = more = true;
		(*last)->next_leaving = load;
		*last = load;
	}
	return more;
}

/*
 * Lock held. Marks @load and its dependents as leaving: a chain of them that begins with @load. As
 * a load is nearly always younger than what it follows, one pass finds them all.
 */
static void mark(struct table *table, struct load *load)
{
	struct load *last = load;

	load->leaving = true;
	while (table->n_following > 0 && mark_more(table, &last))
		;
}

/* The rest of the chain, behind @load, which is no part of it any more. */
static struct load *unmark(struct load *load)
{
	load->leaving = false;
	return TAKE_PTR(load->next_leaving);
}

/* "ID (NAME VERSION), ID ...", cut; only what @uid may see. */
struct naming {
	uid_t uid;
	unsigned n_named, n_others;
	char text[1024];
	struct json_object *ids; /* or NULL: no memory */
};

static void name_dependent(struct naming *naming, const struct load *load)
{
	size_t fill = strlen(naming->text);

	if (naming->uid != 0 && load->uid != naming->uid) {
		naming->n_others++;
		return;
	}
	if (naming->n_named++ < DEPENDENTS_NAMED)
		snprintf(naming->text + fill, sizeof(naming->text) - fill, "%s%s (%s %.32s)",
			 fill ? ", " : "", load->id, load->manifest->name, load->manifest->version);
	if (naming->ids)
		json_array_add(naming->ids, json_object_new_string(load->id));
}

static int refuse_needed(const struct load *load, struct naming *naming, struct error *error)
{
	char more[32] = "", others[64] = "";

	if (naming->n_named > DEPENDENTS_NAMED)
		snprintf(more, sizeof(more), " and %u more", naming->n_named - DEPENDENTS_NAMED);
	if (naming->n_others > 0)
		snprintf(others, sizeof(others), "%s%u of other users",
			 naming->n_named > 0 ? ", and " : "", naming->n_others);
	error_set(
		error, -EBUSY, ERROR_NEEDED, STEP_REQUEST,
		"load %s (%s %.32s) is needed by loads that follow it: %s%s%s; unload them first, "
		"or all together with 'bpfctl unload --with-dependents'",
		load->id, load->manifest->name, load->manifest->version, naming->text, more,
		others);
	error_field(error, "dependents", json_object_get(naming->ids));
	error_field(error, "otherDependents", json_object_new_int64(naming->n_others));
	return -EBUSY;
}

int stage_check_alone_locked(struct table *table, struct load *load, uid_t uid, struct error *error)
{
	struct naming naming = {.uid = uid};
	struct load *rest;
	int r = 0;

	mark(table, load);
	rest = unmark(load);
	if (!rest)
		return 0;
	naming.ids = json_object_new_array();
	while (rest) {
		name_dependent(&naming, rest);
		rest = unmark(rest);
	}
	r = refuse_needed(load, &naming, error);
	json_object_put(naming.ids);
	return r;
}

/* ---- taking down ---- */

void removal_done(struct removal *removal)
{
	for (unsigned i = 0; i < removal->n; i++)
		free(removal->items[i].why);
	free(removal->items);
	*removal = (struct removal){};
}

void removal_add(struct removal *removal, const char *id, uid_t uid, const char *why)
{
	struct removed *items;

	items = reallocarray(removal->items, removal->n + 1, sizeof(*items));
	if (!items)
		return;
	removal->items = items;
	memcpy(items[removal->n].id, id, LOAD_ID_SIZE);
	items[removal->n].why = why ? strdup(why) : NULL;
	items[removal->n++].uid = uid;
}

/* Lock held. Takes @load and its dependents out: the chain of them, @load at its end. */
static struct load *take_out_all(struct table *table, struct load *load)
{
	struct load *chain = NULL, *rest;

	mark(table, load);
	while (load) {
		table_take_out(table, load);
		rest = unmark(load);
		load->next_leaving = chain;
		chain = load;
		load = rest;
	}
	return chain;
}

int table_remove_all(struct table *table, const char *id, uid_t uid, struct removal *ret,
		     struct error *error)
{
	struct load *load, *chain = NULL;
	int r = 0;

	pthread_mutex_lock(&table->lock);
	load = table_lookup(table, id, uid);
	if (load)
		chain = take_out_all(table, load);
	pthread_mutex_unlock(&table->lock);
	if (!load)
		return table_not_found(id, error);
	while (chain) {
		struct load *next = unmark(chain);
		struct removed one = {.uid = chain->uid};
		int r_one;

		memcpy(one.id, chain->id, LOAD_ID_SIZE);
		r_one = table_take_down(table, chain, error);
		if (r_one == 0 && next && ret)
			removal_add(ret, one.id, one.uid, NULL);
		r = r < 0 ? r : r_one;
		chain = next;
	}
	return r;
}
