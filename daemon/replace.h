/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of the daemon's own that are there whole, old or new, whenever the machine stops. */
#pragma once

#include "util.h"

/* A file being written; a name that no file of ours has. */
#define REPLACE_NEW ".new-"

/* Writes @text beside @name in the folder, syncs, renames, syncs the folder. A negative errno; when
 * only the last step failed, *ret_renamed is true (may be NULL). */
int replace_file(int folder, const char *name, const char *text, bool *ret_renamed);

/* What to do about it, after strerror(-r); "" where there is nothing to say. */
const char *replace_hint(int r);
