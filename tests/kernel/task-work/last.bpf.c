/* SPDX-License-Identifier: GPL-2.0-only */
/* A request that has the last reference to its map, and is dropped in an interrupt. */
#include "schedule.bpf.h"

#include <bpf/bpf_tracing.h>

#include "last.h"

/* As in linux/preempt.h and linux/sched.h. */
#define HARDIRQ_MASK 0x000f0000
#define PF_WQ_WORKER 0x00000020

struct pcpu_hot {
	int preempt_count;
} __attribute__((preserve_access_index));

extern const struct pcpu_hot pcpu_hot __ksym;

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct small);
} inner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {.values = {&inner}};

struct last last;

static int callback(struct bpf_map *map, void *key, void *value)
{
	return 0;
}

struct wait {
	struct bpf_map *map;
	__u64 until;
	__s64 references;
};

/* Until nobody has the map but the request. */
static long wait_alone(__u32 i, struct wait *wait)
{
	wait->references = wait->map->refcnt.counter;
	return wait->references == 1 || bpf_ktime_get_ns() > wait->until;
}

/*
 * In an interrupt: makes a request, whose own interrupt has to wait for the end of this one, and
 * does not end before user space has let go of the map.
 */
SEC("?perf_event")
int hold(void *ctx)
{
	struct wait wait = {.until = bpf_ktime_get_ns() + 10000000000ULL};
	__u32 index = 0;
	struct small *small;

	if (!last.armed || (__u32)bpf_get_current_pid_tgid() != last.armed)
		return 0;
	last.armed = 0;
	wait.map = bpf_map_lookup_elem(&outer, &index);
	if (!wait.map)
		return 0;
	small = bpf_map_lookup_elem(wait.map, &index);
	if (!small)
		return 0;
	last.result = schedule_resume(bpf_get_current_task_btf(), &small->work, wait.map, callback);
	last.inside = 1;
	bpf_loop(1 << 23, wait_alone, &wait, 0);
	last.references = wait.references;
	last.left = 1;
	return 0;
}

static enum place here(void)
{
	const struct pcpu_hot *hot = bpf_this_cpu_ptr(&pcpu_hot);

	if (hot->preempt_count & HARDIRQ_MASK)
		return IN_INTERRUPT;
	return bpf_get_current_task_btf()->flags & PF_WQ_WORKER ? IN_WORKER : IN_TASK;
}

SEC("?fentry/bpf_map_put")
int BPF_PROG(watch_put, struct bpf_map *map)
{
	if (last.map_id && map->id == last.map_id && map->refcnt.counter == 1 && !last.put)
		last.put = here();
	return 0;
}

/* What is done for the last reference begins with a lock that interrupts must not take. */
SEC("?fentry/bpf_map_put_last")
int BPF_PROG(watch_end, struct bpf_map *map)
{
	if (last.map_id && map->id == last.map_id && !last.ended)
		last.ended = here();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
