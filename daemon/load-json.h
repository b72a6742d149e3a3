/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A load as the type Load of the Varlink interface. */
#pragma once

#include <json-c/json_types.h>

#include "record.h"

/*
 * @map_fds (by index of the manifest's maps, -1: none; may be NULL) are listed in @ret_fds in the
 * order of their indices in the reply: borrowed, up to MANIFEST_MAPS_MAX.
 */
int load_to_json(const struct load *load, const int *map_fds, struct json_object **ret,
		 int *ret_fds, unsigned *ret_n_fds);
/* The member "effects" of a load, or of an answer about one. */
int load_add_effects(struct json_object *object, const struct manifest *m);
