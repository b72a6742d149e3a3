/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests whose task, memory or map comes to an end. */
#include "schedule.bpf.h"

#include <bpf/bpf_tracing.h>

#include "ends.h"

#define MAP(type_, name_, entries_)            \
	struct {                               \
		__uint(type, type_);           \
		__uint(max_entries, entries_); \
		__type(key, __u32);            \
		__type(value, struct small);   \
	} name_ SEC(".maps")

MAP(BPF_MAP_TYPE_ARRAY, array, 4);
MAP(BPF_MAP_TYPE_ARRAY, big, N_BIG);

struct inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct small);
} inner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps");

struct ends ends;

static int callback(struct bpf_map *map, void *key, void *value)
{
	return 0;
}

/* A task that nobody can get a reference to any more; then, with the same field, the running one.
 */
SEC("?tp_btf/sched_process_free")
int BPF_PROG(of_the_dying, struct task_struct *task)
{
	struct small *small;
	__u32 index = 0;

	if (!ends.dying || (__u32)task->pid != ends.dying)
		return 0;
	small = bpf_map_lookup_elem(&array, &index);
	if (!small)
		return 0;
	ends.first = schedule_resume(task, &small->work, &array, callback);
	ends.second = schedule_resume(bpf_get_current_task_btf(), &small->work, &array, callback);
	ends.met = 1;
	return 0;
}

static long fill_one(__u32 index, void *unused)
{
	struct small *small = bpf_map_lookup_elem(&big, &index);

	if (small && schedule_resume(bpf_get_current_task_btf(), &small->work, &big, callback) == 0)
		ends.scheduled++;
	return 0;
}

SEC("?syscall")
int fill(void *ctx)
{
	bpf_loop(N_BIG, fill_one, NULL, 0);
	return 0;
}

SEC("?syscall")
int schedule_inner(void *ctx)
{
	__u32 index = 0, key = INNER_KEY;
	void *map = bpf_map_lookup_elem(&outer, &index);
	struct task_struct *task;
	struct small *small;

	ends.result = -1;
	if (!map)
		return 0;
	small = bpf_map_lookup_elem(map, &key);
	task = bpf_task_from_pid((int)ends.tid);
	if (!task)
		return 0;
	if (small)
		ends.result = schedule_resume(task, &small->work, map, callback);
	bpf_task_release(task);
	return 0;
}

struct wait {
	__u64 until;
	__u32 alone;
};

/* Until user space has taken the map out of the outer one, and a moment longer. */
static long wait_alone(__u32 i, struct wait *wait)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 index = 0;

	if (!wait->alone && !bpf_map_lookup_elem(&outer, &index)) {
		wait->alone = 1;
		wait->until = now + 50000000;
	}
	return now > wait->until;
}

/*
 * In an interrupt: deletes the element while its request is with the task, and does not let the
 * interrupt that cancels the request in before nobody else has the map.
 */
SEC("?perf_event")
int drop_outer(void *ctx)
{
	struct wait wait = {.until = bpf_ktime_get_ns() + 10000000000ULL};
	__u32 index = 0, key = INNER_KEY;
	void *map;

	if (!ends.armed || (__u32)bpf_get_current_pid_tgid() != ends.armed)
		return 0;
	ends.armed = 0;
	map = bpf_map_lookup_elem(&outer, &index);
	if (!map)
		return 0;
	ends.deleted = (int)bpf_map_delete_elem(map, &key);
	ends.inside = 1;
	bpf_loop(1 << 23, wait_alone, &wait, 0);
	ends.left = wait.alone ? 1 : 2;
	return 0;
}

/* The number of a map is given back when its last reference is dropped, under a lock. */
SEC("?fentry/idr_remove")
int BPF_PROG(watch_idr, void *idr, unsigned long id)
{
	char comm[16] = "";

	if (!ends.map_id || id != ends.map_id || ends.dropped || !ends.inside)
		return 0;
	if ((__u32)bpf_get_current_pid_tgid() == ends.spinner) {
		ends.dropped = IN_INTERRUPT;
		return 0;
	}
	bpf_get_current_comm(comm, sizeof(comm));
	if (bpf_strncmp(comm, 7, "kworker") == 0)
		ends.dropped = IN_WORKER;
	else if (bpf_get_current_pid_tgid() >> 32 == ends.tid)
		ends.dropped = ELSEWHERE;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
