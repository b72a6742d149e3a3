/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Children that hold nothing of the daemon's but one socket.
 *
 * A forked child has a copy of every fd: of links, so that a program which is to end lives on as
 * long as the child does, and of clients' files, which it can get rid of only by closing them; and
 * that can hang for ever in a client's file system (FUSE is asked to flush, and whoever waits for
 * that cannot be killed). So nothing is copied: a child starts with the daemon's fd table shared
 * and leaves it by close_range(CLOSE_RANGE_UNSHARE), which copies just the fds below its range. The
 * kernel copies 64 at a time, so the daemon fills the first 64 at its start, when all is its own.
 */
#pragma once

#include "util.h"

/*
 * Fills the fds below 64 that are free. To be called before there is any client; a first
 * child_start() does it if nobody has. 0 or a negative errno.
 */
int child_setup(void);

/*
 * A fork with the fd table shared. The caller blocks all signals; in the child it makes
 * async-signal-safe calls only, and touches no fd but to read and write. Returns the child's pid,
 * with *ret_pidfd set, 0 in the child, or -1 and errno.
 */
long child_clone(int *ret_pidfd);

/*
 * Starts a child that runs @run(@userdata) with @socket (the caller's) as fd 0 and no other, all
 * signals blocked. There are threads, so it may only make async-signal-safe calls. *ret_pidfd is
 * owned. 0 or a negative errno.
 */
int child_start(int socket, void (*run)(const void *userdata), const void *userdata,
		int *ret_pidfd);
