/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One call of a client, from when it was read until it is answered. Each call is ended exactly
 * once, by one of the call_reply*() functions, at once or, from a job's done(), later. In between
 * the client may go: then .connection is NULL and the reply goes nowhere.
 */
#pragma once

#include <sys/types.h>

#include "record.h"
#include "varlink.h"

struct connection;
struct front;

struct call {
	struct front *front;
	struct connection *connection; /* NULL: the client has gone; written by the loop alone */
	uid_t uid;
	struct json_object *message; /* what .call borrows from; NULL in one that goes on */
	struct varlink_call call;
	struct fd_set_owned fds;
	char session[LOAD_ID_SIZE]; /* not empty: it goes on until this load ends */
};

/*
 * Takes the parameters apart. False: they are not what the method takes, the client has been told,
 * and the call is over.
 */
bool call_parameters(struct call *call, const struct json_member *members);

/* The client has gone. Frees a call that goes on, for there is nobody else who would end it. */
void call_disconnect(struct call *call);

/* Answers, and the call goes on until the session load @id ends: connection_end_session(). */
void call_reply_session(struct call *call, const char *id, struct json_object *parameters,
			const int *fds, unsigned n_fds);

/* Ends the call. @parameters (may be NULL) is taken over, as are the fds. */
void call_reply(struct call *call, struct json_object *parameters, const int *fds, unsigned n_fds);

/* A reply that says @error, malloced: also for whoever is not let in, before there is any call. */
int call_format_error(const struct error *error, char **ret, size_t *ret_size);

/* org.bpfgate.Gate.NAME with message, step, errno and the further fields. */
void call_reply_error(struct call *call, const struct error *error);

/* org.varlink.service.NAME; @member may be NULL. */
void call_reply_standard(struct call *call, const char *name, const char *member,
			 const char *value);

static inline void call_reply_invalid(struct call *call, const char *parameter)
{
	call_reply_standard(call, "InvalidParameter", "parameter", parameter);
}
