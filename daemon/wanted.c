/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wanted.h"

#include <stdarg.h>

struct list {
	struct attachment *items;
	unsigned n;
};

void attachments_free(struct attachment *attachments, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		target_done(&attachments[i].target);
	free(attachments);
}

static void list_done(struct list *list)
{
	attachments_free(list->items, list->n);
}

static int refuse(struct error *error, const char *target, const char *format, ...) _printf_(3, 4);
static int refuse(struct error *error, const char *target, const char *format, ...)
{
	_cleanup_free_ char *what = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&what, format, ap) < 0)
		what = NULL;
	va_end(ap);
	error_set(error, -EINVAL, ERROR_BAD_TARGET, STEP_AUTHORISE, "%s",
		  what ?: "The target cannot be used.");
	error_field_string(error, "target", target);
	return -EINVAL;
}

static bool manifest_allows(const struct manifest_program *program, const struct target *target)
{
	bool baked = target_kind_is_baked(target->kind);

	for (unsigned i = 0; i < program->n_attach; i++) {
		const char *pattern = program->attach[i];

		if (baked ? streq(pattern, target->text) : target_covered(pattern, target))
			return true;
	}
	return false;
}

static int check(const struct manifest_program *program, const struct target *target,
		 const struct peer *peer, struct error *error)
{
	if (!program_type_fits(program->type, target->kind))
		return refuse(error, target->text,
			      "Program %s is of type %s and cannot be attached to %s.",
			      program->name, program_type_name(program->type), target->text);
	if (!manifest_allows(program, target))
		return refuse(error, target->text,
			      "The manifest does not let program %s be attached to %s; `bpfctl "
			      "inspect` shows what it does.",
			      program->name, target->text);
	if (target_kind_is_network(target->kind) && !peer->same_netns)
		return refuse(error, target->text,
			      "%s is looked up in the daemon's network namespace, and yours is "
			      "another: network targets can be used only from the daemon's.",
			      target->text);
	return 0;
}

static bool has(const struct list *list, unsigned program, const struct target *target)
{
	for (unsigned i = 0; i < list->n; i++)
		if (list->items[i].program == program &&
		    streq(list->items[i].target.text, target->text))
			return true;
	return false;
}

/* Takes @target over on success. */
static int list_push(struct list *list, unsigned program, struct target *target)
{
	struct attachment *items;

	items = reallocarray(list->items, list->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->n++] = (struct attachment){.program = program, .target = *target};
	*target = (struct target){};
	return 0;
}

static int add(struct list *list, const struct manifest *manifest, unsigned program,
	       const char *text, const struct peer *peer, struct error *error)
{
	_cleanup_target_ struct target target = {};
	int r;

	r = target_parse(text, &target, error);
	if (r == 0)
		r = check(&manifest->programs[program], &target, peer, error);
	if (r < 0)
		return r;
	if (has(list, program, &target))
		return refuse(error, target.text, "Program %s was to be attached to %s twice.",
			      manifest->programs[program].name, target.text);
	if (list->n >= LOAD_ATTACHMENTS_MAX)
		return refuse(error, target.text, "More than %u attachments.",
			      (unsigned)LOAD_ATTACHMENTS_MAX);
	r = list_push(list, program, &target);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_AUTHORISE, "Out of memory.");
	return 0;
}

static int add_wanted(struct list *list, const struct manifest *manifest, const struct peer *peer,
		      const struct wanted *wanted, struct error *error)
{
	const struct manifest_program *program = manifest_find_program(manifest, wanted->program);

	if (!program)
		return refuse(error, wanted->target, "The bundle has no program %s.",
			      wanted->program);
	return add(list, manifest, (unsigned)(program - manifest->programs), wanted->target, peer,
		   error);
}

/* For a program that was not named. One that can be attached nowhere (called by others) is fine. */
static int add_defaults(struct list *list, const struct manifest *manifest, unsigned program,
			const struct peer *peer, struct error *error)
{
	const struct manifest_program *p = &manifest->programs[program];
	int r = 0;

	if (!p->n_defaults && p->n_attach)
		return refuse(error, p->attach[0],
			      "Program %s has no default target: say where it is to be attached, "
			      "with --attach %s=TARGET, where TARGET fits %s.",
			      p->name, p->name, p->attach[0]);
	for (unsigned i = 0; i < p->n_defaults && r == 0; i++)
		r = add(list, manifest, program, p->defaults[i], peer, error);
	return r;
}

int wanted_resolve(const struct manifest *manifest, const struct peer *peer,
		   const struct wanted *wanted, unsigned n_wanted, struct attachment **ret,
		   unsigned *ret_n, struct error *error)
{
	_cleanup_(list_done) struct list list = {};
	bool named[MANIFEST_PROGRAMS_MAX] = {};
	int r = 0;

	for (unsigned i = 0; i < n_wanted && r == 0; i++)
		r = add_wanted(&list, manifest, peer, &wanted[i], error);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < list.n; i++)
		named[list.items[i].program] = true;
	for (unsigned i = 0; i < manifest->n_programs && r == 0; i++)
		if (!named[i])
			r = add_defaults(&list, manifest, i, peer, error);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(list.items);
	*ret_n = list.n;
	list.n = 0;
	return 0;
}
