/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * File descriptors that loads keep open: programs, maps, and a link for each attachment, or for
 * each CPU. They are bounded together, by LimitNOFILE= less what connections, calls and root need,
 * and reserved before anything is loaded: whoever comes to the limit is refused, and nobody else
 * is.
 */
#pragma once

#include "record.h"

/* Kept free of loads: so many, or a quarter of the limit if that is less. */
#define DESCRIPTORS_KEPT 8192u

/*
 * Reserves what @load can come to need; its last load_unref() gives it back. ERROR_BUSY at
 * STEP_AUTHORISE, with -EMFILE, where that is more than is left.
 */
int descriptors_reserve(struct load *load, struct error *error);
/* What it has, over any limit: now that it is attached, or taken up again. */
void descriptors_settle(struct load *load);
void descriptors_give_back(struct load *load);
/* How many are reserved. */
unsigned descriptors_reserved(void);
