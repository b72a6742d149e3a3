/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdarg.h>

#include "btf-walk.h"
#include "derive.h"
#include "elf-info.h"
#include "json.h"

/* Below the root of the cgroup tree; a '*' of a pattern stands for one folder. */
#define CGROUP_DEPTH 8

static _printf_(3, 4) int refuse(struct error *error, const char *file, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	return error_set(error, -EOPNOTSUPP, ERROR_FAILED, STEP_NONE, "%s: %s", file,
			 text ? text : "cannot be in a bundle");
}

static int no_memory(struct error *error)
{
	return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
}

/* ---- what a bundle cannot hold ---- */

static int check_program(const char *file, const struct bpf_program *program, struct error *error)
{
	const char *name = bpf_program__name(program);
	const char *section = bpf_program__section_name(program);
	enum bpf_prog_type type = bpf_program__type(program);
	_cleanup_free_ char *target = NULL;
	enum target_kind kind;

	section += *section == '?';
	if (type == BPF_PROG_TYPE_STRUCT_OPS)
		return refuse(error, file,
			      "program %s: struct_ops programs are registered, not attached, and "
			      "libbpf cannot make a loader for them",
			      name);
	if (target_from_section(section, &kind, &target) < 0)
		return refuse(error, file,
			      "program %s: section \"%s\" is not one that bpfgate can attach (a "
			      "target in a kernel module, a multi or session probe and a type "
			      "without an attach kind are not); bpfctl(1) lists those that can be",
			      name, section);
	if (!program_type_name(type) || !program_type_fits(type, kind))
		return refuse(error, file,
			      "program %s: a program of type %s in section \"%s\" cannot be loaded "
			      "by bpfgate",
			      name, libbpf_bpf_prog_type_str(type) ?: "unknown", section);
	if (target_kind_is_baked(kind) && !target)
		return refuse(
			error, file,
			"program %s: section \"%s\" names no target, which must be known when "
			"the loader is made: write SEC(\"%s/NAME\")",
			name, section, section);
	return 0;
}

static bool is_kconfig(const struct bpf_map *map)
{
	const char *dot = strrchr(bpf_map__name(map), '.');

	return bpf_map__is_internal(map) && dot && streq(dot, ".kconfig");
}

static int check_map(const char *file, const struct bpf_map *map, struct error *error)
{
	enum bpf_map_type type = bpf_map__type(map);
	const char *name = bpf_map__name(map);

	if (is_kconfig(map))
		return refuse(
			error, file,
			"__kconfig variables take their values from the kernel of the machine "
			"that builds the bundle: use bpf_core_*() or weak ksyms instead");
	if (type == BPF_MAP_TYPE_STRUCT_OPS)
		return refuse(error, file,
			      "map %s: libbpf cannot make a loader for struct_ops maps", name);
	if (!map_type_name(type))
		return refuse(
			error, file,
			"map %s: a bundle cannot declare a map of type %s: what it would hold "
			"could not be checked after the load",
			name, libbpf_bpf_map_type_str(type) ?: "?");
	if (bpf_map__pin_path(map))
		return refuse(
			error, file,
			"map %s is pinned by name (LIBBPF_PIN_BY_NAME), which a loader cannot "
			"do: remove the \"pinning\" member",
			name);
	if (type == BPF_MAP_TYPE_PERF_EVENT_ARRAY && bpf_map__max_entries(map) == 0)
		return refuse(
			error, file,
			"map %s has no max_entries, so that its size would be the number of "
			"CPUs of the machine that builds the bundle: set max_entries, or use a "
			"ring buffer",
			name);
	return 0;
}

int derive_check(const char *file, const struct bpf_object *object, struct error *error)
{
	struct bpf_program *program;
	unsigned n = 0;
	struct bpf_map *map;
	int r;

	bpf_object__for_each_program (program, object) {
		if (!bpf_program__autoload(program))
			continue;
		r = check_program(file, program, error);
		if (r < 0)
			return r;
		n++;
	}
	if (n == 0)
		return refuse(error, file, "it has no program that is loaded by default");
	if (n > MANIFEST_PROGRAMS_MAX)
		return refuse(error, file,
			      "%u programs, more than the %d that libbpf's loader takes: split the "
			      "object file",
			      n, MANIFEST_PROGRAMS_MAX);

	n = 0;
	bpf_object__for_each_map (map, object) {
		r = check_map(file, map, error);
		if (r < 0)
			return r;
		n++;
	}
	if (n > MANIFEST_MAPS_MAX)
		return refuse(error, file,
			      "%u maps (data sections included), more than the %d that libbpf's "
			      "loader takes: split the object file",
			      n, MANIFEST_MAPS_MAX);
	return 0;
}

/* ---- programs ---- */

