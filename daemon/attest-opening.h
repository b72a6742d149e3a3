/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does a map hold what it was to hold: the tunables that were set, and the defaults of others? */
#pragma once

#include "loader.h"

/*
 * Reads back the read-only map behind @fd and compares it with the value of @opening, if it has
 * one. It must be frozen and closed to programs, or what it holds now would say nothing of later.
 * ERROR_ATTESTATION; ERROR_KERNEL when the kernel does not say.
 */
int attest_opening(const struct manifest_map *map, int fd, const struct map_opening *opening,
		   struct error *error);

/* Finds the line "frozen:\t1" in an fdinfo. -ENODATA: there is none about it. */
int attest_read_frozen(FILE *file, bool *ret);
