/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attestation: what needs no kernel, and, as root, whether lies of a manifest are found. */
#include "check.h"

#include <bpf/btf.h>

#include "attest-btf.h"
#include "attest.h"
#include "hostile.h"
#include "sys-bpf.h"

static void test_map_name(void **state)
{
	assert_true(map_name_fits("events", "events"));
	assert_true(map_name_fits("a_name_of_more_than_15", "a_name_of_more_"));
	assert_true(map_name_fits(".data.custom", "kinds.data.cust"));
	assert_true(map_name_fits("kinds.rodata", "kinds.rodata"));

	assert_false(map_name_fits("events", "event"));
	assert_false(map_name_fits("events", "eventsx"));
	assert_false(map_name_fits("events", ""));
	assert_false(map_name_fits("", "events"));
	assert_false(map_name_fits("a_name_of_more_than_15", "a_name_of_more"));
	assert_false(map_name_fits(".data.custom", "kinds.data.other"));
	assert_false(map_name_fits(".data.custom", "kinds."));
	assert_false(map_name_fits("data.custom", "kinds.data.cust"));
}

static void test_kfunc(void **state)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ktime_get_ns},
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 1},
		{.code = BPF_LD | BPF_DW | BPF_IMM},
		/* the second half of a constant may look like anything */
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL},
		{.code = BPF_JMP | BPF_EXIT},
	};

	assert_false(insns_call_kfunc(insns, sizeof(insns)));
	insns[5] = (struct bpf_insn){.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL};
	assert_true(insns_call_kfunc(insns, sizeof(insns)));
	assert_false(insns_call_kfunc(insns, 0));
}

static void test_btf_target(void **state)
{
	struct btf *btf = btf__new_empty();
	int u32, proto, vfs, hook, iter, trace, variable;

	u32 = btf__add_int(btf, "u32", 4, 0);
	proto = btf__add_func_proto(btf, u32);
	vfs = btf__add_func(btf, "vfs_open", BTF_FUNC_STATIC, proto);
	hook = btf__add_func(btf, "bpf_lsm_file_open", BTF_FUNC_STATIC, proto);
	iter = btf__add_func(btf, "bpf_iter_task", BTF_FUNC_STATIC, proto);
	trace = btf__add_typedef(btf, "btf_trace_sched_switch", proto);
	variable = btf__add_typedef(btf, "vfs_open", proto);

	assert_true(btf_type_is_target(btf, (uint32_t)vfs, "fentry:vfs_open"));
	assert_true(btf_type_is_target(btf, (uint32_t)vfs, "fexit:vfs_open"));
	assert_true(btf_type_is_target(btf, (uint32_t)hook, "lsm:file_open"));
	assert_true(btf_type_is_target(btf, (uint32_t)iter, "iter:task"));
	assert_true(btf_type_is_target(btf, (uint32_t)trace, "tp_btf:sched_switch"));

	assert_false(btf_type_is_target(btf, (uint32_t)vfs, "fentry:vfs_ope"));
	assert_false(btf_type_is_target(btf, (uint32_t)vfs, "fentry:vfs_openx"));
	assert_false(btf_type_is_target(btf, (uint32_t)vfs, "fentry:*"));
	assert_false(btf_type_is_target(btf, (uint32_t)vfs, "lsm:vfs_open"));
	assert_false(btf_type_is_target(btf, (uint32_t)vfs, "kprobe:vfs_open"));
	assert_false(btf_type_is_target(btf, (uint32_t)vfs, "vfs_open"));
	assert_false(btf_type_is_target(btf, (uint32_t)vfs, "nothing:vfs_open"));
	assert_false(btf_type_is_target(btf, (uint32_t)variable, "fentry:vfs_open"));
	assert_false(btf_type_is_target(btf, (uint32_t)hook, "iter:task"));
	assert_false(btf_type_is_target(btf, 0, "fentry:vfs_open"));
	assert_false(btf_type_is_target(btf, 4711, "fentry:vfs_open"));
	btf__free(btf);
}

