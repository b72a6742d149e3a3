/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tables.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "btf-print.h"
#include "output.h"

/* ---- reading ---- */

static bool is_array(enum bpf_map_type type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static bool is_per_cpu(enum bpf_map_type type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

bool table_readable(const struct load_map *map)
{
	if (map->fd < 0 || (map->grant != GRANT_READ && map->grant != GRANT_READ_WRITE))
		return false;
	return is_array(map->type) || is_per_cpu(map->type) || map->type == BPF_MAP_TYPE_HASH ||
	       map->type == BPF_MAP_TYPE_LRU_HASH || map->type == BPF_MAP_TYPE_LPM_TRIE;
}

/* What reading a map needs; one allocation each, for all of its entries. */
struct cursor {
	const struct load_map *map;
	const struct btf *btf;
	size_t stride;	 /* of a CPU's value */
	unsigned n_cpus; /* 0: not per CPU */
	uint8_t *key, *next, *values, *sum;
	struct blob *cpus;
	table_visit visit;
	void *userdata;
};

static void cursor_done(struct cursor *c)
{
	free(c->key);
	free(c->next);
	free(c->values);
	free(c->sum);
	free(c->cpus);
}

static int cursor_init(struct cursor *c)
{
	const struct load_map *map = c->map;

	if (is_per_cpu(map->type)) {
		int n = libbpf_num_possible_cpus();

		if (n <= 0)
			return n < 0 ? n : -ENOTSUP;
		c->n_cpus = n;
	}
	/* The kernel rounds each CPU's value up, Documentation/bpf/map_array.rst. */
	c->stride = c->n_cpus ? ((size_t)map->value_size + 7) & ~(size_t)7 : map->value_size;
	c->key = calloc(1, map->key_size ?: 1);
	c->next = calloc(1, map->key_size ?: 1);
	c->values = calloc(c->n_cpus ?: 1, c->stride ?: 1);
	c->sum = calloc(1, map->value_size ?: 1);
	c->cpus = calloc(c->n_cpus ?: 1, sizeof(*c->cpus));
	if (!c->key || !c->next || !c->values || !c->sum || !c->cpus)
		return -ENOMEM;
	for (unsigned i = 0; i < c->n_cpus; i++)
		c->cpus[i] = (struct blob){
			.data = c->values + i * c->stride,
			.size = map->value_size,
		};
	return 0;
}

static bool all_zero(const uint8_t *data, size_t size)
{
	return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

/* Looks the entry of c->key up and visits it. */
static int cursor_visit(struct cursor *c)
{
	const struct load_map *map = c->map;
	struct table_entry entry = {
		.key = {.data = c->key, .size = map->key_size},
		.value = {.data = c->values, .size = map->value_size},
		.n_cpus = c->n_cpus,
		.cpus = c->cpus,
	};
	int r;

	r = bpf_map_lookup_elem(map->fd, c->key, c->values);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (is_array(map->type) && map->max_entries > 1 &&
	    all_zero(c->values, c->stride * (c->n_cpus ?: 1)))
		return 0;
	if (c->n_cpus) {
		entry.value.data = c->sum;
		if (table_sum(c->btf, map->value, c->cpus, c->n_cpus, c->sum) < 0)
			entry.value = (struct blob){};
	}
	return c->visit(c->userdata, &entry);
}

static int each_index(struct cursor *c)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < c->map->max_entries; i++) {
		memcpy(c->key, &i, sizeof(i));
		r = cursor_visit(c);
	}
	return r;
}

static int each_key(struct cursor *c)
{
	uint32_t key_size = c->map->key_size;
	int r = bpf_map_get_next_key(c->map->fd, NULL, c->key);

	/*
	 * When the current key is deleted meanwhile, the kernel begins anew with the first: the
	 * count ends what could go on for ever.
	 */
	for (uint32_t i = 0; r == 0 && i < c->map->max_entries; i++) {
		int next = bpf_map_get_next_key(c->map->fd, c->key, c->next);

		r = cursor_visit(c);
		if (r == 0) {
			memcpy(c->key, c->next, key_size);
			r = next;
		}
	}
	return r == -ENOENT ? 0 : r;
}

int table_each(const struct load_map *map, const struct btf *btf, table_visit visit, void *userdata)
{
	_cleanup_(cursor_done) struct cursor cursor = {
		.map = map,
		.btf = btf,
		.visit = visit,
		.userdata = userdata,
	};
	int r;

	if (!table_readable(map) || (is_array(map->type) && map->key_size != sizeof(uint32_t)))
		return -EOPNOTSUPP;
	r = cursor_init(&cursor);
	if (r < 0)
		return r;
	return is_array(map->type) ? each_index(&cursor) : each_key(&cursor);
}

/* ---- showing ---- */

/* Printable ASCII, then nothing but NULs: a name, in all likelihood. */
static bool looks_like_text(struct blob record)
{
	size_t length = strnlen((const char *)record.data, record.size);

	for (size_t i = 0; i < length; i++)
		if (record.data[i] < 0x20 || record.data[i] > 0x7e)
			return false;
	for (size_t i = length; i < record.size; i++)
		if (record.data[i] != 0)
			return false;
	return length > 0;
}

static bool is_number(struct blob record)
{
	return record.size == 1 || record.size == 2 || record.size == 4 || record.size == 8;
}

/* Without a type that fits: a number where it can be one, else text or the bytes in memory order.
 */
static int print_untyped(FILE *f, struct blob record)
{
	_cleanup_free_ char *text = NULL;
	uint64_t number = 0;

	if (is_number(record)) {
		memcpy(&number, record.data, record.size);
		fprintf(f, "%llu", (unsigned long long)number);
		return 0;
	}
	if (looks_like_text(record)) {
		text = output_escape((const char *)record.data,
				     strnlen((const char *)record.data, record.size));
		if (!text)
			return -ENOMEM;
		fprintf(f, "\"%s\"", text);
		return 0;
	}
	text = malloc(record.size * 2 + 1);
	if (!text)
		return -ENOMEM;
	hex_encode(record.data, record.size, text);
	fputs(text, f);
	return 0;
}

/* The same without the guess: whoever parses the JSON wants one form for one map. */
static struct json_object *untyped_json(struct blob record)
{
	_cleanup_free_ char *text = NULL;
	uint64_t number = 0;

	if (is_number(record)) {
		memcpy(&number, record.data, record.size);
		return json_object_new_uint64(number);
	}
	text = malloc(record.size * 2 + 1);
	if (!text)
		return NULL;
	hex_encode(record.data, record.size, text);
	return json_object_new_string(text);
}

static bool find_type(const struct btf *btf, const char *type, struct blob record, uint32_t *ret)
{
	size_t size;

	return btf && type && btf_find(btf, type, ret) == 0 &&
	       btf_record_size(btf, *ret, &size) == 0 && size == record.size;
}

static int print_record(FILE *f, const struct btf *btf, const char *type, struct blob record)
{
	uint32_t id;

	if (find_type(btf, type, record, &id) && btf_print(f, btf, id, record) == 0)
		return 0;
	return print_untyped(f, record);
}

static struct json_object *record_json(const struct btf *btf, const char *type, struct blob record)
{
	struct json_object *object;
	uint32_t id;

	if (find_type(btf, type, record, &id) && btf_json(btf, id, record, &object) == 0)
		return object;
	return untyped_json(record);
}

int table_entry_print(FILE *f, const struct load_map *map, const struct btf *btf,
		      const struct table_entry *entry)
{
	int r;

	if (is_array(map->type) && map->max_entries == 1) {
		output_text(f, map->name);
	} else {
		fputs("  ", f);
		r = print_record(f, btf, map->key, entry->key);
		if (r < 0)
			return r;
	}
	fputs(": ", f);
	if (entry->n_cpus == 0 || entry->value.size > 0) {
		r = print_record(f, btf, map->value, entry->value);
		fputc('\n', f);
		return r;
	}
	for (unsigned i = 0; i < entry->n_cpus; i++) {
		fprintf(f, "%scpu%u={", i ? " " : "", i);
		r = print_record(f, btf, map->value, entry->cpus[i]);
		if (r < 0)
			return r;
		fputc('}', f);
	}
	fputc('\n', f);
	return 0;
}

int table_entry_json(const struct load_map *map, const struct btf *btf,
		     const struct table_entry *entry, struct json_object **ret)
{
	_cleanup_json_ struct json_object *object = json_object_new_object(), *cpus = NULL;

	if (!object || json_add(object, "key", record_json(btf, map->key, entry->key)) < 0)
		return -ENOMEM;
	if (entry->value.size > 0 &&
	    json_add(object, "value", record_json(btf, map->value, entry->value)) < 0)
		return -ENOMEM;
	if (entry->n_cpus > 0) {
		cpus = json_object_new_array();
		for (unsigned i = 0; cpus && i < entry->n_cpus; i++)
			if (json_object_array_add(cpus,
						  record_json(btf, map->value, entry->cpus[i])) < 0)
				return -ENOMEM;
		if (json_add(object, "perCpu", TAKE_PTR(cpus)) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(object);
	return 0;
}

struct printing {
	FILE *f;
	struct json_object *entries;
	const struct load_map *map;
	const struct btf *btf;
};

static int visit_print(void *userdata, const struct table_entry *entry)
{
	struct printing *p = userdata;

	return table_entry_print(p->f, p->map, p->btf, entry);
}

static int visit_json(void *userdata, const struct table_entry *entry)
{
	struct printing *p = userdata;
	struct json_object *object;
	int r = table_entry_json(p->map, p->btf, entry, &object);

	if (r < 0)
		return r;
	if (json_object_array_add(p->entries, object) < 0) {
		json_object_put(object);
		return -ENOMEM;
	}
	return 0;
}

int table_print(FILE *f, const struct load_map *map, const struct btf *btf)
{
	struct printing printing = {.f = f, .map = map, .btf = btf};

	if (!is_array(map->type) || map->max_entries != 1) {
		output_text(f, map->name);
		fputs(":\n", f);
	}
	return table_each(map, btf, visit_print, &printing);
}

int table_json(const struct load_map *map, const struct btf *btf, struct json_object **ret)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();
	struct printing printing = {.map = map, .btf = btf, .entries = json_object_new_array()};
	int r;

	if (!object || json_add(object, "map", json_object_new_string(map->name)) < 0 ||
	    json_add(object, "type", json_object_new_string(map->type_name)) < 0) {
		json_object_put(printing.entries);
		return -ENOMEM;
	}
	if (json_add(object, "entries", printing.entries) < 0)
		return -ENOMEM;
	r = table_each(map, btf, visit_json, &printing);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(object);
	return 0;
}
