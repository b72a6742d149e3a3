/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Has this kernel what a bundle requires? */
#pragma once

#include "loader.h"

/* At STEP_LOAD: ERROR_NO_FEATURE with field "feature"; ERROR_FAILED for one that nobody here knows,
 * for it cannot be promised. */
int requires_check(const struct manifest *manifest, const struct kernel_probe *probe,
		   struct error *error);
