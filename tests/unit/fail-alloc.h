/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes allocations of this process fail, in whatever library: malloc(3), calloc(3), realloc(3),
 * and what glibc builds on them (strdup(3), asprintf(3), ...).
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * First of all. OpenSSL's own allocations do not fail from here on: there are thousands, and what
 * becomes of each is its business. Ends the program with 77 where allocations cannot be made to
 * fail.
 */
void fail_alloc_setup(void);

/* The @n-th allocation from now on fails (n from 1), and @then_all: each one after it. */
void fail_alloc(unsigned n, bool then_all);
/* No more. Has any failed? */
bool fail_alloc_end(void);

struct attempt {
	const char *name;
	/* What is looked at: with failing allocations. A negative errno, and *error says what. */
	int (*run)(void);
	/* What came of it, without: is it right, if @r says success? Frees it. */
	void (*check)(int r);
	void (*start)(void); /* once in each process, before the first; or NULL */
};

/*
 * Runs the attempt again and again, each time with the next allocation failing, until none is left:
 * in a process of its own, so that a crash is counted and said with its place. True: there was
 * none.
 */
bool fail_alloc_all(const struct attempt *attempt);

/* For .check, in whose process cmocka could not end a test: a crash, which is counted. */
#define hold(condition)                                                                        \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			fprintf(stderr, "line %d: does not hold: %s\n", __LINE__, #condition); \
			abort();                                                               \
		}                                                                              \
	} while (0)
