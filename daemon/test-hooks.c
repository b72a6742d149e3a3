/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-hooks.h"

#include "util.h"

bool test_hook_skip_authentication(void)
{
	const char *value = secure_getenv("BPFGATE_TEST_SKIP_AUTHENTICATION");

	return value && streq(value, "1");
}
