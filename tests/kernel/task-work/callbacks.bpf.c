/* SPDX-License-Identifier: GPL-2.0-only */
/* Right and wrong callbacks, and places from which to schedule. One program is loaded at a time. */
#include "schedule.bpf.h"

struct elem {
	__u64 first;
	struct bpf_task_work work;
	__u64 last;
};

struct locked {
	struct bpf_spin_lock lock;
	struct bpf_task_work work;
};

#define MAP(type_, name_, value_)       \
	struct {                        \
		__uint(type, type_);    \
		__uint(max_entries, 4); \
		__type(key, __u32);     \
		__type(value, value_);  \
	} name_ SEC(".maps")

MAP(BPF_MAP_TYPE_ARRAY, array, struct elem);
MAP(BPF_MAP_TYPE_HASH, hash, struct elem);
MAP(BPF_MAP_TYPE_HASH, locked, struct locked);

extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

__u64 global;

/* A program that schedules this callback. */
#define PROGRAM(callback_)                                                          \
	SEC("?syscall")                                                             \
	int with_##callback_(void *ctx)                                             \
	{                                                                           \
		__u32 key = 0;                                                      \
		struct elem *e = bpf_map_lookup_elem(&hash, &key);                  \
                                                                                    \
		if (!e)                                                             \
			return 1;                                                   \
		return schedule_resume(bpf_get_current_task_btf(), &e->work, &hash, \
				       (task_work_callback *)callback_);            \
	}

