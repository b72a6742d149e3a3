/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events: the records of the ring buffers that a load grants, printed to stdout as they come, a
 * line each. With more than one ring buffer each line says which.
 */
#pragma once

#include "load.h"
#include "verbs.h"

struct events;

/* Is there a ring buffer among @maps whose records can be had? */
bool events_granted(const struct load_maps *maps);

/* @maps and @types must outlive *ret. ERROR_FAILED. */
int events_open(const struct context *ctx, const struct load_maps *maps,
		const struct bundle_types *types, struct events **ret, struct error *error);
void events_close(struct events *events);
static inline void events_closep(struct events **events)
{
	events_close(*events);
}
#define _cleanup_events_ _cleanup_(events_closep)

/* Readable while there are records. */
int events_fd(const struct events *events);

/* Prints up to @max records: their number, or a negative errno. */
int events_drain(struct events *events, unsigned max);
