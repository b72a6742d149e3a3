/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Step "seal": from whatever file descriptor a client sent to memory that nobody can change.
 *
 * A memfd sealed against write, shrink, grow and further seals is mapped as it is. Anything else is
 * copied into a memfd of ours by a short-lived child with a deadline, since stat, read and even
 * close of a file on FUSE or NFS can block for ever. The daemon itself makes no call on such a fd
 * but fcntl(F_GET_SEALS), which asks no file system, and close, by close_async().
 */
#pragma once

#include "bundle.h"

#define SEAL_DEADLINE_USEC (5 * 1000 * 1000)

struct sealed {
	int fd; /* sealed memfd; owned */
	void *data;
	size_t size;
};

/*
 * Seals what @fd (borrowed) refers to. Blocks up to @deadline_usec: called from a worker, never
 * from the loop. ERROR_UNREADABLE at STEP_SEAL: directory, pipe, socket, device; empty; larger
 * than BUNDLE_SIZE_MAX; changed while it was read; deadline over.
 */
int seal_bundle(int fd, uint64_t deadline_usec, struct sealed *ret, struct error *error);
void sealed_done(struct sealed *sealed);
#define _cleanup_sealed_ _cleanup_(sealed_done)

/* Is @fd a memfd with all four seals? Makes no call that can block. */
bool fd_is_sealed(int fd);

/* Closes without ever blocking the caller: a sealed memfd at once, anything else in a thread of its
 * own. */
void close_async(int fd);
