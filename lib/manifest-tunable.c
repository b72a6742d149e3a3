/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manifest-parse.h"

struct raw_tunable {
	const char *type, *map;
	struct json_object *offset, *min, *max, *initial;
};

static int find_map(const struct manifest *m, const char *name, unsigned *ret)
{
	for (unsigned i = 0; i < m->n_maps; i++) {
		if (streq(m->maps[i].name, name)) {
			*ret = i;
			return 0;
		}
	}
	return -ENOENT;
}

bool manifest_map_is_rodata(const struct manifest_map *map)
{
	const char *section = strstr(map->name, ".rodata");
	char end = section ? section[strlen(".rodata")] : 'x';

	return (end == '\0' || end == '.') && map->type == BPF_MAP_TYPE_ARRAY &&
	       map->key_size == sizeof(uint32_t) && map->max_entries == 1;
}

bool manifest_map_has_variables(const struct manifest *m, unsigned map)
{
	for (unsigned i = 0; i < m->n_tunables; i++)
		if (m->tunables[i].map == map && m->tunables[i].type != TUNABLE_MAX_ENTRIES)
			return true;
	return false;
}

static int take_number(const struct manifest_parser *p, const char *path, const char *member,
		       enum tunable_type type, struct json_object *value, uint64_t *ret)
{
	char where[MANIFEST_PATH_MAX], min[TUNABLE_TEXT_SIZE], max[TUNABLE_TEXT_SIZE];
	int r;

	if (!value)
		return manifest_bad(p, path, "member \"%s\" is missing", member);
	manifest_path(where, path, member);
	r = tunable_from_json(type, value, ret);
	if (r == 0)
		return 0;
	if (type == TUNABLE_BOOL)
		return manifest_bad(p, where, "must be true or false");
	tunable_format(type, tunable_type_min(type), min);
	tunable_format(type, tunable_type_max(type), max);
	return manifest_bad(p, where, "must be an integer that a %s can hold, %s to %s",
			    tunable_type_name(type), min, max);
}

static int take_bounds(const struct manifest_parser *p, const char *path,
		       const struct raw_tunable *raw, struct manifest_tunable *t)
{
	int r;

	if (t->type == TUNABLE_BOOL) {
		if (raw->min || raw->max)
			return manifest_bad(p, path, "a bool has no \"min\" and \"max\"");
		t->max = 1;
		return take_number(p, path, "default", t->type, raw->initial, &t->initial);
	}
	r = take_number(p, path, "min", t->type, raw->min, &t->min);
	if (r == 0)
		r = take_number(p, path, "max", t->type, raw->max, &t->max);
	if (r == 0)
		r = take_number(p, path, "default", t->type, raw->initial, &t->initial);
	return r;
}

static int check_bounds(const struct manifest_parser *p, const char *path,
			const struct manifest_tunable *t)
{
	char where[MANIFEST_PATH_MAX], range[TUNABLE_RANGE_SIZE];

	if (tunable_compare(t->type, t->min, t->max) > 0) {
		manifest_path(where, path, "min");
		return manifest_bad(p, where, "is more than \"max\"");
	}
	tunable_range(t, range);
	if (!tunable_allows(t, t->min) || !tunable_allows(t, t->max))
		return manifest_bad(p, path,
				    "\"min\" and \"max\" of a ring buffer's entries must be powers "
				    "of two, and at least 4096");
	if (!tunable_allows(t, t->initial)) {
		manifest_path(where, path, "default");
		return manifest_bad(p, where, "is not %s", range);
	}
	return 0;
}

static int check_variable(const struct manifest_parser *p, const char *path,
			  const struct manifest_map *map, const struct raw_tunable *raw,
			  struct manifest_tunable *t)
{
	char where[MANIFEST_PATH_MAX];
	uint64_t offset;

	if (!raw->offset)
		return manifest_bad(p, path, "member \"offset\" is missing");
	manifest_path(where, path, "map");
	if (!manifest_map_is_rodata(map))
		return manifest_bad(p, where, "\"%s\" is no read-only data (.rodata)", map->name);
	manifest_path(where, path, "offset");
	if (tunable_from_json(TUNABLE_U32, raw->offset, &offset) < 0)
		return manifest_bad(p, where, "must be an integer, 0 to 4294967295");
	if (offset + tunable_size(t->type) > map->value_size)
		return manifest_bad(p, where, "a %s there does not lie in the %u bytes of \"%s\"",
				    tunable_type_name(t->type), map->value_size, map->name);
	t->offset = (uint32_t)offset;
	return 0;
}

