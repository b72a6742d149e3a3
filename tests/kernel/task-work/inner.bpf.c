/* SPDX-License-Identifier: GPL-2.0-only */
/* Maps in a map: the map of the value must be the map that is named, found by the same look-up. */
#include "schedule.bpf.h"

struct elem {
	__u64 first;
	struct bpf_task_work work;
};

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct elem);
};

struct inner one SEC(".maps"), two SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {.values = {&one, &two}};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer_hash SEC(".maps") = {.values = {&one, &two}};

static int callback(struct bpf_map *map, void *key, void *value)
{
	return 0;
}

#define FIND(outer_, n, map, e)                             \
	index = n;                                          \
	void *map = bpf_map_lookup_elem(&(outer_), &index); \
	if (!map)                                           \
		return 1;                                   \
	index = 0;                                          \
	struct elem *e = bpf_map_lookup_elem(map, &index);  \
	if (!e)                                             \
	return 1

#define PROGRAM(name, task_work_, map_, ...)                                                  \
	SEC("?syscall")                                                                       \
	int name(void *ctx)                                                                   \
	{                                                                                     \
		__u32 index;                                                                  \
		__VA_ARGS__;                                                                  \
		return schedule_resume(bpf_get_current_task_btf(), &(task_work_)->work, map_, \
				       callback);                                             \
	}

PROGRAM(same, e, map, FIND(outer, 0, map, e))
PROGRAM(same_hash, e, map, FIND(outer_hash, 0, map, e))
PROGRAM(other_index, e, map2, FIND(outer, 0, map, e); FIND(outer, 1, map2, e2))
PROGRAM(same_index_twice, e, map2, FIND(outer, 0, map, e); FIND(outer, 0, map2, e2))
PROGRAM(other_outer, e, map2, FIND(outer, 0, map, e); FIND(outer_hash, 0, map2, e2))
PROGRAM(value_of_inner_map_itself, e, &one, FIND(outer, 0, map, e))
PROGRAM(map_itself_value_of_inner, e2, map, FIND(outer, 0, map, e);
	struct elem *e2 = bpf_map_lookup_elem(&one, &index); if (!e2) return 1)
PROGRAM(outer_map, e, &outer, FIND(outer, 0, map, e))

SEC("?syscall")
int maybe_null(void *ctx)
{
	__u32 index = 0;
	void *map = bpf_map_lookup_elem(&outer, &index);
	struct elem *e = bpf_map_lookup_elem(&one, &index);

	return e ? schedule_resume(bpf_get_current_task_btf(), &e->work, map, callback) : 1;
}

char LICENSE[] SEC("license") = "GPL";
