/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "connect.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#define INTERFACE	    "org.bpfgate.Gate."
#define CONNECT_TIMEOUT_SEC 10

static int connect_error(int errnum, const char *path, struct error *error)
{
	switch (errnum) {
	case ENOENT:
		return error_set(error, -errnum, ERROR_NO_DAEMON, STEP_NONE,
				 "there is no socket %s: start it with \"systemctl start "
				 "bpfgated.socket\", or name another with --socket",
				 path);
	case ECONNREFUSED:
		return error_set(error, -errnum, ERROR_NO_DAEMON, STEP_NONE,
				 "nobody listens on %s: see \"systemctl status bpfgated.socket "
				 "bpfgated.service\"",
				 path);
	case EACCES:
	case EPERM:
		return error_set(error, -errnum, ERROR_NO_DAEMON, STEP_NONE,
				 "no permission to connect to %s: its mode and that of the folders "
				 "above it must let you write",
				 path);
	case EAGAIN:
		return error_set(
			error, -errnum, ERROR_NO_DAEMON, STEP_NONE,
			"bpfgated at %s does not accept connections: too many are waiting; "
			"try again later",
			path);
	default:
		return error_set(error, -errnum, ERROR_NO_DAEMON, STEP_NONE,
				 "cannot connect to %s: %s", path, strerror(errnum));
	}
}

int connection_open(const char *path, struct connection *ret, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = CONNECT_TIMEOUT_SEC};
	_cleanup_close_ int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(error, -ENAMETOOLONG, ERROR_NO_DAEMON, STEP_NONE,
				 "the path %s is too long for a socket (at most %zu bytes)", path,
				 sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(error, -errno, ERROR_FAILED, STEP_NONE, "cannot make a socket: %s",
				 strerror(errno));
	/* Bounds connect(2) too, where the daemon's backlog is full. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return connect_error(errno, path, error);

	connection_init(ret, TAKE_FD(fd));
	return 0;
}

void connection_init(struct connection *c, int fd)
{
	*c = (struct connection){.fd = fd};
	varlink_reader_init(&c->reader, VARLINK_REPLY_MAX, VARLINK_FDS_MAX);
}

void connection_close(struct connection *c)
{
	if (c->fd < 0)
		return;
	varlink_reader_done(&c->reader);
	c->fd = safe_close(c->fd);
}

bool connection_gone(const struct connection *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};

	return c->failed || (poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static int lost(struct connection *c, int r, const char *what, struct error *error)
{
	c->failed = true;
	return error_set(error, r, ERROR_NO_DAEMON, STEP_NONE,
			 "%s; \"journalctl -u bpfgated\" says more", what);
}

static int send_all(struct connection *c, const char *data, size_t size, const int *fds,
		    unsigned n_fds, struct error *error)
{
	while (size > 0) {
		ssize_t n = varlink_send(c->fd, data, size, fds, n_fds);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return lost(c, -ETIMEDOUT, "bpfgated does not read what it is asked",
				    error);
		/* it has said why before: receive() */
		if (n == -EPIPE || n == -ECONNRESET)
			return 0;
		if (n < 0)
			return lost(c, (int)n, "cannot send to bpfgated", error);
		data += n;
		size -= n;
		n_fds = 0;
	}
	return 0;
}

static int64_t now_msec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Waits until something can be read. 0, or -ETIMEDOUT. */
static int wait_readable(int fd, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (;;) {
		int64_t left = deadline - now_msec();

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) > 0)
			return 0;
	}
}

static int receive(struct connection *c, struct json_object **ret, struct fd_set_owned *ret_fds,
		   struct error *error)
{
	int64_t deadline = now_msec() + CALL_TIMEOUT_MSEC;

	for (;;) {
		int r = varlink_reader_next(&c->reader, ret, ret_fds);

		if (r > 0)
			return 0;
		if (r < 0)
			return lost(c, r, "bpfgated sent what is no Varlink message", error);
		if (wait_readable(c->fd, deadline) < 0)
			return lost(c, -ETIMEDOUT, "bpfgated does not answer", error);

		r = varlink_reader_fill(&c->reader, c->fd);
		if (r == 0 || r == -ECONNRESET)
			return lost(c, -ECONNRESET,
				    "bpfgated closed the connection without an answer", error);
		if (r < 0 && r != -EAGAIN && r != -EINTR)
			return lost(c, r, "cannot receive from bpfgated", error);
	}
}

