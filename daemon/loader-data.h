/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What does a loader ask the kernel for? Read in its metadata before it runs.
 *
 * The attributes of its bpf(2) commands lie in the metadata, which it rewrites as it runs: fds go
 * in, and addresses. So each instruction is followed with what is known of the registers, and every
 * store must go to a place that can be told. Then a field to which none goes holds at run time what
 * was signed: nobody else can write to the map (exclusive, frozen), but the kernel, into the end of
 * some attributes.
 *
 * Without this a loader written by hand could register a struct_ops map (a congestion control, a
 * scheduler), which holds itself and so outlives every refusal that comes after.
 */
#pragma once

#include "bundle.h"

/*
 * To be asked of a @loader that loader_check() accepts: no loops but to the clean-up, constant
 * commands, and a bound on their number. ERROR_ATTESTATION at STEP_LOAD:
 *  - a store, or an argument that a helper fills, whose place cannot be told; atomic operations
 *  - attributes at a place, or of a size, that cannot be told or is not in @metadata
 *  - BPF_MAP_CREATE whose type is changed as it runs, or is none that a manifest can have
 *  - BPF_PROG_LOAD: the same, and the expected attach type where that is bound to the program:
 *    one that a target of a manifest can have
 */
int loader_data_check(struct blob loader, struct blob metadata, struct error *error);
