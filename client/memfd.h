/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bundle in memory that nobody can change any more: the daemon maps such a memfd as it is, and
 * what bpfctl reads from it is what the daemon has authenticated.
 */
#pragma once

#include "bundle.h"

struct bundle_memory {
	int fd;		   /* sealed memfd */
	struct blob bytes; /* mapped */
};
#define _cleanup_memory_ _cleanup_(bundle_memory_done)

/* Copies @path (a file, or anything that can be read to its end). ERROR_UNREADABLE. */
int bundle_memory_read(const char *path, struct bundle_memory *ret, struct error *error);
void bundle_memory_done(struct bundle_memory *memory);
