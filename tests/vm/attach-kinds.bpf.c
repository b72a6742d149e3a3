/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One program of each kind, which does nothing but count that it ran: for tests/vm/attach-kinds.c,
 * which loads them one by one. A program's counter is the one with its own number.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps");

/* With its lock, it cannot be frozen: for tests/vm/keep-loads.c. */
struct locked_value {
	struct bpf_spin_lock lock;
	__u64 value;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct locked_value);
} locked SEC(".maps");

static __always_inline void ran(void)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&runs, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

#define COUNT(name, section, result)     \
	SEC(section) int name(void *ctx) \
	{                                \
		ran();                   \
		return result;           \
	}

COUNT(on_tracepoint, "tracepoint", 0)
COUNT(on_raw_tp, "raw_tp", 0)
COUNT(on_tp_btf, "tp_btf/sched_switch", 0)
COUNT(on_fentry, "fentry/vfs_open", 0)
COUNT(on_fexit, "fexit/vfs_open", 0)
COUNT(on_kprobe, "kprobe", 0)
COUNT(on_kretprobe, "kretprobe", 0)
COUNT(on_kprobe_multi, "kprobe.multi", 0)
COUNT(on_kretprobe_multi, "kretprobe.multi", 0)
COUNT(on_uprobe, "uprobe.multi", 0)
COUNT(on_uretprobe, "uretprobe.multi", 0)
COUNT(on_plain_uprobe, "uprobe", 0)
COUNT(on_perf_event, "perf_event", 0)
COUNT(on_xdp, "xdp", 2 /* XDP_PASS */)
COUNT(on_tcx, "tcx/ingress", -1 /* TCX_NEXT */)
COUNT(on_ingress, "cgroup_skb/ingress", 1)
COUNT(on_egress, "cgroup_skb/egress", 1)
COUNT(on_sock_create, "cgroup/sock_create", 1)
COUNT(on_sock_release, "cgroup/sock_release", 1)
COUNT(on_device, "cgroup/dev", 1)
COUNT(on_lsm, "lsm/file_open", 0)
COUNT(on_iter, "iter/task", 0)
/* Can change what the function returns: must never pass for fentry or fexit. */
COUNT(on_fmod_ret, "fmod_ret/security_file_open", 0)

char LICENSE[] SEC("license") = "GPL";
