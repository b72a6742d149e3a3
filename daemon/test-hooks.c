/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-hooks.h"

#include <stdlib.h>

#include "util.h"

bool test_hook_skip_authentication(void)
{
	const char *value = secure_getenv("BPFGATE_TEST_SKIP_AUTHENTICATION");

	return value && streq(value, "1");
}

bool test_hook_copy_fds(void)
{
	const char *value = secure_getenv("BPFGATE_TEST_COPY_FDS");

	return value && streq(value, "1");
}

uint64_t test_hook_load_deadline(uint64_t usec)
{
	const char *value = secure_getenv("BPFGATE_TEST_LOAD_SECONDS");
	int seconds = value ? atoi(value) : 0;

	return seconds >= 1 && seconds <= 60 ? (uint64_t)seconds * 1000 * 1000 : usec;
}
