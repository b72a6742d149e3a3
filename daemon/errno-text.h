/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An errno for a person: its name, to search for, and what it says. Safe in any thread. */
#pragma once

#include "util.h"

#define ERRNO_TEXT_SIZE 96

/* "EACCES (Permission denied)", or "error 524" for what has no name: @buffer or a static text. */
const char *errno_text(int errnum, char buffer[static ERRNO_TEXT_SIZE]);
