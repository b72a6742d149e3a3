/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel says of processes that it killed for want of memory (cgroup v2). */
#pragma once

#include "util.h"

#define CGROUP_ROOT	"/sys/fs/cgroup"
#define CGROUP_PATH_MAX 512

/* The folder of the daemon's own control group; -ENOENT where there is no cgroup v2, -E2BIG. */
int cgroup_own(char ret[static CGROUP_PATH_MAX]);

/*
 * How many processes of the control group @folder, and of those below, the kernel has killed for
 * want of memory, whether the group's or the machine's. -ENOENT where it does not count them.
 */
int oom_kills(const char *folder, uint64_t *ret);
