/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "derive-tunables.h"

#include "btf-walk.h"
#include "image.h"

/* One member of "tunables" on its way into the manifest. */
struct tuner {
	const struct hand *hand;
	const struct derived *derived; /* by payload */
	struct btf *const *btf;	       /* by payload; NULL: the object has none */
	unsigned n_payloads;
	struct manifest *manifest;
	struct error *error;
	const char *name;
	char path[256]; /* of the member; cut where it is longer, for messages only */
	const char *type, *map;
	struct json_object *min, *max, *initial;
};

/* A variable as the BTF has it. */
struct variable {
	const struct btf *btf;
	const struct derived_image *image;
	uint32_t offset, type;
	bool global;
};

static bool find_in_section(const struct btf *btf, const struct derived_image *image,
			    const char *name, struct variable *ret)
{
	const struct btf_type *section = btf__type_by_id(btf, image->section);
	const struct btf_var_secinfo *info = section ? btf_var_secinfos(section) : NULL;

	for (unsigned i = 0; info && i < btf_vlen(section); i++) {
		const struct btf_type *t = btf__type_by_id(btf, info[i].type);
		const char *found = t ? btf__name_by_offset(btf, t->name_off) : NULL;

		if (!found || !btf_is_var(t) || !streq(found, name))
			continue;
		*ret = (struct variable){
			.btf = btf,
			.image = image,
			.offset = info[i].offset,
			.type = t->type,
			.global = btf_var(t)->linkage == BTF_VAR_GLOBAL_ALLOCATED,
		};
		return true;
	}
	return false;
}

static unsigned find_in_payload(const struct derived *derived, const struct btf *btf,
				const char *name, struct variable *ret)
{
	for (unsigned i = 0; btf && i < derived->n_images; i++)
		if (find_in_section(btf, &derived->images[i], name, ret))
			return 1;
	return 0;
}

static int find_variable(struct tuner *t, struct variable *ret)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->n_payloads; i++)
		n += find_in_payload(&t->derived[i], t->btf[i], t->name, ret);
	if (n == 1)
		return 0;
	if (n > 1)
		return hand_complain(t->hand, t->error, t->path,
				     "%u of the object files have a variable \"%s\": a tunable "
				     "needs a name of its own",
				     n, t->name);
	return hand_complain(t->hand, t->error, t->path,
			     "%s no variable \"%s\" in .rodata: define it as "
			     "\"const volatile\", not static, and compile with -g",
			     t->n_payloads > 1 ? "the object files have" : "the object file has",
			     t->name);
}

/* The type behind names and qualifiers, of which there can be a ring; is one of them volatile? */
static const struct btf_type *skip_qualifiers(const struct btf *btf, uint32_t id,
					      bool *ret_volatile)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	for (unsigned n = 0; n < BTF_DEPTH_MAX && type; n++) {
		if (!btf_is_mod(type) && !btf_is_typedef(type))
			break;
		*ret_volatile |= btf_is_volatile(type);
		type = btf__type_by_id(btf, type->type);
	}
	return type;
}

static int type_of(const struct btf_type *type, enum tunable_type *ret)
{
	static const struct {
		uint32_t size;
		enum tunable_type of_unsigned, of_signed;
	} integers[] = {
		{1, TUNABLE_U8, TUNABLE_S8},
		{2, TUNABLE_U16, TUNABLE_S16},
		{4, TUNABLE_U32, TUNABLE_S32},
		{8, TUNABLE_U64, TUNABLE_S64},
	};
	int encoding;

	if (!type || !btf_is_int(type) || btf_int_offset(type) != 0 ||
	    btf_int_bits(type) != type->size * 8)
		return -EOPNOTSUPP;
	encoding = btf_int_encoding(type);
	for (size_t i = 0; i < ARRAY_SIZE(integers); i++) {
		if (type->size != integers[i].size)
			continue;
		*ret = encoding & BTF_INT_SIGNED ? integers[i].of_signed : integers[i].of_unsigned;
		if (encoding & BTF_INT_BOOL)
			*ret = TUNABLE_BOOL;
		return encoding & BTF_INT_BOOL && type->size != 1 ? -EOPNOTSUPP : 0;
	}
	return -EOPNOTSUPP;
}

