/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a load child's report means, in one sentence for a person. */
#pragma once

#include "load-attempt.h"

/*
 * Fills @error from a @report that is not STAGE_DONE and returns a negative errno. @log is the
 * verifier's log or NULL; LOAD_LOG_SIZE bytes that need not end in a NUL.
 */
int load_error(const struct load_input *input, const struct load_report *report, const char *log,
	       struct error *error);

/* The same for a child that ended without one: @attempt is not ENDED_REPORT. */
int load_error_ended(const struct attempt *attempt, struct error *error);
