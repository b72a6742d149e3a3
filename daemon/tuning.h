/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tunables of a bundle are in one load, and what becomes of the loader's inputs by that.
 * The values come from a client, names and bounds from the manifest; only the daemon makes images.
 */
#pragma once

#include "error.h"
#include "loader.h"
#include "manifest.h"

/* As a client gave it. */
struct setting {
	char *name, *value; /* owned by whoever owns the array */
};
void settings_free(struct setting *settings, unsigned n);

struct tuning {
	uint64_t set;	  /* bit i: number i was set by the client, be it to its default */
	uint64_t *values; /* of each tunable of the manifest; owned, NULL where there is none */
};
void tuning_done(struct tuning *tuning);

/*
 * Every tunable that is not set has its default. ERROR_BAD_TUNABLE at STEP_AUTHORISE, with field
 * "tunable": an unknown name, the same name twice, a value that is not one of the type or not
 * within the bounds.
 */
int tuning_resolve(const struct manifest *manifest, const struct setting *settings,
		   unsigned n_settings, struct tuning *ret, struct error *error);

/* "min_uid=1000 buffer_size=65536": those that were set, or "". *ret is malloced. -ENOMEM. */
int tuning_format(const struct manifest *manifest, const struct tuning *tuning, char **ret);

/* What the maps of a load are to be: one for each map of the manifest. */
struct openings {
	unsigned n;
	struct map_opening *maps; /* owned, with their values */
};
#define OPENINGS_INIT ((struct openings){})
void openings_done(struct openings *openings);

/*
 * Patches copies of the images of @bundle, which belongs to @manifest (images_check()).
 * ERROR_FAILED (out of memory) at STEP_LOAD.
 */
int openings_make(const struct manifest *manifest, const struct bundle *bundle,
		  const struct tuning *tuning, struct openings *ret, struct error *error);
