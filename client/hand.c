/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>

#include "file.h"
#include "hand.h"

void hand_done(struct hand *hand)
{
	json_object_put(hand->root);
	free(hand->text);
	*hand = (struct hand){};
}

int hand_complain(const struct hand *hand, struct error *error, const char *path,
		  const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	struct json_position at;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	if (path && json_locate(hand->text, hand->size, path, &at) == 0)
		return error_set(error, -EINVAL, ERROR_BAD_MANIFEST, STEP_NONE, "%s:%u:%u: %s",
				 hand->file, at.line, at.column, text ? text : "not valid");
	return error_set(error, -EINVAL, ERROR_BAD_MANIFEST, STEP_NONE, "%s: %s", hand->file,
			 text ? text : "not valid");
}

int hand_dispatch(const struct hand *hand, struct json_object *object, const char *path,
		  const struct json_member *members, struct error *error)
{
	_cleanup_free_ char *member = NULL;
	const char *name = "";
	int r;

	if (!json_object_is_type(object, json_type_object))
		return hand_complain(hand, error, path, "%s must be an object",
				     *path ? path : "the manifest");
	r = json_dispatch(object, members, &name);
	if (r == 0)
		return 0;
	if (asprintf(&member, "%s%s%s", path, *path ? "." : "", name) < 0) {
		member = NULL;
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	}
	if (r == -ENOENT)
		return hand_complain(
			hand, error, member,
			"member \"%s\" is not known here; bpfctl(1) lists what a manifest may "
			"say, the rest comes from the object file",
			member);
	return hand_complain(hand, error, member, "member \"%s\" has the wrong type or value",
			     member);
}

static int read_root(struct hand *hand, struct error *error)
{
	const struct json_member members[] = {
		{"name", JSON_STRING, false, &hand->name},
		{"version", JSON_STRING, false, &hand->version},
		{"sequence", JSON_U64, false, &hand->sequence},
		{"description", JSON_STRING, false, &hand->description},
		{"license", JSON_STRING, false, &hand->license},
		{"publisher", JSON_STRING, false, &hand->publisher},
		{"programs", JSON_OBJECT, false, &hand->programs},
		{"maps", JSON_OBJECT, false, &hand->maps},
		{"requires", JSON_ARRAY, false, &hand->requires},
		{"effects", JSON_ARRAY, false, &hand->effects},
		{"tunables", JSON_OBJECT, false, &hand->tunables},
		{"after", JSON_ARRAY, false, &hand->after},
		{},
	};
	int r = hand_dispatch(hand, hand->root, "", members, error);

	if (r < 0)
		return r;
	if (hand->name && !manifest_name_valid(hand->name))
		return hand_complain(
			hand, error, "name",
			"\"name\" must begin with a-z or 0-9 and have at most %d of a-z, "
			"0-9, '.', '_' and '-'",
			MANIFEST_NAME_MAX);
	if (json_object_object_get_ex(hand->root, "sequence", NULL) && hand->sequence == 0)
		return hand_complain(hand, error, "sequence", "\"sequence\" begins with 1");
	return 0;
}

int hand_read(const char *file, struct hand *ret, struct error *error)
{
	_cleanup_hand_ struct hand hand = {.file = file};
	struct json_position at = {1, 1};
	const char *reason = "";
	int r;

	if (!file) {
		*ret = (struct hand){};
		return 0;
	}
	r = file_read(file, BUNDLE_MANIFEST_MAX, &hand.text, &hand.size, error);
	if (r < 0)
		return r;
	r = json_parse(hand.text, hand.size, BUNDLE_MANIFEST_MAX, &hand.root, &at, &reason);
	if (r < 0)
		return error_set(error, r, ERROR_BAD_MANIFEST, STEP_NONE, "%s:%u:%u: %s", file,
				 at.line, at.column, reason);
	r = read_root(&hand, error);
	if (r < 0)
		return r;
	*ret = hand;
	hand = (struct hand){};
	return 0;
}

/* ---- merging ---- */

