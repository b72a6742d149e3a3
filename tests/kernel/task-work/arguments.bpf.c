/* SPDX-License-Identifier: GPL-2.0-only */
/* Right and wrong arguments: of each pair of programs one is to be refused. One is loaded at a
 * time. */
#include "schedule.bpf.h"

struct elem {
	__u64 first;
	struct bpf_task_work work;
	__u64 last;
};

struct kept {
	struct task_struct __kptr *task;
};

#define MAP(type_, name_, value_)       \
	struct {                        \
		__uint(type, type_);    \
		__uint(max_entries, 4); \
		__type(key, __u32);     \
		__type(value, value_);  \
	} name_ SEC(".maps")

MAP(BPF_MAP_TYPE_ARRAY, array, struct elem);
MAP(BPF_MAP_TYPE_ARRAY, array2, struct elem);
MAP(BPF_MAP_TYPE_HASH, hash, struct elem);
MAP(BPF_MAP_TYPE_ARRAY, plain, __u64[4]);
MAP(BPF_MAP_TYPE_ARRAY, kept, struct kept);

/* Without any BTF. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 32);
} untyped SEC(".maps");

extern struct task_struct *bpf_task_acquire(struct task_struct *task) __ksym __weak;

__u64 offset;

static int callback(struct bpf_map *map, void *key, void *value)
{
	return 0;
}

#define LOOKUP(map, e)                                      \
	__u32 key = 0;                                      \
	struct elem *e = bpf_map_lookup_elem(&(map), &key); \
                                                            \
	if (!e)                                             \
	return 1
#define TASK bpf_get_current_task_btf()

SEC("?syscall")
int good(void *ctx)
{
	LOOKUP(array, e);
	return schedule_signal(TASK, &e->work, &array, callback);
}

SEC("?syscall")
int good_resume(void *ctx)
{
	LOOKUP(array, e);
	return schedule_resume(TASK, &e->work, &array, callback);
}

/* For maps that are put in the place of the array, whose field is elsewhere. */

#define AT(offset_)                                                                  \
	SEC("?syscall")                                                              \
	int at_##offset_(void *ctx)                                                  \
	{                                                                            \
		LOOKUP(array, e);                                                    \
		return schedule_resume(TASK, (void *)e + offset_, &array, callback); \
	}

AT(0)
AT(4)
AT(16)

/* The task. */

SEC("?syscall")
int task_null(void *ctx)
{
	LOOKUP(array, e);
	return schedule_signal(NULL, &e->work, &array, callback);
}

SEC("?syscall")
int task_number(void *ctx)
{
	LOOKUP(array, e);
	return schedule_signal((void *)bpf_get_current_task(), &e->work, &array, callback);
}

SEC("?syscall")
int task_stack(void *ctx)
{
	char memory[16] = {};
	LOOKUP(array, e);
	return schedule_signal((void *)memory, &e->work, &array, callback);
}

SEC("?syscall")
int task_from_pid(void *ctx)
{
	struct task_struct *task;
	int r;
	LOOKUP(array, e);
	task = bpf_task_from_pid(1);
	if (!task)
		return 2;
	r = schedule_signal(task, &e->work, &array, callback);
	bpf_task_release(task);
	return r;
}

SEC("?syscall")
int task_from_pid_maybe_null(void *ctx)
{
	struct task_struct *task;
	int r;
	LOOKUP(array, e);
	task = bpf_task_from_pid(1);
	r = schedule_signal(task, &e->work, &array, callback);
	if (task)
		bpf_task_release(task);
	return r;
}

SEC("?syscall")
int task_released(void *ctx)
{
	struct task_struct *task;
	LOOKUP(array, e);
	task = bpf_task_from_pid(1);
	if (!task)
		return 2;
	bpf_task_release(task);
	return schedule_signal(task, &e->work, &array, callback);
}

SEC("?syscall")
int task_walked(void *ctx)
{
	struct task_struct *task = TASK;
	LOOKUP(array, e);
	return schedule_signal(task->real_parent, &e->work, &array, callback);
}

SEC("?syscall")
int task_walked_in_rcu(void *ctx)
{
	struct task_struct *task = TASK;
	int r;
	LOOKUP(array, e);
	bpf_rcu_read_lock();
	task = task->real_parent;
	r = task ? schedule_signal(task, &e->work, &array, callback) : 0;
	bpf_rcu_read_unlock();
	return r;
}

SEC("?tp_btf/sched_wakeup")
int task_walked_in_tracing(__u64 *ctx)
{
	struct task_struct *task = TASK;
	LOOKUP(array, e);
	return schedule_signal(task->group_leader, &e->work, &array, callback);
}

SEC("?tp_btf/sched_wakeup")
int task_of_tracepoint(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	LOOKUP(array, e);
	return schedule_signal(task, &e->work, &array, callback);
}

SEC("?syscall")
int task_kptr(void *ctx)
{
	struct kept *k;
	struct task_struct *task;
	int r = 0;
	LOOKUP(array, e);
	k = bpf_map_lookup_elem(&kept, &key);
	if (!k)
		return 1;
	bpf_rcu_read_lock();
	task = k->task;
	if (task)
		r = schedule_signal(task, &e->work, &array, callback);
	bpf_rcu_read_unlock();
	return r;
}

SEC("?syscall")
int task_kptr_outside_rcu(void *ctx)
{
	struct kept *k;
	struct task_struct *task;
	LOOKUP(array, e);
	k = bpf_map_lookup_elem(&kept, &key);
	if (!k)
		return 1;
	task = k->task;
	return task ? schedule_signal(task, &e->work, &array, callback) : 0;
}

