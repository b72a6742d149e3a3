/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One load child, from its start to its end, as its parent sees it. Nothing that the child does or
 * does not do holds the caller up for longer than the deadline and ATTEMPT_GRACE_USEC.
 */
#pragma once

#include "load-child.h"

/* A process that has been killed may still be at work inside a system call. */
#define ATTEMPT_GRACE_USEC (2 * 1000 * 1000)

enum attempt_ending {
	ENDED_REPORT,	 /* it said how it went */
	ENDED_MUTE,	 /* it lost its socket */
	ENDED_KILLED,	 /* by .signal, its own or somebody else's */
	ENDED_LOST,	 /* it reported, but what it handed over did not all arrive */
	ENDED_OTHERWISE, /* with .status, and said nothing */
	ENDED_DEADLINE,
};

struct attempt {
	int pidfd;
	int socket;
	enum attempt_ending ending;
	int signal, status;
	/* The kernel has killed a process of ours for want of memory since this one started. */
	bool out_of_memory;
	const char *group;  /* where that is counted, borrowed; NULL: the daemon's own */
	uint64_t oom_kills; /* before; UINT64_MAX: not known */
	struct load_report report;
	unsigned n_fds;
	int fds[MANIFEST_PROGRAMS_MAX + MANIFEST_MAPS_MAX];
};
#define ATTEMPT_INIT ((struct attempt){.pidfd = -1, .socket = -1})

/* .group is set by the caller. Starts a child that runs @run(@userdata) with its end of a socket as
 * CHILD_SOCKET and waits there for attempt_admit(). 0 or a negative errno. */
int attempt_start(struct attempt *attempt, void (*run)(const void *userdata), const void *userdata);
/*
 * Tells the gate what the child is, and the child that it may begin. One that has ended already is
 * for attempt_wait() to find. 0, or a negative errno: then attempt_end() is to follow.
 */
int attempt_admit(struct attempt *attempt, int32_t keyring);

uint64_t attempt_now_usec(void); /* CLOCK_MONOTONIC */
/* Waits for the report and the end of the child, until @end (attempt_now_usec()), ends it, and sets
 * .ending and what goes with it. */
void attempt_wait(struct attempt *attempt, uint64_t end);
/* Kills the child. False if it is still there: what it had cannot be trusted to be gone. */
bool attempt_end(struct attempt *attempt);
void attempt_done(struct attempt *attempt);
