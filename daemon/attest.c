// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What was really loaded? Asked of the kernel about each object that the loader gave; the manifest
 * only promises. No CAP_SYS_ADMIN is needed for any of it.
 *
 * Kfuncs: a call of one keeps BPF_PSEUDO_KFUNC_CALL in the instructions that the kernel shows
 * (bpf_insn_prepare_dump() hides the address, not that), but for those that the verifier replaces
 * by instructions of its own and so cannot be seen: among them casts (bpf_rdonly_cast()), by which
 * a tracing program reads any of the kernel's memory. What that means: SECURITY.md. Others are kept
 * from calling any before they are loaded (loader-program.c).
 */

#include "attest.h"

#include <stdarg.h>

#include "attest-btf.h"
#include "attest-opening.h"
#include "errno-text.h"
#include "helper-call.h"
#include "kfunc.h"
#include "sys-bpf.h"

/* What a program of a million instructions may have grown to. */
#define XLATED_SIZE_MAX (64u * 1024 * 1024)

static _printf_(2, 3) int refuse(struct error *error, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST, "%s", text);
}

static int cannot_ask(struct error *error, const char *what, const char *name, int r)
{
	char buffer[ERRNO_TEXT_SIZE];

	error_set(error, r, ERROR_KERNEL, STEP_ATTEST, "cannot ask the kernel about %s \"%s\": %s",
		  what, name, errno_text(-r, buffer));
	if (error)
		error->errnum = -r;
	return r;
}

/* The kernel keeps the first 15 characters of a name. */
static bool name_kept(const char *whole, const char *kernel)
{
	size_t length = strnlen(whole, BPF_OBJ_NAME_LEN - 1);

	return strnlen(kernel, BPF_OBJ_NAME_LEN) == length && memcmp(whole, kernel, length) == 0;
}

/*
 * libbpf names the map of a section of one's own, ".data.x", by the object file and the section,
 * "execwatc.data.x", but calls it by the section.
 */
bool map_name_fits(const char *manifest, const char *kernel)
{
	const char *dot = memchr(kernel, '.', strnlen(kernel, BPF_OBJ_NAME_LEN));

	if (name_kept(manifest, kernel))
		return true;
	return manifest[0] == '.' && dot && dot != kernel && dot[1] != '\0' &&
	       strncmp(manifest, dot, strnlen(dot, BPF_OBJ_NAME_LEN)) == 0;
}

static int attest_map(const struct manifest_map *map, int fd, const struct map_opening *opening,
		      struct map_info *ret, struct error *error)
{
	uint32_t max_entries = opening->max_entries ?: map->max_entries;
	struct bpf_map_info info;
	const char *type;
	int r;

	memset(&info, 0, sizeof(info));
	r = sys_bpf_info(fd, &info, sizeof(info));
	if (r < 0)
		return cannot_ask(error, "map", map->name, r);
	if (!map_name_fits(map->name, info.name))
		return refuse(error, "map \"%s\" is called \"%.15s\" in the kernel", map->name,
			      info.name);
	if (info.type != (uint32_t)map->type) {
		type = map_type_name((enum bpf_map_type)info.type);
		return refuse(error, "map \"%s\" is of type %s, not %s as its manifest says",
			      map->name, type ?: "unknown", map_type_name(map->type));
	}
	if (info.key_size != map->key_size || info.value_size != map->value_size ||
	    (max_entries != 0 && info.max_entries != max_entries))
		return refuse(error,
			      "map \"%s\" has keys of %u bytes, values of %u and %u entries, "
			      "not %u, %u and %u as %s",
			      map->name, info.key_size, info.value_size, info.max_entries,
			      map->key_size, map->value_size, max_entries,
			      opening->max_entries ? "was set" : "its manifest says");
	r = attest_opening(map, fd, opening, error);
	if (r < 0)
		return r;
	*ret = (struct map_info){info.id, info.key_size, info.value_size, info.max_entries};
	return 0;
}

static int attest_maps(const struct manifest *manifest, const struct loaded *loaded,
		       const struct map_opening *openings, struct map_info *ret,
		       struct error *error)
{
	static const struct map_opening closed = {};
	int r;

	for (unsigned i = 0; i < manifest->n_maps; i++) {
		r = attest_map(&manifest->maps[i], loaded->maps[i],
			       openings ? &openings[i] : &closed, &ret[i], error);
		if (r < 0)
			return r;
		for (unsigned k = 0; k < i; k++)
			if (ret[k].id == ret[i].id)
				return refuse(error, "maps \"%s\" and \"%s\" are the same map",
					      manifest->maps[k].name, manifest->maps[i].name);
	}
	return 0;
}

static int found(const struct kfunc_call *call, void *userdata)
{
	return 1;
}

bool insns_call_kfunc(const void *insns, size_t size)
{
	return kfunc_each(insns, size, found, NULL) != 0;
}

int attest_read_insns(const struct manifest_program *program, int fd, uint32_t size, void **ret,
		      struct error *error)
{
	_cleanup_free_ void *insns = NULL;
	struct bpf_prog_info info;
	int r;

	if (size == 0 || size > XLATED_SIZE_MAX || size % sizeof(struct bpf_insn) != 0)
		return refuse(error, "the kernel does not show the instructions of program \"%s\"",
			      program->name);
	insns = calloc(1, size);
	if (!insns)
		return cannot_ask(error, "program", program->name, -ENOMEM);
	memset(&info, 0, sizeof(info));
	info.xlated_prog_len = size;
	info.xlated_prog_insns = sys_ptr(insns);
	r = sys_bpf_info(fd, &info, sizeof(info));
	if (r < 0)
		return cannot_ask(error, "program", program->name, r);
	if (info.xlated_prog_insns == 0 || info.xlated_prog_len != size)
		return refuse(error,
			      "the kernel does not show the instructions of program \"%s\": is "
			      "net.core.bpf_jit_harden 2?",
			      program->name);
	*ret = TAKE_PTR(insns);
	return 0;
}

