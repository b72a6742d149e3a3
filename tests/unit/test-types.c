/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"
#include "target.h"

static const struct {
	enum bpf_prog_type type;
	const char *name;
	const char *fits; /* names of kinds */
} program_types[] = {
	{BPF_PROG_TYPE_TRACEPOINT, "tracepoint", " tracepoint "},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, "raw_tracepoint", " raw_tp "},
	{BPF_PROG_TYPE_TRACING, "tracing", " tp_btf fentry fexit iter "},
	{BPF_PROG_TYPE_KPROBE, "kprobe", " kprobe kretprobe uprobe uretprobe "},
	{BPF_PROG_TYPE_PERF_EVENT, "perf_event", " perf_event "},
	{BPF_PROG_TYPE_XDP, "xdp", " xdp "},
	{BPF_PROG_TYPE_SCHED_CLS, "sched_cls", " tcx "},
	{BPF_PROG_TYPE_CGROUP_SKB, "cgroup_skb", " cgroup "},
	{BPF_PROG_TYPE_CGROUP_SOCK, "cgroup_sock", " cgroup "},
	{BPF_PROG_TYPE_CGROUP_DEVICE, "cgroup_device", " cgroup "},
	{BPF_PROG_TYPE_LSM, "lsm", " lsm "},
};

static const char *listed(unsigned type)
{
	for (size_t i = 0; i < ARRAY_SIZE(program_types); i++)
		if (program_types[i].type == type)
			return program_types[i].name;
	return NULL;
}

static void program_type_names(void **state)
{
	enum bpf_prog_type type = 4711;

	for (unsigned i = 0; i < 64; i++) {
		const char *name = program_type_name(i), *expected = listed(i);

		assert_int_equal(!name, !expected);
		if (!name)
			continue;
		assert_string_equal(name, expected);
		assert_int_equal(program_type_from_name(name, &type), 0);
		assert_int_equal(type, i);
	}
	type = 4711;
	assert_int_equal(program_type_from_name("syscall", &type), -EOPNOTSUPP);
	assert_int_equal(program_type_from_name("struct_ops", &type), -EOPNOTSUPP);
	assert_int_equal(program_type_from_name("ext", &type), -EOPNOTSUPP);
	assert_int_equal(program_type_from_name("", &type), -EOPNOTSUPP);
	assert_int_equal(type, 4711);
}

static void program_type_and_kind(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(program_types); i++) {
		for (unsigned kind = 0; kind < _TARGET_KIND_MAX; kind++) {
			char word[32];

			snprintf(word, sizeof(word), " %s ", target_kind_name(kind));
			assert_int_equal(program_type_fits(program_types[i].type, kind),
					 !!strstr(program_types[i].fits, word));
		}
		assert_false(program_type_fits(program_types[i].type, _TARGET_KIND_MAX));
		assert_false(program_type_fits(program_types[i].type, -1));
	}
	assert_false(program_type_fits(BPF_PROG_TYPE_SYSCALL, TARGET_FENTRY));
}

static const struct {
	const char *target;
	int attach; /* -1: none */
	enum bpf_prog_type fits;
} targets[] = {
	{"tracepoint:sched/sched_switch", -1, BPF_PROG_TYPE_TRACEPOINT},
	{"raw_tp:sys_enter", -1, BPF_PROG_TYPE_RAW_TRACEPOINT},
	{"kprobe:vfs_read", -1, BPF_PROG_TYPE_KPROBE},
	{"kretprobe:vfs_read", -1, BPF_PROG_TYPE_KPROBE},
	{"uprobe:/usr/bin/bash:readline", -1, BPF_PROG_TYPE_KPROBE},
	{"uretprobe:/usr/bin/bash:readline", -1, BPF_PROG_TYPE_KPROBE},
	{"perf_event:cpu-clock@99", -1, BPF_PROG_TYPE_PERF_EVENT},
	{"tp_btf:sched_switch", BPF_TRACE_RAW_TP, BPF_PROG_TYPE_TRACING},
	{"fentry:vfs_read", BPF_TRACE_FENTRY, BPF_PROG_TYPE_TRACING},
	{"fexit:vfs_read", BPF_TRACE_FEXIT, BPF_PROG_TYPE_TRACING},
	{"iter:task", BPF_TRACE_ITER, BPF_PROG_TYPE_TRACING},
	{"lsm:file_open", BPF_LSM_MAC, BPF_PROG_TYPE_LSM},
	{"xdp:eth0", BPF_XDP, BPF_PROG_TYPE_XDP},
	{"tcx:eth0/ingress", BPF_TCX_INGRESS, BPF_PROG_TYPE_SCHED_CLS},
	{"tcx:eth0/egress", BPF_TCX_EGRESS, BPF_PROG_TYPE_SCHED_CLS},
	{"cgroup:/sys/fs/cgroup/x/ingress", BPF_CGROUP_INET_INGRESS, BPF_PROG_TYPE_CGROUP_SKB},
	{"cgroup:/sys/fs/cgroup/x/egress", BPF_CGROUP_INET_EGRESS, BPF_PROG_TYPE_CGROUP_SKB},
	{"cgroup:/sys/fs/cgroup/sock_create", BPF_CGROUP_INET_SOCK_CREATE,
	 BPF_PROG_TYPE_CGROUP_SOCK},
	{"cgroup:/sys/fs/cgroup/sock_release", BPF_CGROUP_INET_SOCK_RELEASE,
	 BPF_PROG_TYPE_CGROUP_SOCK},
	{"cgroup:/sys/fs/cgroup/device", BPF_CGROUP_DEVICE, BPF_PROG_TYPE_CGROUP_DEVICE},
};

