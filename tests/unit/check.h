/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every unit test includes: cmocka with the headers it wants before it, and checks of errors.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "error.h"

/* Skips the test that is running, and says why. */
#define skip_as(reason)                                 \
	do {                                            \
		print_message("skipped: %s\n", reason); \
		skip();                                 \
	} while (0)

/* @e must be of @code, and its message hold @part: a refusal that says something else is a bug. */
static inline void check_error(const struct error *e, enum error_code code, const char *part)
{
	if (e->code != code || !strstr(error_message(e), part))
		fail_msg("expected %s \"%s\", got %s \"%s\"", error_code_name(code), part,
			 error_code_name(e->code), error_message(e));
}
