/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Object files as clang makes them; OBJECTS is the folder where meson put them. */

#include "check.h"

#include "derive.h"
#include "file.h"
#include "loader-link.h"

static int derive_object(const char *name, const char *object, struct derived *ret,
			 struct error *error)
{
	_cleanup_free_ char *path = NULL, *data = NULL;
	size_t size;
	int r;

	assert_true(asprintf(&path, "%s/case-%s.bpf", OBJECTS, name) > 0);
	r = file_read(path, OBJECT_SIZE_MAX, &data, &size, error);
	assert_int_equal(r, 0);
	return derive("x.bpf.o", data, size, object, ret, error);
}

static int derive_case(const char *name, struct derived *ret, struct error *error)
{
	return derive_object(name, "good", ret, error);
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
/* As the daemon finds them out: test-effect and test-loader-program. */
static void test_effects(void **state)
{
	static const struct {
		const char *name;
		uint32_t effects;
	} rows[] = {
		{"good", 0},
		{"looks", 0},
		{"changes", 1 << EFFECT_REGISTERS | 1 << EFFECT_SIGNALS},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_derived_ struct derived d = {};
		_cleanup_error_ struct error error = ERROR_INIT;

		if (derive_case(rows[i].name, &d, &error) < 0)
			fail_msg("%s: %s", rows[i].name, error_message(&error));
		assert_int_equal(d.manifest->effects, rows[i].effects);
	}
}

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

/* What has a type is looked up where it is loaded. */
static void test_typed_symbols(void **state)
{
	_cleanup_derived_ struct derived d = {};
	_cleanup_error_ struct error error = ERROR_INIT;

	if (derive_case("ksymtyped", &d, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_int_equal(d.manifest->n_programs, 1);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *name, *reason;
	} cases[] = {
		{"programs33", "33 programs, more than the 32"},
		{"maps65", "65 maps (data sections included), more than the 64"},
		{"kconfig", "__kconfig variables take their values from the kernel of the machine"},
		{"ksym",
		 "extern vfs_read has no type (void), so that its address would be that of the "
		 "kernel of the machine that builds the bundle"},
		{"ksymweak", "extern vfs_read has no type (void)"},
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

/* What two cases (as objects of these names) and @license become: 0 or an error. */
static int combine(const char *first, const char *second, const char *license,
		   struct derived derived[2], struct manifest **ret, struct error *error)
{
	static const char *const files[] = {"a.bpf.o", "b.bpf.o"};

	assert_int_equal(derive_object(first, "a", &derived[0], error), 0);
	assert_int_equal(derive_object(second, "b", &derived[1], error), 0);
	return derive_combine(files, derived, 2, "both", license, ret, error);
}

static void test_combine(void **state)
{
	_cleanup_manifest_ struct manifest *m = NULL, *again = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	struct derived both[2] = {};
	_cleanup_free_ char *text = NULL;
	unsigned n_maps;
	size_t size;

	if (combine("good", "second", NULL, both, &m, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_string_equal(m->name, "both");
	assert_string_equal(m->description, "BPF programs of both");
	assert_int_equal(manifest_n_payloads(m), 2);
	assert_int_equal(m->n_programs, 9);
	assert_string_equal(m->programs[8].name, "on_exit");
	assert_int_equal(m->programs[8].payload, 1);
	n_maps = manifest_part(m, 0).n_maps;
	assert_int_equal(m->n_maps, n_maps + 1);
	assert_string_equal(m->maps[n_maps].name, "b.bss");
	assert_int_equal(m->maps[n_maps].payload, 1);
	assert_null(strstr(m->build, "compiler_1"));
	/* programs that cannot be anywhere want targets first */
	for (unsigned i = 0; i < m->n_programs; i++)
		if (m->programs[i].n_attach == 0) {
			m->programs[i].attach = calloc(1, sizeof(char *));
			m->programs[i].attach[0] = strdup("uprobe:/bin/sh:main");
			m->programs[i].n_attach = 1;
		}
	assert_int_equal(manifest_format(m, &text, &size), 0);
	if (manifest_parse(text, size, &again, &error) < 0)
		fail_msg("%s", error_message(&error));
	for (unsigned i = 0; i < 2; i++)
		derived_done(&both[i]);
}

static void test_combine_refusals(void **state)
{
	static const struct {
		const char *first, *second, *refusal;
	} cases[] = {
		{"second", "second",
		 "a.bpf.o and b.bpf.o both have a program on_exit: in a bundle"},
		{"good", "programs32",
		 "the object files have 40 programs together, more than the 32 of a bundle: make "
		 "several bundles, one \"after\" the other"},
		{"second", "maps64",
		 "the object files have 65 maps (data sections included) together, more than the "
		 "64"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		struct derived both[2] = {};
		struct manifest *m = NULL;

		assert_true(combine(cases[i].first, cases[i].second, NULL, both, &m, &error) < 0);
		assert_null(m);
		check_error(&error, ERROR_FAILED, cases[i].refusal);
		derived_done(&both[0]);
		derived_done(&both[1]);
	}
}

/* Names of maps, licences and compilers, which no two of the cases share or differ in. */
static void test_combine_differences(void **state)
{
	static const char *const files[] = {"a.bpf.o", "b.bpf.o"};

	for (unsigned i = 0; i < 4; i++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		_cleanup_manifest_ struct manifest *m = NULL;
		struct derived both[2] = {};
		struct manifest *second;
		int r;

		assert_int_equal(derive_object("good", "a", &both[0], &error), 0);
		assert_int_equal(derive_object("second", "b", &both[1], &error), 0);
		second = both[1].manifest;
		if (i == 0) {
			free(second->maps[0].name);
			second->maps[0].name = strdup("events");
		} else if (i < 3) {
			free(second->license);
			second->license = strdup("MIT");
		} else {
			free(second->build);
			second->build = strdup("{\"compiler\": \"another\"}");
		}
		r = derive_combine(files, both, 2, "both", i == 2 ? "GPL" : NULL, &m, &error);
		if (i == 0)
			check_error(&error, ERROR_FAILED,
				    "a.bpf.o and b.bpf.o both have a map events: in a bundle each "
				    "needs a name of its own");
		else if (i == 1)
			check_error(&error, ERROR_FAILED,
				    "a.bpf.o is under \"GPL\", b.bpf.o under \"MIT\": say in a "
				    "manifest which \"license\" the bundle has");
		else
			assert_int_equal(r, 0);
		if (i == 3)
			assert_non_null(strstr(m->build, "\"compiler_1\":\"another\""));
		derived_done(&both[0]);
		derived_done(&both[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_other_members),
		cmocka_unit_test(test_effects),
		cmocka_unit_test(test_loader),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_typed_symbols),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_not_an_object),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_combine),
		cmocka_unit_test(test_combine_refusals),
		cmocka_unit_test(test_combine_differences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
