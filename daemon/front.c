/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "front.h"

#include <sys/socket.h>

#include "connection.h"
#include "gate-report.h"
#include "seal.h"

/* To take one in, or to refuse it, costs little: whoever connects in a loop keeps nobody waiting.
 */
#define ACCEPT_AT_ONCE 512
#define PAUSE_USEC     (200 * 1000)
#define RETRY_USEC     (1000 * 1000)

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct front *front = userdata;

	front->pause_source = sd_event_source_disable_unref(front->pause_source);
	return sd_event_source_set_enabled(front->listen_source, SD_EVENT_ON);
}

/* Without fds or memory accept would fail again at once, and again: wait a little. */
static int pause_accepting(struct front *front)
{
	int r;

	r = sd_event_add_time_relative(front->event, &front->pause_source, CLOCK_MONOTONIC,
				       PAUSE_USEC, 0, on_pause_over, front);
	return r < 0 ? r : sd_event_source_set_enabled(front->listen_source, SD_EVENT_OFF);
}

static int on_accept(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata)
{
	struct front *front = userdata;

	for (unsigned i = 0; i < ACCEPT_AT_ONCE; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			if (errno == EAGAIN)
				return 0;
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			return pause_accepting(front);
		}
		connection_new(front, fd);
	}
	return 0;
}

/* ---- what could not be closed ---- */

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct front *front = userdata;

	/* on_post() sees what is left */
	stuck_retry();
	front->retry_source = sd_event_source_disable_unref(front->retry_source);
	return 0;
}

/* After whatever the loop did. Without memory for a timer it comes here again with the next. */
static int on_post(sd_event_source *source, void *userdata)
{
	struct front *front = userdata;

	if (!front->retry_source && stuck_left() > 0)
		sd_event_add_time_relative(front->event, &front->retry_source, CLOCK_MONOTONIC,
					   RETRY_USEC, 0, on_retry, front);
	return 0;
}

/*
 * sd-event opens its timer fd with the first timer and keeps it. Let that be now: what the daemon
 * has open is then the same before and after any client, and can be checked.
 */
static int open_timer(sd_event *event)
{
	sd_event_source *source = NULL;
	int r;

	r = sd_event_add_time_relative(event, &source, CLOCK_MONOTONIC, STALL_USEC, 0,
				       on_pause_over, NULL);
	sd_event_source_disable_unref(source);
	return r;
}

int front_new(sd_event *event, struct gate *gate, int listen_fd, struct front **ret)
{
	struct front *front = calloc(1, sizeof(*front));
	int r;

	if (!front)
		return -ENOMEM;
	front->gate = gate;
	front->listen_fd = listen_fd;
	front->stall_usec = STALL_USEC;
	front->event = sd_event_ref(event);
	r = open_timer(event);
	if (r >= 0)
		r = workers_new(event, &front->workers);
	if (r >= 0)
		r = gate_report_new(event, &front->report);
	if (r >= 0)
		r = sd_event_add_post(event, &front->post_source, on_post, front);
	if (r >= 0)
		r = sd_event_add_io(event, &front->listen_source, listen_fd, EPOLLIN, on_accept,
				    front);
	if (r < 0) {
		sd_event_source_disable_unref(front->post_source);
		gate_report_free(front->report);
		workers_free(front->workers);
		sd_event_unref(front->event);
		free(front);
		return r;
	}
	*ret = front;
	return 0;
}

bool front_free(struct front *front, uint64_t usec)
{
	if (!front)
		return true;
	front->listen_source = sd_event_source_disable_unref(front->listen_source);
	front->pause_source = sd_event_source_disable_unref(front->pause_source);
	front->retry_source = sd_event_source_disable_unref(front->retry_source);
	front->post_source = sd_event_source_disable_unref(front->post_source);
	front->listen_fd = safe_close(front->listen_fd);
	while (front->connections)
		connection_free(front->connections);
	if (!workers_drain(front->workers, usec))
		return false;
	gate_report_free(front->report);
	workers_free(front->workers);
	sd_event_unref(front->event);
	free(front);
	return true;
}