static int add_string(char ***strings, unsigned *n, char *string)
{
	char **grown;

	if (!string)
		return -ENOMEM;
	grown = reallocarray(*strings, *n + 1, sizeof(*grown));
	if (!grown) {
		free(string);
		return -ENOMEM;
	}
	*strings = grown;
	grown[(*n)++] = string;
	return 0;
}

/* The cgroups themselves are for policy and --attach to choose; the hook is the program's. */
static int add_cgroup_patterns(struct manifest_program *p, const char *hook)
{
	char path[sizeof("/sys/fs/cgroup") + 2 * CGROUP_DEPTH] = "/sys/fs/cgroup";

	for (unsigned depth = 0; depth <= CGROUP_DEPTH; depth++) {
		char *pattern = NULL;

		if (asprintf(&pattern, "cgroup:%s/%s", path, hook) < 0)
			return -ENOMEM;
		if (add_string(&p->attach, &p->n_attach, pattern) < 0)
			return -ENOMEM;
		if (depth < CGROUP_DEPTH)
			strcat(path, "/*");
	}
	return 0;
}

static const char *cgroup_hook(const char *section)
{
	if (streq(section, "cgroup_skb/ingress"))
		return "ingress";
	if (streq(section, "cgroup_skb/egress"))
		return "egress";
	if (streq(section, "cgroup/sock") || streq(section, "cgroup/sock_create"))
		return "sock_create";
	if (streq(section, "cgroup/sock_release"))
		return "sock_release";
	if (streq(section, "cgroup/dev"))
		return "device";
	return NULL; /* cgroup/skb: both directions */
}

/* Where a program whose section names no target may go: anywhere that its section allows. */
static int add_patterns(struct manifest_program *p, enum target_kind kind, const char *section)
{
	const char *pattern;
	char *text = NULL;

	switch (kind) {
	case TARGET_CGROUP:
		if (cgroup_hook(section))
			return add_cgroup_patterns(p, cgroup_hook(section));
		return add_cgroup_patterns(p, "ingress") < 0 ? -ENOMEM
							     : add_cgroup_patterns(p, "egress");
	case TARGET_TCX:
		pattern = strstr(section, "/ingress")  ? "tcx:*/ingress"
			  : strstr(section, "/egress") ? "tcx:*/egress"
						       : "tcx:*/*";
		return add_string(&p->attach, &p->n_attach, strdup(pattern));
	case TARGET_TRACEPOINT:
		return add_string(&p->attach, &p->n_attach, strdup("tracepoint:*/*"));
	case TARGET_UPROBE:
	case TARGET_URETPROBE:
		return 0; /* any file is too much: the manifest must say */
	default:
		if (asprintf(&text, "%s:*", target_kind_name(kind)) < 0)
			return -ENOMEM;
		return add_string(&p->attach, &p->n_attach, text);
	}
}

static int add_targets(struct manifest_program *p, const char *section)
{
	_cleanup_free_ char *target = NULL;
	enum target_kind kind;
	int r;

	r = target_from_section(section, &kind, &target);
	if (r < 0)
		return r;
	if (!target)
		return add_patterns(p, kind, section);
	r = add_string(&p->attach, &p->n_attach, strdup(target));
	if (r < 0)
		return r;
	return add_string(&p->defaults, &p->n_defaults, strdup(target));
}

