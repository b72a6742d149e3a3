/* SPDX-License-Identifier: GPL-2.0-only */
/* The same in every type of program. One is loaded at a time. */
#include "schedule.bpf.h"

struct elem {
	struct bpf_task_work work;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct elem);
} array SEC(".maps");

static int callback(struct bpf_map *map, void *key, void *value)
{
	return 0;
}

static __always_inline int work(void)
{
	__u32 key = 0;
	struct elem *e = bpf_map_lookup_elem(&array, &key);

	if (e)
		schedule_resume(bpf_get_current_task_btf(), &e->work, &array, callback);
	return 0;
}

#define TYPE(section, name, value) \
	SEC("?" section)           \
	int name(void *ctx)        \
	{                          \
		work();            \
		return value;      \
	}

TYPE("socket", socket, 0)
TYPE("xdp", xdp, 2)
TYPE("tc", tc, 0)
TYPE("tcx/ingress", tcx, 0)
TYPE("action", action, 0)
TYPE("kprobe/do_exit", kprobe, 0)
TYPE("kretprobe/do_exit", kretprobe, 0)
TYPE("kprobe.multi/do_exit", kprobe_multi, 0)
TYPE("uprobe", uprobe, 0)
TYPE("uprobe.s", uprobe_sleepable, 0)
TYPE("tracepoint/sched/sched_switch", tracepoint, 0)
TYPE("raw_tp/sched_switch", raw_tp, 0)
TYPE("raw_tp.w/sched_switch", raw_tp_writable, 0)
TYPE("tp_btf/sched_switch", tp_btf, 0)
TYPE("perf_event", perf_event, 0)
TYPE("fentry/bpf_fentry_test1", fentry, 0)
TYPE("fentry.s/bpf_fentry_test1", fentry_sleepable, 0)
TYPE("fexit/bpf_fentry_test1", fexit, 0)
TYPE("fmod_ret/bpf_modify_return_test", fmod_ret, 0)
TYPE("lsm/file_open", lsm, 0)
TYPE("lsm.s/file_open", lsm_sleepable, 0)
TYPE("lsm_cgroup/socket_create", lsm_cgroup, 1)
TYPE("iter/task", iter, 0)
TYPE("iter.s/task", iter_sleepable, 0)
TYPE("syscall", syscall, 0)
TYPE("cgroup_skb/ingress", cgroup_skb, 1)
TYPE("cgroup/sock_create", cgroup_sock, 1)
TYPE("cgroup/connect4", cgroup_sock_addr, 1)
TYPE("cgroup/dev", cgroup_device, 1)
TYPE("cgroup/sysctl", cgroup_sysctl, 1)
TYPE("cgroup/getsockopt", cgroup_sockopt, 1)
TYPE("sockops", sockops, 1)
TYPE("sk_skb/stream_verdict", sk_skb, 1)
TYPE("sk_msg", sk_msg, 1)
TYPE("sk_lookup", sk_lookup, 1)
TYPE("sk_reuseport", sk_reuseport, 1)
TYPE("flow_dissector", flow_dissector, 0)
TYPE("lwt_in", lwt_in, 0)
TYPE("lwt_xmit", lwt_xmit, 0)
TYPE("lwt_seg6local", lwt_seg6local, 0)
TYPE("netfilter", netfilter, 1)

/* The callback of one that may sleep, and of one that may not, both may. */
static int sleeps(struct bpf_map *map, void *key, void *value)
{
	char byte;

	bpf_copy_from_user(&byte, 1, NULL);
	return 0;
}

#define SLEEPING(section, name)                                                                \
	SEC("?" section)                                                                       \
	int name(void *ctx)                                                                    \
	{                                                                                      \
		__u32 key = 0;                                                                 \
		struct elem *e = bpf_map_lookup_elem(&array, &key);                            \
                                                                                               \
		if (e)                                                                         \
			schedule_signal(bpf_get_current_task_btf(), &e->work, &array, sleeps); \
		return 0;                                                                      \
	}
SLEEPING("syscall", syscall_callback_sleeps)
SLEEPING("raw_tp/sched_switch", raw_tp_callback_sleeps)
SLEEPING("kprobe/do_exit", kprobe_callback_sleeps)
SLEEPING("perf_event", perf_event_callback_sleeps)

char LICENSE[] SEC("license") = "GPL";
