/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What rows-hooks.c tells hooks.bpf.c. */
#pragma once

#include <linux/types.h>

struct hook_answers {
	__u32 watched; /* this process is answered; all others as if there were no program */
	int bpf, map_create, prog_load;
};