/* The loader's program descriptors are those of the programs that are loaded, in this order. */
static int fill_programs(const struct bpf_object *object, struct manifest *m)
{
	struct bpf_program *program;

	m->programs = calloc(MANIFEST_PROGRAMS_MAX, sizeof(*m->programs));
	if (!m->programs)
		return -ENOMEM;
	bpf_object__for_each_program (program, object) {
		struct manifest_program *p = &m->programs[m->n_programs];
		const char *section = bpf_program__section_name(program);

		if (!bpf_program__autoload(program))
			continue;
		m->n_programs++;
		section += *section == '?';
		p->name = strdup(bpf_program__name(program));
		p->section = strdup(section);
		p->type = bpf_program__type(program);
		if (!p->name || !p->section || add_targets(p, section) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* As the daemon finds them out from what the loader gives to the kernel. */
static int find_effects(const struct bpf_object *object, struct manifest *m)
{
	struct bpf_program *program;
	struct effects effects;
	int r;

	bpf_object__for_each_program (program, object) {
		if (!bpf_program__autoload(program))
			continue;
		r = effects_find(bpf_program__insns(program), bpf_program__insn_cnt(program),
				 bpf_program__type(program), NULL, &effects);
		if (r < 0)
			return r;
		m->effects |= effects.found;
	}
	return 0;
}

/* ---- maps ---- */

/* The name of type @id as btf_find() takes it, or NULL for one without a name. */
static int type_name(const struct btf *btf, uint32_t id, char **ret)
{
	const struct btf_type *type = btf && id ? btf__type_by_id(btf, id) : NULL;
	const char *name = type ? btf__name_by_offset(btf, type->name_off) : NULL;
	const char *keyword = "";
	uint32_t found;

	if (!name || !*name || btf_is_datasec(type))
		return 0;
	if (btf_is_struct(type))
		keyword = "struct ";
	else if (btf_is_union(type))
		keyword = "union ";
	else if (btf_is_enum(type) || btf_is_enum64(type))
		keyword = "enum ";
	if (asprintf(ret, "%s%s", keyword, name) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	if (btf_find(btf, *ret, &found) < 0) {
		free(*ret);
		*ret = NULL;
	}
	return 0;
}

/* The loader's map descriptors are those of all maps, in this order. */
static int fill_maps(const struct bpf_object *object, struct manifest *m)
{
	const struct btf *btf = bpf_object__btf(object);
	struct bpf_map *map;

	m->maps = calloc(MANIFEST_MAPS_MAX, sizeof(*m->maps));
	if (!m->maps)
		return -ENOMEM;
	bpf_object__for_each_map (map, object) {
		struct manifest_map *entry = &m->maps[m->n_maps++];

		entry->name = strdup(bpf_map__name(map));
		if (!entry->name)
			return -ENOMEM;
		entry->type = bpf_map__type(map);
		entry->key_size = bpf_map__key_size(map);
		entry->value_size = bpf_map__value_size(map);
		entry->max_entries = bpf_map__max_entries(map);
		if (bpf_map__is_internal(map) || entry->type == BPF_MAP_TYPE_RINGBUF)
			continue;
		if (type_name(btf, bpf_map__btf_key_type_id(map), &entry->key) < 0 ||
		    type_name(btf, bpf_map__btf_value_type_id(map), &entry->value) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int fill_build(const struct elf_info *info, struct manifest *m)
{
	_cleanup_json_ struct json_object *build = json_object_new_object();
	_cleanup_free_ char *libbpf = NULL;

	if (!build ||
	    asprintf(&libbpf, "%u.%u", libbpf_major_version(), libbpf_minor_version()) < 0)
		return -ENOMEM;
	if (info->compiler && utf8_valid(info->compiler, strlen(info->compiler)) &&
	    json_add_string(build, "compiler", info->compiler) < 0)
		return -ENOMEM;
	if (json_add_string(build, "libbpf", libbpf) < 0 ||
	    json_add_string(build, "bpfctl", BPFGATE_VERSION) < 0)
		return -ENOMEM;
	m->build = strdup(json_object_to_json_string_ext(build, JSON_C_TO_STRING_PLAIN));
	return m->build ? 0 : -ENOMEM;
}

int derive_manifest(const char *file, const char *name, const struct bpf_object *object,
		    const struct elf_info *info, struct manifest **ret, struct error *error)
{
	_cleanup_manifest_ struct manifest *m = calloc(1, sizeof(*m));

	if (!info->license || !*info->license)
		return refuse(error, file,
			      "it has no licence: add char LICENSE[] SEC(\"license\") = \"GPL\"");
	if (!m)
		return no_memory(error);
	m->name = strdup(name);
	m->version = strdup("0");
	m->sequence = 1;
	m->license = strdup(info->license);
	if (asprintf(&m->description, "BPF programs of %s", name) < 0)
		m->description = NULL;
	if (!m->name || !m->version || !m->license || !m->description ||
	    fill_programs(object, m) < 0 || find_effects(object, m) < 0 ||
	    fill_maps(object, m) < 0 || fill_build(info, m) < 0)
		return no_memory(error);
	*ret = TAKE_PTR(m);
	return 0;
}

/* ---- types ---- */

static int check_type(const char *file, const struct btf *btf, const char *map, const char *member,
		      const char *type, bool sized, struct error *error)
{
	uint32_t id;
	size_t size;

	if (!type)
		return 0;
	if (!btf || btf_find(btf, type, &id) < 0)
		return refuse(
			error, file,
			"map %s: there is no type \"%s\" in the object's BTF, which the manifest "
			"names as \"%s\"; compile with -g, and see that a program uses the type",
			map, type, member);
	if (sized && btf_record_size(btf, id, &size) < 0)
		return refuse(error, file, "map %s: type \"%s\" cannot be a record: it has no size",
			      map, type);
	return 0;
}

int derive_check_types(const char *file, const struct manifest *manifest, unsigned payload,
		       struct blob btf, struct error *error)
{
	_cleanup_btf_ struct btf *types = NULL;

	if (btf.size > 0 && btf_open(btf, &types) < 0)
		return refuse(error, file, "its BTF does not parse");
	for (unsigned i = 0; i < manifest->n_maps; i++) {
		const struct manifest_map *map = &manifest->maps[i];

		if (map->payload != payload)
			continue;
		if (check_type(file, types, map->name, "event", map->event, true, error) < 0 ||
		    check_type(file, types, map->name, "key", map->key, false, error) < 0 ||
		    check_type(file, types, map->name, "value", map->value, false, error) < 0)
			return -EOPNOTSUPP;
	}
	return 0;
}
