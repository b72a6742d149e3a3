/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "connection.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "audit.h"
#include "seal.h"
#include "service.h"
#include "unload.h"

static bool can_read(const struct connection *c)
{
	return !c->call && !c->output.data && !c->whole_message && !c->ended;
}

static bool may_stall(const struct connection *c)
{
	return c->output.data || (can_read(c) && varlink_reader_pending(&c->reader));
}

/* ---- output ---- */

static void output_close_fds(struct output *output)
{
	for (unsigned i = 0; i < output->n_fds; i++)
		safe_close(output->fds[i]);
	output->n_fds = 0;
}

static void output_done(struct output *output)
{
	output_close_fds(output);
	free(TAKE_PTR(output->data));
}

/* Sends what the socket takes. */
static void flush(struct connection *c)
{
	struct output *o = &c->output;
	ssize_t n = 0;

	while (o->sent < o->size) {
		n = varlink_send(c->fd, o->data + o->sent, o->size - o->sent, o->fds, o->n_fds);
		if (n < 0)
			break;
		o->sent += (size_t)n;
		output_close_fds(o);
		/* the client reads: its time begins anew */
		c->stall = sd_event_source_disable_unref(c->stall);
	}
	if (n < 0 && n != -EAGAIN)
		c->broken = true;
	if (o->sent == o->size)
		output_done(o);
}

/* The second of two replies to one call; there are never more. */
static void append(struct connection *c, char *data, size_t size)
{
	char *both = realloc(c->output.data, c->output.size + size);

	if (both) {
		memcpy(both + c->output.size, data, size);
		c->output.data = both;
		c->output.size += size;
	} else {
		c->broken = true;
	}
	free(data);
}

void connection_reply(struct connection *c, char *data, size_t size, const int *fds, unsigned n_fds)
{
	if (c->output.data) {
		append(c, data, size);
		return;
	}
	c->output = (struct output){.data = data, .size = size, .n_fds = n_fds};
	if (n_fds)
		memcpy(c->output.fds, fds, n_fds * sizeof(int));
	flush(c);
}

/* ---- input ---- */

static void close_unclaimed(int fd, void *userdata)
{
	struct connection *c = userdata;

	close_async(fd, c->peer.uid);
}

/* Who comes and goes without a call costs as little as can be. */
static int complete_peer(struct connection *c, struct error *error)
{
	int r;

	if (c->peer_complete)
		return 0;
	r = peer_complete(c->fd, &c->peer, error);
	if (r < 0)
		audit_connection_refused(c->peer.uid, error);
	c->peer_complete = r == 0;
	return r;
}

static void start_call(struct connection *c, struct json_object *message,
		       const struct fd_set_owned *fds)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct call *call = calloc(1, sizeof(*call));

	c->turn_number = c->front->n_turns++;
	if (!call || varlink_call_parse(message, &call->call) < 0) {
		free(call);
		json_object_put(message);
		for (unsigned i = 0; i < fds->n; i++)
			close_async(fds->fds[i], c->peer.uid);
		c->broken = true;
		return;
	}
	call->front = c->front;
	call->connection = c;
	call->uid = c->peer.uid;
	call->message = message;
	call->fds = *fds;
	c->call = call;
	if (complete_peer(c, &error) < 0)
		call_reply_error(call, &error);
	else
		service_call(call);
}

/* Hands out the calls that have come whole, until one is not answered at once. */
static void dispatch(struct connection *c)
{
	c->whole_message = true;
	for (unsigned i = 0; i < CALLS_AT_ONCE && c->whole_message; i++) {
		struct json_object *message;
		struct fd_set_owned fds;
		int r;

		if (c->broken || c->call || c->output.data)
			return;
		r = varlink_reader_next(&c->reader, &message, &fds);
		if (r == 1)
			start_call(c, message, &fds);
		else if (r == 0)
			c->whole_message = false;
		else
			c->broken = true;
	}
}

/* To one who is not let in it is in the socket before he has asked, and is the reply to what he
 * asks.
 */
static void tell_refused(int fd, const struct error *error)
{
	_cleanup_free_ char *data = NULL;
	size_t size;

	if (call_format_error(error, &data, &size) == 0)
		varlink_send(fd, data, size, NULL, 0);
}

/* Its files are lost, so that there is nothing to answer but this. */
static void refuse_call(struct connection *c)
{
	_cleanup_error_ struct error error = ERROR_INIT;

	error_set(&error, -EMFILE, ERROR_BUSY, STEP_REQUEST,
		  "The daemon has too many files open to take those that came with the call: "
		  "unload what is not needed, or its administrator raises LimitNOFILE= of "
		  "bpfgated.service.");
	audit_connection_refused(c->peer.uid, &error);
	tell_refused(c->fd, &error);
}

/*
 * Is there a place for each file that one message can bring? One without would be closed here, in
 * the loop. The lowest numbers are given first, so the last ones are free while few are in use.
 */
