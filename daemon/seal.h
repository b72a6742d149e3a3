/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Step "seal": from whatever file descriptor a client sent to memory that nobody can change.
 *
 * Everything is copied by read(2) into a sealed memfd of ours, by a short-lived child with a
 * deadline. A file on FUSE or NFS can block for ever in stat, read and even close. A sealed memfd
 * can as well: its pages are its owner's, who can have them swapped out of a memory cgroup that has
 * no room left; whoever touches them in a mapping then faults for ever. So the daemon touches no
 * memory of a client's, and makes no call on such a fd but fcntl(F_GET_SEALS) and, on a sealed
 * memfd, fstat(2), which ask no file system, and close, by close_async().
 */
#pragma once

#include <sys/types.h>

#include "bundle.h"

#define SEAL_DEADLINE_USEC (5 * 1000 * 1000)

/* So many threads and children of one user may hang in his file system before he is refused. */
#define STUCK_MAX 8
/* And so many until he is no longer served: on a busy machine, closing what does not hang at all
 * may take a moment, and several calls may have come meanwhile. */
#define STUCK_DROP_MAX 32
/* Of all users: so many until only those are served who have none, and until nobody is but root. */
#define STUCK_ALL_MAX	   512
#define STUCK_ALL_DROP_MAX 2048
/* Of all users: so many threads; and then no further file is read but a sealed memfd. */
#define STUCK_THREADS_MAX 64

struct sealed {
	int fd; /* sealed memfd of ours; owned */
	void *data;
	size_t size;
};
#define SEALED_INIT ((struct sealed){.fd = -1})

/*
 * Seals what @fd (borrowed) of user @uid refers to. Blocks up to @deadline_usec (from now): called
 * from a worker, never from the loop. ERROR_UNREADABLE at STEP_SEAL: directory, pipe, socket,
 * device; empty; larger than BUNDLE_SIZE_MAX; changed while it was read; deadline over. ERROR_BUSY
 * where too many children of that user hang.
 */
int seal_bundle(int fd, uid_t uid, uint64_t deadline_usec, struct sealed *ret, struct error *error);
void sealed_done(struct sealed *sealed);
#define _cleanup_sealed_ _cleanup_(sealed_done)

/* Is @fd a memfd with all four seals? Makes no call that can block. */
bool fd_is_sealed(int fd);

/* ---- close.c: what may block, and whose fault it is ---- */

/* Closes without ever blocking the caller: a sealed memfd that is no larger than a bundle at once,
 * anything else in a thread of its own, on @uid's account. */
void close_async(int fd, uid_t uid);

/* The same for a client's socket: the files in what was not read are closed with it. */
void close_socket(int fd, uid_t uid);

/* Waits for a killed child in a thread of its own and then closes @pidfd. */
void reap_async(int pidfd, uid_t uid);

/* May @uid send anything more? */
bool stuck_serves(uid_t uid);

/* How many of the above @uid has under way. */
unsigned stuck_count(uid_t uid);
/* All users together, and those below. */
unsigned stuck_count_all(void);
/* Starts what no thread could be started for when it came: how many are left of those. To be called
 * now and then; each of the first two calls does so as well. */
unsigned stuck_retry(void);
unsigned stuck_left(void);
