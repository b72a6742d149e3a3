/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manifest as text. Our own writer: json-c's layout differs between its versions, and the same
 * input must give the same bundle everywhere.
 */
#include "json.h"
#include "manifest.h"

/* Writes members of nested objects and arrays, each on a line of its own. */
struct writer {
	FILE *file;
	unsigned depth;
	bool first; /* of its object or array: no comma before it */
};

static void write_string(struct writer *w, const char *text)
{
	fputc('"', w->file);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c < 0x20 || c == 0x7f)
			fprintf(w->file, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			fprintf(w->file, "\\%c", c);
		else
			fputc(c, w->file);
	}
	fputc('"', w->file);
}

static void begin_line(struct writer *w, const char *name)
{
	fputs(w->first ? "\n" : ",\n", w->file);
	fprintf(w->file, "%*s", 2 * w->depth, "");
	w->first = false;
	write_string(w, name);
	fputs(": ", w->file);
}

static void open_object(struct writer *w, const char *name)
{
	if (name)
		begin_line(w, name);
	fputc('{', w->file);
	w->depth++;
	w->first = true;
}

static void close_object(struct writer *w)
{
	w->depth--;
	if (!w->first)
		fprintf(w->file, "\n%*s", 2 * w->depth, "");
	fputc('}', w->file);
	w->first = false;
}

static void write_text(struct writer *w, const char *name, const char *text)
{
	if (!text)
		return;
	begin_line(w, name);
	write_string(w, text);
}

static void write_number(struct writer *w, const char *name, uint64_t number)
{
	begin_line(w, name);
	fprintf(w->file, "%llu", (unsigned long long)number);
}

static void write_strings(struct writer *w, const char *name, char *const *strings, unsigned n)
{
	begin_line(w, name);
	fputc('[', w->file);
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			fputs(", ", w->file);
		write_string(w, strings[i]);
	}
	fputc(']', w->file);
}

/* Left out where there are none, as in bundles from before there were any. */
static void write_effects(struct writer *w, uint32_t effects)
{
	const char *names[_EFFECT_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < _EFFECT_MAX; i++)
		if (effects & 1u << i)
			names[n++] = effect_name(i);
	if (n)
		write_strings(w, "effects", (char *const *)names, n);
}

static void write_program(struct writer *w, const struct manifest_program *p)
{
	open_object(w, p->name);
	if (p->payload > 0)
		write_number(w, "payload", p->payload);
	write_text(w, "section", p->section);
	write_text(w, "type", program_type_name(p->type));
	write_strings(w, "attach", p->attach, p->n_attach);
	write_strings(w, "default", p->defaults, p->n_defaults);
	close_object(w);
}

static void write_map(struct writer *w, const struct manifest_map *m)
{
	open_object(w, m->name);
	if (m->payload > 0)
		write_number(w, "payload", m->payload);
	write_text(w, "type", map_type_name(m->type));
	write_number(w, "keySize", m->key_size);
	write_number(w, "valueSize", m->value_size);
	write_number(w, "maxEntries", m->max_entries);
	write_text(w, "grant", map_grant_name(m->grant));
	write_text(w, "event", m->event);
	write_text(w, "key", m->key);
	write_text(w, "value", m->value);
	close_object(w);
}

static void write_value(struct writer *w, const char *name, enum tunable_type type, uint64_t value)
{
	char text[TUNABLE_TEXT_SIZE];

	tunable_format(type, value, text);
	begin_line(w, name);
	fputs(text, w->file);
}

static void write_tunable(struct writer *w, const struct manifest *m,
			  const struct manifest_tunable *t)
{
	open_object(w, t->name);
	write_text(w, "type", tunable_type_name(t->type));
	write_text(w, "map", m->maps[t->map].name);
	if (t->type != TUNABLE_MAX_ENTRIES)
		write_number(w, "offset", t->offset);
	if (t->type != TUNABLE_BOOL) {
		write_value(w, "min", t->type, t->min);
		write_value(w, "max", t->type, t->max);
	}
	write_value(w, "default", t->type, t->initial);
	close_object(w);
}

static void write_build(struct writer *w, struct json_object *build)
{
	open_object(w, "build");
	json_object_object_foreach (build, name, value)
		write_text(w, name, json_object_get_string(value));
	close_object(w);
}

static void write_manifest(struct writer *w, const struct manifest *m, struct json_object *build)
{
	open_object(w, NULL);
	write_text(w, "name", m->name);
	write_text(w, "version", m->version);
	write_number(w, "sequence", m->sequence);
	write_text(w, "description", m->description);
	write_text(w, "license", m->license);
	write_text(w, "publisher", m->publisher);

	open_object(w, "programs");
	for (unsigned i = 0; i < m->n_programs; i++)
		write_program(w, &m->programs[i]);
	close_object(w);
	open_object(w, "maps");
	for (unsigned i = 0; i < m->n_maps; i++)
		write_map(w, &m->maps[i]);
	close_object(w);

	write_strings(w, "requires", m->requires, m->n_requires);
	write_effects(w, m->effects);
	open_object(w, "tunables");
	for (unsigned i = 0; i < m->n_tunables; i++)
		write_tunable(w, m, &m->tunables[i]);
	close_object(w);
	write_strings(w, "after", m->after, m->n_after);
	if (build)
		write_build(w, build);
	close_object(w);
	fputc('\n', w->file);
}

/* An object of strings, as manifest_parse() leaves it; *ret stays NULL where there is none. */
static int read_build(const char *text, struct json_object **ret)
{
	_cleanup_json_ struct json_object *build = NULL;
	struct json_object_iter member;
	int r;

	if (!text)
		return 0;
	r = json_parse(text, strlen(text), SIZE_MAX, &build, NULL, NULL);
	if (r < 0)
		return r;
	if (!json_object_is_type(build, json_type_object))
		return -EINVAL;
	json_object_object_foreachC(build, member)
	{
		if (!json_object_is_type(member.val, json_type_string))
			return -EINVAL;
	}
	*ret = TAKE_PTR(build);
	return 0;
}

int manifest_format(const struct manifest *manifest, char **ret, size_t *ret_size)
{
	_cleanup_json_ struct json_object *build = NULL;
	struct writer w = {};
	char *text = NULL;
	size_t size = 0;
	int failed, r;

	r = read_build(manifest->build, &build);
	if (r < 0)
		return r;

	w.file = open_memstream(&text, &size);
	if (!w.file)
		return -errno;
	/* glibc counts it as no error of the stream when such a one cannot grow, nor tells at the
	 * end */
	errno = 0;
	write_manifest(&w, manifest, build);
	failed = ferror(w.file);
	if (fclose(w.file) != 0 || failed || errno == ENOMEM || !text) {
		free(text);
		return -ENOMEM;
	}

	*ret = text;
	*ret_size = size;
	return 0;
}