static bool can_take_files(const struct connection *c)
{
	struct rlimit limit;
	int first, fd;

	if (c->peer.uid == 0)
		return true;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < VARLINK_FDS_RECEIVED_MAX)
		return false;
	first = (int)MIN(limit.rlim_cur, (rlim_t)INT_MAX) - VARLINK_FDS_RECEIVED_MAX;
	fd = fcntl(c->fd, F_DUPFD_CLOEXEC, first);
	safe_close(fd);
	return fd == first;
}

static void receive(struct connection *c)
{
	int r;

	/* what is in the socket is left there: close_socket() knows of it */
	if (!stuck_serves(c->peer.uid)) {
		c->broken = true;
		return;
	}
	r = can_take_files(c) ? varlink_reader_fill(&c->reader, c->fd) : -EMFILE;
	if (r == -EMFILE)
		refuse_call(c);
	if (r == 0)
		c->ended = true;
	else if (r < 0 && r != -EAGAIN && r != -ENOBUFS)
		c->broken = true;
}

/* ---- events ---- */

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct connection *c = userdata;

	if ((revents & (EPOLLHUP | EPOLLERR)) && (c->call || c->output.data))
		c->broken = true;
	if (!c->broken && (revents & EPOLLOUT) && c->output.data)
		flush(c);
	if (!c->broken && (revents & (EPOLLIN | EPOLLHUP)) && can_read(c))
		receive(c);
	connection_continue(c);
	return 0;
}

static int on_stall(sd_event_source *source, uint64_t usec, void *userdata)
{
	connection_free(userdata);
	return 0;
}

static int update_stall(struct connection *c)
{
	if (!may_stall(c)) {
		c->stall = sd_event_source_disable_unref(c->stall);
		return 0;
	}
	if (c->stall)
		return 0;
	return sd_event_add_time_relative(c->front->event, &c->stall, CLOCK_MONOTONIC,
					  c->front->stall_usec, 1000 * 1000, on_stall, c);
}

static int on_turn(sd_event_source *source, void *userdata)
{
	struct connection *c = userdata;

	c->turn = sd_event_source_disable_unref(c->turn);
	connection_continue(c);
	return 0;
}

static int update_events(struct connection *c)
{
	uint32_t events = 0;
	int r;

	if (c->whole_message && !c->call && !c->output.data && !c->turn) {
		r = sd_event_add_defer(c->front->event, &c->turn, on_turn, c);
		if (r < 0)
			return r;
	}
	if (can_read(c))
		events |= EPOLLIN;
	if (c->output.data)
		events |= EPOLLOUT;
	return sd_event_source_set_io_events(c->io, events);
}

void connection_continue(struct connection *c)
{
	if (c->dispatching)
		return;
	c->dispatching = true;
	dispatch(c);
	c->dispatching = false;
	if (c->ended && !c->call && !c->output.data && !c->whole_message)
		c->broken = true;
	if (c->broken || update_events(c) < 0 || update_stall(c) < 0)
		connection_free(c);
}

/* ---- session loads ---- */

int connection_add_session(struct connection *c, const char *id)
{
	char(*sessions)[LOAD_ID_SIZE];

	if (c->n_sessions >= SESSIONS_MAX)
		return -EDQUOT;
	sessions = realloc(c->sessions, (c->n_sessions + 1) * sizeof(*sessions));
	if (!sessions)
		return -ENOMEM;
	c->sessions = sessions;
	snprintf(sessions[c->n_sessions++], LOAD_ID_SIZE, "%s", id);
	return 0;
}

static bool remove_session(struct connection *c, const char *id)
{
	for (unsigned i = 0; i < c->n_sessions; i++) {
		if (streq(c->sessions[i], id)) {
			memmove(c->sessions[i], c->sessions[--c->n_sessions], LOAD_ID_SIZE);
			return true;
		}
	}
	return false;
}

void connections_end_session(struct front *front, const char *id, const struct error *why)
{
	for (struct connection *c = front->connections; c; c = c->next) {
		if (!remove_session(c, id))
			continue;
		if (c->call && streq(c->call->session, id))
			call_reply_error(c->call, why);
		/* a load is of one connection, and this one may be gone now */
		return;
	}
}

/* ---- life ---- */

static void link_in(struct connection *c)
{
	struct front *front = c->front;

	c->next = front->connections;
	if (c->next)
		c->next->previous = c;
	front->connections = c;
	front->n_connections++;
}

static void unlink_from(struct connection *c)
{
	if (c->next)
		c->next->previous = c->previous;
	if (c->previous)
		c->previous->next = c->next;
	else
		c->front->connections = c->next;
	c->front->n_connections--;
}

