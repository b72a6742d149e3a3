/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"
#include "target.h"

static const struct {
	const char *section;
	enum target_kind kind;
	const char *text;
} good[] = {
	{"tp/sched/sched_process_exec", TARGET_TRACEPOINT, "tracepoint:sched/sched_process_exec"},
	{"tracepoint/syscalls/sys_enter_openat", TARGET_TRACEPOINT,
	 "tracepoint:syscalls/sys_enter_openat"},
	{"tp", TARGET_TRACEPOINT, NULL},
	{"raw_tp/sys_enter", TARGET_RAW_TP, "raw_tp:sys_enter"},
	{"raw_tracepoint/sys_enter", TARGET_RAW_TP, "raw_tp:sys_enter"},
	{"tp_btf/sched_switch", TARGET_TP_BTF, "tp_btf:sched_switch"},
	{"fentry/do_unlinkat", TARGET_FENTRY, "fentry:do_unlinkat"},
	{"fentry.s/do_unlinkat", TARGET_FENTRY, "fentry:do_unlinkat"},
	{"fentry", TARGET_FENTRY, NULL},
	{"fexit/do_unlinkat", TARGET_FEXIT, "fexit:do_unlinkat"},
	{"fexit.s/do_unlinkat", TARGET_FEXIT, "fexit:do_unlinkat"},
	{"kprobe/vfs_read", TARGET_KPROBE, "kprobe:vfs_read"},
	{"kprobe/vfs_read+16", TARGET_KPROBE, "kprobe:vfs_read+0x10"},
	{"kprobe/vfs_read+0x10", TARGET_KPROBE, "kprobe:vfs_read+0x10"},
	{"kprobe/vfs_read+0", TARGET_KPROBE, "kprobe:vfs_read"},
	{"kretprobe/vfs_read", TARGET_KRETPROBE, "kretprobe:vfs_read"},
	{"uprobe//usr/bin/bash:readline", TARGET_UPROBE, "uprobe:/usr/bin/bash:readline"},
	{"uprobe.s//usr/bin/bash:readline+4", TARGET_UPROBE, "uprobe:/usr/bin/bash:readline+0x4"},
	{"uprobe", TARGET_UPROBE, NULL},
	{"uretprobe//usr/bin/bash:readline", TARGET_URETPROBE, "uretprobe:/usr/bin/bash:readline"},
	{"perf_event", TARGET_PERF_EVENT, NULL},
	{"xdp", TARGET_XDP, NULL},
	{"xdp.frags", TARGET_XDP, NULL},
	{"tc", TARGET_TCX, NULL},
	{"tcx/ingress", TARGET_TCX, NULL},
	{"tc/egress", TARGET_TCX, NULL},
	{"classifier", TARGET_TCX, NULL},
	{"cgroup_skb/egress", TARGET_CGROUP, NULL},
	{"cgroup/skb", TARGET_CGROUP, NULL},
	{"cgroup/sock_create", TARGET_CGROUP, NULL},
	{"cgroup/dev", TARGET_CGROUP, NULL},
	{"lsm/file_open", TARGET_LSM, "lsm:file_open"},
	{"lsm.s/file_open", TARGET_LSM, "lsm:file_open"},
	{"iter/task", TARGET_ITER, "iter:task"},
	{"iter.s/bpf_map", TARGET_ITER, "iter:bpf_map"},
};

static const char *const bad[] = {
	"",
	"x",
	".text",
	"syscall",
	"fmod_ret/x",
	"freplace/x",
	"lsm_cgroup/x",
	"struct_ops/x",
	"kprobe.multi/vfs_*",
	"uprobe.multi//usr/bin/bash:*",
	"kprobe.session/x",
	"ksyscall/open",
	"usdt//usr/bin/x:y:z",
	"raw_tp.w/x",
	"xdp/devmap",
	"xdp/cpumap",
	"xdp.frags/devmap",
	"xdp/x",
	"tcx",
	"tcx/both",
	"netkit/primary",
	"cgroup/connect4",
	"cgroup/post_bind4",
	"cgroup_skb",
	"cgroup/sysctl",
	"sk_lookup",
	"perf_event/x",
	"fentry/",
	"fentry/a b",
	"fentry/vfs_*",
	"tp/sched",
	"tp/sched/a/b",
	"kprobe/",
	"kprobe/f+",
	"kprobe/f+x",
	"kprobe/f+-1",
	"kprobe/f+1x",
	"kprobe/f+99999999999999999999999",
	"kprobe/f++1",
	"kretprobe/f+1",
	"uprobe/libc.so.6:malloc",
	"uprobe//usr/../bin/bash:readline",
	"uprobe//usr/bin/bash",
	"fentryx/y",
	"tpx",
	"FENTRY/x",
};

static void from_section(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		enum target_kind kind = _TARGET_KIND_MAX;
		_cleanup_free_ char *text = NULL;

		if (target_from_section(good[i].section, &kind, &text) != 0)
			fail_msg("%s is refused", good[i].section);
		assert_int_equal(kind, good[i].kind);
		if (good[i].text)
			assert_string_equal(text, good[i].text);
		else
			assert_null(text);
	}
}

static void refuses(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		enum target_kind kind = _TARGET_KIND_MAX;
		char *text = (char *)"untouched";

		if (target_from_section(bad[i], &kind, &text) != -EOPNOTSUPP)
			fail_msg("%s is accepted", bad[i]);
		assert_int_equal(kind, _TARGET_KIND_MAX);
		assert_string_equal(text, "untouched");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_section),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests_name("section", tests, NULL, NULL);
}
