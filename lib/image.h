/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images: the whole initial value of each map that holds tunable variables. A loader takes another
 * initial value of a map as a whole or not at all, so whoever sets one variable needs the bytes
 * around it.
 *
 * A section of type BUNDLE_IMAGE holds the map's number in the manifest (le32), then its value.
 */
#pragma once

#include "bundle.h"
#include "manifest.h"

/* The value in the image of map number @map: borrowed from the bundle. -ENOENT. */
int image_find(const struct bundle *bundle, unsigned map, struct blob *ret);

/*
 * Is there an image for each map with tunable variables, in the order of the maps, and for no
 * other; is each as large as its map's value, and does it hold the variables' defaults? @bundle is
 * authentic and @manifest its own. ERROR_BAD_MANIFEST at STEP_AUTHENTICATE.
 */
int images_check(const struct bundle *bundle, const struct manifest *manifest, struct error *error);

/* The content of a section; *ret is malloced. -ENOMEM. */
int image_make(unsigned map, struct blob value, uint8_t **ret, size_t *ret_size);
