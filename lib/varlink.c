/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "varlink.h"

#include <sys/socket.h>

#define BUFFER_MIN 4096u

/* ---- received fds ---- */

int fd_set_take(struct fd_set_owned *set, uint64_t index)
{
	if (index >= set->n || set->fds[index] < 0)
		return -EBADF;
	return TAKE_FD(set->fds[index]);
}

void fd_set_close(struct fd_set_owned *set)
{
	for (unsigned i = 0; i < set->n; i++)
		safe_close(set->fds[i]);
	set->n = 0;
}

static void reader_close_fds(struct varlink_reader *r, struct fd_set_owned *set)
{
	if (!r->close_fd) {
		fd_set_close(set);
		return;
	}
	for (unsigned i = 0; i < set->n; i++)
		if (set->fds[i] >= 0)
			r->close_fd(set->fds[i], r->userdata);
	set->n = 0;
}

/* ---- reading ---- */

void varlink_reader_init(struct varlink_reader *r, size_t message_max, unsigned fds_max)
{
	*r = (struct varlink_reader){
		.message_max = message_max,
		.fds_max = MIN(fds_max, VARLINK_FDS_MAX),
	};
}

static void reader_drop_buffer(struct varlink_reader *r)
{
	free(TAKE_PTR(r->buffer));
	r->start = r->fill = r->size = r->scanned = 0;
}

void varlink_reader_done(struct varlink_reader *r)
{
	reader_close_fds(r, &r->fds);
	reader_drop_buffer(r);
}

/* Room for at least one byte behind what is there, within one message and its NUL. */
static int reader_make_room(struct varlink_reader *r)
{
	size_t max = r->message_max + 1, size;
	char *buffer;

	if (r->start) {
		memmove(r->buffer, r->buffer + r->start, r->fill - r->start);
		r->fill -= r->start;
		r->scanned -= r->start;
		r->start = 0;
	}
	if (r->fill < r->size)
		return 0;
	if (r->fill >= max)
		return memchr(r->buffer, 0, r->fill) ? -ENOBUFS : -EMSGSIZE;
	size = r->size ? MIN(2 * r->size, max) : MIN((size_t)BUFFER_MIN, max);
	buffer = realloc(r->buffer, size);
	if (!buffer)
		return -ENOMEM;
	r->buffer = buffer;
	r->size = size;
	return 0;
}

struct received {
	int fds[VARLINK_FDS_RECEIVED_MAX];
	unsigned n;
};

static void collect_fds(struct msghdr *message, struct received *ret)
{
	ret->n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = MIN((c->cmsg_len - CMSG_LEN(0)) / sizeof(int),
			ARRAY_SIZE(ret->fds) - (size_t)ret->n);
		memcpy(ret->fds + ret->n, CMSG_DATA(c), n * sizeof(int));
		ret->n += (unsigned)n;
	}
}

static void close_received(struct varlink_reader *r, const struct received *received)
{
	for (unsigned i = 0; i < received->n; i++) {
		if (r->close_fd)
			r->close_fd(received->fds[i], r->userdata);
		else
			safe_close(received->fds[i]);
	}
}

/*
 * One recvmsg(2) of up to @size bytes, with whatever fds come along. Bytes, or a negative errno.
 * There is room for more fds than are taken: those without room are closed by the kernel before the
 * call returns, and that can hang in their file system.
 */
static ssize_t receive(struct varlink_reader *r, int fd, size_t size, int flags,
		       struct fd_set_owned *ret_fds)
{
	struct received received;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(received.fds))];
	} control;
	struct iovec iov = {r->buffer + r->fill, size};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	bool truncated;
	ssize_t n;

	do
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	collect_fds(&message, &received);
	truncated = message.msg_flags & MSG_CTRUNC;
	if (truncated || received.n > r->fds_max || (received.n && n == 0)) {
		close_received(r, &received);
		/* There was room in @control, so there was none in our table. */
		return truncated ? -EMFILE : -EBADMSG;
	}
	memcpy(ret_fds->fds, received.fds, received.n * sizeof(int));
	ret_fds->n = received.n;
	return n;
}

/*
 * The first byte of a message is read alone: with it come the fds that belong to the message. In
 * one go with more, the kernel might have put bytes sent without fds before those sent with them.
 */
static ssize_t receive_first(struct varlink_reader *r, int fd)
{
	struct fd_set_owned fds;
	ssize_t n;

	n = receive(r, fd, 1, 0, &fds);
	if (n > 0) {
		r->fds = fds;
		r->fill += (size_t)n;
	}
	return n;
}

static ssize_t receive_more(struct varlink_reader *r, int fd, int flags)
{
	struct fd_set_owned fds;
	ssize_t n;

	n = receive(r, fd, r->size - r->fill, flags, &fds);
	if (n > 0 && fds.n) {
		reader_close_fds(r, &fds);
		return -EBADMSG;
	}
	if (n > 0)
		r->fill += (size_t)n;
	return n;
}

int varlink_reader_fill(struct varlink_reader *r, int fd)
{
	bool begun = varlink_reader_pending(r);
	ssize_t n;
	int result;

	result = reader_make_room(r);
	if (result < 0)
		return result;
	if (!begun) {
		n = receive_first(r, fd);
		if (n <= 0)
			return (int)n;
	}
	n = receive_more(r, fd, begun ? 0 : MSG_DONTWAIT);
	/* what is behind the first byte may be yet to come; an end is found again next time */
	if (!begun && (n == 0 || n == -EAGAIN))
		return 1;
	return n > 0 ? 1 : (int)n;
}

