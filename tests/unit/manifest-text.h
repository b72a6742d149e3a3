/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A manifest with every member, in the canonical form, and a way to spoil it. */
#pragma once

#include "manifest.h"

extern const char manifest_example[];

/* manifest_example with the first @from replaced by @to; malloced. @from must be there. */
char *manifest_replace(const char *from, const char *to);
