/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of the loader half: what pin.c and grant.c share of PIN_ROOT. */
#pragma once

#include "loader.h"

/* A map is pinned under such a name while it is opened read-only; no id looks like it. */
#define PIN_TEMPORARY "grant-"

/* PIN_ROOT is a folder of a bpffs and root's alone; made if it is missing. */
int pin_root_check(struct error *error);