static int replace_string(char **field, const char *value)
{
	char *copy;

	if (!value)
		return 0;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

static void free_strings(char **strings, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(strings[i]);
	free(strings);
}

/* Replaces a list of strings by the JSON array @list (NULL: leaves it). -EINVAL: not strings. */
static int replace_strings(char ***field, unsigned *n_field, struct json_object *list)
{
	size_t n = list ? json_object_array_length(list) : 0;
	char **strings;

	if (!list)
		return 0;
	strings = calloc(n ? n : 1, sizeof(*strings));
	if (!strings)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (!json_object_is_type(item, json_type_string)) {
			free_strings(strings, i);
			return -EINVAL;
		}
		strings[i] = strdup(json_object_get_string(item));
		if (!strings[i]) {
			free_strings(strings, i);
			return -ENOMEM;
		}
	}
	free_strings(*field, *n_field);
	*field = strings;
	*n_field = n;
	return 0;
}

static bool any_match(char **patterns, unsigned n, const char *target)
{
	for (unsigned i = 0; i < n; i++)
		if (target_match(patterns[i], target))
			return true;
	return false;
}

/* The target baked into @p, or NULL: what was derived for such a program is exact. */
static const char *baked_target(const struct manifest_program *p)
{
	enum target_kind kind;
	const char *colon;

	if (p->n_attach != 1 || !(colon = strchr(p->attach[0], ':')) ||
	    target_kind_from_name(p->attach[0], colon - p->attach[0], &kind) < 0 ||
	    !target_kind_is_baked(kind))
		return NULL;
	return p->attach[0];
}

static int check_baked(const struct hand *hand, const char *path, const char *baked,
		       struct json_object *list, struct error *error)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (json_object_is_type(item, json_type_string) &&
		    !streq(json_object_get_string(item), baked))
			return hand_complain(
				hand, error, path,
				"\"%s\" is not where the object file attaches it: \"%s\" is "
				"part of the program and cannot be changed here",
				json_object_get_string(item), baked);
	}
	return 0;
}

static int merge_program(const struct hand *hand, const char *path, struct json_object *object,
			 struct manifest_program *p, struct error *error)
{
	struct json_object *attach = NULL, *defaults = NULL;
	const struct json_member members[] = {
		{"attach", JSON_ARRAY, false, &attach},
		{"default", JSON_ARRAY, false, &defaults},
		{},
	};
	const char *baked = baked_target(p);
	int r;

	r = hand_dispatch(hand, object, path, members, error);
	if (r < 0)
		return r;
	if (baked) {
		r = check_baked(hand, path, baked, attach, error);
		if (r == 0)
			r = check_baked(hand, path, baked, defaults, error);
		if (r < 0)
			return r;
	}
	r = replace_strings(&p->attach, &p->n_attach, attach);
	if (r == 0)
		r = replace_strings(&p->defaults, &p->n_defaults, defaults);
	if (r == -EINVAL)
		return hand_complain(hand, error, path, "targets must be strings");
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "out of memory");

	/* A default that came from the section and that "attach" no longer allows. */
	if (!defaults && p->n_defaults == 1 && !any_match(p->attach, p->n_attach, p->defaults[0])) {
		free_strings(p->defaults, p->n_defaults);
		p->defaults = NULL;
		p->n_defaults = 0;
	}
	return 0;
}

static int merge_map(const struct hand *hand, const char *path, struct json_object *object,
		     struct manifest_map *m, struct error *error)
{
	const char *grant = NULL, *event = NULL, *key = NULL, *value = NULL;
	const struct json_member members[] = {
		{"grant", JSON_STRING, false, &grant},
		{"event", JSON_STRING, false, &event},
		{"key", JSON_STRING, false, &key},
		{"value", JSON_STRING, false, &value},
		{},
	};
	int r;

	r = hand_dispatch(hand, object, path, members, error);
	if (r < 0)
		return r;
	if (grant && map_grant_from_name(grant, &m->grant) < 0)
		return hand_complain(
			hand, error, path,
			"\"grant\" must be none, read, events or read-write, not \"%s\"", grant);
	if (replace_string(&m->event, event) < 0 || replace_string(&m->key, key) < 0 ||
	    replace_string(&m->value, value) < 0)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	return 0;
}

