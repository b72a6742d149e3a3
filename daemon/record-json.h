/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of record: a load as JSON, and back. */
#pragma once

#include <json-c/json_types.h>

#include "record.h"

bool record_id_valid(const char *id);
int record_to_json(const struct load *load, struct json_object **ret);
/* Strict: unknown members, wrong types, counts that do not fit the manifest, ... are errors. */
int record_from_json(struct json_object *object, struct load **ret, struct error *error);
