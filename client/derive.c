/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <ctype.h>

#include "derive.h"
#include "elf-info.h"
#include "loader-names.h"

void derived_done(struct derived *derived)
{
	free(derived->loader);
	free(derived->metadata);
	free(derived->btf);
	manifest_free(derived->manifest);
	for (unsigned i = 0; i < derived->n_images; i++)
		free(derived->images[i].value);
	*derived = (struct derived){};
}

static void objectp(struct bpf_object **object)
{
	bpf_object__close(*object);
}

/*
 * libbpf says what is wrong by warnings only. The first one since the last reset is kept, for what
 * follows are consequences. bpfctl has one thread; libbpf's callback has no argument for a context.
 */
static char libbpf_warning[512];

static _printf_(2, 0) int keep_warning(enum libbpf_print_level level, const char *format,
				       va_list ap)
{
	if (level != LIBBPF_WARN || libbpf_warning[0])
		return 0;
	vsnprintf(libbpf_warning, sizeof(libbpf_warning), format, ap);
	for (size_t n = strlen(libbpf_warning); n > 0 && isspace((uint8_t)libbpf_warning[n - 1]);)
		libbpf_warning[--n] = 0;
	return 0;
}

static int libbpf_failed(const char *file, const char *what, int r, struct error *error)
{
	return error_set(error, r, ERROR_FAILED, STEP_NONE, "%s: %s: %s%s%s", file, what,
			 strerror(-r), libbpf_warning[0] ? ": " : "", libbpf_warning);
}

static int copy_blob(const void *data, size_t size, uint8_t **ret, size_t *ret_size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		return -ENOMEM;
	if (size)
		memcpy(copy, data, size);
	*ret = copy;
	*ret_size = size;
	return 0;
}

static int copy_btf(const struct bpf_object *object, struct derived *derived)
{
	const struct btf *btf = bpf_object__btf(object);
	const void *data;
	uint32_t size;

	if (!btf)
		return 0;
	data = btf__raw_data(btf, &size);
	if (!data)
		return -ENOMEM;
	return copy_blob(data, size, &derived->btf, &derived->btf_size);
}

/*
 * Probes are loaded for multi links, which need no perf event: perf wants CAP_SYS_ADMIN for
 * uprobes, and on some distributions for all, and the daemon does not have it. An offset into a
 * function of the kernel is left to perf: fprobe knows entries only.
 */
static void choose_links(struct bpf_object *object)
{
	struct bpf_program *program;

	bpf_object__for_each_program (program, object) {
		const char *section = bpf_program__section_name(program);
		_cleanup_free_ char *target = NULL;
		enum target_kind kind;

		if (target_from_section(section + (*section == '?'), &kind, &target) < 0)
			continue;
		if (kind == TARGET_UPROBE || kind == TARGET_URETPROBE)
			bpf_program__set_expected_attach_type(program, BPF_TRACE_UPROBE_MULTI);
		if ((kind == TARGET_KPROBE && !strchr(section, '+')) || kind == TARGET_KRETPROBE)
			bpf_program__set_expected_attach_type(program, BPF_TRACE_KPROBE_MULTI);
	}
}

/* Only what the BTF describes can be tuned; strings of the compiler's have a section, but no type.
 */
static bool is_tunable_map(const struct bpf_map *map, const struct btf *btf)
{
	const struct btf_type *type = btf__type_by_id(btf, bpf_map__btf_value_type_id(map));
	const char *name = type ? btf__name_by_offset(btf, type->name_off) : NULL;

	return bpf_map__is_internal(map) && name && btf_is_datasec(type) &&
	       strncmp(name, ".rodata", strlen(".rodata")) == 0;
}

static int derive_images(const struct bpf_object *object, struct derived *derived)
{
	const struct btf *btf = bpf_object__btf(object);
	struct bpf_map *map;
	unsigned i = 0;

	if (!btf)
		return 0;
	bpf_object__for_each_map (map, object) {
		struct derived_image *image = &derived->images[derived->n_images];
		const void *value;
		size_t size;

		value = is_tunable_map(map, btf) ? bpf_map__initial_value(map, &size) : NULL;
		if (value) {
			if (copy_blob(value, size, &image->value, &image->size) < 0)
				return -ENOMEM;
			image->map = i;
			image->section = bpf_map__btf_value_type_id(map);
			derived->n_images++;
		}
		i++;
	}
	return 0;
}

/* Lets libbpf write the loader instead of loading. It asks the kernel nothing on this way. */
static int generate(const char *file, struct bpf_object *object, struct derived *derived,
		    struct error *error)
{
	LIBBPF_OPTS(gen_loader_opts, gen, .gen_hash = true);
	int r;

	choose_links(object);
	r = bpf_object__gen_loader(object, &gen);
	if (r == 0)
		r = bpf_object__load(object);
	if (r < 0)
		return libbpf_failed(file, "libbpf cannot make a loader", r, error);
	if (copy_blob(gen.insns, gen.insns_sz, &derived->loader, &derived->loader_size) < 0 ||
	    copy_blob(gen.data, gen.data_sz, &derived->metadata, &derived->metadata_size) < 0 ||
	    copy_btf(object, derived) < 0)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	r = loader_prefer_names(&derived->loader, &derived->loader_size,
				(struct blob){derived->metadata, derived->metadata_size});
	if (r < 0)
		return libbpf_failed(file, "the loader cannot choose among kernel functions", r,
				     error);
	return 0;
}

int derive(const char *file, const void *data, size_t size, const char *name, struct derived *ret,
	   struct error *error)
{
	/* An empty token path: or libbpf would ask /sys/fs/bpf for one. */
	LIBBPF_OPTS(bpf_object_open_opts, open, .object_name = name, .bpf_token_path = "");
	_cleanup_(objectp) struct bpf_object *object = NULL;
	_cleanup_elf_info_ struct elf_info info = {};
	_cleanup_derived_ struct derived derived = {};
	int r;

	r = elf_info_read(data, size, &info);
	if (r < 0)
		return error_set(
			error, r, ERROR_FAILED, STEP_NONE,
			"%s: not a BPF object file; compile it with clang -target bpf -g -O2",
			file);

	r = derive_check_externs(file, info.btf, error);
	if (r < 0)
		return r;
	libbpf_warning[0] = 0;
	libbpf_set_print(keep_warning);
	object = bpf_object__open_mem(data, size, &open);
	if (!object)
		return libbpf_failed(file, "libbpf cannot read it", -errno, error);
	r = derive_check(file, object, error);
	if (r == 0 && derive_images(object, &derived) < 0)
		r = error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	if (r == 0)
		r = generate(file, object, &derived, error);
	if (r == 0)
		r = derive_manifest(file, name, object, &info, &derived.manifest, error);
	if (r < 0)
		return r;
	*ret = derived;
	derived = (struct derived){};
	return 0;
}