#define RETURNS(name, value_)                                                    \
	static __u64 returns_##name(struct bpf_map *map, void *key, void *value) \
	{                                                                        \
		return value_;                                                   \
	}                                                                        \
	PROGRAM(returns_##name)

RETURNS(0, 0)
RETURNS(1, 1)
RETURNS(minus_1, -1ULL)
RETURNS(big, 0x123456789abcdef0ULL)
RETURNS(any, global)
RETURNS(int, (__s64)(int)global)
RETURNS(unsigned, (__u32)global)
RETURNS(map, (__u64)map)
RETURNS(key, (__u64)key)
RETURNS(value, (__u64)value)

static __attribute__((naked, used)) void returns_nothing(void)
{
	asm volatile("exit");
}
PROGRAM(returns_nothing)

static __attribute__((naked, used)) void takes_four(void)
{
	asm volatile("r0 = r4; exit");
}
PROGRAM(takes_four)

static int takes_none(void)
{
	return 0;
}
PROGRAM(takes_none)

__attribute__((noinline)) int is_global(void)
{
	return (int)global;
}
PROGRAM(is_global)

#define CALLBACK(name, ...)                                                 \
	static int name(struct bpf_map *map, void *key, struct elem *value) \
	{                                                                   \
		__VA_ARGS__                                                 \
		return 0;                                                   \
	}                                                                   \
	PROGRAM(name)

CALLBACK(reads_key, global = *(__u32 *)key;)
CALLBACK(reads_past_key, global = *(__u64 *)key;)
CALLBACK(writes_key, *(__u32 *)key = 1;)
CALLBACK(reads_value, global = value->first + value->last;)
CALLBACK(writes_value, value->first = value->last = 1;)
CALLBACK(reads_past_value, global = *(&value->last + 1);)
CALLBACK(reads_work, global = *(volatile __u64 *)&value->work;)
CALLBACK(writes_work, *(volatile __u64 *)&value->work = 0;)
CALLBACK(reads_map, global = map->id;)
CALLBACK(writes_map, *(__u32 *)map = 0;)
CALLBACK(may_sleep, bpf_copy_from_user(&value->last, 8, (void *)global);)
CALLBACK(may_not_sleep, bpf_probe_read_user(&value->last, 8, (void *)global);)
CALLBACK(rcu_and_sleep, bpf_rcu_read_lock(); bpf_copy_from_user(&value->last, 8, (void *)global);
	 bpf_rcu_read_unlock();)
CALLBACK(looks_up, struct elem *other = bpf_map_lookup_elem(map, key);
	 if (other) global = other->first;)
CALLBACK(deletes_itself, bpf_map_delete_elem(map, key);)
CALLBACK(updates_itself, struct elem elem = {}; bpf_map_update_elem(map, key, &elem, 0);)
CALLBACK(leaks_reference, bpf_task_from_pid(1);)
CALLBACK(leaves_rcu_locked, bpf_rcu_read_lock();)

static int schedules_itself(struct bpf_map *map, void *key, struct elem *value)
{
	schedule_resume(bpf_get_current_task_btf(), &value->work, map,
			(task_work_callback *)schedules_itself);
	return 0;
}
PROGRAM(schedules_itself)

static int schedules_by_name(struct bpf_map *map, void *key, struct elem *value)
{
	schedule_resume(bpf_get_current_task_btf(), &value->work, &hash,
			(task_work_callback *)schedules_by_name);
	return 0;
}
PROGRAM(schedules_by_name)

static int schedules_array(struct bpf_map *map, void *key, struct elem *value)
{
	schedule_resume(bpf_get_current_task_btf(), &value->work, &array,
			(task_work_callback *)takes_none);
	return 0;
}
PROGRAM(schedules_array)

static int schedules_another(struct bpf_map *map, void *key, struct elem *value)
{
	__u32 index = 0;
	struct elem *e = bpf_map_lookup_elem(&array, &index);

	if (e)
		schedule_signal(bpf_get_current_task_btf(), &e->work, &array,
				(task_work_callback *)takes_none);
	return 0;
}
PROGRAM(schedules_another)

static int returns_result(struct bpf_map *map, void *key, struct elem *value)
{
	return schedule_resume(bpf_get_current_task_btf(), &value->work, map,
			       (task_work_callback *)takes_none);
}
PROGRAM(returns_result)

SEC("?syscall")
int with_null(void *ctx)
{
	__u32 key = 0;
	struct elem *e = bpf_map_lookup_elem(&hash, &key);

	return e ? schedule_resume(bpf_get_current_task_btf(), &e->work, &hash, NULL) : 1;
}

SEC("?syscall")
int with_number(void *ctx)
{
	__u32 key = 0;
	struct elem *e = bpf_map_lookup_elem(&hash, &key);

	return e ? schedule_resume(bpf_get_current_task_btf(), &e->work, &hash, (void *)global) : 1;
}

/* Places. */

#define PLACE(name, before, after)                                                 \
	SEC("?syscall")                                                            \
	int name(void *ctx)                                                        \
	{                                                                          \
		__u32 key = 0;                                                     \
		struct locked *e = bpf_map_lookup_elem(&locked, &key);             \
		int r;                                                             \
                                                                                   \
		if (!e)                                                            \
			return 1;                                                  \
		before;                                                            \
		r = schedule_resume(bpf_get_current_task_btf(), &e->work, &locked, \
				    (task_work_callback *)takes_none);             \
		after;                                                             \
		return r;                                                          \
	}

PLACE(in_the_open, , )
PLACE(in_rcu, bpf_rcu_read_lock(), bpf_rcu_read_unlock())
PLACE(in_preempt_disabled, bpf_preempt_disable(), bpf_preempt_enable())
PLACE(in_lock, bpf_spin_lock(&e->lock), bpf_spin_unlock(&e->lock))

static long each(struct bpf_map *map, void *key, struct elem *value, void *ctx)
{
	schedule_resume(bpf_get_current_task_btf(), &value->work, map,
			(task_work_callback *)takes_none);
	return 0;
}

SEC("?syscall")
int in_for_each(void *ctx)
{
	return (int)bpf_for_each_map_elem(&hash, each, NULL, 0);
}

static __attribute__((noinline)) int inner(struct elem *e)
{
	return e ? schedule_resume(bpf_get_current_task_btf(), &e->work, &hash,
				   (task_work_callback *)takes_none)
		 : 1;
}

SEC("?syscall")
int in_function(void *ctx)
{
	__u32 key = 0;

	return inner(bpf_map_lookup_elem(&hash, &key));
}

/* Access to the field by others. */

#define ACCESS(name, ...)                                          \
	SEC("?syscall")                                            \
	int name(void *ctx)                                        \
	{                                                          \
		__u32 key = 0;                                     \
		struct elem *e = bpf_map_lookup_elem(&hash, &key); \
                                                                   \
		if (!e)                                            \
			return 1;                                  \
		__VA_ARGS__                                        \
		return 0;                                          \
	}

ACCESS(access_beside, global = e->first; e->last = 1;)
ACCESS(access_read, global = *(volatile __u64 *)&e->work;)
ACCESS(access_read_byte, global = *((volatile __u8 *)&e->work + 7);)
ACCESS(access_write, *(volatile __u64 *)&e->work = 1;)
ACCESS(access_atomic, __sync_fetch_and_add((__u64 *)&e->work, 1);)
ACCESS(access_helper_reads, struct elem n = {}; bpf_map_update_elem(&hash, &e->work, &n, 0);)
ACCESS(access_helper_writes, bpf_probe_read_kernel(&e->work, 8, ctx);)
ACCESS(access_helper_writes_all, bpf_probe_read_kernel(e, sizeof(*e), ctx);)
ACCESS(access_helper_writes_beside, bpf_probe_read_kernel(&e->last, 8, ctx);)
ACCESS(access_update_from_value, bpf_map_update_elem(&hash, &key, e, 0);)
ACCESS(access_update_from_stack, struct elem n = {}; bpf_map_update_elem(&hash, &key, &n, 0);)

char LICENSE[] SEC("license") = "GPL";
