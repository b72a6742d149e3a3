/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mounts whose file system a user serves himself (FUSE): it may say that a file is root's, and
 * never answer. Whether a mount is such a one is asked of the kernel alone, by
 * proc_pid_mountinfo(5), so nothing here blocks, if nothing is looked up in a folder that was not
 * asked about before.
 */
#pragma once

#include "util.h"

/* What tells mounts apart. A negative errno. */
int mount_id(int fd, uint64_t *ret);

/* Is @line, of mountinfo, that of a mount which another user than root serves? */
bool mount_line_is_users(const char *line);

/* -EREMOTE if the mount that @fd (O_PATH will do) is in is served by another user than root, 0 if
 * not, or a negative errno. */
int mount_check(int fd);

/* The same of all that the absolute @path leads through, without following a link at its end. What
 * is not there is 0. */
int mount_check_path(const char *path);
