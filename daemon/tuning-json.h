/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tunables on the wire and in records. Values are strings there: Varlink's integers have 63 bits
 * and a sign, and what was meant as a number of another type is told in the text's own terms.
 */
#pragma once

#include <json-c/json_types.h>

#include "tuning.h"

/*
 * An array of {"name", "value"}, or NULL for none: *ret (settings_free()). -EINVAL: something else;
 * -E2BIG: more of them than a manifest has tunables, or longer than any name or value.
 */
int settings_from_json(struct json_object *array, struct setting **ret, unsigned *ret_n);

/* What settings_from_json() takes: those that were set. */
int settings_to_json(const struct manifest *manifest, const struct tuning *tuning,
		     struct json_object **ret);

/* For replies, all of them: name, type, value, default, min, max, set. */
int tuning_to_json(const struct manifest *manifest, const struct tuning *tuning,
		   struct json_object **ret);
