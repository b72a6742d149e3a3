/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of floor: a file in a folder of its own that says that there is a file of floors. Who
 * takes /var/lib/bpfgate away, by accident or to bring an old release back, does not take this away
 * too.
 */
#pragma once

#include "error.h"

#define FLOOR_MARK "floors"

/* 1: there have been floors, 0: there have not; a negative errno: that cannot be told. */
int floor_mark_exists(const char *dir);
/* Makes the folder, if it is missing, and the mark, for good. Once it is there it does nothing. */
int floor_mark_make(const char *dir);
