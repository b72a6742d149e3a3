/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of floor: the file, floors.json in /var/lib/bpfgate. */
#pragma once

#include "floor.h"

#define FLOOR_FILE	"floors.json"
#define FLOOR_FILE_OLD	"floors.json.old"
#define FLOOR_FILE_SIZE (1024u * 1024)

struct floor_array {
	unsigned n;
	struct floor *items; /* sorted by name and signer, none twice; owned */
};

/* Strict: what is not exactly as it is written here is an error. No file: no floors, and
 * *ret_exists is false. @dir is for messages. */
int floor_file_read(int folder, const char *dir, struct floor_array *ret, bool *ret_exists,
		    struct error *error);
/* ERROR_FAILED at STEP_RECORD. */
int floor_file_write(int folder, const struct floor_array *array, struct error *error);
/* Gives the file another name, FLOOR_FILE_OLD, for somebody to look at. Absent is fine. */
int floor_file_put_aside(int folder, struct error *error);
