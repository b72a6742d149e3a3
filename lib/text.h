/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text that comes from others and ends up on a terminal or in a log. What is printable here: valid
 * UTF-8 (no surrogates, no overlong forms, nothing above U+10FFFF) without control characters (C0,
 * DEL, C1), line and paragraph separators, or marks that reorder the line they stand in (bidi
 * embeddings, overrides and isolates, which make a text read as another one).
 */
#pragma once

#include "util.h"

bool text_printable(const char *text, size_t size);

/* Every byte of @text that is not part of something printable becomes '?'. */
void text_sanitize(char *text);
