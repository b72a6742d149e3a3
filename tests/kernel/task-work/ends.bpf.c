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

struct ends ends;

static int callback(struct bpf_map *map, void *key, void *value)
{
	return 0;
}

/* A task that nobody can get a reference to any more; then, with the same field, the one that
 * waits. */
SEC("?tp_btf/sched_process_free")
int BPF_PROG(of_the_dying, struct task_struct *task)
{
	struct task_struct *other;
	struct small *small;
	__u32 index = 0;

	if (!ends.dying || (__u32)task->pid != ends.dying)
		return 0;
	small = bpf_map_lookup_elem(&array, &index);
	if (!small)
		return 0;
	ends.first = schedule_resume(task, &small->work, &array, callback);
	/* Not of the running one: it can be the first processor's idle task, which nobody can hold
	 * either. */
	other = bpf_task_from_pid((int)ends.tid);
	if (other) {
		ends.second = schedule_resume(other, &small->work, &array, callback);
		bpf_task_release(other);
	}
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

char LICENSE[] SEC("license") = "GPL";