static int check_entries(const struct manifest_parser *p, const char *path,
			 const struct manifest_map *map, const struct raw_tunable *raw,
			 struct manifest_tunable *t)
{
	char where[MANIFEST_PATH_MAX];

	manifest_path(where, path, "offset");
	if (raw->offset)
		return manifest_bad(p, where, "only a variable has an offset");
	manifest_path(where, path, "map");
	if (map->max_entries == 0 || strchr(map->name, '.'))
		return manifest_bad(p, where, "the number of entries of \"%s\" is not to be chosen",
				    map->name);
	manifest_path(where, path, "default");
	if (t->initial != map->max_entries)
		return manifest_bad(p, where, "is not the \"maxEntries\" of \"%s\", %u", map->name,
				    map->max_entries);
	t->power_of_two =
		map->type == BPF_MAP_TYPE_RINGBUF || map->type == BPF_MAP_TYPE_USER_RINGBUF;
	return 0;
}

/* Two that share bytes, or a map's entries, would contradict each other. */
static int check_distinct(const struct manifest_parser *p, const char *path,
			  const struct manifest *m, const struct manifest_tunable *t)
{
	for (const struct manifest_tunable *other = m->tunables; other < t; other++) {
		bool entries = t->type == TUNABLE_MAX_ENTRIES;

		if (other->map != t->map || entries != (other->type == TUNABLE_MAX_ENTRIES))
			continue;
		if (entries || (t->offset < (uint64_t)other->offset + tunable_size(other->type) &&
				other->offset < (uint64_t)t->offset + tunable_size(t->type)))
			return manifest_bad(p, path, "is of the same %s as \"%s\"",
					    entries ? "map" : "bytes", other->name);
	}
	return 0;
}

static int take_tunable(const struct manifest_parser *p, const char *path,
			const struct raw_tunable *raw, const struct manifest *m,
			struct manifest_tunable *t)
{
	char where[MANIFEST_PATH_MAX];
	const struct manifest_map *map;
	int r;

	manifest_path(where, path, "type");
	if (tunable_type_from_name(raw->type, &t->type) < 0)
		return manifest_bad(p, where, "a tunable cannot be of type \"%s\"", raw->type);
	manifest_path(where, path, "map");
	if (find_map(m, raw->map, &t->map) < 0)
		return manifest_bad(p, where, "there is no map \"%s\"", raw->map);
	map = &m->maps[t->map];
	r = take_bounds(p, path, raw, t);
	if (r == 0)
		r = t->type == TUNABLE_MAX_ENTRIES ? check_entries(p, path, map, raw, t)
						   : check_variable(p, path, map, raw, t);
	if (r == 0)
		r = check_bounds(p, path, t);
	return r < 0 ? r : check_distinct(p, path, m, t);
}

int manifest_parse_tunable(const struct manifest_parser *p, const char *name,
			   struct json_object *value, const struct manifest *m,
			   struct manifest_tunable *ret)
{
	char path[MANIFEST_PATH_MAX];
	struct raw_tunable raw = {};
	const struct json_member members[] = {
		{"type", JSON_STRING, true, &raw.type},
		{"map", JSON_STRING, true, &raw.map},
		{"offset", JSON_ANY, false, &raw.offset},
		{"min", JSON_ANY, false, &raw.min},
		{"max", JSON_ANY, false, &raw.max},
		{"default", JSON_ANY, true, &raw.initial},
		{},
	};
	int r;

	manifest_path(path, "tunables", name);
	if (!manifest_identifier(name, strlen(name)))
		return manifest_bad(p, path,
				    "a tunable's name must be a C identifier of at most "
				    "%u characters",
				    MANIFEST_IDENTIFIER_MAX);
	ret->name = strdup(name);
	if (!ret->name)
		return manifest_no_memory(p);
	r = manifest_dispatch(p, path, value, members);
	if (r < 0)
		return r;
	return take_tunable(p, path, &raw, m, ret);
}
