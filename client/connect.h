/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A connection to bpfgated: Varlink calls over its Unix socket, one at a time, blocking. A session
 * load lives as long as the connection that made it.
 */
#pragma once

#include "varlink.h"

#define CALL_TIMEOUT_MSEC (90 * 1000) /* more than the daemon's own deadlines for a load */

struct connection {
	int fd;
	bool failed; /* out of step or at its end: no further calls */
	bool more;   /* the last call goes on: no further calls before its end */
	struct varlink_reader reader;
};
#define _cleanup_connection_ _cleanup_(connection_close)

/* ERROR_NO_DAEMON says what to do. */
int connection_open(const char *path, struct connection *ret, struct error *error);
/* The same over a connected socket; @fd is owned from then on. */
void connection_init(struct connection *c, int fd);
void connection_close(struct connection *c);

/* Has the daemon gone away? Does not block. */
bool connection_gone(const struct connection *c);

/*
 * Calls @method of org.bpfgate.Gate ("Load") with @parameters (borrowed, may be NULL) and @fds
 * (borrowed). On success *ret_parameters is owned by the caller (NULL when the reply has none), as
 * are the fds of *ret_fds, which may be NULL when none are expected. An error of the daemon comes
 * as a struct error of the same code, step, errno, message and fields; a daemon that goes away or
 * answers nonsense is ERROR_NO_DAEMON.
 */
int connection_call(struct connection *c, const char *method, struct json_object *parameters,
		    const int *fds, unsigned n_fds, struct json_object **ret_parameters,
		    struct fd_set_owned *ret_fds, struct error *error);

/* The same with "more": where the daemon says that the call goes on, .more is set, .fd is readable
 * at its end, and connection_end() says what ended it: always an error. */
int connection_call_more(struct connection *c, const char *method, struct json_object *parameters,
			 const int *fds, unsigned n_fds, struct json_object **ret_parameters,
			 struct fd_set_owned *ret_fds, struct error *error);
int connection_end(struct connection *c, struct error *error);
