/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manifest-parse.h"

#define SECTION_MAX 512u

/* The kind that a checked target or pattern begins with. */
static enum target_kind kind_of(const char *text)
{
	enum target_kind kind = _TARGET_KIND_MAX;

	target_kind_from_name(text, strcspn(text, ":"), &kind);
	return kind;
}

static int check_attach(const struct manifest_parser *p, const char *path,
			const struct manifest_program *m, unsigned i)
{
	_cleanup_error_ struct error e = ERROR_INIT;
	char where[MANIFEST_PATH_MAX];
	enum target_kind kind;
	char member[32];

	snprintf(member, sizeof(member), "attach[%u]", i);
	manifest_path(where, path, member);
	if (target_pattern_check(m->attach[i], &e) < 0)
		return manifest_bad(p, where, "%s", error_message(&e));

	kind = kind_of(m->attach[i]);
	if (!program_type_fits(m->type, kind))
		return manifest_bad(p, where, "a program of type %s cannot be attached to a %s",
				    program_type_name(m->type), target_kind_name(kind));
	if (!target_kind_is_baked(kind))
		return 0;
	if (strchr(m->attach[i], '*'))
		return manifest_bad(p, where,
				    "the target of a %s is fixed when it is built: write it out, "
				    "without '*'",
				    target_kind_name(kind));
	if (m->n_attach > 1)
		return manifest_bad(p, where,
				    "a %s program has the one target it was built for, not %u",
				    target_kind_name(kind), m->n_attach);
	return 0;
}

static int check_default(const struct manifest_parser *p, const char *path,
			 const struct manifest_program *m, unsigned i)
{
	_cleanup_target_ struct target target = {};
	_cleanup_error_ struct error e = ERROR_INIT;
	char where[MANIFEST_PATH_MAX];
	char member[32];

	snprintf(member, sizeof(member), "default[%u]", i);
	manifest_path(where, path, member);
	if (target_parse(m->defaults[i], &target, &e) < 0)
		return manifest_bad(p, where, "%s", error_message(&e));
	if (!streq(target.text, m->defaults[i]))
		return manifest_bad(p, where, "must be written \"%s\"", target.text);
	if (!program_type_fits_target(m->type, &target))
		return manifest_bad(p, where, "a program of type %s cannot be attached there",
				    program_type_name(m->type));
	for (unsigned j = 0; j < m->n_attach; j++)
		if (target_covered(m->attach[j], &target))
			return 0;
	return manifest_bad(p, where, "\"%s\" fits none of the targets in \"attach\"", target.text);
}

/* The section says once more what the program is: it must not say something else. */
static int check_section(const struct manifest_parser *p, const char *path,
			 const struct manifest_program *m)
{
	_cleanup_free_ char *text = NULL;
	char where[MANIFEST_PATH_MAX];
	enum target_kind kind;
	int r;

	manifest_path(where, path, "section");
	r = target_from_section(m->section, &kind, &text);
	if (r == -ENOMEM)
		return manifest_no_memory(p);
	if (r < 0)
		return manifest_bad(p, where, "bpfgate cannot attach programs of section \"%s\"",
				    m->section);
	if (!program_type_fits(m->type, kind))
		return manifest_bad(p, where, "a program of section \"%s\" is not of type %s",
				    m->section, program_type_name(m->type));
	if (!target_kind_is_baked(kind))
		return 0;
	if (text ? !streq(text, m->attach[0]) : kind_of(m->attach[0]) != kind)
		return manifest_bad(p, where,
				    "a program of section \"%s\" is not attached to \"%s\"",
				    m->section, m->attach[0]);
	return 0;
}

static int check_targets(const struct manifest_parser *p, const char *path,
			 const struct manifest_program *m)
{
	int r;

	for (unsigned i = 0; i < m->n_attach; i++) {
		r = check_attach(p, path, m, i);
		if (r < 0)
			return r;
	}
	for (unsigned i = 0; i < m->n_defaults; i++) {
		r = check_default(p, path, m, i);
		if (r < 0)
			return r;
	}
	return check_section(p, path, m);
}

int manifest_parse_program(const struct manifest_parser *p, const char *name,
			   struct json_object *value, struct manifest_program *ret)
{
	struct json_object *attach = NULL, *defaults = NULL;
	const char *section = NULL, *type = NULL;
	uint64_t payload = 0;
	char path[MANIFEST_PATH_MAX], where[MANIFEST_PATH_MAX];
	const struct json_member members[] = {
		{"section", JSON_STRING, true, &section}, {"type", JSON_STRING, true, &type},
		{"attach", JSON_ARRAY, true, &attach},	  {"default", JSON_ARRAY, false, &defaults},
		{"payload", JSON_U64, false, &payload},	  {},
	};
	int r;

	manifest_path(path, "programs", name);
	if (!manifest_identifier(name, strlen(name)))
		return manifest_bad(p, path,
				    "a program's name must be a C identifier of at most "
				    "%u characters",
				    MANIFEST_IDENTIFIER_MAX);
	ret->name = strdup(name);
	if (!ret->name)
		return manifest_no_memory(p);

	r = manifest_dispatch(p, path, value, members);
	if (r == 0)
		r = manifest_payload(p, path, payload, &ret->payload);
	if (r < 0)
		return r;
	r = manifest_text(p, path, "section", section, SECTION_MAX, &ret->section);
	if (r < 0)
		return r;
	if (program_type_from_name(type, &ret->type) < 0) {
		manifest_path(where, path, "type");
		return manifest_bad(p, where, "bpfgate does not load programs of type \"%s\"",
				    type);
	}
	r = manifest_strings(p, path, "attach", attach, 1, MANIFEST_TARGETS_MAX, &ret->attach,
			     &ret->n_attach);
	if (r < 0)
		return r;
	r = manifest_strings(p, path, "default", defaults, 0, MANIFEST_TARGETS_MAX, &ret->defaults,
			     &ret->n_defaults);
	if (r < 0)
		return r;
	return check_targets(p, path, ret);
}