/* ---- with the kernel ---- */

static char program_name[64], map_name[64];
static char target[64], *targets[] = {target};
static struct manifest_program program;
static struct manifest_map map;
static struct manifest manifest;
static struct loaded loaded;
static const char *skip_reason;

/* The truth about what is loaded; each test then tells one lie. */
static int setup(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	static struct loader_asm loader;
	struct load_input input;

	asm_start(&loader, 1);
	hostile_find("honest")->write(&loader);
	input = (struct load_input){
		.loader = {(const void *)loader.insns, loader.n * sizeof(loader.insns[0])},
		.metadata = {loader.data, loader.size},
		.n_programs = 1,
		.n_maps = 1,
		.program_types = 1ULL << BPF_PROG_TYPE_RAW_TRACEPOINT,
		.daemon_only = true,
	};
	strcpy(program_name, "prog");
	strcpy(map_name, "map");
	strcpy(target, "raw_tp:sched_switch");
	program = (struct manifest_program){.name = program_name,
					    .type = BPF_PROG_TYPE_RAW_TRACEPOINT,
					    .n_attach = 1,
					    .attach = targets};
	map = (struct manifest_map){.name = map_name,
				    .type = BPF_MAP_TYPE_ARRAY,
				    .key_size = 4,
				    .value_size = 8,
				    .max_entries = 1};
	manifest =
		(struct manifest){.n_programs = 1, .programs = &program, .n_maps = 1, .maps = &map};
	loaded = LOADED_INIT;
	skip_reason = hostile_unable();
	if (!skip_reason && loader_load(&input, 1, LOAD_DEADLINE_USEC, &loaded, &error) < 0)
		fail_msg("%s", error_message(&error));
	return 0;
}

static int teardown(void **state)
{
	loaded_done(&loaded);
	return 0;
}

#define SKIP_UNLESS_LOADED()                                         \
	do {                                                         \
		if (skip_reason) {                                   \
			print_message("skipped: %s\n", skip_reason); \
			skip();                                      \
		}                                                    \
	} while (0)

