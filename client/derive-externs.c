/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Symbols of the kernel that an object file refers to. Those with a type are looked up by the
 * loader in the types of the kernel that it runs on. Of those without one libbpf puts the address
 * into the program that it has read from /proc/kallsyms of the machine that builds: other bytes for
 * each kernel, and for each user who may or may not see addresses, and a leak of them.
 */
#include <bpf/btf.h>

#include "btf-walk.h"
#include "derive.h"

#define KSYMS ".ksyms"

static bool has_no_type(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type))) {
		id = type->type;
		type = btf__type_by_id(btf, id);
	}
	return id == 0;
}

/* The name of the first symbol of the section without a type, or NULL. */
static const char *find_untyped(const struct btf *btf, const struct btf_type *section)
{
	const struct btf_var_secinfo *info = btf_var_secinfos(section);

	for (unsigned i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *var = btf__type_by_id(btf, info[i].type);

		if (var && btf_is_var(var) && has_no_type(btf, var->type))
			return btf__name_by_offset(btf, var->name_off) ?: "";
	}
	return NULL;
}

int derive_check_externs(const char *file, struct blob types, struct error *error)
{
	_cleanup_btf_ struct btf *btf = NULL;
	const char *name = NULL;

	/* without types libbpf takes no object file that refers to anything */
	if (types.size == 0 || btf_open(types, &btf) < 0)
		return 0;
	for (uint32_t id = 1; id < btf__type_cnt(btf) && !name; id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		const char *section = btf__name_by_offset(btf, type->name_off);

		if (btf_is_datasec(type) && section && streq(section, KSYMS))
			name = find_untyped(btf, type);
	}
	if (!name)
		return 0;
	return error_set(
		error, -EOPNOTSUPP, ERROR_FAILED, STEP_NONE,
		"%s: extern %s has no type (void), so that its address would be that of "
		"the kernel of the machine that builds the bundle: declare it with the type "
		"that the kernel's BTF has for it, which is looked up where the bundle is "
		"loaded",
		file, name);
}
