/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a loader's instructions: what loader-check.c, loader-data.c and loader-attr.c share. */
#pragma once

#include <linux/bpf.h>

#include "bundle.h"
#include "error.h"

#define CODE_LD_IMM64  (BPF_LD | BPF_DW | BPF_IMM)
#define CODE_CALL      (BPF_JMP | BPF_CALL)
#define CODE_EXIT      (BPF_JMP | BPF_EXIT)
#define CODE_JUMP      (BPF_JMP | BPF_JA)
#define CODE_MOV_CONST (BPF_ALU64 | BPF_MOV | BPF_K)
#define CODE_GOTO32    (BPF_JMP32 | BPF_JA)

static inline struct bpf_insn loader_insn(struct blob loader, size_t index)
{
	struct bpf_insn insn;

	memcpy(&insn, loader.data + index * sizeof(insn), sizeof(insn));
	return insn;
}

static inline bool insn_is_jump_class(const struct bpf_insn *insn)
{
	return BPF_CLASS(insn->code) == BPF_JMP || BPF_CLASS(insn->code) == BPF_JMP32;
}

/* Where a jump goes; false when @insn is none. It may be out of the loader. */
static inline bool insn_jump_target(const struct bpf_insn *insn, size_t index, int64_t *ret)
{
	if (!insn_is_jump_class(insn) || BPF_OP(insn->code) == BPF_CALL ||
	    BPF_OP(insn->code) == BPF_EXIT)
		return false;
	*ret = (int64_t)index + 1 + (insn->code == CODE_GOTO32 ? insn->imm : insn->off);
	return true;
}

/* "the loader's instruction @index is ...": ERROR_ATTESTATION at STEP_LOAD (loader-check.c). */
_printf_(3, 4) int loader_refuse(struct error *error, size_t index, const char *format, ...);
