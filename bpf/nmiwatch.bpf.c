// SPDX-License-Identifier: GPL-2.0-only
/*
 * nmiwatch: what runs on each CPU, sampled at every NMI (of another's hardware counters, of a
 * watchdog, of a backtrace of all CPUs) and by a clock. From an NMI neither the path of a program
 * nor its command line can be had: the one is spread over the kernel's memory, the other lies in
 * the task's, perhaps not in memory at all. So the sample takes note of the task and asks for task
 * work, which reads both before the task goes on.
 */
#include <stdbool.h>

#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "task-work.h"

char LICENSE[] SEC("license") = "GPL";

#define TEXT_MAX  512  /* of path and command line; a power of two */
#define NAME_SIZE 256  /* of a file's name in one folder */
#define DEPTH_MAX 48   /* folders and mounts above a program */
#define PAGE_SIZE 4096 /* or a multiple of it */
#define SLOTS	  64   /* samples that wait for their tasks */

/* The parts of kernel types that are used here; CO-RE finds where they are. */

struct qstr {
	__u32 len;
	const unsigned char *name;
} __attribute__((preserve_access_index));

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
} __attribute__((preserve_access_index));

struct vfsmount {
	struct dentry *mnt_root;
} __attribute__((preserve_access_index));

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
} __attribute__((preserve_access_index));

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
} __attribute__((preserve_access_index));

struct file {
	struct path f_path;
} __attribute__((preserve_access_index));

struct mm_struct {
	struct file *exe_file;
	unsigned long arg_start, arg_end;
} __attribute__((preserve_access_index));

enum source {
	NMI,
	CLOCK,
};

struct sample_event {
	__u64 nsec; /* CLOCK_MONOTONIC, when the sample was taken */
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__u32 cpu;
	enum source source;
	bool resident; /* the command line was in memory then */
	char comm[16];
	char exe[TEXT_MAX];  /* its end, where it is longer */
	char args[TEXT_MAX]; /* its beginning */
};

/*
 * samples = skipped + waiting + busy + failed; and once no task is on its way any more,
 * waiting = reported + gone + lost.
 */
struct counts {
	__u64 samples;
	__u64 skipped; /* of tasks that never run task work: the kernel's own, idle ones */
	__u64 waiting; /* task work was asked for */
	__u64 busy;    /* the slot was in use */
	__u64 failed;  /* the kernel took no task work */
	__u64 reported;
	__u64 gone; /* the task has ended meanwhile */
	__u64 lost; /* there was no room in the ring buffer */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counts);
} counts SEC(".maps");

struct slot {
	struct bpf_task_work work;
	/* the second half for the verifier alone */
	char text[2 * TEXT_MAX] __attribute__((aligned(8)));
	struct sample_event event;
};

/* An array: a hash map takes locks, which the code that an NMI interrupts may hold. */
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

struct walk {
	struct slot *slot;
	struct dentry *dentry;
	struct mount *mount;
	__u32 at; /* where the path begins so far */
};

/* One step up: to a folder, or from the root of a mount to what it is mounted on. 1 ends it. */
static long walk_up(__u64 i, struct walk *walk)
{
	struct dentry *dentry = walk->dentry, *parent = BPF_CORE_READ(dentry, d_parent);
	__u32 length = BPF_CORE_READ(dentry, d_name.len) & (NAME_SIZE - 1), at;
	struct mount *mount = walk->mount;

	if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
		walk->mount = BPF_CORE_READ(mount, mnt_parent);
		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		return walk->mount == mount;
	}
	if (parent == dentry || length + 1 > walk->at)
		return 1;
	at = (walk->at - length) & (TEXT_MAX - 1);
	bpf_probe_read_kernel(walk->slot->text + at, length, BPF_CORE_READ(dentry, d_name.name));
	at = (at - 1) & (TEXT_MAX - 1);
	walk->slot->text[at] = '/';
	walk->at = at;
	walk->dentry = parent;
	return 0;
}

/*
 * The path of @file, as the mounts have it where it lies, into @slot->event.exe. bpf_d_path() is
 * for few programs only. It is written from its end, so that of a long one the end is left.
 */
