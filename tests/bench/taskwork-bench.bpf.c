/* SPDX-License-Identifier: GPL-2.0-only */
/* Schedules, and measures itself where that is nearest. */
#include "../kernel/task-work/schedule.bpf.h"

#include "taskwork-bench.h"

struct elem {
	struct bpf_task_work work;
	__u64 start;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, N_ELEMENTS);
	__type(key, __u32);
	__type(value, struct elem);
} elements SEC(".maps");

struct results results;

static int callback(struct bpf_map *map, void *key, void *value)
{
	struct elem *elem = value;
	__u32 n;

	__sync_fetch_and_add(&results.callbacks, 1);
	if (elem->start) {
		n = __sync_fetch_and_add(&results.n_samples, 1);
		results.latency[n % N_SAMPLES] = bpf_ktime_get_ns() - elem->start;
		elem->start = 0;
	}
	return 0;
}

static long look(__u32 i, void *ctx)
{
	struct elem *elem = bpf_map_lookup_elem(&elements, &i);

	if (elem)
		elem->start = 0;
	return 0;
}

static long schedule(__u32 i, void *ctx)
{
	struct elem *elem = bpf_map_lookup_elem(&elements, &i);

	if (!elem)
		return 1;
	elem->start = 0;
	if (schedule_resume(bpf_get_current_task_btf(), &elem->work, &elements, callback) == 0)
		results.calls++;
	else
		results.failed++;
	return 0;
}

/* The same loop without the call. */
SEC("syscall")
int only_look(void *ctx)
{
	__u64 start = bpf_ktime_get_ns();

	bpf_loop(N_ELEMENTS, look, NULL, 0);
	results.loop = bpf_ktime_get_ns() - start;
	return 0;
}

SEC("syscall")
int schedule_all(void *ctx)
{
	__u64 start = bpf_ktime_get_ns();

	bpf_loop(N_ELEMENTS, schedule, NULL, 0);
	results.loop = bpf_ktime_get_ns() - start;
	return 0;
}

SEC("socket")
int empty(void *ctx)
{
	return 0;
}

SEC("raw_tp/nmi_handler")
int on_nmi(void *ctx)
{
	__u32 key = 0;
	struct elem *elem;

	if (results.spinner == 0 || results.spinner != (__u32)bpf_get_current_pid_tgid())
		return 0;
	elem = bpf_map_lookup_elem(&elements, &key);
	if (!elem || elem->start)
		return 0;
	elem->start = bpf_ktime_get_ns();
	if (schedule_resume(bpf_get_current_task_btf(), &elem->work, &elements, callback) == 0) {
		results.calls++;
	} else {
		elem->start = 0;
		results.failed++;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
