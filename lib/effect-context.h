/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of effects_find(): can a program write into its context? */
#pragma once

#include "effect.h"

/* 1 and an instruction that may, or 0, or -ENOMEM. @relocated as for effects_find(). */
int context_is_written(const struct bpf_insn *insns, size_t n, const bool *relocated,
		       size_t *ret_at);

/* By which arguments (bit i: Ri) may a helper write memory, the context among it? Of helpers that
 * are not known: by any. */
uint8_t helper_writes(int32_t helper);
