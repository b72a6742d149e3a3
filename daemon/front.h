/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The front: the listening socket, the connections, and what their users may have of the daemon.
 * It needs no capability. Everything here runs in the loop's thread; what may block is a job.
 */
#pragma once

#include "gate.h"
#include "users.h"
#include "worker.h"

#define GATE_SOCKET	 "/run/bpfgate/org.bpfgate.Gate"
#define CONNECTIONS_MAX	 1024 /* and then root's only */
#define CONNECTIONS_USER 128  /* of one user, root too */
#define DESCRIPTORS_ROOT 64   /* the last of those that the daemon can have */
#define LOADS_USER	 4    /* loads of one user that are being made */
#define JOBS_USER	 16   /* his other calls that are under way in threads */
#define STALL_USEC	 (45ULL * 1000 * 1000)

struct front {
	sd_event *event;
	struct gate *gate;
	struct workers *workers;
	struct users users;
	uint64_t stall_usec; /* for a message to be whole, or a reply to be read on */
	unsigned n_connections;
	struct connection *connections;
	uint64_t n_turns;	    /* connections and calls so far */
	struct gate_report *report; /* what the gate refuses; NULL: nobody reads it */
	int listen_fd;		    /* owned */
	sd_event_source *listen_source;
	bool reloading, reload_again;  /* at a signal: reload.c */
	sd_event_source *pause_source; /* while there are no fds or memory to accept with */
	sd_event_source *retry_source; /* while there is what could not be closed */
	sd_event_source *post_source;
};

/* Serves @listen_fd (taken over on success) from @event's loop. */
int front_new(sd_event *event, struct gate *gate, int listen_fd, struct front **ret);

/*
 * Ends all connections, waits up to @usec for the jobs under way and frees @front. False, and
 * nothing that a job uses is freed, where some are still running: the caller should just exit.
 */
bool front_free(struct front *front, uint64_t usec);

/* ---- listen.c ---- */

/* The socket that systemd has passed, or a new one at @path (NULL: GATE_SOCKET). */
int listen_open(const char *path, int *ret_fd, struct error *error);
