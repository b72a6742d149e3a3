/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manifest as a person writes it: short, because the rest is derived from the object file. All
 * members may be left out:
 *
 * { "name": ..., "version": ..., "sequence": ..., "description": ..., "license": ...,
 *   "publisher": ..., "requires": [ ... ], "effects": [ ... ], "after": [ ... ],
 *   "tunables": { VARIABLE: { "min": ..., "max": ..., "type": ..., "default": ... },
 *                 NAME: { "type": "max_entries", "map": ..., "min": ..., "max": ... } },
 *   "programs": { NAME: { "attach": [ ... ], "default": [ ... ] } },
 *   "maps": { NAME: { "grant": ..., "event": ..., "key": ..., "value": ... } } }
 *
 * A map that libbpf makes of a data section may be named by the section: ".bss". With several
 * object files that have one it is named whole.
 */
#pragma once

#include "bundle.h"
#include "json.h"
#include "manifest.h"

struct hand {
	const char *file; /* for messages; borrowed */
	char *text;	  /* owned; NULL when there is no such file */
	size_t size;
	struct json_object *root; /* owned; everything below borrows from it */
	const char *name, *version, *description, *license, *publisher;
	uint64_t sequence; /* 0: not given */
	struct json_object *programs, *maps, *requires, *effects, *after, *tunables;
};

/* Reads @file (NULL: an empty manifest). ERROR_BAD_MANIFEST with file, line and column. */
int hand_read(const char *file, struct hand *ret, struct error *error);
void hand_done(struct hand *hand);
#define _cleanup_hand_ _cleanup_(hand_done)

/*
 * Puts what @hand says over what was derived. A program or map that the object does not have, an
 * unknown member, a target other than the one that is baked into a program: ERROR_BAD_MANIFEST.
 * Does not replace manifest_parse(), which checks the result as a whole.
 */
int hand_merge(const struct hand *hand, struct manifest *manifest, struct error *error);

/* The map called @name, or of the data section @name, of which there are *ret_n. NULL. */
struct manifest_map *hand_find_map(struct manifest *m, const char *name, unsigned *ret_n);

/* "FILE:LINE:COLUMN: ..." where @path can be found, else "FILE: ..."; returns -EINVAL. */
int hand_complain(const struct hand *hand, struct error *error, const char *path,
		  const char *format, ...) _printf_(4, 5);

/* The same of a program or map ("program", "map") @name that @n_found of the object files have. */
int hand_complain_part(const struct hand *hand, const char *path, const struct manifest *m,
		       const char *what, const char *name, unsigned n_found, struct error *error);

/* json_dispatch() with a message; @path is the object's own, "" for the root. */
int hand_dispatch(const struct hand *hand, struct json_object *object, const char *path,
		  const struct json_member *members, struct error *error);
