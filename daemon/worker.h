/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads for what may take its time, so that the loop never does. A job runs in a thread and is
 * then handed back to the loop. Threads are made when there is work and end when there is none.
 */
#pragma once

#include <systemd/sd-event.h>

#include "util.h"

#define WORKERS_MAX	 16
#define WORKER_QUEUE_MAX 256
#define WORKER_IDLE_SEC	 10 /* how long a thread waits for more */

struct job {
	void (*run)(struct job *job);  /* in a thread */
	void (*done)(struct job *job); /* in the loop's thread; owns the job */
	struct job *next;
};

struct workers;

int workers_new(sd_event *event, struct workers **ret);

/*
 * The queue is bounded: -EAGAIN. A job that must not be lost (@always: clearing up) is taken
 * whatever the queue holds. On failure the job stays the caller's.
 */
int workers_submit(struct workers *workers, struct job *job, bool always);

/* Waits for all jobs, up to @usec; calls their done(). False where some are still running. */
bool workers_drain(struct workers *workers, uint64_t usec);

/* Only after a successful workers_drain(). */
void workers_free(struct workers *workers);
