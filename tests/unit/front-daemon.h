/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon's front in a process of its own, with empty configuration, and a client that can send
 * it anything. Whatever fails here that is not under test aborts.
 */
#pragma once

#include <sys/types.h>

#include "varlink.h"

#define FRONT_STALL_USEC 400000

struct front_daemon {
	pid_t pid;
	char *folder;	/* keys, policy, state and the socket "s" */
	unsigned n_fds; /* of the idle daemon */
};

void front_daemon_start(struct front_daemon *daemon);
/* With @log (borrowed) as its stderr, which else goes nowhere. */
void front_daemon_start_with(struct front_daemon *daemon, int log);
/* Ends it; true if it ended well (sanitizers have nothing to say). */
bool front_daemon_stop(struct front_daemon *daemon);

/* Has the daemon as many fds as when it was idle, with @n connections? Gives it some time. */
bool front_daemon_is_clean(const struct front_daemon *daemon, unsigned n);
unsigned front_daemon_threads(const struct front_daemon *daemon);

int front_connect(const struct front_daemon *daemon);
void front_send(int fd, const void *data, size_t size, const int *fds, unsigned n_fds);
/* The next reply, NULL when the daemon hung up. Waits for at most five seconds, then aborts. */
struct json_object *front_receive(int fd);
/* Until the daemon has read what was sent, for at most five seconds: what comes then is of another
 * read. */
void front_wait_read(int fd);
/* Is the connection closed (within five seconds)? */
bool front_is_dropped(int fd);

/* A call with @parameters (JSON text or NULL) and its reply. */
struct json_object *front_call(int fd, const char *method, const char *parameters, const int *fds,
			       unsigned n_fds);
/* What "PATH" (members with dots) holds as text, "" where there is nothing: in a static buffer. */
const char *front_get(struct json_object *reply, const char *path);
