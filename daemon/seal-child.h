/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The child that reads a client's file, so that what hangs can be given up, and killed where the
 * kernel lets it be.
 *
 * It shares the daemon's fd table (CLONE_FILES), as a thread would, rather than having a copy: a
 * copy would keep alive what the daemon closes, a program that is to end for one, for as long as
 * the child hangs; and it could be got rid of only by closing, which may hang in another client's
 * file system.
 */
#pragma once

#include "util.h"

enum seal_verdict {
	SEAL_OK = 1,
	SEAL_NOT_REGULAR,
	SEAL_EMPTY,
	SEAL_TOO_LARGE,
	SEAL_CHANGED,
	SEAL_FAILED, /* errnum says why */
};

struct seal_report {
	enum seal_verdict verdict;
	int errnum;
	unsigned mode; /* st_mode, for SEAL_NOT_REGULAR */
};

/*
 * Starts a child that copies @file into @memfd and writes its verdict, one struct seal_report, into
 * the pipe @report. *ret_pidfd is owned. None of the three fds may be closed before the child has
 * reported, or was killed and given the time to be gone. 0 or a negative errno.
 */
int seal_child_start(int file, int memfd, int report, int *ret_pidfd);
