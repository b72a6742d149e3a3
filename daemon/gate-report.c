/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gate-report.h"

#include <time.h>

#include "audit.h"
#include "event-ring.h"
#include "gate-programs.h"
#include "journal.h"

#define READ_AT_ONCE 64
#define READ_AT_END  1024 /* of a gate that goes: all that its buffer holds */

/* ---- which have an entry ---- */

static bool is_of(const struct report_slot *slot, const struct gate_event *event)
{
	return slot->uid == event->uid && slot->reason == event->reason &&
	       slot->refused == event->refused && slot->type == event->type &&
	       memcmp(slot->comm, event->comm, sizeof(slot->comm)) == 0;
}

static struct report_slot *find_slot(struct report_limits *limits, const struct gate_event *event,
				     uint64_t now)
{
	struct report_slot *unused = NULL;

	for (unsigned i = 0; i < REPORT_SLOTS; i++) {
		struct report_slot *slot = &limits->slots[i];

		if (slot->begin_usec && is_of(slot, event))
			return slot;
		if (!unused && (!slot->begin_usec || now - slot->begin_usec >= REPORT_USEC))
			unused = slot;
	}
	if (!unused)
		return &limits->others;
	/* what an old one left out is said by whoever comes next */
	limits->others.left_out += unused->left_out;
	*unused = (struct report_slot){.uid = event->uid,
				       .reason = event->reason,
				       .refused = event->refused,
				       .type = event->type};
	memcpy(unused->comm, event->comm, sizeof(unused->comm));
	return unused;
}

bool report_take(struct report_limits *limits, const struct gate_event *event, uint64_t now,
		 uint64_t *ret_left_out)
{
	struct report_slot *slot = find_slot(limits, event, now);

	if (!slot->begin_usec || now - slot->begin_usec >= REPORT_USEC) {
		slot->begin_usec = now;
		slot->n = 0;
	}
	if (slot->n >= REPORT_EVENTS) {
		slot->left_out++;
		return false;
	}
	slot->n++;
	*ret_left_out = slot->left_out;
	slot->left_out = 0;
	return true;
}

/* ---- reading ---- */

struct gate_report {
	sd_event *event;
	sd_event_source *source;
	struct event_ring ring;
	int fd;
	struct report_limits limits;
};

static void on_event(const void *data, size_t size, void *userdata)
{
	struct gate_report *report = userdata;
	struct gate_event event;
	struct timespec now;
	uint64_t left_out;

	if (size < sizeof(event))
		return;
	memcpy(&event, data, sizeof(event));
	gate_programs_note(&event);
	clock_gettime(CLOCK_BOOTTIME, &now);
	if (report_take(&report->limits, &event,
			(uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000, &left_out))
		audit_gate_event(&event, gate_programs_unit(event.cgroup), left_out);
}

/* So many at once, that clients are served in between. */
static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct gate_report *report = userdata;

	event_ring_read(&report->ring, READ_AT_ONCE, on_event, report);
	return 0;
}

static void stop(struct gate_report *report)
{
	report->source = sd_event_source_disable_unref(report->source);
	if (report->ring.consumer)
		event_ring_read(&report->ring, READ_AT_END, on_event, report);
	event_ring_close(&report->ring);
	report->fd = safe_close(report->fd);
}

static int start(struct gate_report *report)
{
	int r = enforce_events_dup();

	if (r < 0)
		return r;
	report->fd = r;
	r = event_ring_open(report->fd, &report->ring);
	if (r < 0)
		return r;
	r = sd_event_add_io(report->event, &report->source, report->fd, EPOLLIN, on_readable,
			    report);
	/* whoever is refused again and again must not keep clients waiting */
	return r < 0 ? r : sd_event_source_set_priority(report->source, SD_EVENT_PRIORITY_IDLE);
}

void gate_report_follow(struct gate_report *report)
{
	int r;

	stop(report);
	r = start(report);
	if (r >= 0 || r == -ENOENT)
		return;
	stop(report);
	journal_line(LOG_ERR, "What the gate refuses cannot be read: %s; it is counted only",
		     strerror(-r));
}

int gate_report_new(sd_event *event, struct gate_report **ret)
{
	struct gate_report *report = calloc(1, sizeof(*report));

	if (!report)
		return -ENOMEM;
	report->event = sd_event_ref(event);
	report->fd = -1;
	gate_report_follow(report);
	*ret = report;
	return 0;
}

void gate_report_free(struct gate_report *report)
{
	if (!report)
		return;
	stop(report);
	sd_event_unref(report->event);
	free(report);
}
