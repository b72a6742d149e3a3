/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Switches that take a check of the daemon away, so that a test can show that the kernel alone
 * refuses as well, or shorten a wait. They exist in test builds only (meson -Dtest-hooks=true); in
 * any other build each is a constant and leaves no trace in the binary.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#if defined(BPFGATE_TEST_HOOKS) && BPFGATE_TEST_HOOKS
/* Section digests that differ and signatures that do not verify are let pass by authenticate(), and
 * loader_load() does not look into the loader. */
bool test_hook_skip_authentication(void);

/* Children get a copy of the fd table: valgrind knows no fork that shares it. */
bool test_hook_copy_fds(void);

/* The deadline of a load: $BPFGATE_TEST_LOAD_SECONDS, 1 to 60, or @usec. */
uint64_t test_hook_load_deadline(uint64_t usec);
#else
static inline bool test_hook_skip_authentication(void)
{
	return false;
}

static inline bool test_hook_copy_fds(void)
{
	return false;
}

static inline uint64_t test_hook_load_deadline(uint64_t usec)
{
	return usec;
}
#endif
