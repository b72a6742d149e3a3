// SPDX-License-Identifier: GPL-2.0-only
/*
 * execwatch: who executes what. One record for every successful execve(2), on the ring buffer
 * "events"; how many there were, and how many found no room in it, in "totals". Whoever loads it
 * can leave users below "min_uid" out and choose the ring buffer's "buffer_size".
 *
 * A BTF tracepoint, not a perf one: where kernel.perf_event_paranoid is 3, as on Debian, perf
 * events are for CAP_SYS_ADMIN alone. This one needs neither that nor tracefs.
 */

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

/* The parts of kernel types that are used here; CO-RE finds where they are. */

struct task_struct {
	struct task_struct *real_parent;
	int tgid;
} __attribute__((preserve_access_index));

struct linux_binprm {
	const char *filename;
} __attribute__((preserve_access_index));

struct exec_event {
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	char comm[16];
	char filename[256]; /* cut off where it is longer */
};

struct totals {
	__u64 execs;
	__u64 lost; /* there was no room in the ring buffer */
};

/* Tunable: no record of users below, who are counted still. */
const volatile __u32 min_uid = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct totals);
} totals SEC(".maps");

/* A function, so that the object's BTF holds the type of an event. */
static __noinline void fill_event(struct exec_event *event, const char *filename)
{
	struct task_struct *task = bpf_get_current_task_btf();

	event->pid = task->tgid;
	event->ppid = task->real_parent->tgid;
	event->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	if (bpf_probe_read_kernel_str(event->filename, sizeof(event->filename), filename) < 0)
		event->filename[0] = '\0';
}

/* The arguments of TRACE_EVENT(sched_process_exec) in include/trace/events/sched.h. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct exec_event *event;
	struct totals *total;
	__u32 zero = 0;

	total = bpf_map_lookup_elem(&totals, &zero);
	if (!total)
		return 0;
	__sync_fetch_and_add(&total->execs, 1);
	if ((__u32)bpf_get_current_uid_gid() < min_uid)
		return 0;

	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&total->lost, 1);
		return 0;
	}
	fill_event(event, bprm->filename);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
