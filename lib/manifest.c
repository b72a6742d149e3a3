/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manifest.h"

#include "bundle.h"
#include "manifest-parse.h"
#include "text.h"

#define DESCRIPTION_MAX	  1024u
#define LICENSE_MAX	  64u
#define PUBLISHER_MAX	  256u
#define VERSION_MAX	  64u
#define REQUIRES_MAX	  32u
#define REQUIRES_NAME_MAX 64u
#define BUILD_MAX	  32u
#define BUILD_TEXT_MAX	  256u

#define CHARS_NAME "abcdefghijklmnopqrstuvwxyz0123456789"

static const char *const grants[_GRANT_MAX] = {
	[GRANT_NONE] = "none",
	[GRANT_READ] = "read",
	[GRANT_EVENTS] = "events",
	[GRANT_READ_WRITE] = "read-write",
};

const char *map_grant_name(enum map_grant grant)
{
	return (unsigned)grant < _GRANT_MAX ? grants[grant] : NULL;
}

int map_grant_from_name(const char *name, enum map_grant *ret)
{
	for (unsigned grant = 0; grant < _GRANT_MAX; grant++) {
		if (streq(grants[grant], name)) {
			*ret = grant;
			return 0;
		}
	}
	return -EINVAL;
}

bool manifest_name_valid(const char *name)
{
	size_t size = strlen(name);

	return size >= 1 && size <= MANIFEST_NAME_MAX && strchr(CHARS_NAME, name[0]) &&
	       strspn(name, CHARS_NAME "._-") == size;
}

static void free_strings(char **strings, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(strings[i]);
	free(strings);
}

void manifest_free(struct manifest *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < m->n_programs; i++) {
		struct manifest_program *p = &m->programs[i];

		free(p->name);
		free(p->section);
		free_strings(p->attach, p->n_attach);
		free_strings(p->defaults, p->n_defaults);
	}
	for (unsigned i = 0; i < m->n_maps; i++) {
		free(m->maps[i].name);
		free(m->maps[i].event);
		free(m->maps[i].key);
		free(m->maps[i].value);
	}
	for (unsigned i = 0; i < m->n_tunables; i++)
		free(m->tunables[i].name);
	free_strings(m->requires, m->n_requires);
	free_strings(m->after, m->n_after);
	free(m->tunables);
	free(m->programs);
	free(m->maps);
	free(m->name);
	free(m->version);
	free(m->description);
	free(m->license);
	free(m->publisher);
	free(m->build);
	free(m);
}

const struct manifest_program *manifest_find_program(const struct manifest *m, const char *name)
{
	for (unsigned i = 0; i < m->n_programs; i++)
		if (streq(m->programs[i].name, name))
			return &m->programs[i];
	return NULL;
}

/* The members as JSON has them; everything borrows from the parsed object. */
struct raw_manifest {
	const char *name, *version, *description, *license, *publisher;
	uint64_t sequence;
	struct json_object *programs, *maps, *requires, *effects, *tunables, *after, *build;
};

static int take_head(const struct manifest_parser *p, const struct raw_manifest *raw,
		     struct manifest *m)
{
	int r;

	if (!manifest_name_valid(raw->name))
		return manifest_bad(p, "name",
				    "must be 1 to %u lower-case letters, digits, '.', '_' and '-', "
				    "a letter or digit first",
				    MANIFEST_NAME_MAX);
	if (raw->sequence < 1 || raw->sequence > INT64_MAX)
		return manifest_bad(p, "sequence", "must be 1 to 9223372036854775807");
	m->sequence = raw->sequence;

	r = manifest_text(p, "", "name", raw->name, MANIFEST_NAME_MAX, &m->name);
	if (r == 0)
		r = manifest_text(p, "", "version", raw->version, VERSION_MAX, &m->version);
	if (r == 0)
		r = manifest_text(p, "", "description", raw->description, DESCRIPTION_MAX,
				  &m->description);
	if (r == 0)
		r = manifest_text(p, "", "license", raw->license, LICENSE_MAX, &m->license);
	if (r == 0)
		r = manifest_text(p, "", "publisher", raw->publisher, PUBLISHER_MAX, &m->publisher);
	return r;
}

