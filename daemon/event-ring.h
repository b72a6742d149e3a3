/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads a BPF ring buffer (kernel/bpf/ringbuf.c). Not by libbpf: its mappings would be in load
 * children as well, and one of them can be written. The fd of the map is to be polled for reading.
 */
#pragma once

#include "util.h"

struct event_ring {
	uint64_t *consumer;	  /* a page, ours to write */
	const uint64_t *producer; /* a page, followed by the data, twice */
	size_t size;		  /* of the data: a power of two */
};

/* Maps the ring buffer behind @map_fd, which may be closed then. 0 or a negative errno. */
int event_ring_open(int map_fd, struct event_ring *ret);
void event_ring_close(struct event_ring *ring);

/* Hands up to @max records to @take, in order, each for the length of the call; their number. */
unsigned event_ring_read(struct event_ring *ring, unsigned max,
			 void (*take)(const void *data, size_t size, void *userdata),
			 void *userdata);
