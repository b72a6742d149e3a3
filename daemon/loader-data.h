/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What does a loader ask the kernel for, and what does it read? Looked at before it runs.
 *
 * The attributes of its bpf(2) commands lie in its metadata, which it rewrites as it runs: fds go
 * in, and addresses. So each instruction is followed with what is known of the registers, and every
 * store must go to a place that can be told. Then what no store goes to holds at run time what was
 * signed: nobody else can write to the map (exclusive, frozen), but the kernel, behind the end of
 * some attributes. And every load and copy must come from a place that can be told.
 *
 * Without this a loader written by hand could register a struct_ops map (a congestion control, a
 * scheduler), which holds itself and so outlives every refusal that comes after; or hand out, in a
 * map that is declared, the memory of the kernel, or of the load child, which is the daemon's.
 */
#pragma once

#include "loader.h"

/*
 * To be asked of a loader that loader_check() accepts: no loops but to the clean-up, constant
 * commands, and a bound on their number. ERROR_ATTESTATION at STEP_LOAD:
 *  - a store, or an argument that a helper fills, whose place cannot be told, or is in the context
 *    and not one of the declared objects' fds; atomic operations
 *  - a load but from the metadata, the context, the stack where it has been cleared, and the digest
 *    of the metadata's map
 *  - a copy but of what .openings give for a map, or of more than that
 *  - attributes at a place, or of a size, that cannot be told or is not in the metadata
 *  - an address in the attributes but of the metadata, or a length that is changed as it runs or
 *    leads out of it; a log but the daemon's
 *  - BPF_MAP_CREATE whose type is changed as it runs, or is none that a manifest can have
 *  - BPF_MAP_UPDATE_ELEM but of an array that it made, while no fd was closed, with what was signed
 *    or an opening
 *  - BPF_PROG_LOAD: the same as for maps, and the expected attach type where that is bound to the
 *    program: one that a target of a manifest can have; instructions that are changed in other
 *    parts than libbpf's loaders do (the constants of 64-bit loads, calls of kernel functions);
 * unless load_reads_kernel(), calls of kernel functions and addresses of kernel variables; a
 * program with effects that .effects does not have (loader-effects.c)
 */
int loader_data_check(const struct load_input *input, struct error *error);