static void attach_types(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		_cleanup_target_ struct target t = {};
		enum bpf_attach_type attach = 4711;

		assert_int_equal(target_parse(targets[i].target, &t, NULL), 0);
		if (targets[i].attach < 0) {
			assert_int_equal(target_attach_type(&t, &attach), -EOPNOTSUPP);
			assert_int_equal(attach, 4711);
		} else {
			assert_int_equal(target_attach_type(&t, &attach), 0);
			assert_int_equal(attach, targets[i].attach);
		}
		for (size_t j = 0; j < ARRAY_SIZE(program_types); j++)
			assert_int_equal(program_type_fits_target(program_types[j].type, &t),
					 program_types[j].type == targets[i].fits);
	}
}

static void hooks(void **state)
{
	assert_true(target_hook_valid(TARGET_TCX, "egress"));
	assert_true(target_hook_valid(TARGET_CGROUP, "device"));
	assert_false(target_hook_valid(TARGET_TCX, "device"));
	assert_false(target_hook_valid(TARGET_CGROUP, "connect4"));
	assert_false(target_hook_valid(TARGET_XDP, "ingress"));
}

static void map_type_names(void **state)
{
	/* What they hide could not be attested. */
	static const enum bpf_map_type refused[] = {
		BPF_MAP_TYPE_UNSPEC,	       BPF_MAP_TYPE_PROG_ARRAY,
		BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_CGROUP_ARRAY,
		BPF_MAP_TYPE_ARRAY_OF_MAPS,    BPF_MAP_TYPE_HASH_OF_MAPS,
		BPF_MAP_TYPE_DEVMAP,	       BPF_MAP_TYPE_SOCKMAP,
		BPF_MAP_TYPE_CPUMAP,	       BPF_MAP_TYPE_XSKMAP,
		BPF_MAP_TYPE_SOCKHASH,	       BPF_MAP_TYPE_DEVMAP_HASH,
		BPF_MAP_TYPE_STRUCT_OPS,       BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
	};
	enum bpf_map_type type = 4711;
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_null(map_type_name(refused[i]));
	assert_int_equal(map_type_from_name("prog_array", &type), -EOPNOTSUPP);
	assert_int_equal(map_type_from_name("", &type), -EOPNOTSUPP);
	assert_int_equal(type, 4711);

	for (unsigned i = 0; i < 64; i++) {
		if (!map_type_name(i))
			continue;
		assert_int_equal(map_type_from_name(map_type_name(i), &type), 0);
		assert_int_equal(type, i);
		n++;
	}
	assert_int_equal(n, 17);
	assert_string_equal(map_type_name(BPF_MAP_TYPE_RINGBUF), "ringbuf");
	assert_string_equal(map_type_name(BPF_MAP_TYPE_PERCPU_ARRAY), "percpu_array");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(program_type_names), cmocka_unit_test(program_type_and_kind),
		cmocka_unit_test(attach_types),	      cmocka_unit_test(hooks),
		cmocka_unit_test(map_type_names),
	};

	return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
