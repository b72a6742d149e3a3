/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kfuncs in one of their two spellings: with IMPL the one of Linux 6.18, whose fifth argument
 * is for the kernel to fill in; else that of 7.2. An object has only one of them, for 7.2 refuses
 * the other.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	int pid;
	unsigned int flags;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
} __attribute__((preserve_access_index));

struct bpf_map {
	__u32 id;
	struct {
		__s64 counter;
	} refcnt;
} __attribute__((preserve_access_index));

typedef int task_work_callback(struct bpf_map *map, void *key, void *value);

#ifdef IMPL
extern int bpf_task_work_schedule_signal_impl(struct task_struct *task, struct bpf_task_work *tw,
					      void *map, task_work_callback *callback,
					      void *aux) __ksym __weak;
extern int bpf_task_work_schedule_resume_impl(struct task_struct *task, struct bpf_task_work *tw,
					      void *map, task_work_callback *callback,
					      void *aux) __ksym __weak;
#define schedule_signal(task, tw, map, callback) \
	bpf_task_work_schedule_signal_impl(task, tw, map, callback, NULL)
#define schedule_resume(task, tw, map, callback) \
	bpf_task_work_schedule_resume_impl(task, tw, map, callback, NULL)
#else
extern int bpf_task_work_schedule_signal(struct task_struct *task, struct bpf_task_work *tw,
					 void *map, task_work_callback *callback) __ksym __weak;
extern int bpf_task_work_schedule_resume(struct task_struct *task, struct bpf_task_work *tw,
					 void *map, task_work_callback *callback) __ksym __weak;
#define schedule_signal bpf_task_work_schedule_signal
#define schedule_resume bpf_task_work_schedule_resume
#endif

extern struct task_struct *bpf_task_from_pid(int pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;
extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;

#ifndef NULL
#define NULL ((void *)0)
#endif