/* Most programs call no kfunc, which shows without asking which. @size: as the kernel said. */
static int attest_calls(const struct manifest *manifest, const struct manifest_program *program,
			int fd, uint32_t size, const struct kfunc_grant *grant, struct error *error)
{
	_cleanup_free_ void *insns = NULL;
	int r;

	r = attest_read_insns(program, fd, size, &insns, error);
	if (r == 0 && insns_call_kfunc(insns, size))
		r = attest_kfuncs(manifest, program, fd, size, grant, error);
	if (r == 0 && grant->n_helpers)
		r = attest_helpers(program, fd, size, grant, error);
	return r;
}

/* Only maps that the manifest declares, of the program's own payload. */
static int attest_used_maps(const struct manifest *manifest, const struct manifest_program *program,
			    const struct map_info *maps, const uint32_t *used, unsigned n_used,
			    struct error *error)
{
	for (unsigned i = 0; i < n_used; i++) {
		unsigned k = 0;

		while (k < manifest->n_maps && maps[k].id != used[i])
			k++;
		if (k == manifest->n_maps || manifest->maps[k].payload != program->payload)
			return refuse(error,
				      "program \"%s\" uses a map (id %u) that the manifest "
				      "does not declare",
				      program->name, used[i]);
	}
	return 0;
}

static int attest_identity(const struct manifest_program *program, const struct bpf_prog_info *info,
			   struct error *error)
{
	const char *type;

	if (!name_kept(program->name, info->name))
		return refuse(error, "program \"%s\" is called \"%.15s\" in the kernel",
			      program->name, info->name);
	if (info->type != (uint32_t)program->type) {
		type = program_type_name((enum bpf_prog_type)info->type);
		return refuse(error, "program \"%s\" is of type %s, not %s as its manifest says",
			      program->name, type ?: "unknown", program_type_name(program->type));
	}
	if (program_is_bound(program))
		return attest_bound(program, info->attach_btf_obj_id, info->attach_btf_id, error);
	if (info->attach_btf_id != 0 || info->attach_btf_obj_id != 0)
		return refuse(error, "program \"%s\" is bound to a target already", program->name);
	return 0;
}

static int attest_program(const struct manifest *manifest, unsigned index, int fd,
			  const struct map_info *maps, const struct kfunc_grant *grant,
			  struct program_info *ret, struct error *error)
{
	const struct manifest_program *program = &manifest->programs[index];
	uint32_t used[MANIFEST_MAPS_MAX];
	struct bpf_prog_info info;
	int r;

	memset(&info, 0, sizeof(info));
	info.nr_map_ids = ARRAY_SIZE(used);
	info.map_ids = sys_ptr(used);
	r = sys_bpf_info(fd, &info, sizeof(info));
	if (r < 0)
		return cannot_ask(error, "program", program->name, r);
	r = attest_identity(program, &info, error);
	if (r < 0)
		return r;
	if (info.nr_map_ids > ARRAY_SIZE(used))
		return refuse(error, "program \"%s\" uses more maps than the manifest declares",
			      program->name);
	r = attest_used_maps(manifest, program, maps, used, info.nr_map_ids, error);
	if (r < 0)
		return r;
	r = attest_calls(manifest, program, fd, info.xlated_prog_len, grant, error);
	if (r < 0)
		return r;
	ret->id = info.id;
	ret->loaded_nsec = info.load_time;
	hex_encode(info.tag, sizeof(info.tag), ret->tag);
	return 0;
}

static int attest_programs(const struct manifest *manifest, const struct loaded *loaded,
			   const struct map_info *maps, const struct kfunc_grant *grant,
			   struct program_info *ret, struct error *error)
{
	int r;

	for (unsigned i = 0; i < manifest->n_programs; i++) {
		r = attest_program(manifest, i, loaded->programs[i], maps, grant, &ret[i], error);
		if (r < 0)
			return r;
		for (unsigned k = 0; k < i; k++)
			if (ret[k].id == ret[i].id)
				return refuse(
					error, "programs \"%s\" and \"%s\" are the same program",
					manifest->programs[k].name, manifest->programs[i].name);
	}
	return 0;
}

int attest(const struct manifest *manifest, const struct loaded *loaded,
	   const struct map_opening *openings, const struct kfunc_grant *grant,
	   struct program_info *ret_programs, struct map_info *ret_maps, struct error *error)
{
	struct program_info programs[MANIFEST_PROGRAMS_MAX];
	struct map_info maps[MANIFEST_MAPS_MAX];
	int r;

	if (manifest->n_programs != loaded->n_programs || manifest->n_maps != loaded->n_maps)
		return refuse(error,
			      "%u programs and %u maps were loaded, not %u and %u as the manifest "
			      "says",
			      loaded->n_programs, loaded->n_maps, manifest->n_programs,
			      manifest->n_maps);
	r = attest_maps(manifest, loaded, openings, maps, error);
	if (r == 0)
		r = attest_programs(manifest, loaded, maps, grant, programs, error);
	if (r < 0)
		return r;
	memcpy(ret_programs, programs, manifest->n_programs * sizeof(*programs));
	memcpy(ret_maps, maps, manifest->n_maps * sizeof(*maps));
	return 0;
}
