/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0-only */
/* What ends.bpf.c and rows-ends.c agree on. */
#pragma once

#include <linux/bpf.h>

#define N_BIG 16384

struct small {
	__u64 tag;
	struct bpf_task_work work;
};

struct ends {
	/* of_the_dying: the process, what scheduling for it answered, and then for another task. */
	__u32 dying;
	__s32 first, second;
	__u32 met;
	/* fill: how many could be scheduled. */
	__u32 scheduled;
	__u32 tid; /* of_the_dying: that other task */
};
