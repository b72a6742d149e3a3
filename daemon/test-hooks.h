/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Switches that take a check of the daemon away, so that a test can show that the kernel alone
 * refuses as well. They exist in test builds only (meson -Dtest-hooks=true); in any other build
 * each is the constant false and leaves no trace in the binary.
 */
#pragma once

#include <stdbool.h>

#if defined(BPFGATE_TEST_HOOKS) && BPFGATE_TEST_HOOKS
/* Section digests that differ and signatures that do not verify are let pass by authenticate(), and
 * loader_load() does not look into the loader. */
bool test_hook_skip_authentication(void);
#else
static inline bool test_hook_skip_authentication(void)
{
	return false;
}
#endif
