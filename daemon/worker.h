/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads for what may take its time, so that the loop never does. A job runs in a thread and is
 * then handed back to the loop. Threads are made when there is work and end when there is none.
 *
 * A thread that is free takes the oldest job of the user who has the fewest running. One thread
 * more than others can have is root's.
 */
#pragma once

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "util.h"

#define WORKERS_MAX	 16
#define WORKERS_ROOT	 1 /* further ones, for uid 0 alone */
#define WORKER_QUEUE_MAX 256
#define WORKER_IDLE_SEC	 10 /* how long a thread waits for more */

struct job {
	void (*run)(struct job *job);  /* in a thread */
	void (*done)(struct job *job); /* in the loop's thread; owns the job */
	struct job *next;
	uid_t uid; /* whose: workers_submit() */
};

struct workers;

int workers_new(sd_event *event, struct workers **ret);

/*
 * The queue is bounded: -EAGAIN. But whoever has none waiting has a place in it, so there are never
 * more than that many and one for each connection; root always has one, and so has a job that must
 * not be lost (@always: clearing up). On failure the job stays the caller's.
 */
int workers_submit(struct workers *workers, struct job *job, uid_t uid, bool always);

/* Waits for all jobs, up to @usec; calls their done(). False where some are still running. */
bool workers_drain(struct workers *workers, uint64_t usec);

/* Only after a successful workers_drain(). */
void workers_free(struct workers *workers);