static const char *string_member(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

/* The fields that struct error has no member for: rule, reasons, log, target, ... */
static void copy_fields(struct json_object *parameters, struct error *error)
{
	json_object_object_foreach (parameters, name, value) {
		if (!streq(name, "message") && !streq(name, "step") && !streq(name, "errno"))
			error_field(error, name, json_object_get(value));
	}
}

/* Turns an error reply into a struct error; always returns a negative errno. */
static int remote_error(const struct varlink_reply *reply, struct error *error)
{
	struct json_object *parameters = reply->parameters, *number;
	bool ours = strncmp(reply->error, INTERFACE, strlen(INTERFACE)) == 0;
	const char *message = NULL, *step = NULL;
	int errnum = 0;

	if (parameters) {
		message = string_member(parameters, "message");
		step = string_member(parameters, "step");
		if (json_object_object_get_ex(parameters, "errno", &number) &&
		    json_object_is_type(number, json_type_int))
			errnum = json_object_get_int(number);
	}
	if (errnum < 0 || errnum > 4095)
		errnum = 0;

	if (message)
		error_set(error, -EREMOTEIO, error_code_from_name(reply->error),
			  step ? step_from_name(step) : STEP_NONE, "%s", message);
	else
		error_set(error, -EREMOTEIO,
			  ours ? error_code_from_name(reply->error) : ERROR_FAILED, STEP_NONE,
			  "bpfgated answered with the error %s: bpfctl and bpfgated may be of "
			  "different versions",
			  reply->error);
	if (error)
		error->errnum = errnum;
	if (parameters)
		copy_fields(parameters, error);
	return errnum ? -errnum : -EREMOTEIO;
}

/* What a message says: a reply's parameters, owned by the caller, or its error. @more: another may
 * follow. */
static int take_reply(struct connection *c, struct json_object *message, bool more,
		      struct json_object **ret_parameters, struct error *error)
{
	struct varlink_reply reply;

	if (varlink_reply_parse(message, &reply) < 0 || (reply.continues && !more))
		return lost(c, -EBADMSG, "bpfgated sent what is no answer", error);
	c->more = reply.continues;
	if (reply.error)
		return remote_error(&reply, error);
	if (ret_parameters)
		*ret_parameters = json_object_get(reply.parameters);
	return 0;
}

static int call_full(struct connection *c, const char *method, struct json_object *parameters,
		     bool more, const int *fds, unsigned n_fds, struct json_object **ret_parameters,
		     struct fd_set_owned *ret_fds, struct error *error)
{
	_cleanup_json_ struct json_object *message = NULL;
	_cleanup_(fd_set_close) struct fd_set_owned received = {};
	_cleanup_free_ char *full = NULL, *call = NULL;
	size_t size;
	int r;

	if (c->failed || c->more)
		return lost(c, -ENOTCONN, "the connection to bpfgated is gone", error);
	if (asprintf(&full, INTERFACE "%s", method) < 0)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	r = varlink_format_call(full, parameters, more, &call, &size);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "cannot form the call: %s",
				 strerror(-r));

	r = send_all(c, call, size, fds, n_fds, error);
	if (r < 0)
		return r;
	r = receive(c, &message, &received, error);
	if (r < 0)
		return r;
	r = take_reply(c, message, more, ret_parameters, error);
	if (r < 0)
		return r;
	if (ret_fds) {
		*ret_fds = received;
		received.n = 0;
	}
	return 0;
}

int connection_call(struct connection *c, const char *method, struct json_object *parameters,
		    const int *fds, unsigned n_fds, struct json_object **ret_parameters,
		    struct fd_set_owned *ret_fds, struct error *error)
{
	return call_full(c, method, parameters, false, fds, n_fds, ret_parameters, ret_fds, error);
}

int connection_call_more(struct connection *c, const char *method, struct json_object *parameters,
			 const int *fds, unsigned n_fds, struct json_object **ret_parameters,
			 struct fd_set_owned *ret_fds, struct error *error)
{
	return call_full(c, method, parameters, true, fds, n_fds, ret_parameters, ret_fds, error);
}

int connection_end(struct connection *c, struct error *error)
{
	_cleanup_json_ struct json_object *message = NULL;
	_cleanup_(fd_set_close) struct fd_set_owned received = {};
	int r;

	r = receive(c, &message, &received, NULL);
	if (r == 0)
		r = take_reply(c, message, false, NULL, error);
	return lost(c, r < 0 ? r : -EBADMSG, "bpfgated has gone away, and the load with it", error);
}
