/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the gate refuses, or would refuse, goes to the journal: an entry each, but only so many a
 * minute of one program of a user and one reason, and of all together. What is left out is counted,
 * and said with the next entry.
 */
#pragma once

#include <systemd/sd-event.h>

#include "enforce.h"

#define REPORT_SLOTS  64u /* programs and reasons at a time; the rest share one */
#define REPORT_EVENTS 5u  /* entries of each in a minute */
#define REPORT_USEC   (60ULL * 1000 * 1000)

/* ---- which have an entry ---- */

struct report_slot {
	uint32_t uid, reason, refused, type;
	char comm[GATE_COMM_SIZE];
	uint64_t begin_usec; /* of its minute; 0: free */
	unsigned n;
	uint64_t left_out;
};
struct report_limits {
	struct report_slot slots[REPORT_SLOTS];
	struct report_slot others;
};

/* Is there to be an entry at @now (microseconds)? *ret_left_out: what it has to say besides. */
bool report_take(struct report_limits *limits, const struct gate_event *event, uint64_t now,
		 uint64_t *ret_left_out);

/* ---- reading ---- */

struct gate_report;

/* Reads the events of the gate that is in force, from @event's loop. */
int gate_report_new(sd_event *event, struct gate_report **ret);
/* Another gate is in force, or none. */
void gate_report_follow(struct gate_report *report);
void gate_report_free(struct gate_report *report);
