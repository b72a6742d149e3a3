/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0-only */
/* What ends.bpf.c and rows-ends.c agree on. */
#pragma once

#include <linux/bpf.h>

#define N_BIG	  16384
#define INNER_KEY 1

struct small {
	__u64 tag;
	struct bpf_task_work work;
};

/* Where the last reference to a map was dropped. */
enum dropped { NOT_YET, IN_INTERRUPT, IN_WORKER, ELSEWHERE };

struct ends {
	/* of_the_dying: the process, what scheduling for it answered, and then for another task. */
	__u32 dying;
	__s32 first, second;
	__u32 met;
	/* fill: how many could be scheduled. */
	__u32 scheduled;
	/* drop_outer: for this task, which the interrupt must meet. */
	__u32 armed, spinner;
	__u32 inside, left;
	__s32 deleted;
	/* watch_idr: of this map. */
	__u32 map_id;
	__u32 dropped;
	/* schedule_inner: the task, and what it answered. */
	__u32 tid;
	__s32 result;
};
