/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which load is meant: by its id, a unique beginning of that, or the name of its bundle. */
#include <json-c/json.h>

#include "record-table.h"

/* How many loads a refusal names before it says "and N more". */
#define CANDIDATES_NAMED 8

struct candidates {
	unsigned n;
	char id[LOAD_ID_SIZE]; /* of the first */
	char text[640];
	struct json_object *ids; /* or NULL: no memory */
};

static bool is_meant(const struct load *load, const char *text)
{
	return *text &&
	       (strncmp(load->id, text, strlen(text)) == 0 || streq(load->manifest->name, text));
}

static void add_candidate(struct candidates *c, const struct load *load)
{
	size_t fill = strlen(c->text);

	if (c->n++ == 0)
		memcpy(c->id, load->id, LOAD_ID_SIZE);
	if (c->n <= CANDIDATES_NAMED)
		snprintf(c->text + fill, sizeof(c->text) - fill, "%s%s (%.32s %.16s)",
			 fill ? ", " : "", load->id, load->manifest->name, load->manifest->version);
	if (c->ids)
		json_object_array_add(c->ids, json_object_new_string(load->id));
}

/* An id that is written out is that one, whatever others are called. */
static void find(struct table *table, const char *text, uid_t uid, struct candidates *ret)
{
	const struct load *load;

	pthread_mutex_lock(&table->lock);
	load = table_lookup(table, text, uid);
	if (load)
		add_candidate(ret, load);
	for (load = load ? NULL : table->first; load; load = load->next)
		if (table_visible(load, uid) && is_meant(load, text))
			add_candidate(ret, load);
	pthread_mutex_unlock(&table->lock);
}

static int refuse_several(const char *text, struct candidates *c, struct error *error)
{
	char more[32] = "";

	if (c->n > CANDIDATES_NAMED)
		snprintf(more, sizeof(more), " and %u more", c->n - CANDIDATES_NAMED);
	error_set(error, -ENOTUNIQ, ERROR_NOT_FOUND, STEP_REQUEST,
		  "%s can be any of %u loads: %s%s; give more of the id", text, c->n, c->text,
		  more);
	error_field(error, "candidates", json_object_get(c->ids));
	return -ENOTUNIQ;
}

int table_resolve(struct table *table, const char *text, uid_t uid,
		  char ret_id[static LOAD_ID_SIZE], struct error *error)
{
	struct candidates c = {.ids = json_object_new_array()};
	int r = 0;

	find(table, text, uid, &c);
	if (c.n == 0)
		r = table_not_found(text, error);
	else if (c.n > 1)
		r = refuse_several(text, &c, error);
	else
		memcpy(ret_id, c.id, LOAD_ID_SIZE);
	json_object_put(c.ids);
	return r;
}
