/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of the manifest's parser: what its parts share. */
#pragma once

#include "json.h"
#include "manifest.h"

#define MANIFEST_PATH_MAX	512  /* of a member path in a message; longer ones are cut */
#define MANIFEST_IDENTIFIER_MAX 128u /* program names, BTF types */

/* The text is kept to say where in it a member stands. */
struct manifest_parser {
	const char *text;
	size_t size;
	struct error *error;
};

/* "LINE:COLUMN: PATH: MESSAGE". Returns -EBADMSG. */
int manifest_bad(const struct manifest_parser *p, const char *path, const char *format, ...)
	_printf_(3, 4);
int manifest_no_memory(const struct manifest_parser *p);

/* @ret holds MANIFEST_PATH_MAX bytes; @path is "" at the top. */
void manifest_path(char *ret, const char *path, const char *member);

/* json_dispatch() with a message. */
int manifest_dispatch(const struct manifest_parser *p, const char *path, struct json_object *object,
		      const struct json_member *members);

/* 1 to @max bytes of printable text; NULL stays NULL. *ret is owned by the caller. */
int manifest_text(const struct manifest_parser *p, const char *path, const char *member,
		  const char *value, size_t max, char **ret);

/* An array of @min to @max different strings, none of them empty. *ret and its strings are the
 * caller's, also on failure. A NULL array is an empty one. */
int manifest_strings(const struct manifest_parser *p, const char *path, const char *member,
		     struct json_object *array, unsigned min, unsigned max, char ***ret,
		     unsigned *ret_n);

/* A C identifier of at most MANIFEST_IDENTIFIER_MAX bytes. */
bool manifest_identifier(const char *text, size_t size);

/* The value of one member of "programs" or "maps"; *ret is the caller's, also on failure. */
int manifest_parse_program(const struct manifest_parser *p, const char *name,
			   struct json_object *value, struct manifest_program *ret);
int manifest_parse_map(const struct manifest_parser *p, const char *name, struct json_object *value,
		       struct manifest_map *ret);
/* The same of "tunables", once @m has its maps; *ret is the next of @m->tunables. */
int manifest_parse_tunable(const struct manifest_parser *p, const char *name,
			   struct json_object *value, const struct manifest *m,
			   struct manifest_tunable *ret);

/* ---- manifest-payload.c ---- */

/* The member "payload" of the program or map @path. */
int manifest_payload(const struct manifest_parser *p, const char *path, uint64_t value,
		     unsigned *ret);
/* Of programs and maps, once all are there. */
int manifest_check_order(const struct manifest_parser *p, const struct manifest *m);