static int take_programs(const struct manifest_parser *p, struct json_object *object,
			 struct manifest *m)
{
	unsigned n = json_object_object_length(object);
	int r;

	if (n < 1 || n > MANIFEST_PROGRAMS_MAX)
		return manifest_bad(p, "programs", "has %u members, must be 1 to %u", n,
				    MANIFEST_PROGRAMS_MAX);
	m->programs = calloc(n, sizeof(*m->programs));
	if (!m->programs)
		return manifest_no_memory(p);
	json_object_object_foreach (object, name, value) {
		r = manifest_parse_program(p, name, value, &m->programs[m->n_programs++]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_maps(const struct manifest_parser *p, struct json_object *object,
		     struct manifest *m)
{
	unsigned n = json_object_object_length(object);
	int r;

	if (n > MANIFEST_MAPS_MAX)
		return manifest_bad(p, "maps", "has %u members, must be 0 to %u", n,
				    MANIFEST_MAPS_MAX);
	if (n == 0)
		return 0;
	m->maps = calloc(n, sizeof(*m->maps));
	if (!m->maps)
		return manifest_no_memory(p);
	json_object_object_foreach (object, name, value) {
		r = manifest_parse_map(p, name, value, &m->maps[m->n_maps++]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_tunables(const struct manifest_parser *p, struct json_object *object,
			 struct manifest *m)
{
	unsigned n = object ? json_object_object_length(object) : 0;
	int r;

	if (n > MANIFEST_TUNABLES_MAX)
		return manifest_bad(p, "tunables", "has %u members, must be 0 to %u", n,
				    MANIFEST_TUNABLES_MAX);
	if (n == 0)
		return 0;
	m->tunables = calloc(n, sizeof(*m->tunables));
	if (!m->tunables)
		return manifest_no_memory(p);
	json_object_object_foreach (object, name, value) {
		r = manifest_parse_tunable(p, name, value, m, &m->tunables[m->n_tunables++]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_requires(const struct manifest_parser *p, struct json_object *array,
			 struct manifest *m)
{
	int r;

	r = manifest_strings(p, "", "requires", array, 0, REQUIRES_MAX, &m->requires,
			     &m->n_requires);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < m->n_requires; i++) {
		size_t size = strlen(m->requires[i]);
		char where[32];

		snprintf(where, sizeof(where), "requires[%u]", i);
		if (size > REQUIRES_NAME_MAX || strspn(m->requires[i], CHARS_NAME "_-") != size)
			return manifest_bad(p, where,
					    "must be 1 to %u lower-case letters, digits, '_', '-'",
					    REQUIRES_NAME_MAX);
	}
	return 0;
}

static int take_effects(const struct manifest_parser *p, struct json_object *array,
			struct manifest *m)
{
	char **names = NULL;
	enum effect effect;
	unsigned n = 0;
	int r;

	r = manifest_strings(p, "", "effects", array, 0, _EFFECT_MAX, &names, &n);
	for (unsigned i = 0; i < n && r == 0; i++) {
		char where[32];

		snprintf(where, sizeof(where), "effects[%u]", i);
		if (effect_from_name(names[i], &effect) < 0)
			r = manifest_bad(p, where, "must be one of " EFFECT_NAMES);
		else
			m->effects |= 1u << effect;
	}
	free_strings(names, n);
	return r;
}

/* One way to write each, so that texts can be compared. */
static int take_after(const struct manifest_parser *p, struct json_object *array,
		      struct manifest *m)
{
	int r;

	r = manifest_strings(p, "", "after", array, 0, MANIFEST_AFTER_MAX, &m->after, &m->n_after);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < m->n_after; i++) {
		char where[32], text[DIGEST_TEXT_SIZE] = "";
		uint8_t digest[DIGEST_SIZE];

		if (digest_parse(m->after[i], digest) == 0)
			digest_format(digest, text);
		snprintf(where, sizeof(where), "after[%u]", i);
		if (!streq(m->after[i], text))
			return manifest_bad(p, where,
					    "must be the digest of a bundle: \"sha256:\" and 64 "
					    "lower-case hexadecimal digits");
	}
	return 0;
}

/* Facts for a reader: names and strings, nothing that is acted upon. */
static int take_build(const struct manifest_parser *p, struct json_object *object,
		      struct manifest *m)
{
	char where[MANIFEST_PATH_MAX];
	size_t size;
	const char *text;

	if (!object)
		return 0;
	if (json_object_object_length(object) > (int)BUILD_MAX)
		return manifest_bad(p, "build", "has more than %u members", BUILD_MAX);
	json_object_object_foreach (object, name, value) {
		manifest_path(where, "build", name);
		if (!manifest_identifier(name, strlen(name)))
			return manifest_bad(p, where, "a name must be an identifier");
		if (!json_object_is_type(value, json_type_string))
			return manifest_bad(p, where, "must be a string");
		text = json_object_get_string(value);
		if (strlen(text) > BUILD_TEXT_MAX || !text_printable(text, strlen(text)))
			return manifest_bad(p, where, "must be at most %u printable characters",
					    BUILD_TEXT_MAX);
	}

	text = json_serialize(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
			      &size);
	m->build = text ? strdup(text) : NULL;
	return m->build ? 0 : manifest_no_memory(p);
}

static int take_object(const struct manifest_parser *p, struct json_object *object,
		       struct manifest *m)
{
	struct raw_manifest raw = {};
	const struct json_member members[] = {
		{"name", JSON_STRING, true, &raw.name},
		{"version", JSON_STRING, true, &raw.version},
		{"sequence", JSON_U64, true, &raw.sequence},
		{"description", JSON_STRING, true, &raw.description},
		{"license", JSON_STRING, true, &raw.license},
		{"publisher", JSON_STRING, false, &raw.publisher},
		{"programs", JSON_OBJECT, true, &raw.programs},
		{"maps", JSON_OBJECT, true, &raw.maps},
		{"requires", JSON_ARRAY, false, &raw.requires},
		{"effects", JSON_ARRAY, false, &raw.effects},
		{"tunables", JSON_OBJECT, false, &raw.tunables},
		{"after", JSON_ARRAY, false, &raw.after},
		{"build", JSON_OBJECT, false, &raw.build},
		{},
	};
	int r;

	r = manifest_dispatch(p, "", object, members);
	if (r < 0)
		return r;

	r = take_head(p, &raw, m);
	if (r == 0)
		r = take_programs(p, raw.programs, m);
	if (r == 0)
		r = take_maps(p, raw.maps, m);
	if (r == 0)
		r = manifest_check_order(p, m);
	if (r == 0)
		r = take_tunables(p, raw.tunables, m);
	if (r == 0)
		r = take_requires(p, raw.requires, m);
	if (r == 0)
		r = take_effects(p, raw.effects, m);
	if (r == 0)
		r = take_after(p, raw.after, m);
	if (r == 0)
		r = take_build(p, raw.build, m);
	return r;
}

int manifest_parse(const char *text, size_t size, struct manifest **ret, struct error *error)
{
	const struct manifest_parser p = {.text = text, .size = size, .error = error};
	_cleanup_manifest_ struct manifest *m = NULL;
	_cleanup_json_ struct json_object *object = NULL;
	struct json_position position = {1, 1};
	const char *reason = "not JSON";
	int r;

	r = json_parse(text, size, BUNDLE_MANIFEST_MAX, &object, &position, &reason);
	if (r == -ENOMEM)
		return manifest_no_memory(&p);
	if (r < 0)
		return error_set(error, -EBADMSG, ERROR_BAD_MANIFEST, STEP_AUTHENTICATE,
				 "manifest:%u:%u: %s", position.line, position.column, reason);

	m = calloc(1, sizeof(*m));
	if (!m)
		return manifest_no_memory(&p);
	r = take_object(&p, object, m);
	if (r < 0)
		return r;

	*ret = TAKE_PTR(m);
	return 0;
}