static struct manifest_program *find_program(struct manifest *m, const char *name)
{
	for (unsigned i = 0; i < m->n_programs; i++)
		if (streq(m->programs[i].name, name))
			return &m->programs[i];
	return NULL;
}

struct manifest_map *hand_find_map(struct manifest *m, const char *name, unsigned *ret_n)
{
	struct manifest_map *found = NULL;

	*ret_n = 0;
	for (unsigned i = 0; i < m->n_maps; i++) {
		const char *dot = strchr(m->maps[i].name, '.');

		if (streq(m->maps[i].name, name)) {
			*ret_n = 1;
			return &m->maps[i];
		}
		if (dot && *name == '.' && streq(dot, name)) {
			found = &m->maps[i];
			++*ret_n;
		}
	}
	return found;
}

int hand_complain_part(const struct hand *hand, const char *path, const struct manifest *m,
		       const char *what, const char *name, unsigned n_found, struct error *error)
{
	if (n_found > 1)
		return hand_complain(
			hand, error, path,
			"%u of the object files have a map \"%s\": write its whole name, "
			"as 'bpfctl inspect' shows it",
			n_found, name);
	return hand_complain(hand, error, path, "%s no %s \"%s\"",
			     manifest_n_payloads(m) > 1 ? "the object files have"
							: "the object file has",
			     what, name);
}

static int merge_parts(const struct hand *hand, const char *what, struct json_object *parts,
		       struct manifest *m, struct error *error)
{
	bool programs = streq(what, "programs");
	unsigned n_found = 0;

	if (!parts)
		return 0;
	json_object_object_foreach (parts, name, object) {
		struct manifest_program *p = programs ? find_program(m, name) : NULL;
		struct manifest_map *map = programs ? NULL : hand_find_map(m, name, &n_found);
		_cleanup_free_ char *path = NULL;
		int r;

		if (asprintf(&path, "%s.%s", what, name) < 0) {
			path = NULL;
			return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
		}
		if (!p && (!map || n_found > 1))
			return hand_complain_part(hand, path, m, programs ? "program" : "map", name,
						  n_found, error);
		r = p ? merge_program(hand, path, object, p, error)
		      : merge_map(hand, path, object, map, error);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What the object files were found to have must be said; more may be. */
static int merge_effects(const struct hand *hand, struct manifest *m, struct error *error)
{
	size_t n = hand->effects ? json_object_array_length(hand->effects) : 0;
	uint32_t effects = 0, missing;
	enum effect effect;

	if (!hand->effects)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(hand->effects, i);

		if (!json_object_is_type(item, json_type_string) ||
		    effect_from_name(json_object_get_string(item), &effect) < 0)
			return hand_complain(hand, error, "effects",
					     "\"effects\" may hold " EFFECT_NAMES);
		effects |= 1u << effect;
	}
	missing = m->effects & ~effects;
	if (missing)
		return hand_complain(
			hand, error, "effects",
			"\"effects\" does not name \"%s\", which a program has, as far "
			"as its instructions tell",
			effect_name(effects_first(missing)));
	m->effects = effects;
	return 0;
}

int hand_merge(const struct hand *hand, struct manifest *manifest, struct error *error)
{
	int r;

	if (replace_string(&manifest->name, hand->name) < 0 ||
	    replace_string(&manifest->version, hand->version) < 0 ||
	    replace_string(&manifest->description, hand->description) < 0 ||
	    replace_string(&manifest->license, hand->license) < 0 ||
	    replace_string(&manifest->publisher, hand->publisher) < 0)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	if (hand->sequence)
		manifest->sequence = hand->sequence;
	r = replace_strings(&manifest->requires, &manifest->n_requires, hand->requires);
	if (r == -EINVAL)
		return hand_complain(hand, error, "requires", "\"requires\" must hold strings");
	if (r == 0)
		r = replace_strings(&manifest->after, &manifest->n_after, hand->after);
	if (r == -EINVAL)
		return hand_complain(hand, error, "after", "\"after\" must hold strings");
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "out of memory");

	r = merge_effects(hand, manifest, error);
	if (r == 0)
		r = merge_parts(hand, "programs", hand->programs, manifest, error);
	if (r < 0)
		return r;
	return merge_parts(hand, "maps", hand->maps, manifest, error);
}
