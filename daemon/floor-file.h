/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of floor: the file, floors.json in /var/lib/bpfgate. */
#pragma once

#include "floor.h"

#define FLOOR_FILE	"floors.json"
#define FLOOR_FILE_SIZE (1024u * 1024)

struct floor_array {
	unsigned n;
	struct floor *items; /* sorted by name and signer, none twice; owned */
};

/* Strict: what is not exactly as it is written here is an error. No file: no floors. @dir is for
 * messages. */
int floor_file_read(int folder, const char *dir, struct floor_array *ret, struct error *error);
/* ERROR_FAILED at STEP_RECORD. */
int floor_file_write(int folder, const struct floor_array *array, struct error *error);
