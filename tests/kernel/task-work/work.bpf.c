/* SPDX-License-Identifier: GPL-2.0-only */
/* Schedules task work from the places where that is wanted, and says what the callback saw. */
#include "schedule.bpf.h"

#include "work.h"

#define EEXIST 17
#define ENOENT 2
#define EINVAL 22
#define ESRCH  3

#define MAP(type_, name_, flags_)               \
	struct {                                \
		__uint(type, type_);            \
		__uint(max_entries, KIND_SIZE); \
		__uint(map_flags, flags_);      \
		__type(key, __u32);             \
		__type(value, struct elem);     \
	} name_ SEC(".maps")

MAP(BPF_MAP_TYPE_ARRAY, array, 0);
MAP(BPF_MAP_TYPE_HASH, hash, 0);
MAP(BPF_MAP_TYPE_HASH, hash_alloc, BPF_F_NO_PREALLOC);
MAP(BPF_MAP_TYPE_LRU_HASH, lru, 0);

struct globals globals;

static int callback(struct bpf_map *map, void *key, void *value);

/* Needs the address of a map: hence for each of them. */
#define SCHEDULE(map)                                                             \
	({                                                                        \
		struct elem *elem_ = bpf_map_lookup_elem(&map, &key);             \
		int r_ = elem_ ? 0 : -ENOENT;                                     \
                                                                                  \
		if (elem_ && mode == SIGNAL)                                      \
			r_ = schedule_signal(task, &elem_->work, &map, callback); \
		else if (elem_ && mode == RESUME)                                 \
			r_ = schedule_resume(task, &elem_->work, &map, callback); \
		r_;                                                               \
	})

static __always_inline int schedule_uncounted(struct task_struct *task, __u32 kind, __u32 mode,
					      __u32 key)
{
	switch (kind) {
	case ARRAY:
		return SCHEDULE(array);
	case HASH:
		return SCHEDULE(hash);
	case HASH_ALLOC:
		return SCHEDULE(hash_alloc);
	case LRU:
		return SCHEDULE(lru);
	default:
		return -EINVAL;
	}
}

static __always_inline int schedule(struct task_struct *task, __u32 kind, __u32 mode, __u32 key)
{
	int r = schedule_uncounted(task, kind, mode, key);
	__u32 at = key < KIND_SIZE ? key : KIND_SIZE - 1;

	if (mode >= N_MODES)
		return r;
	if (r == 0)
		__sync_fetch_and_add(&globals.counts.ok[kind % N_KINDS][at % KIND_SIZE], 1);
	else
		__sync_fetch_and_add(&globals.counts.errors[-r & (N_ERRNOS - 1)], 1);
	return r;
}

static __always_inline void copy(struct seen *seen, struct elem *elem)
{
	void *address = (void *)elem->address;
	__u64 copied = 0;

	seen->before = (int)bpf_probe_read_user(&copied, sizeof(copied), address);
	copied = 0;
	seen->result = (int)bpf_copy_from_user(&copied, sizeof(copied), address);
	seen->copied = copied;
}

static __always_inline int again(struct bpf_map *map, struct elem *elem, struct elem *other)
{
	if (elem->times == 0)
		return -EEXIST;
	elem->times--;
	return schedule_resume(bpf_get_current_task_btf(), &other->work, map, callback);
}

static int callback(struct bpf_map *map, void *key, void *value)
{
	struct elem *elem = value;
	struct seen *seen = &globals.seen[elem->slot % N_SLOTS];
	struct elem *other;
	__u32 index = *(__u32 *)key;

	seen->tag = elem->tag;
	seen->key = index;
	seen->map_id = map->id;
	seen->tid = (__u32)bpf_get_current_pid_tgid();
	__sync_fetch_and_add(&seen->started, 1);
	switch (elem->what) {
	case COPY:
		copy(seen, elem);
		break;
	case AGAIN_ITSELF:
		seen->result = again(map, elem, elem);
		break;
	case AGAIN_ANOTHER:
		index = elem->other;
		other = bpf_map_lookup_elem(map, &index);
		if (other)
			seen->result = again(map, elem, other);
		break;
	case DELETE_ITSELF:
		seen->result = (int)bpf_map_delete_elem(map, key);
		break;
	}
	__sync_fetch_and_add(&seen->finished, 1);
	return 0;
}

SEC("syscall")
int from_syscall(struct request *request)
{
	struct request q = *request;
	struct task_struct *task;
	int r;

	if (q.tid == 0)
		return schedule(bpf_get_current_task_btf(), q.kind, q.mode, q.key);
	task = bpf_task_from_pid((int)q.tid);
	if (!task)
		return -ESRCH;
	r = schedule(task, q.kind, q.mode, q.key);
	bpf_task_release(task);
	return r;
}

/* The first time that the armed task is met. */
static __always_inline int when_armed(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	if (globals.armed == 0 || globals.armed != tid)
		return 0;
	__sync_fetch_and_add(&globals.hits, 1);
	if (__sync_val_compare_and_swap(&globals.armed, tid, 0) != tid)
		return 0;
	globals.result = schedule(bpf_get_current_task_btf(), globals.request.kind,
				  globals.request.mode, globals.request.key);
	return 0;
}

SEC("?raw_tp/sys_enter")
int from_raw_tp(void *ctx)
{
	return when_armed();
}

SEC("?tp/syscalls/sys_enter_getpgid")
int from_tracepoint(void *ctx)
{
	return when_armed();
}

SEC("?perf_event")
int from_perf_event(void *ctx)
{
	return when_armed();
}

SEC("?raw_tp/nmi_handler")
int from_nmi(void *ctx)
{
	return when_armed();
}

/* Every time that the task, or a task of the process, is met; elements by turns, or at random. */
static __always_inline int always(void)
{
	struct counts *counts = &globals.counts;
	__u64 self = bpf_get_current_pid_tgid(), hit;
	__u32 kind = globals.request.kind, mode = globals.request.mode;

	if (counts->tgid ? counts->tgid != self >> 32 : !counts->tid || counts->tid != (__u32)self)
		return 0;
	hit = __sync_fetch_and_add(&counts->hits, 1);
	if (counts->tgid) {
		hit = bpf_get_prandom_u32();
		kind = hit >> 8 & (N_KINDS - 1);
		mode = hit >> 16 & 1;
	}
	schedule(bpf_get_current_task_btf(), kind, mode, hit % KIND_SIZE);
	return 0;
}

SEC("?raw_tp/nmi_handler")
int from_nmi_counted(void *ctx)
{
	return always();
}

SEC("?tp/syscalls/sys_enter_getpgid")
int from_tracepoint_counted(void *ctx)
{
	return always();
}

char LICENSE[] SEC("license") = "GPL";
