/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Task work: from where nothing may sleep, NMIs included, have a callback run in a task's own
 * context, where it may. The bundle must say "requires": ["task_work"] in its manifest, and policy
 * must grant bpf_task_work_schedule_*.
 *
 * Linux 6.18 has the kfuncs as ..._impl() with one more argument, which the verifier fills in; 7.2
 * and later take the short names only. Both are weak: the one that the running kernel does not have
 * is dead code, which its verifier removes, so that one signed loader serves all of them. Linux 7
 * still knows the older names, and refuses a program that refers to them: "bpfctl build" sees to it
 * that they are not looked for there.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#ifndef NULL
#define NULL ((void *)0)
#endif

#define EBUSY	   16
#define EOPNOTSUPP 95

/* include/linux/sched.h: whoever never goes back to user space never runs its task work. */
#define PF_EXITING     0x00000004
#define PF_IO_WORKER   0x00000010
#define PF_USER_WORKER 0x00004000
#define PF_KTHREAD     0x00200000

/* The parts of kernel types that are used here; CO-RE finds where they are. */
struct task_struct {
	unsigned int flags;
	int pid;
	int tgid;
	struct mm_struct *mm;
} __attribute__((preserve_access_index));

struct bpf_map;
typedef int (*task_work_fn)(struct bpf_map *map, void *key, void *value);

extern int bpf_task_work_schedule_resume(struct task_struct *task, struct bpf_task_work *work,
					 void *map, task_work_fn callback) __ksym __weak;
extern int bpf_task_work_schedule_resume_impl(struct task_struct *task, struct bpf_task_work *work,
					      void *map, task_work_fn callback,
					      void *aux) __ksym __weak;

/* Idle tasks (pid 0) are kernel threads as well, but say so less clearly. */
static __always_inline bool task_runs_work(const struct task_struct *task)
{
	return task->pid != 0 &&
	       !(task->flags & (PF_EXITING | PF_IO_WORKER | PF_USER_WORKER | PF_KTHREAD));
}

/*
 * Has @callback run when @task next goes back to user space. @work lies in a value of @map. -EBUSY:
 * it is still used for an earlier one; -EOPNOTSUPP: the kernel has no task work, which the daemon
 * finds before it loads.
 */
#define task_work_schedule(task, work, map, callback)                                  \
	(bpf_ksym_exists(bpf_task_work_schedule_resume)                                \
		 ? bpf_task_work_schedule_resume(task, work, map, callback)            \
	 : bpf_ksym_exists(bpf_task_work_schedule_resume_impl)                         \
		 ? bpf_task_work_schedule_resume_impl(task, work, map, callback, NULL) \
		 : -EOPNOTSUPP)
