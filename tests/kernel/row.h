/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the conformance program says. One line a row, the columns parted by tabs:
 *
 *   row NAME ANSWER [checked]
 *           what this kernel answered: "ok", an errno's name, "skip: REASON", or words and values
 * that are the same wherever the behaviour is; "checked": compared with the documented answer wrong
 * NAME EXPECTED follows a row whose answer is not the documented one, and a group that did not come
 * to its end
 *
 * Lines that begin with # are for people. tests/kernel/compare reads the rest.
 */
#pragma once

#include "util.h"

/* @expected: from the documentation of the interface; NULL: whatever Linux 7.3 answers. */
void row(const char *name, const char *expected, const char *format, ...) _printf_(3, 4);
/* @result: 0 or more: "ok"; else a negative errno. */
void row_result(const char *name, const char *expected, int result);
void row_skip(const char *name, const char *reason);
/* For people: not compared. */
void note(const char *format, ...) _printf_(1, 2);
/* How many answers were not the documented ones. */
unsigned row_wrong(void);

/* "ok" or the name of an errno, in static memory. */
const char *answer_name(int result);

/* The rest of the group cannot run: @what failed with @result, a negative errno. Else returns
 * @result. */
int must(const char *what, int result);

extern struct options {
	unsigned tries;
	bool verbose;
	/* Nothing that can crash a kernel without our patches, nor what only these promise. */
	bool stock;
	/* A key compiled into this kernel, and its certificate; PEM files, or NULL. */
	const char *builtin_key, *builtin_cert;
	/* The folder of this program. */
	char directory[4096];
} options;

/* The groups of rows. Each runs in a process of its own. */
void rows_signature(void);
void rows_algorithms(void);
void rows_keyrings(void);
void rows_fold(void);
void rows_fold_types(void);
void rows_fd_array(void);
void rows_fd_array_signed(void);
void rows_order(void);
void rows_btf(void);
void rows_digest(void);
void rows_exclusive(void);
void rows_exclusive_use(void);
void rows_info(void);
void rows_unsigned(void);
void rows_kinds(void);
void rows_loader(void);
void rows_lsm(void);
void rows_race(void);
void rows_relocations(void);
void rows_hooks(void);
void rows_lock(void);