static int take_variable(struct tuner *t, struct manifest_tunable *ret)
{
	struct variable variable = {};
	const struct btf_type *type;
	bool is_volatile = false;
	int r;

	if (t->map)
		return hand_complain(t->hand, t->error, t->path,
				     "only a tunable of type \"max_entries\" names a \"map\"");
	r = find_variable(t, &variable);
	if (r < 0)
		return r;
	type = skip_qualifiers(variable.btf, variable.type, &is_volatile);
	if (type_of(type, &ret->type) < 0)
		return hand_complain(t->hand, t->error, t->path,
				     "variable \"%s\" is neither an integer of 1, 2, 4 or 8 bytes "
				     "nor a bool",
				     t->name);
	/* Or the value is in the instructions already, and setting it would change nothing. */
	if (!is_volatile || !variable.global)
		return hand_complain(t->hand, t->error, t->path,
				     "variable \"%s\" is %s: only a global \"const volatile\" can "
				     "be set when it is loaded",
				     t->name, is_volatile ? "static" : "not volatile");
	if (t->type && !streq(t->type, tunable_type_name(ret->type)))
		return hand_complain(t->hand, t->error, t->path,
				     "variable \"%s\" is of type %s in the object file, not %s",
				     t->name, tunable_type_name(ret->type), t->type);
	if (variable.offset + (uint64_t)tunable_size(ret->type) > variable.image->size)
		return hand_complain(t->hand, t->error, t->path,
				     "variable \"%s\" does not lie in its section", t->name);
	ret->map = variable.image->map;
	ret->offset = variable.offset;
	ret->initial = tunable_load(ret->type, variable.image->value + variable.offset);
	return 0;
}

static int take_entries(struct tuner *t, struct manifest_tunable *ret)
{
	const struct manifest_map *map;
	unsigned n;

	if (!t->map)
		return hand_complain(t->hand, t->error, t->path,
				     "\"map\" must say of which map these are the max_entries");
	map = hand_find_map(t->manifest, t->map, &n);
	if (!map || n > 1)
		return hand_complain_part(t->hand, t->path, t->manifest, "map", t->map, n,
					  t->error);
	ret->map = (unsigned)(map - t->manifest->maps);
	ret->type = TUNABLE_MAX_ENTRIES;
	ret->initial = map->max_entries;
	return 0;
}

static int take_bound(struct tuner *t, const char *member, struct json_object *value,
		      enum tunable_type type, uint64_t *ret)
{
	char min[TUNABLE_TEXT_SIZE], max[TUNABLE_TEXT_SIZE];

	if (!value)
		return hand_complain(t->hand, t->error, t->path,
				     "member \"%s\" is missing: a tunable has bounds", member);
	if (tunable_from_json(type, value, ret) == 0)
		return 0;
	tunable_format(type, tunable_type_min(type), min);
	tunable_format(type, tunable_type_max(type), max);
	return hand_complain(t->hand, t->error, t->path,
			     "\"%s\" must be an integer that a %s can hold, %s to %s", member,
			     tunable_type_name(type), min, max);
}

static int take_bounds(struct tuner *t, struct manifest_tunable *ret)
{
	char initial[TUNABLE_TEXT_SIZE];
	uint64_t given;
	int r;

	tunable_format(ret->type, ret->initial, initial);
	if (t->initial &&
	    (tunable_from_json(ret->type, t->initial, &given) < 0 || given != ret->initial))
		return hand_complain(t->hand, t->error, t->path,
				     "\"default\" is %s in the object file: change it there, or "
				     "leave it out here",
				     initial);
	ret->max = 1;
	if (ret->type == TUNABLE_BOOL)
		return t->min || t->max ? hand_complain(t->hand, t->error, t->path,
							"a bool has no \"min\" and \"max\"")
					: 0;
	r = take_bound(t, "min", t->min, ret->type, &ret->min);
	if (r == 0)
		r = take_bound(t, "max", t->max, ret->type, &ret->max);
	if (r < 0)
		return r;
	if (tunable_compare(ret->type, ret->min, ret->max) > 0)
		return hand_complain(t->hand, t->error, t->path, "\"min\" is more than \"max\"");
	if (!tunable_allows(ret, ret->initial))
		return hand_complain(t->hand, t->error, t->path,
				     "%s, which the object file has, is not between \"min\" and "
				     "\"max\"",
				     initial);
	return 0;
}

