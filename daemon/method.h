/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the methods have in common that run in a thread: the job of a call. */
#pragma once

#include "connection.h"
#include "road.h"

struct call_job {
	struct job job;		      /* first */
	void (*run)(struct job *job); /* what job.run was, before it was submitted */
	struct call *call;
	struct front *front;
	struct peer peer;
	enum user_slot slot; /* what it counts as */
	bool charged;
	int r; /* of run(); below 0: .error */
	struct error error;
};

/*
 * Fills a zeroed job for @call and submits it: job->run() in a thread, then job->done() in the
 * loop. It counts as @slot. On failure (a limit is reached: ERROR_BUSY) nothing is submitted, the
 * caller ends the call and frees the job, after call_job_done().
 *
 * A job that waits until its client has gone is not run (but for calls that want no reply): whoever
 * gave up must not get it later, when others have asked for something else. Then .r is -ECANCELED.
 */
int call_job_submit(struct call_job *job, struct call *call, enum user_slot slot,
		    struct error *error);
void call_job_done(struct call_job *job);

/* Of a struct call_job, in its thread: has the client gone, who would want to know? */
bool call_job_abandoned(const void *job);

/* True for uid 0. False: the caller is somebody else and has been told, and the call is over. */
bool call_by_root(struct call *call);

/* {"load": ...} with the fds of @reply, which are the client's from then on; ends the call, but one
 * with "more" that has made a session load, @goes_on. */
void call_reply_load(struct call *call, struct road_reply *reply, bool goes_on);
