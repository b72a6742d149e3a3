/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Varlink wire (UAPI.20): JSON objects ending in NUL over a Unix stream socket, file
 * descriptors beside the first byte of a message. No I/O loop of its own: both sides drive it, the
 * daemon from sd-event, the client blocking.
 */
#pragma once

#include "error.h"
#include "json.h"

#define VARLINK_MESSAGE_MAX (256u * 1024) /* in: bundles come as fds, so calls are small */
#define VARLINK_REPLY_MAX   (8u * 1024 * 1024)
#define VARLINK_FDS_IN_MAX  4u	/* of one message, in to the daemon */
#define VARLINK_FDS_MAX	    64u /* of one message, in to the client */

/* A received set of fds, owned; what is not taken is closed. */
struct fd_set_owned {
	unsigned n;
	int fds[VARLINK_FDS_MAX]; /* -1 once taken */
};

struct varlink_reader {
	size_t message_max;
	unsigned fds_max;
	char *buffer;
	size_t start, fill;	 /* unread bytes of the buffer */
	size_t size, scanned;	 /* up to scanned, no NUL is among them */
	struct fd_set_owned fds; /* came with the message that is at the front of the buffer */
	void (*close_fd)(int fd, void *userdata); /* NULL: close(2); the daemon has a safer way */
	void *userdata;
};

void varlink_reader_init(struct varlink_reader *r, size_t message_max, unsigned fds_max);
void varlink_reader_done(struct varlink_reader *r); /* closes unclaimed fds */

/* Is there a begun message, whole or not? */
static inline bool varlink_reader_pending(const struct varlink_reader *r)
{
	return r->fill > r->start;
}

/*
 * Reads what there is from @fd, waiting if it is a blocking socket. 1: something came; 0: end of
 * file; -EAGAIN; -EBADMSG: control data was truncated, more fds than allowed, fds that did not come
 * with the first byte of a message, or fds while another message is still unread; -EMSGSIZE:
 * message too long; -EMFILE: fds that came found no place in this process; -ENOBUFS: the buffer is
 * full of whole messages, take them first; anything else from recvmsg(2). After an error but
 * -EAGAIN and -ENOBUFS the connection must be dropped.
 */
int varlink_reader_fill(struct varlink_reader *r, int fd);

/*
 * Takes the next whole message: 1 and *ret_message (a JSON object, owned by the caller) and its
 * fds, 0 when there is none yet, -EBADMSG when it is not a JSON object (drop the connection).
 */
int varlink_reader_next(struct varlink_reader *r, struct json_object **ret_message,
			struct fd_set_owned *ret_fds);

/* A call, checked by the rules of UAPI.20. Strings and parameters borrow from the message. */
struct varlink_call {
	const char *method;
	struct json_object *parameters; /* NULL when absent, null or {} */
	bool oneway, more, upgrade;
};

/* -EBADMSG: malformed, unknown member, or more than one of oneway, more, upgrade: drop. */
int varlink_call_parse(struct json_object *message, struct varlink_call *ret);

/* A reply as the client sees it. */
struct varlink_reply {
	const char *error; /* NULL on success */
	struct json_object *parameters;
	bool continues;
};
int varlink_reply_parse(struct json_object *message, struct varlink_reply *ret);

/* Serialized messages with the NUL, malloced. @parameters is borrowed and may be NULL. */
int varlink_format_call(const char *method, struct json_object *parameters, bool more, char **ret,
			size_t *ret_size);
/* A reply that is followed by another one: for calls with "more" only. */
int varlink_format_continues(struct json_object *parameters, char **ret, size_t *ret_size);
int varlink_format_reply(const char *error, struct json_object *parameters, char **ret,
			 size_t *ret_size);

/*
 * Sends bytes of @data, the fds with the first of them. Returns the number of bytes sent or a
 * negative errno. Uses MSG_NOSIGNAL.
 */
ssize_t varlink_send(int fd, const char *data, size_t size, const int *fds, unsigned n_fds);

/* Takes fd number @index out of the set: the fd (owned) or -EBADF. */
int fd_set_take(struct fd_set_owned *set, uint64_t index);
void fd_set_close(struct fd_set_owned *set);
