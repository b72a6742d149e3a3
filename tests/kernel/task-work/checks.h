/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rows from a table. Each is asked in both spellings of the kfuncs (row names begin with
 * task-work/ and task-work-impl/); the spelling that a kernel lacks is skipped, and where both
 * exist they must answer the same.
 */
#pragma once

#include "../row.h"

struct check {
	const char *name;
	const char *expected; /* NULL: whatever Linux 7.3 answers */
	void (*run)(const struct check *check);
	/* For run(). */
	unsigned a, b, c;
	const char *text;
};

/* The answer of the check that runs. */
void answer(const char *format, ...) _printf_(1, 2);
/* "ok" or an errno's name. */
void answer_result(int result);

/* @group: the part of the names after the first slash. */
void checks_run(const char *group, const struct check *checks, size_t n);
#define CHECKS_RUN(group, checks) checks_run(group, checks, ARRAY_SIZE(checks))

/* This thread runs on that processor from here on. */
void checks_pin(int cpu);
/* The spelling in question: the file name of an object of @name in it. */
const char *checks_object(const char *name);
/* Before anything else. @impl: which spelling follows. */
void checks_init(void);
void checks_spelling(bool impl);
/* Whether this kernel has it. */
bool checks_spelling_exists(void);

/*
 * A file to which writing an l sends an NMI to all other processors. The backtraces that they print
 * are not wanted: the console, which is slow, is shut to them.
 */
int sysrq_open(void);
/* Waits until *@value is @wanted. False if it is not after @ms milliseconds. */
bool wait_for(const volatile unsigned *value, unsigned wanted, unsigned ms);
void sleep_ms(unsigned ms);

/* A run(): loads a program that is called as the row, with dashes; .text is the object. */
void check_verify(const struct check *check);
/* Loads the program @name of an object; keeps what the verifier says. 0 or a negative errno. */
int verify(const char *object_name, const char *name);
/* The same with @fd in the place of the object's map @map. */
int verify_with(const char *object_name, const char *name, const char *map, int fd);
/* The type of the program that was loaded last, as in linux/bpf.h. */
unsigned verify_type(void);

/* The groups. */
void rows_tw_schedule(void);
void rows_tw_ends(void);
void rows_tw_last(void);
void rows_tw_maps(void);
void rows_tw_nmi(void);
void rows_tw_race(void);
void rows_tw_states(void);
void rows_tw_types(void);
void rows_tw_values(void);
void rows_tw_verifier(void);
