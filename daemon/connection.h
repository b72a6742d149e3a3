/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One client. Calls are answered one at a time, in order: while one is under way, or its reply is
 * not yet taken by the client, nothing more is read. Session loads belong to the connection and go
 * with it.
 */
#pragma once

#include "call.h"
#include "front.h"
#include "peer.h"

#define SESSIONS_MAX  64 /* session loads of one connection */
#define CALLS_AT_ONCE 16 /* of one connection, then others have their turn */

/* A reply on its way out. */
struct output {
	char *data; /* NULL: none */
	size_t size, sent;
	unsigned n_fds; /* owned; gone with the first byte */
	int fds[VARLINK_FDS_MAX];
};

struct connection {
	struct front *front;
	struct connection *next, *previous;
	int fd;
	struct peer peer;
	bool peer_complete; /* with the first call */
	const struct user *user;
	uint64_t turn_number; /* of its last call, or when it came: the lower, the longer ago */
	struct varlink_reader reader;
	struct output output;
	struct call *call;  /* under way */
	bool whole_message; /* the reader may have one already */
	bool dispatching;   /* a call that ends at once must not begin the next itself */
	bool ended;	    /* the client has sent its last */
	bool broken;	    /* to be dropped */
	sd_event_source *io, *stall;
	sd_event_source *turn; /* others first, then the rest of what was read */
	unsigned n_sessions;
	char (*sessions)[LOAD_ID_SIZE];
};

/* @fd is taken over. Whoever is refused is told why, and has an entry in the journal. */
void connection_new(struct front *front, int fd);

/* Drops the client: its calls' results are undone, its session loads taken down. */
void connection_free(struct connection *connection);

/* Queues a reply (takes @data and the fds over; no fds where another one is still on its way out).
 * To be followed by connection_continue(). */
void connection_reply(struct connection *connection, char *data, size_t size, const int *fds,
		      unsigned n_fds);

/* Goes on with what the client has sent already. May free the connection. */
void connection_continue(struct connection *connection);

/* A session load that goes with the connection; -EDQUOT, -ENOMEM. */
int connection_add_session(struct connection *connection, const char *id);
/* Session load @id has been taken down: no connection need do so any more, and one whose call goes
 * on until then is told @why. May free connections. */
void connections_end_session(struct front *front, const char *id, const struct error *why);
