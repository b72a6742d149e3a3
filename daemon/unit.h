/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which system unit a process belongs to, by the control group that the system's manager has put it
 * into. Told from the top of the path: what is deeper is in the hands of the unit itself.
 */
#pragma once

#include "util.h"

#define UNIT_NAME_SIZE 256 /* with the NUL */

/*
 * The service of a control group, "/system.slice/ci@1.service/x" -> "ci@1.service". -ENOENT: none,
 * or one below user.slice, where users have managers of their own.
 */
int unit_from_cgroup(const char *path, char ret[static UNIT_NAME_SIZE]);

/*
 * That of the process behind @pidfd. It is read by number, and counts only if the process still has
 * that number afterwards: a number that has been given to another in between is not taken for it.
 * -ENOENT: it is in none. Everything else says that it cannot be told: -ESRCH, the process or its
 * control group is gone, or another errno.
 */
int unit_of_pidfd(int pidfd, char ret[static UNIT_NAME_SIZE]);