SEC("?syscall")
int task_kptr_acquired(void *ctx)
{
	struct kept *k;
	struct task_struct *task;
	int r = 0;
	LOOKUP(array, e);
	k = bpf_map_lookup_elem(&kept, &key);
	if (!k)
		return 1;
	bpf_rcu_read_lock();
	task = k->task;
	task = task ? bpf_task_acquire(task) : NULL;
	bpf_rcu_read_unlock();
	if (task) {
		r = schedule_signal(task, &e->work, &array, callback);
		bpf_task_release(task);
	}
	return r;
}

/* The task_work. */

SEC("?syscall")
int work_null(void *ctx)
{
	return schedule_signal(TASK, NULL, &array, callback);
}

SEC("?syscall")
int work_maybe_null(void *ctx)
{
	__u32 key = 0;
	struct elem *e = bpf_map_lookup_elem(&array, &key);

	return schedule_signal(TASK, (void *)e, &array, callback);
}

SEC("?syscall")
int work_stack(void *ctx)
{
	struct bpf_task_work work = {};

	return schedule_signal(TASK, &work, &array, callback);
}

SEC("?syscall")
int work_context(void *ctx)
{
	return schedule_signal(TASK, ctx, &array, callback);
}

SEC("?syscall")
int work_offset_before(void *ctx)
{
	LOOKUP(array, e);
	return schedule_signal(TASK, (void *)&e->first, &array, callback);
}

SEC("?syscall")
int work_offset_after(void *ctx)
{
	LOOKUP(array, e);
	return schedule_signal(TASK, (void *)&e->last, &array, callback);
}

SEC("?syscall")
int work_offset_inside(void *ctx)
{
	LOOKUP(array, e);
	return schedule_signal(TASK, (void *)&e->work + 4, &array, callback);
}

SEC("?syscall")
int work_offset_outside(void *ctx)
{
	LOOKUP(array, e);
	return schedule_signal(TASK, (void *)&e->work + 64, &array, callback);
}

SEC("?syscall")
int work_offset_variable(void *ctx)
{
	__u64 at = offset;
	LOOKUP(array, e);
	if (at > 16)
		return 1;
	return schedule_signal(TASK, (void *)e + at, &array, callback);
}

/* Variable, but of one value only. */
SEC("?syscall")
int work_offset_known(void *ctx)
{
	__u64 at = offset;
	LOOKUP(array, e);
	if (at != 8)
		return 1;
	return schedule_signal(TASK, (void *)e + at, &array, callback);
}

SEC("?syscall")
int work_of_another_map(void *ctx)
{
	LOOKUP(array2, e);
	return schedule_signal(TASK, &e->work, &array, callback);
}

SEC("?syscall")
int work_of_another_kind_of_map(void *ctx)
{
	LOOKUP(hash, e);
	return schedule_signal(TASK, &e->work, &array, callback);
}

SEC("?syscall")
int work_of_plain_map(void *ctx)
{
	LOOKUP(plain, e);
	return schedule_signal(TASK, &e->work, &array, callback);
}

SEC("?syscall")
int work_in_globals(void *ctx)
{
	return schedule_signal(TASK, (void *)&offset, &array, callback);
}

/* The map. */

SEC("?syscall")
int map_null(void *ctx)
{
	LOOKUP(array, e);
	return schedule_signal(TASK, &e->work, NULL, callback);
}

SEC("?syscall")
int map_plain(void *ctx)
{
	LOOKUP(array, e);
	return schedule_signal(TASK, &e->work, &plain, callback);
}

SEC("?syscall")
int map_and_work_plain(void *ctx)
{
	LOOKUP(plain, e);
	return schedule_signal(TASK, &e->work, &plain, callback);
}

SEC("?syscall")
int map_and_work_untyped(void *ctx)
{
	LOOKUP(untyped, e);
	return schedule_signal(TASK, &e->work, &untyped, callback);
}

SEC("?syscall")
int map_untyped(void *ctx)
{
	LOOKUP(array, e);
	return schedule_signal(TASK, &e->work, &untyped, callback);
}

SEC("?syscall")
int map_number(void *ctx)
{
	LOOKUP(array, e);
	return schedule_signal(TASK, &e->work, (void *)offset, callback);
}

SEC("?syscall")
int map_stack(void *ctx)
{
	char memory[16] = {};
	LOOKUP(array, e);
	return schedule_signal(TASK, &e->work, memory, callback);
}

SEC("?syscall")
int map_value(void *ctx)
{
	LOOKUP(array, e);
	return schedule_signal(TASK, &e->work, e, callback);
}

/* A map of the kernel's, which the verifier knows by its type only. */
struct bpf_iter__bpf_map {
	void *meta;
	struct bpf_map *map;
};

SEC("?iter/bpf_map")
int map_of_iterator(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	LOOKUP(array, e);
	if (!map)
		return 0;
	schedule_signal(TASK, &e->work, map, callback);
	return 0;
}

SEC("?iter/bpf_map")
int map_of_iterator_maybe_null(struct bpf_iter__bpf_map *ctx)
{
	LOOKUP(array, e);
	schedule_signal(TASK, &e->work, ctx->map, callback);
	return 0;
}

SEC("?iter/bpf_map")
int map_right_in_iterator(struct bpf_iter__bpf_map *ctx)
{
	LOOKUP(array, e);
	schedule_signal(TASK, &e->work, &array, callback);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
