/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What does a loader write into its metadata, and where? Told by loader-data.c, which follows the
 * instructions; asked by loader-attr.c, for which it counts no matter when it is written.
 */
#pragma once

#include "bundle.h"
#include "error.h"

enum value_kind {
	VALUE_UNKNOWN, /* also: every number that is no constant */
	VALUE_CONSTANT,
	VALUE_DATA,    /* address of byte .number of the metadata */
	VALUE_STACK,   /* address of byte .number of the stack, whose end is 0 */
	VALUE_CONTEXT, /* address of the context */
	VALUE_MAP,     /* address of the kernel's struct bpf_map for the metadata */
	VALUE_OPENING, /* address of what the daemon gives for map .number */
	VALUE_LOG,     /* what the context has at .number, where it says where a log goes */
	VALUE_SLOT,    /* the 4 bytes at .number of the metadata */
	VALUE_BYTE,    /* the byte there */
	VALUE_CLEARED, /* that byte, the second of an instruction, without its source register */
	VALUE_RESULT,  /* of command .number */

	/* in writes only */
	VALUE_COPY,   /* bytes of an opening */
	VALUE_KERNEL, /* by the kernel, of its own accord */
};

struct value {
	enum value_kind kind;
	int64_t number;
};

/* Small, for there may be a million. */
struct loader_write {
	int32_t start, size; /* inside the metadata; .size > 0 */
	int32_t number;
	int32_t reach; /* where those end that begin no later; once they are sorted */
	uint8_t kind;  /* enum value_kind */
};

struct loader_writes {
	struct blob metadata;
	struct loader_write *items; /* malloced */
	size_t n, room;
};

/* -ERANGE: not inside the metadata. -ENOMEM. */
int loader_writes_add(struct loader_writes *writes, int64_t start, int64_t size,
		      struct value value);
/* When all have been added, and before any question is asked. */
void loader_writes_sort(struct loader_writes *writes);

/* Those that touch @size bytes from @start, which are in the metadata: loader_writes_to(), then
 * loader_writes_next() until NULL. */
struct loader_touching {
	const struct loader_writes *writes;
	int64_t start;
	size_t left;
};
struct loader_touching loader_writes_to(const struct loader_writes *writes, int64_t start,
					int64_t size);
const struct loader_write *loader_writes_next(struct loader_touching *touching);

/* Does @write fill these bytes, and no others? */
static inline bool loader_write_is(const struct loader_write *write, int64_t start, size_t size)
{
	return write->start == start && write->size == (int64_t)size;
}
bool loader_is_written(const struct loader_writes *writes, int64_t start, int64_t size);
/* Are these bytes 0 as they are signed? */
bool loader_is_zero(const struct loader_writes *writes, int64_t start, int64_t size);

/* @items has room for one more of @size bytes, or NULL: out of memory, and they are as before. */
void *loader_grow(void *items, size_t n, size_t *room, size_t size);
