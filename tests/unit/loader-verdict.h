/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a loader written by hand when it is read, before it runs. */
#pragma once

#include "loader-asm.h"
#include "loader.h"

/* loader_check(), and loader_data_check(). The context has room for one program; @openings: one for
 * each of its maps, or NULL. */
int verdict(const struct loader_asm *a, const struct map_opening *openings, struct error *error);
/* The same of a bundle that declares programs of these types (bits 1 << enum bpf_prog_type); above
 * it is one that may read the kernel's memory. */
int verdict_of(const struct loader_asm *a, const struct map_opening *openings, uint64_t types,
	       struct error *error);
void verdict_accepted(const struct loader_asm *a, const struct map_opening *openings);
/* ERROR_ATTESTATION at STEP_LOAD, with @part in its message */
void verdict_refused(const struct loader_asm *a, const struct map_opening *openings,
		     const char *part);
