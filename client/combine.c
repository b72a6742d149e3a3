/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several object files as one bundle: one manifest for all of their programs and maps. */

#include <stdarg.h>

#include "derive.h"
#include "json.h"

struct combination {
	const char *const *files; /* by payload */
	struct manifest *m;
	struct error *error;
};

static _printf_(2, 3) int refuse(const struct combination *c, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	return error_set(c->error, -EINVAL, ERROR_FAILED, STEP_NONE, "%s",
			 text ? text : "the object files cannot be in one bundle");
}

static int no_memory(const struct combination *c)
{
	return error_set(c->error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
}

static int check_total(const struct combination *c, const char *what, unsigned n, unsigned max)
{
	if (n <= max)
		return 0;
	return refuse(c,
		      "the object files have %u %s together, more than the %u of a bundle: make "
		      "several bundles, one \"after\" the other",
		      n, what, max);
}

static int check_names(const struct combination *c, const struct manifest *from, unsigned payload)
{
	const struct manifest *m = c->m;

	for (unsigned i = 0; i < from->n_programs; i++) {
		const struct manifest_program *p = manifest_find_program(m, from->programs[i].name);

		if (p)
			return refuse(c,
				      "%s and %s both have a program %s: in a bundle each needs "
				      "a name of its own",
				      c->files[p->payload], c->files[payload], p->name);
	}
	for (unsigned i = 0; i < from->n_maps; i++)
		for (unsigned k = 0; k < m->n_maps; k++)
			if (streq(from->maps[i].name, m->maps[k].name))
				return refuse(
					c,
					"%s and %s both have a map %s: in a bundle each needs a "
					"name of its own (that of a data section begins with the "
					"object file's)",
					c->files[m->maps[k].payload], c->files[payload],
					m->maps[k].name);
	return 0;
}

/* One text for the bundle as a whole, which nobody but its publisher can write. */
static int check_license(const struct combination *c, const struct manifest *from, unsigned payload,
			 const char *license)
{
	if (license || streq(c->m->license, from->license))
		return 0;
	return refuse(c,
		      "%s is under \"%s\", %s under \"%s\": say in a manifest which \"license\" "
		      "the bundle has",
		      c->files[0], c->m->license, c->files[payload], from->license);
}

/* Moves programs and maps, whose numbers the images have, too; there is room for all that a bundle
 * may have (derive_manifest()). */
static void move_parts(struct manifest *m, struct derived *derived, unsigned payload)
{
	struct manifest *from = derived->manifest;

	for (unsigned i = 0; i < derived->n_images; i++)
		derived->images[i].map += m->n_maps;
	for (unsigned i = 0; i < from->n_programs; i++) {
		m->programs[m->n_programs] = from->programs[i];
		m->programs[m->n_programs++].payload = payload;
	}
	from->n_programs = 0;
	for (unsigned i = 0; i < from->n_maps; i++) {
		m->maps[m->n_maps] = from->maps[i];
		m->maps[m->n_maps++].payload = payload;
	}
	from->n_maps = 0;
}

/* What another compiler has made says so; all else is the same for all. */
static int note_compiler(struct manifest *m, const struct manifest *from, unsigned payload)
{
	_cleanup_json_ struct json_object *build = NULL, *other = NULL;
	struct json_object *ours = NULL, *theirs = NULL;
	char member[32], *text;

	if (json_parse(m->build, strlen(m->build), SIZE_MAX, &build, NULL, NULL) < 0 ||
	    json_parse(from->build, strlen(from->build), SIZE_MAX, &other, NULL, NULL) < 0)
		return -ENOMEM;
	json_object_object_get_ex(build, "compiler", &ours);
	json_object_object_get_ex(other, "compiler", &theirs);
	if (!theirs || (ours && json_object_equal(ours, theirs)))
		return 0;
	snprintf(member, sizeof(member), "compiler_%u", payload);
	if (json_add(build, member, json_object_get(theirs)) < 0)
		return -ENOMEM;
	text = strdup(json_object_to_json_string_ext(build, JSON_C_TO_STRING_PLAIN));
	if (!text)
		return -ENOMEM;
	free(m->build);
	m->build = text;
	return 0;
}

static int add_manifest(const struct combination *c, struct derived *derived, unsigned payload,
			const char *license)
{
	const struct manifest *from = derived->manifest;
	struct manifest *m = c->m;
	int r;

	r = check_names(c, from, payload);
	if (r == 0)
		r = check_total(c, "programs", m->n_programs + from->n_programs,
				MANIFEST_PROGRAMS_MAX);
	if (r == 0)
		r = check_total(c, "maps (data sections included)", m->n_maps + from->n_maps,
				MANIFEST_MAPS_MAX);
	if (r == 0)
		r = check_license(c, from, payload, license);
	if (r < 0)
		return r;
	if (note_compiler(m, from, payload) < 0)
		return no_memory(c);
	move_parts(m, derived, payload);
	m->effects |= from->effects;
	return 0;
}

static int set_name(struct manifest *m, const char *name)
{
	char *copy = strdup(name), *description = NULL;

	if (!copy || asprintf(&description, "BPF programs of %s", name) < 0) {
		free(copy);
		return -ENOMEM;
	}
	free(m->name);
	free(m->description);
	m->name = copy;
	m->description = description;
	return 0;
}

int derive_combine(const char *const *files, struct derived *derived, unsigned n, const char *name,
		   const char *license, struct manifest **ret, struct error *error)
{
	_cleanup_manifest_ struct manifest *m = TAKE_PTR(derived[0].manifest);
	struct combination c = {files, m, error};

	if (set_name(m, name) < 0)
		return no_memory(&c);
	for (unsigned i = 1; i < n; i++) {
		int r = add_manifest(&c, &derived[i], i, license);

		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(m);
	return 0;
}
