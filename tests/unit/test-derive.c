/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Object files as clang makes them; OBJECTS is the folder where meson put them. */

#include "check.h"

#include "derive.h"
#include "file.h"
#include "loader-link.h"

static int derive_case(const char *name, struct derived *ret, struct error *error)
{
	_cleanup_free_ char *path = NULL, *data = NULL;
	size_t size;
	int r;

	assert_true(asprintf(&path, "%s/case-%s.bpf", OBJECTS, name) > 0);
	r = file_read(path, OBJECT_SIZE_MAX, &data, &size, error);
	assert_int_equal(r, 0);
	return derive("x.bpf.o", data, size, "good", ret, error);
}

static const struct manifest_map *find_map(const struct manifest *m, const char *name)
{
	for (unsigned i = 0; i < m->n_maps; i++)
		if (streq(m->maps[i].name, name))
			return &m->maps[i];
	fail_msg("no map %s", name);
	return NULL;
}

static void check_program(const struct manifest_program *p, const char *name,
			  enum bpf_prog_type type, const char *attach, const char *fallback)
{
	assert_string_equal(p->name, name);
	assert_int_equal(p->type, type);
	if (attach)
		assert_string_equal(p->attach[0], attach);
	else
		assert_int_equal(p->n_attach, 0);
	assert_int_equal(p->n_defaults, fallback ? 1 : 0);
	if (fallback)
		assert_string_equal(p->defaults[0], fallback);
}

static void test_programs(void **state)
{
	_cleanup_derived_ struct derived d = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	const struct manifest_program *p;

	assert_int_equal(derive_case("good", &d, &error), 0);
	assert_int_equal(d.manifest->n_programs, 8);
	p = d.manifest->programs;
	check_program(&p[0], "on_exec", BPF_PROG_TYPE_TRACEPOINT,
		      "tracepoint:sched/sched_process_exec", "tracepoint:sched/sched_process_exec");
	assert_string_equal(p[0].section, "tp/sched/sched_process_exec");
	check_program(&p[1], "on_unlink", BPF_PROG_TYPE_TRACING, "fentry:do_unlinkat",
		      "fentry:do_unlinkat");
	check_program(&p[2], "packet", BPF_PROG_TYPE_XDP, "xdp:*", NULL);
	check_program(&p[3], "out", BPF_PROG_TYPE_SCHED_CLS, "tcx:*/egress", NULL);
	check_program(&p[4], "in_group", BPF_PROG_TYPE_CGROUP_SKB, "cgroup:/sys/fs/cgroup/ingress",
		      NULL);
	assert_string_equal(p[4].attach[2], "cgroup:/sys/fs/cgroup/*/*/ingress");
	check_program(&p[5], "on_read", BPF_PROG_TYPE_KPROBE, "kprobe:vfs_read+0x10",
		      "kprobe:vfs_read+0x10");
	check_program(&p[6], "sample", BPF_PROG_TYPE_PERF_EVENT, "perf_event:*", NULL);
	check_program(&p[7], "probe", BPF_PROG_TYPE_KPROBE, NULL, NULL);
}

static void test_maps(void **state)
{
	_cleanup_derived_ struct derived d = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	const struct manifest_map *m;

	assert_int_equal(derive_case("good", &d, &error), 0);
	assert_int_equal(d.manifest->n_maps, 4);

	m = find_map(d.manifest, "table");
	assert_int_equal(m->type, BPF_MAP_TYPE_HASH);
	assert_int_equal(m->key_size, 4);
	assert_int_equal(m->value_size, 16);
	assert_int_equal(m->max_entries, 10);
	assert_int_equal(m->grant, GRANT_NONE);
	assert_string_equal(m->key, "enum color");
	assert_string_equal(m->value, "struct record");
	assert_null(m->event);

	m = find_map(d.manifest, "anonymous");
	assert_string_equal(m->key, "int");
	assert_null(m->value);

	m = find_map(d.manifest, "events");
	assert_int_equal(m->type, BPF_MAP_TYPE_RINGBUF);
	assert_int_equal(m->max_entries, 8192);

	/* Named by the bundle's name, not by a path. */
	m = find_map(d.manifest, "good.bss");
	assert_int_equal(m->type, BPF_MAP_TYPE_ARRAY);
	assert_int_equal(m->max_entries, 1);
	assert_null(m->value);
}

static void test_other_members(void **state)
{
	_cleanup_derived_ struct derived d = {};
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_int_equal(derive_case("good", &d, &error), 0);
	assert_string_equal(d.manifest->name, "good");
	assert_string_equal(d.manifest->version, "0");
	assert_int_equal(d.manifest->sequence, 1);
	assert_string_equal(d.manifest->license, "GPL");
	assert_null(d.manifest->publisher);
	assert_non_null(strstr(d.manifest->build, "\"compiler\":\""));
	assert_non_null(strstr(d.manifest->build, "clang version"));
	assert_true(d.btf_size > 24);
}