static void test_truth(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct program_info programs[1] = {};
	struct map_info maps[1] = {};

	SKIP_UNLESS_LOADED();
	if (attest(&manifest, &loaded, NULL, &(struct kfunc_grant){}, programs, maps, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_true(programs[0].id != 0 && maps[0].id != 0);
	assert_int_equal(strlen(programs[0].tag), 16);
	assert_true(programs[0].loaded_nsec != 0);
	assert_int_equal(maps[0].value_size, 8);
	map.max_entries = 0; /* not compared */
	assert_int_equal(
		attest(&manifest, &loaded, NULL, &(struct kfunc_grant){}, programs, maps, &error),
		0);
	assert_int_equal(maps[0].max_entries, 1);
}

static void lie(const char *part)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct program_info programs[2] = {{.id = 77}};
	struct map_info maps[2] = {{.id = 77}};

	assert_int_equal(
		attest(&manifest, &loaded, NULL, &(struct kfunc_grant){}, programs, maps, &error),
		-EPERM);
	check_error(&error, ERROR_ATTESTATION, part);
	assert_int_equal(error.step, STEP_ATTEST);
	assert_int_equal(programs[0].id, 77);
	assert_int_equal(maps[0].id, 77);
}

static void test_lies_about_maps(void **state)
{
	const struct manifest_map truth = map;

	SKIP_UNLESS_LOADED();
	map_name[0] = 'x';
	lie("map \"xap\" is called \"map\"");
	map_name[0] = 'm';
	map.type = BPF_MAP_TYPE_HASH;
	lie("is of type array, not hash");
	map = truth;
	map.key_size = 8;
	lie("not 8, 8 and 1");
	map = truth;
	map.value_size = 16;
	lie("not 4, 16 and 1");
	map = truth;
	map.max_entries = 2;
	lie("not 4, 8 and 2");
}

static void test_lies_about_programs(void **state)
{
	const struct manifest_program truth = program;

	SKIP_UNLESS_LOADED();
	strcpy(program_name, "another");
	lie("program \"another\" is called \"prog\"");
	strcpy(program_name, "progr");
	lie("is called");
	strcpy(program_name, "prog");
	program.type = BPF_PROG_TYPE_XDP;
	lie("is of type raw_tracepoint, not xdp");
	program = truth;
	manifest.n_programs = 0;
	lie("1 programs and 1 maps were loaded, not 0 and 1");
}

static void test_same_objects(void **state)
{
	struct manifest_program programs[2] = {program, program};
	struct manifest_map maps[2] = {map, map};

	SKIP_UNLESS_LOADED();
	manifest.n_maps = loaded.n_maps = 2;
	manifest.maps = maps;
	loaded.maps[1] = dup(loaded.maps[0]);
	lie("are the same map");
	safe_close(loaded.maps[1]);
	manifest.n_maps = loaded.n_maps = 1;
	manifest.n_programs = loaded.n_programs = 2;
	manifest.programs = programs;
	loaded.programs[1] = dup(loaded.programs[0]);
	lie("are the same program");
}

/* A map in the place of a program: the kernel fills in another structure, which must not fit. */
static void test_wrong_kind(void **state)
{
	int fd = loaded.programs[0];

	SKIP_UNLESS_LOADED();
	loaded.programs[0] = loaded.maps[0];
	loaded.maps[0] = fd;
	lie("");
}

/* A program bound to sched_switch, loaded without a loader, against manifests true and false. */
static int load_bound(struct bpf_prog_info *ret)
{
	static const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct btf *btf = btf__parse("/sys/kernel/btf/vmlinux", NULL);
	union bpf_attr attr;
	int type, fd;

	if (!btf)
		return -ENOENT;
	type = btf__find_by_name_kind(btf, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
	btf__free(btf);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_TRACING;
	attr.expected_attach_type = BPF_TRACE_RAW_TP;
	attr.attach_btf_id = (uint32_t)type;
	attr.insns = sys_ptr(insns);
	attr.insn_cnt = ARRAY_SIZE(insns);
	attr.license = sys_ptr("GPL");
	fd = sys_bpf(BPF_PROG_LOAD, &attr, ATTR_SIZE(attach_btf_id));
	if (fd < 0)
		return fd;
	memset(ret, 0, sizeof(*ret));
	assert_int_equal(sys_bpf_info(fd, ret, sizeof(*ret)), 0);
	close(fd);
	return 0;
}

static void bound_lie(const char *text, const struct bpf_prog_info *info, uint32_t object,
		      const char *part)
{
	_cleanup_error_ struct error error = ERROR_INIT;

	strcpy(target, text);
	assert_int_equal(attest_bound(&program, object, info->attach_btf_id, &error), -EPERM);
	check_error(&error, ERROR_ATTESTATION, part);
}

static void test_bound(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct bpf_prog_info info;

	if (load_bound(&info) < 0) {
		print_message("skipped: no tracing program can be loaded here\n");
		skip();
	}
	/* Both before anything is remembered and after. */
	for (unsigned i = 0; i < 2; i++) {
		bound_lie("fentry:vfs_open", &info, info.attach_btf_obj_id,
			  "is bound to btf_trace_sched_switch");
		bound_lie("tp_btf:sched_wakeup", &info, info.attach_btf_obj_id, "is bound to");
		bound_lie("tp_btf:sched_switch", &info, info.attach_btf_obj_id + 1,
			  "of a kernel module");
		strcpy(target, "tp_btf:sched_switch");
		assert_int_equal(
			attest_bound(&program, info.attach_btf_obj_id, info.attach_btf_id, &error),
			0);
	}
	program.n_attach = 0;
	assert_int_equal(attest_bound(&program, info.attach_btf_obj_id, info.attach_btf_id, NULL),
			 -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_name),
		cmocka_unit_test(test_kfunc),
		cmocka_unit_test(test_btf_target),
		cmocka_unit_test_setup_teardown(test_truth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lies_about_maps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lies_about_programs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same_objects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bound, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
