/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which kernel functions (kfuncs) does a loaded program call? Asked of the kernel, for whoever
 * signs a loader can write it by hand: what it holds, names included, says nothing of what it
 * submits.
 *
 * The kernel shows a program's instructions with calls in them, but not where they go, unless the
 * file that it is asked through was opened by somebody with CAP_SYSLOG (bpf_insn_prepare_dump(),
 * kallsyms_show_value()). So the program is opened once more, with that capability. A call then has
 * the distance from __bpf_call_base to the function (fixup_kfunc_call()), and /proc/kallsyms,
 * opened likewise, the addresses. Where the JIT can call farther than that (s390x, ppc64,
 * loongarch) the kernel keeps a BTF id instead, which is no function's distance: it is found to be
 * unknown.
 *
 * Whatever cannot be told is an error: no CAP_SYSLOG, kernel.kptr_restrict above 1, no bpffs.
 */
#pragma once

#include "loader.h"

/* The forms of calls that the kernel has; one that it gets some day may lead anywhere. */
enum call_form {
	CALL_NONE, /* no call */
	CALL_HELPER,
	CALL_OWN, /* of a function of the program's own */
	CALL_KFUNC,
	CALL_UNKNOWN,
};
enum call_form call_form(const struct bpf_insn *insn);

/* What a call of a kernel function leads to. */
struct kfunc_call {
	int32_t distance; /* from __bpf_call_base; 0: not shown */
	int16_t module;	  /* not 0: a function of a module */
	bool unknown;	  /* CALL_UNKNOWN: nobody may */
};

/* Finds the calls of kernel functions, and those of an unknown form, among instructions as the
 * kernel shows them: calls @each for every one until that returns something else than 0, which is
 * returned; else 0. */
int kfunc_each(const void *insns, size_t size,
	       int (*each)(const struct kfunc_call *call, void *userdata), void *userdata);

/*
 * The addresses of the functions that features are, and of the base of calls: read from
 * /proc/kallsyms when first needed, as they do not change before the next boot.
 */
struct kfunc_symbol {
	const char *name; /* static */
	uint64_t address;
};
#define KFUNC_SYMBOLS_MAX 16
struct kfunc_symbols {
	uint64_t base;
	unsigned n;
	struct kfunc_symbol items[KFUNC_SYMBOLS_MAX];
};

/* From a file in the format of /proc/kallsyms. -ENODATA: addresses are not shown. */
int kfunc_symbols_read(FILE *file, struct kfunc_symbols *ret);

/*
 * May a program that the manifest lets call the functions of @requires, and a rule those that
 * @granted has patterns for, make this call? NULL, or what is wrong with it, as the end of the
 * sentence "program X calls ...": in @buffer.
 */
#define KFUNC_REASON_MAX 256
const char *kfunc_judge(const struct kfunc_symbols *symbols, const struct kfunc_call *call,
			const struct manifest *manifest, const struct kfunc_grant *grant,
			char buffer[static KFUNC_REASON_MAX]);

/* /proc/kallsyms, opened with CAP_SYSLOG where that is there. */
int kfunc_open_symbols(FILE **ret);

/* "ADDRESS TYPE NAME" of a line of it; false for symbols of modules, and for other lines. */
bool kfunc_parse_symbol(const char *line, uint64_t *ret_address, char ret_name[static 128]);

/* The instructions of a program with the targets of its calls in them. @calls: what of, for
 * messages. ERROR_ATTESTATION. *ret is malloced. */
int kfunc_read_calls(const struct manifest_program *program, int fd, uint32_t size,
		     const char *calls, void **ret, struct error *error);

/* ERROR_ATTESTATION: "cannot tell which CALLS program X calls: WHAT: errno". */
int kfunc_cannot_tell(const struct manifest_program *program, const char *calls, const char *what,
		      int r, struct error *error);

/*
 * For a program that is known to call kernel functions: are all of them required by the manifest,
 * and granted? @size: of its instructions. ERROR_ATTESTATION with the function's name.
 */
int attest_kfuncs(const struct manifest *manifest, const struct manifest_program *program, int fd,
		  uint32_t size, const struct kfunc_grant *grant, struct error *error);