/* The loader checks its metadata, in the dialect that kernels of both contracts take. */
static void test_loader(void **state)
{
	_cleanup_derived_ struct derived d = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	uint8_t expected[DIGEST_SIZE], found[DIGEST_SIZE];

	assert_int_equal(derive_case("good", &d, &error), 0);
	assert_int_equal(d.loader_size % 8, 0);
	assert_int_equal(sha256(d.metadata, d.metadata_size, expected), 0);
	assert_int_equal(loader_link_find((struct blob){d.loader, d.loader_size}, found), 0);
	assert_memory_equal(found, expected, DIGEST_SIZE);
}

static void test_deterministic(void **state)
{
	_cleanup_derived_ struct derived a = {}, b = {};
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_int_equal(derive_case("good", &a, &error), 0);
	assert_int_equal(derive_case("good", &b, &error), 0);
	assert_int_equal(a.loader_size, b.loader_size);
	assert_memory_equal(a.loader, b.loader, a.loader_size);
	assert_int_equal(a.metadata_size, b.metadata_size);
	assert_memory_equal(a.metadata, b.metadata, a.metadata_size);
	assert_memory_equal(a.btf, b.btf, a.btf_size);
}

static void test_limits(void **state)
{
	_cleanup_derived_ struct derived programs = {}, maps = {};
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_int_equal(derive_case("programs32", &programs, &error), 0);
	assert_int_equal(programs.manifest->n_programs, 32);
	assert_int_equal(derive_case("maps64", &maps, &error), 0);
	assert_int_equal(maps.manifest->n_maps, 64);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *name, *reason;
	} cases[] = {
		{"programs33", "33 programs, more than the 32"},
		{"maps65", "65 maps (data sections included), more than the 64"},
		{"kconfig", "__kconfig variables take their values from the kernel of the machine"},
		{"pinned", "map stays is pinned by name (LIBBPF_PIN_BY_NAME)"},
		{"progarray", "map jumps: a bundle cannot declare a map of type prog_array"},
		{"mapinmap", "map outer: a bundle cannot declare a map of type array_of_maps"},
		{"structops", "program start: struct_ops programs are registered"},
		{"syscall", "program anything: section \"syscall\" is not one"},
		{"multi", "program probes: section \"kprobe.multi/vfs_*\" is not one"},
		{"module", "program kick: section \"fentry/kvm:kvm_vcpu_kick\" is not one"},
		{"notarget", "program somewhere: section \"fentry\" names no target"},
		{"alloff", "no program that is loaded by default"},
		{"nolicense", "it has no licence"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_derived_ struct derived d = {};
		_cleanup_error_ struct error error = ERROR_INIT;

		assert_true(derive_case(cases[i].name, &d, &error) < 0);
		check_error(&error, ERROR_FAILED, cases[i].reason);
		assert_non_null(strstr(error.message, "x.bpf.o: "));
		assert_null(d.loader);
		assert_null(d.manifest);
	}
}

/* No object file at all, and each beginning of a good one. */
static void test_not_an_object(void **state)
{
	_cleanup_free_ char *path = NULL, *data = NULL;
	_cleanup_error_ struct error read_error = ERROR_INIT;
	struct derived d = {};
	size_t size;

	assert_true(asprintf(&path, "%s/case-good.bpf", OBJECTS) > 0);
	assert_int_equal(file_read(path, OBJECT_SIZE_MAX, &data, &size, &read_error), 0);
	for (size_t n = 0; n < size; n += n < 64 ? 1 : 97) {
		_cleanup_error_ struct error error = ERROR_INIT;
		_cleanup_free_ char *part = malloc(n ? n : 1);

		memcpy(part, data, n);
		assert_true(derive("x.bpf.o", part, n, "good", &d, &error) < 0);
		check_error(&error, ERROR_FAILED, "x.bpf.o: not a BPF object file");
	}
}

static void test_types(void **state)
{
	_cleanup_derived_ struct derived d = {};
	_cleanup_error_ struct error error = ERROR_INIT, missing = ERROR_INIT, none = ERROR_INIT;
	struct manifest_map *events;
	struct blob btf;

	assert_int_equal(derive_case("good", &d, &error), 0);
	btf = (struct blob){d.btf, d.btf_size};
	events = (struct manifest_map *)find_map(d.manifest, "events");
	events->event = strdup("record");
	assert_int_equal(derive_check_types("x.bpf.o", d.manifest, 0, btf, &error), 0);

	free(events->event);
	events->event = strdup("recrod");
	assert_true(derive_check_types("x.bpf.o", d.manifest, 0, btf, &missing) < 0);
	check_error(&missing, ERROR_FAILED,
		    "map events: there is no type \"recrod\" in the object's BTF");
	assert_true(derive_check_types("x.bpf.o", d.manifest, 0, (struct blob){}, &none) < 0);
	check_error(&none, ERROR_FAILED, "there is no type");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),      cmocka_unit_test(test_maps),
		cmocka_unit_test(test_other_members), cmocka_unit_test(test_loader),
		cmocka_unit_test(test_deterministic), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_refusals),      cmocka_unit_test(test_not_an_object),
		cmocka_unit_test(test_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
