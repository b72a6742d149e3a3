/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON over json-c, strict: UTF-8 is checked, depth, size and the number of members are bounded, a
 * duplicate member name is an error, nothing may follow the value, types are never converted.
 * Positions (line, column; both from 1, columns in bytes) are kept for messages.
 */
#pragma once

#include <json-c/json.h>

#include "util.h"

#define JSON_DEPTH_MAX 16
/* So many values may be in any text, and one more for each 16 bytes that it may have. */
#define JSON_VALUES_MIN 1024

struct json_position {
	unsigned line;
	unsigned column;
};

/*
 * Parses exactly @size bytes of @text (no NUL needed, a NUL inside is an error). On success
 * *ret_object is owned by the caller (it is NULL for the JSON value null). On failure a negative
 * errno (-EINVAL syntax, -EILSEQ not UTF-8, -E2BIG too deep, too many values or too large, -EEXIST
 * duplicate member, -ENOMEM), *ret_position where, *ret_reason a static string; both may be NULL.
 */
int json_parse(const char *text, size_t size, size_t size_max, struct json_object **ret_object,
	       struct json_position *ret_position, const char **ret_reason);

/*
 * Where the value behind @path begins in @text, a valid JSON text: @path is "rules[2].bundles[0]";
 * a member name may hold any character but '.', '[' and NUL. 0, or -ENOENT.
 */
int json_locate(const char *text, size_t size, const char *path,
		struct json_position *ret_position);

/*
 * Where each entry of a list begins, in order. Each is counted from the one before it, so that all
 * of them together cost as much as one look at the text; json_locate() begins at the first byte.
 */
struct json_walk {
	const char *text;
	size_t size, at;
	struct json_position position; /* of .at */
};

/* Begins with the first entry of the list behind @path. 0, or -ENOENT. */
int json_walk_list(const char *text, size_t size, const char *path, struct json_walk *ret);
/* The next entry: 0, or -ENOENT at the end. */
int json_walk_next(struct json_walk *walk, struct json_position *ret_position);

enum json_kind {
	JSON_STRING, /* const char **, points into the object */
	JSON_BOOL,   /* bool * */
	JSON_U64,    /* uint64_t *; a JSON integer >= 0 */
	JSON_S64,    /* int64_t * */
	JSON_ARRAY,  /* struct json_object **, borrowed */
	JSON_OBJECT, /* struct json_object **, borrowed */
	JSON_ANY,    /* struct json_object **, borrowed */
};

struct json_member {
	const char *name;
	enum json_kind kind;
	bool required;
	void *out; /* untouched when the member is absent or null */
};

/*
 * Takes the members of @object apart by @members (terminated by a NULL name). An unknown member
 * (-ENOENT), a wrong type (-EINVAL) or a missing required one (-ENODATA) fails; *ret_name is then
 * the member's name, valid as long as @object and @members.
 */
int json_dispatch(struct json_object *object, const struct json_member *members,
		  const char **ret_name);

/* Valid UTF-8 without surrogates, overlong forms or a NUL byte. */
bool utf8_valid(const char *text, size_t size);

static inline void json_putp(struct json_object **object)
{
	json_object_put(*object);
}

#define _cleanup_json_ _cleanup_(json_putp)

/* json_object_object_add() that copes with failed allocations: value is consumed; 0 or -ENOMEM. */
int json_add(struct json_object *object, const char *name, struct json_object *value);
/* The same for a list. */
int json_array_add(struct json_object *array, struct json_object *value);
int json_add_string(struct json_object *object, const char *name, const char *value);
int json_add_u64(struct json_object *object, const char *name, uint64_t value);

/*
 * The text of @object by json-c's @flags, borrowed from it; NULL: out of memory. json-c says so in
 * errno alone: what it gives is then a text with parts left out.
 */
const char *json_serialize(struct json_object *object, int flags, size_t *ret_size);
