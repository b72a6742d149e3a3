/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Before a signed loader is run: are its instructions of the kind that libbpf's gen_loader writes?
 * A loader has no business but creating maps, programs and BTF from its metadata. What one does in
 * spite of this is found afterwards (load-child.h), but then it has been done: a link that lives
 * for a millisecond has already dropped packets.
 */
#pragma once

#include "bundle.h"

/*
 * ERROR_ATTESTATION at STEP_LOAD names instruction and rule:
 *  - whole instructions, 2..1,000,000, the first byte not 0xFF (raw signatures begin so)
 *  - 64-bit loads: constants and the loader's own map (index 0 of fd_array)
 *  - calls: the helpers of gen_loader only; no kfunc, no callback
 *  - bpf_sys_bpf(): a constant command, one of those that make and fill maps, programs, BTF; no
 *    more of them than the largest manifest needs. Their attributes: loader-data.h
 *  - no loops: a BPF program cannot be killed, so each of these commands may run once and no more
 */
int loader_check(struct blob loader, struct error *error);
