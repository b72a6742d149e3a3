/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which helpers does a loaded program call? For rules that name some. Asked of the kernel as in
 * kfunc.h: a call has the distance from __bpf_call_base to the function behind the helper, or of
 * the map's own operation (do_misc_fixups() in kernel/bpf/verifier.c), and /proc/kallsyms the
 * names.
 *
 * A function is known by its name: that of the helper, with what the kernel puts before or behind
 * it for a type of program, and a few more. One that is not known is refused. A call that the
 * kernel has replaced by instructions of its own is no call any more and not to be seen: what it
 * could do the program could have done by those instructions.
 */
#pragma once

#include "kfunc.h"

/* The helpers that the function called @symbol is behind, up to two; 0 is what the kernel calls for
 * itself. Returns how many. */
unsigned helpers_of_symbol(const char *symbol, uint32_t ret[static 2]);

struct helper_symbol {
	uint64_t address;
	uint32_t helper;
};
struct helper_symbols {
	uint64_t base;
	unsigned n;
	struct helper_symbol *items; /* owned */
};
/* From a file in the format of /proc/kallsyms. -ENODATA: addresses are not shown. */
int helper_symbols_read(FILE *file, struct helper_symbols *ret);
void helper_symbols_done(struct helper_symbols *symbols);

/* May this instruction stand in a program of a rule with @grant? True for all that call no helper.
 * If not, *ret_name (static) is the helper's name, or NULL where that cannot be told. */
bool helper_judge(const struct helper_symbols *symbols, const struct bpf_insn *insn,
		  const struct kfunc_grant *grant, const char **ret_name);

/* ERROR_ATTESTATION with the helper's name. @size: of the instructions. */
int attest_helpers(const struct manifest_program *program, int fd, uint32_t size,
		   const struct kfunc_grant *grant, struct error *error);
