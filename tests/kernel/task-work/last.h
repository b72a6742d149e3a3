/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0-only */
/* What last.bpf.c and rows-last.c agree on. */
#pragma once

#include <linux/bpf.h>

struct small {
	__u64 tag;
	struct bpf_task_work work;
};

/* Where something was done. */
enum place { NOT_YET, IN_INTERRUPT, IN_WORKER, IN_TASK };

struct last {
	/* hold: for this task, which the interrupt must meet. */
	__u32 armed;
	__u32 inside; /* it has, and what the kfunc answered */
	__s32 result;
	__u32 left; /* it has ended, and how many references there were then */
	__s64 references;
	/* watch_put, watch_end: of this map. */
	__u32 map_id;
	__u32 put, ended; /* enum place */
};