void connection_free(struct connection *c)
{
	if (c->call)
		call_disconnect(c->call);
	sd_event_source_disable_unref(c->io);
	sd_event_source_disable_unref(c->stall);
	sd_event_source_disable_unref(c->turn);
	varlink_reader_done(&c->reader);
	output_done(&c->output);
	close_socket(c->fd, c->peer.uid);
	if (c->n_sessions)
		unload_sessions(c->front, c->peer.uid, c->sessions, c->n_sessions);
	else
		free(c->sessions);
	unlink_from(c);
	users_release(&c->front->users, c->peer.uid, USER_CONNECTIONS);
	peer_done(&c->peer);
	free(c);
}

/*
 * Whose place is to go to @uid: of those without a call under way and without a session the oldest
 * of the user who has the most connections, if he has more than @uid. NULL: nobody's.
 */
static struct connection *find_idle(const struct front *front, uid_t uid)
{
	unsigned most = user_count(users_find(&front->users, uid), USER_CONNECTIONS);
	struct connection *found = NULL;

	for (struct connection *c = front->connections; c; c = c->next) {
		unsigned n = user_count(c->user, USER_CONNECTIONS);

		if (c->call || c->n_sessions || c->peer.uid == 0 || n < most || n == 0)
			continue;
		if (n > most || (found && c->turn_number < found->turn_number)) {
			most = n;
			found = c;
		}
	}
	return found;
}

static int make_room(struct front *front, uid_t uid, struct error *error)
{
	struct connection *idle;

	/* whatever the users do, the administrator gets in, up to his own limit */
	if (front->n_connections < CONNECTIONS_MAX || uid == 0)
		return 0;
	idle = find_idle(front, uid);
	if (!idle)
		return error_set(error, -EDQUOT, ERROR_BUSY, STEP_REQUEST,
				 "There are %u connections already.", CONNECTIONS_MAX);
	connection_free(idle);
	return 0;
}

/* The lowest that is free is what a new one gets: above the limit's last ones there are no others.
 */
static int check_descriptors(int fd, uid_t uid, struct error *error)
{
	struct rlimit limit;

	if (uid == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    (rlim_t)fd + DESCRIPTORS_ROOT < limit.rlim_cur)
		return 0;
	return error_set(error, -EMFILE, ERROR_BUSY, STEP_REQUEST,
			 "The daemon has too many files open: unload what is not needed, or its "
			 "administrator raises LimitNOFILE= of bpfgated.service.");
}

/* May this client come in? Counts it, if so. */
static int admit(struct front *front, int fd, uid_t uid, struct error *error)
{
	int r;

	r = check_descriptors(fd, uid, error);
	if (r < 0)
		return r;
	if (!stuck_serves(uid))
		return error_set(error, -EDQUOT, ERROR_BUSY, STEP_REQUEST,
				 "Too many files of user %u hang in their file system.", uid);
	if (user_count(users_find(&front->users, uid), USER_CONNECTIONS) >= CONNECTIONS_USER)
		return error_set(error, -EDQUOT, ERROR_BUSY, STEP_REQUEST,
				 "User %u has %u connections already.", uid, CONNECTIONS_USER);
	r = make_room(front, uid, error);
	if (r < 0)
		return r;
	r = users_charge(&front->users, uid, USER_CONNECTIONS, CONNECTIONS_USER);
	return r < 0 ? error_set(error, r, ERROR_FAILED, STEP_REQUEST, "Out of memory.") : 0;
}

static int connection_make(struct front *front, int fd, const struct peer *peer,
			   struct error *error)
{
	struct connection *c = calloc(1, sizeof(*c));
	int r = c ? 0 : -ENOMEM;

	if (r == 0)
		r = sd_event_add_io(front->event, &c->io, fd, EPOLLIN, on_io, c);
	if (r < 0) {
		free(c);
		return error_set(error, r, ERROR_FAILED, STEP_REQUEST,
				 "Cannot serve a connection: %s.", strerror(-r));
	}
	c->front = front;
	c->fd = fd;
	c->peer = *peer;
	c->user = users_find(&front->users, peer->uid);
	c->turn_number = front->n_turns++;
	varlink_reader_init(&c->reader, VARLINK_MESSAGE_MAX, VARLINK_FDS_IN_MAX);
	c->reader.close_fd = close_unclaimed;
	c->reader.userdata = c;
	link_in(c);
	return 0;
}

void connection_new(struct front *front, int fd)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct peer peer = {.uid = (uid_t)-1};
	int r;

	r = peer_read_credentials(fd, &peer, &error);
	if (r == 0)
		r = admit(front, fd, peer.uid, &error);
	if (r == 0) {
		r = connection_make(front, fd, &peer, &error);
		if (r < 0)
			users_release(&front->users, peer.uid, USER_CONNECTIONS);
	}
	if (r == 0)
		return;
	audit_connection_refused(peer.uid, &error);
	tell_refused(fd, &error);
	close_socket(fd, peer.uid);
}
