/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of attest() that need no kernel; the rest is in loader.h. */
#pragma once

#include "loader.h"

/* Is @kernel, as the kernel keeps it, the map that the manifest calls @manifest? */
bool map_name_fits(const char *manifest, const char *kernel);

/* Do these instructions, as the kernel shows them, call a kfunc? */
bool insns_call_kfunc(const void *insns, size_t size);

/* The instructions of @program as the kernel shows them through @fd; @size: as it said. *ret is
 * malloced. */
int attest_read_insns(const struct manifest_program *program, int fd, uint32_t size, void **ret,
		      struct error *error);