static __always_inline void read_exe(struct slot *slot, struct file *file)
{
	struct vfsmount *mnt = BPF_CORE_READ(file, f_path.mnt);
	struct walk walk = {
		.slot = slot,
		.dentry = BPF_CORE_READ(file, f_path.dentry),
		.mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt),
		.at = TEXT_MAX - 1,
	};

	slot->text[TEXT_MAX - 1] = '\0';
	bpf_loop(DEPTH_MAX, walk_up, &walk, 0);
	bpf_probe_read_kernel_str(slot->event.exe, TEXT_MAX,
				  slot->text + (walk.at & (TEXT_MAX - 1)));
}

/* What is in memory at @start, at most @size bytes, into @slot->text. How many there are. */
static __always_inline __u32 copy_args(struct slot *slot, __u64 start, __u64 size)
{
	__u32 first = PAGE_SIZE - (start & (PAGE_SIZE - 1)), rest;

	if (size > TEXT_MAX - 1)
		size = TEXT_MAX - 1;
	if (first >= size) {
		first = size;
		rest = 0;
	} else {
		rest = size - first;
	}
	/* The page behind the arguments may not exist, so no more is read than there is. */
	if (bpf_copy_from_user(slot->text, first & (TEXT_MAX - 1), (void *)start) < 0)
		return 0;
	if (bpf_copy_from_user(slot->text + (first & (TEXT_MAX - 1)), rest & (TEXT_MAX - 1),
			       (void *)(start + first)) < 0)
		return first;
	return size;
}

/* NULs end the arguments: spaces instead, eight at a time and without a branch, for the verifier.
 */
static __always_inline void join_args(__u64 *words)
{
	const __u64 low = 0x7f7f7f7f7f7f7f7f;

	for (int i = 0; i < TEXT_MAX / 8; i++) {
		__u64 zeros = ~(((words[i] & low) + low) | words[i] | low);

		words[i] |= zeros >> 2;
	}
}

static __always_inline void read_args(struct slot *slot, struct mm_struct *mm)
{
	__u64 start = BPF_CORE_READ(mm, arg_start);
	__u32 size = copy_args(slot, start, BPF_CORE_READ(mm, arg_end) - start);

	join_args((__u64 *)slot->text);
	slot->text[(size ? size - 1 : 0) & (TEXT_MAX - 1)] = '\0';
	bpf_probe_read_kernel_str(slot->event.args, TEXT_MAX, slot->text);
}

/* In the task's context, when it goes back to user space. */
static int resolve(struct bpf_map *map, void *key, void *value)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct slot *slot = value;
	struct mm_struct *mm;
	struct counts *c;
	__u32 zero = 0;

	c = bpf_map_lookup_elem(&counts, &zero);
	if (!c)
		return 0;
	mm = task->mm;
	if (!mm) {
		count(&c->gone);
		return 0;
	}
	read_exe(slot, BPF_CORE_READ(mm, exe_file));
	read_args(slot, mm);
	if (bpf_ringbuf_output(&events, &slot->event, sizeof(slot->event), 0) < 0)
		count(&c->lost);
	else
		count(&c->reported);
	return 0;
}

static __always_inline void fill_event(struct sample_event *event, struct task_struct *task,
				       enum source source)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	char first;

	event->nsec = bpf_ktime_get_ns();
	event->pid = pid_tgid >> 32;
	event->tid = pid_tgid;
	event->uid = bpf_get_current_uid_gid();
	event->cpu = bpf_get_smp_processor_id();
	event->source = source;
	event->resident = bpf_probe_read_user(&first, sizeof(first),
					      (void *)BPF_CORE_READ(task, mm, arg_start)) == 0;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
}

/*
 * The slot is filled after the kernel has taken the work: until then it may be that of another one.
 * It runs in this very task, once the interrupt is over, so that this is early enough.
 */
static __always_inline int sample(enum source source)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 zero = 0, index;
	struct counts *c;
	struct slot *slot;
	int r;

	c = bpf_map_lookup_elem(&counts, &zero);
	if (!c)
		return 0;
	count(&c->samples);
	index = __sync_fetch_and_add(&next_slot, 1) % SLOTS;
	slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot || !task_runs_work(task)) {
		count(&c->skipped);
		return 0;
	}
	r = task_work_schedule(task, &slot->work, &slots, resolve);
	if (r < 0) {
		count(r == -EBUSY ? &c->busy : &c->failed);
		return 0;
	}
	fill_event(&slot->event, task, source);
	count(&c->waiting);
	return 0;
}

SEC("raw_tp/nmi_handler")
int on_nmi(void *ctx)
{
	return sample(NMI);
}

SEC("perf_event")
int on_clock(void *ctx)
{
	return sample(CLOCK);
}
