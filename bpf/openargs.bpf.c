// SPDX-License-Identifier: GPL-2.0-only
/*
 * openargs: which path each open(2), openat(2) and openat2(2) is asked for, whole, also where its
 * page is not in memory. The tracepoint at the entry of system calls may not sleep: what it can
 * read it reports at once; where it would have to wait for a page it asks for task work, which
 * reads the string when the call is over. Between the two a program can put another string there;
 * "resident" says which way an event came.
 *
 * Calls of 32-bit programs are not seen: their numbers mean other calls.
 */
#include <stdbool.h>

#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "task-work.h"

char LICENSE[] SEC("license") = "GPL";

#define PATH_MAX  4096 /* with the NUL; the kernel takes no longer ones */
#define PAGE_SIZE 4096 /* or a multiple of it */
#define SLOTS	  64   /* calls that wait for a page at the same time */

#define TS_COMPAT 0x0002 /* arch/x86/include/asm/thread_info.h */

/* x86-64; the names are shown to the user. */
enum open_call {
	OPEN = 2,
	OPENAT = 257,
	OPENAT2 = 437,
};

/* CO-RE: both are those of x86-64, and where there are none the program is not loaded. */
struct pt_regs {
	unsigned long si;
	unsigned long di;
} __attribute__((preserve_access_index));

struct thread_info {
	__u32 status;
} __attribute__((preserve_access_index));

struct task_struct___x86 {
	struct thread_info thread_info;
} __attribute__((preserve_access_index));

struct open_event {
	__u32 pid;
	__u32 tid;
	__u32 uid;
	enum open_call call;
	bool resident; /* the path was in memory when the call began */
	char comm[16];
	char path[PATH_MAX];
};

/*
 * opens = read + lost + skipped + waiting + busy + failed; and once no call is under way any more,
 * waiting = read_later + bad + lost_later.
 */
struct counts {
	__u64 opens;
	__u64 read;	  /* at once */
	__u64 lost;	  /* the same, but there was no room in the ring buffer */
	__u64 skipped;	  /* of tasks that never run task work */
	__u64 waiting;	  /* task work was asked for */
	__u64 busy;	  /* the slot was in use, so it was not read */
	__u64 failed;	  /* the kernel took no task work */
	__u64 read_later; /* by task work */
	__u64 lost_later;
	__u64 bad; /* there is no string at that address */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counts);
} counts SEC(".maps");

struct slot {
	struct bpf_task_work work;
	__u64 address;
	struct open_event event;
	char text[2 * PATH_MAX]; /* the second half for the verifier alone */
};

/* An array: a hash map takes locks, which is no good wherever this may interrupt. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

__u32 next_slot;

static __always_inline void count(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

static __always_inline void fill_event(struct open_event *event, enum open_call call, bool resident)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();

	event->pid = pid_tgid >> 32;
	event->tid = pid_tgid;
	event->uid = bpf_get_current_uid_gid();
	event->call = call;
	event->resident = resident;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
}

/*
 * The string at @slot->address into @slot->event. The page after it may not exist, so it is read
 * only where the string goes on there. False where none ends within PATH_MAX.
 */
static __always_inline bool read_string(struct slot *slot)
{
	__u32 first = PAGE_SIZE - (slot->address & (PAGE_SIZE - 1));
	long length;

	if (bpf_copy_from_user(slot->text, first, (void *)slot->address) < 0)
		return false;
	/* A NUL behind it, which is not the string's. */
	slot->text[first] = '\0';
	length = bpf_probe_read_kernel_str(slot->event.path, PATH_MAX, slot->text);
	if (length <= first)
		return length > 0;
	if (first == PAGE_SIZE || bpf_copy_from_user(slot->text + first, PAGE_SIZE - first,
						     (void *)(slot->address + first)) < 0)
		return false;
	slot->text[PATH_MAX] = '\0';
	return bpf_probe_read_kernel_str(slot->event.path, PATH_MAX, slot->text) > 0;
}

/* In the task's context, when it leaves the system call. */
static int read_later(struct bpf_map *map, void *key, void *value)
{
	struct slot *slot = value;
	struct counts *c;
	__u32 zero = 0;

	c = bpf_map_lookup_elem(&counts, &zero);
	if (!c)
		return 0;
	if (!read_string(slot))
		count(&c->bad);
	else if (bpf_ringbuf_output(&events, &slot->event, sizeof(slot->event), 0) < 0)
		count(&c->lost_later);
	else
		count(&c->read_later);
	return 0;
}

/*
 * The slot is filled after the kernel has taken the work: until then it may be that of another one.
 * It runs in this very task, on its way out, so that this is early enough.
 */
static __always_inline void wait_for_page(struct counts *c, enum open_call call, __u64 address)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 index = __sync_fetch_and_add(&next_slot, 1) % SLOTS;
	struct slot *slot = bpf_map_lookup_elem(&slots, &index);
	int r;

	if (!slot || !task_runs_work(task)) {
		count(&c->skipped);
		return;
	}
	r = task_work_schedule(task, &slot->work, &slots, read_later);
	if (r < 0) {
		count(r == -EBUSY ? &c->busy : &c->failed);
		return;
	}
	slot->address = address;
	fill_event(&slot->event, call, false);
	count(&c->waiting);
}

/* False where the string cannot be read without waiting. */
static __always_inline bool read_now(struct counts *c, enum open_call call, __u64 address)
{
	struct open_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count(&c->lost);
		return true;
	}
	if (bpf_probe_read_user_str(event->path, sizeof(event->path), (void *)address) < 0) {
		bpf_ringbuf_discard(event, 0);
		return false;
	}
	fill_event(event, call, true);
	bpf_ringbuf_submit(event, 0);
	count(&c->read);
	return true;
}

/* The arguments of TRACE_EVENT(sys_enter) in include/trace/events/syscalls.h. */
SEC("tp_btf/sys_enter")
int BPF_PROG(on_open, struct pt_regs *regs, long call)
{
	struct task_struct___x86 *task = (void *)bpf_get_current_task_btf();
	struct counts *c;
	__u64 address;
	__u32 zero = 0;

	if (call != OPEN && call != OPENAT && call != OPENAT2)
		return 0;
	if (BPF_CORE_READ(task, thread_info.status) & TS_COMPAT)
		return 0;
	c = bpf_map_lookup_elem(&counts, &zero);
	if (!c)
		return 0;
	count(&c->opens);
	address = call == OPEN ? regs->di : regs->si;
	if (!read_now(c, call, address))
		wait_for_page(c, call, address);
	return 0;
}