int varlink_reader_next(struct varlink_reader *r, struct json_object **ret_message,
			struct fd_set_owned *ret_fds)
{
	struct json_object *object = NULL;
	const char *end;
	int result;

	if (!varlink_reader_pending(r)) {
		/* an idle connection keeps no buffer */
		reader_drop_buffer(r);
		return 0;
	}
	end = memchr(r->buffer + r->scanned, 0, r->fill - r->scanned);
	if (!end) {
		r->scanned = r->fill;
		return 0;
	}
	result = json_parse(r->buffer + r->start, (size_t)(end - (r->buffer + r->start)),
			    r->message_max, &object, NULL, NULL);
	if (result == -ENOMEM)
		return result;
	if (result < 0 || !json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		return -EBADMSG;
	}
	r->start = r->scanned = (size_t)(end - r->buffer) + 1;
	*ret_message = object;
	if (ret_fds)
		*ret_fds = r->fds;
	else
		reader_close_fds(r, &r->fds);
	r->fds.n = 0;
	return 1;
}

/* ---- messages ---- */

/*
 * Extensions of the header are objects named after a vendor, with a dot in the name, and ignored
 * by those who do not know them (UAPI.20).
 */
static int drop_extensions(struct json_object *message)
{
	json_object_object_foreach (message, name, value) {
		if (!strchr(name, '.'))
			continue;
		if (!json_object_is_type(value, json_type_object))
			return -EBADMSG;
		json_object_object_del(message, name);
	}
	return 0;
}

static int dispatch_header(struct json_object *message, const struct json_member *members)
{
	const char *name;

	if (drop_extensions(message) < 0 || json_dispatch(message, members, &name) < 0)
		return -EBADMSG;
	return 0;
}

static struct json_object *not_empty(struct json_object *parameters)
{
	return parameters && json_object_object_length(parameters) ? parameters : NULL;
}

int varlink_call_parse(struct json_object *message, struct varlink_call *ret)
{
	struct varlink_call call = {};
	const struct json_member members[] = {
		{"method", JSON_STRING, true, &call.method},
		{"parameters", JSON_OBJECT, false, &call.parameters},
		{"oneway", JSON_BOOL, false, &call.oneway},
		{"more", JSON_BOOL, false, &call.more},
		{"upgrade", JSON_BOOL, false, &call.upgrade},
		{},
	};

	if (dispatch_header(message, members) < 0 || call.oneway + call.more + call.upgrade > 1)
		return -EBADMSG;
	call.parameters = not_empty(call.parameters);
	*ret = call;
	return 0;
}

int varlink_reply_parse(struct json_object *message, struct varlink_reply *ret)
{
	struct varlink_reply reply = {};
	const struct json_member members[] = {
		{"error", JSON_STRING, false, &reply.error},
		{"parameters", JSON_OBJECT, false, &reply.parameters},
		{"continues", JSON_BOOL, false, &reply.continues},
		{},
	};

	if (dispatch_header(message, members) < 0 || (reply.error && reply.continues))
		return -EBADMSG;
	reply.parameters = not_empty(reply.parameters);
	*ret = reply;
	return 0;
}

/* {"NAME": VALUE, "parameters": ...}; NAME is left out where @value is NULL. */
static int format(const char *name, const char *value, struct json_object *parameters,
		  const char *flag, char **ret, size_t *ret_size)
{
	_cleanup_json_ struct json_object *message = json_object_new_object();
	const char *text;
	size_t size;
	char *copy;

	if (!message || (value && json_add(message, name, json_object_new_string(value)) < 0))
		return -ENOMEM;
	if (parameters && json_add(message, "parameters", json_object_get(parameters)) < 0)
		return -ENOMEM;
	if (flag && json_add(message, flag, json_object_new_boolean(true)) < 0)
		return -ENOMEM;
	text = json_serialize(message, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
			      &size);
	copy = text ? malloc(size + 1) : NULL;
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, size + 1);
	*ret = copy;
	*ret_size = size + 1;
	return 0;
}

int varlink_format_call(const char *method, struct json_object *parameters, bool more, char **ret,
			size_t *ret_size)
{
	return format("method", method, parameters, more ? "more" : NULL, ret, ret_size);
}

int varlink_format_reply(const char *error, struct json_object *parameters, char **ret,
			 size_t *ret_size)
{
	return format("error", error, parameters, NULL, ret, ret_size);
}

int varlink_format_continues(struct json_object *parameters, char **ret, size_t *ret_size)
{
	return format("error", NULL, parameters, "continues", ret, ret_size);
}

/* ---- sending ---- */

ssize_t varlink_send(int fd, const char *data, size_t size, const int *fds, unsigned n_fds)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * VARLINK_FDS_MAX)];
	} control = {};
	struct iovec iov = {(char *)data, size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (n_fds > VARLINK_FDS_MAX)
		return -E2BIG;
	if (n_fds) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		control.header = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(int) * n_fds),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
	}
	do
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? (errno == EWOULDBLOCK ? -EAGAIN : -errno) : n;
}
