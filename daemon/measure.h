/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of measure() that need no kernel. */
#pragma once

#include <linux/bpf.h>

#include "loader.h"

/* What a map may come to, of which the kernel says @info and that it has @memlock bytes now: maps
 * that take memory only as they are filled count as full. @n_cpus: for values of each CPU. */
uint64_t measure_map(const struct bpf_map_info *info, uint64_t memlock, unsigned n_cpus);

/* "memlock:" of a file in the format of /proc/PID/fdinfo/FD. -ENODATA. */
int measure_read_memlock(FILE *file, uint64_t *ret);