static int take_tunable(struct tuner *t, struct json_object *object, struct manifest_tunable *ret)
{
	const struct json_member members[] = {
		{"type", JSON_STRING, false, &t->type},	   {"map", JSON_STRING, false, &t->map},
		{"min", JSON_ANY, false, &t->min},	   {"max", JSON_ANY, false, &t->max},
		{"default", JSON_ANY, false, &t->initial}, {},
	};
	int r;

	snprintf(t->path, sizeof(t->path), "tunables.%s", t->name);
	ret->name = strdup(t->name);
	if (!ret->name)
		return error_set(t->error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	r = hand_dispatch(t->hand, object, t->path, members, t->error);
	if (r == 0)
		r = t->type && streq(t->type, "max_entries") ? take_entries(t, ret)
							     : take_variable(t, ret);
	return r < 0 ? r : take_bounds(t, ret);
}

static int take_all(struct tuner *t, struct error *error)
{
	struct manifest *m = t->manifest;

	json_object_object_foreach (t->hand->tunables, name, object) {
		struct tuner tuner = {
			.hand = t->hand,
			.derived = t->derived,
			.btf = t->btf,
			.n_payloads = t->n_payloads,
			.manifest = m,
			.error = error,
			.name = name,
		};
		int r = take_tunable(&tuner, object, &m->tunables[m->n_tunables++]);

		if (r < 0)
			return r;
	}
	return 0;
}

int derive_tunables(const struct hand *hand, const struct derived *derived, unsigned n_payloads,
		    struct manifest *manifest, struct error *error)
{
	unsigned n = hand->tunables ? json_object_object_length(hand->tunables) : 0;
	struct btf *btf[BUNDLE_PAYLOADS_MAX] = {};
	struct tuner all = {
		.hand = hand,
		.derived = derived,
		.btf = btf,
		.n_payloads = n_payloads,
		.manifest = manifest,
	};
	int r;

	if (n == 0)
		return 0;
	if (n > MANIFEST_TUNABLES_MAX)
		return hand_complain(hand, error, "tunables", "%u tunables, more than %d", n,
				     MANIFEST_TUNABLES_MAX);
	manifest->tunables = calloc(n, sizeof(*manifest->tunables));
	if (!manifest->tunables)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	for (unsigned i = 0; i < n_payloads; i++)
		if (derived[i].btf_size > 0)
			btf_open((struct blob){derived[i].btf, derived[i].btf_size}, &btf[i]);
	r = take_all(&all, error);
	for (unsigned i = 0; i < n_payloads; i++)
		btf__free(btf[i]);
	return r;
}

/* ---- the images ---- */

void images_free(struct blob *images, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free((void *)(uintptr_t)images[i].data);
	free(images);
}

int derive_image_sections(const struct derived *derived, const struct manifest *manifest,
			  struct blob **ret, unsigned *ret_n, struct error *error)
{
	struct blob *images = calloc(derived->n_images + 1, sizeof(*images));
	unsigned n = 0;
	int r = images ? 0 : -ENOMEM;

	for (unsigned i = 0; i < derived->n_images && r == 0; i++) {
		const struct derived_image *image = &derived->images[i];
		uint8_t *content;

		if (!manifest_map_has_variables(manifest, image->map))
			continue;
		r = image_make(image->map, (struct blob){image->value, image->size}, &content,
			       &images[n].size);
		if (r == 0)
			images[n++].data = content;
	}
	if (r < 0) {
		images_free(images, images ? n : 0);
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "out of memory");
	}
	*ret = images;
	*ret_n = n;
	return 0;
}
