/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A strict reader of JSON text (RFC 8259) that builds nothing: it says whether a text is valid,
 * where it is not, and where a value lies. json-c alone is too kind: it takes the last of two
 * members of one name, clamps integers, knows NaN, and keeps no positions.
 */
#pragma once

#include "json.h"

#define JSON_MEMBERS_MAX 256 /* of one object: the hashes of names are compared pairwise */
#define JSON_NUMBER_MAX	 40  /* characters of one number */

struct json_scanner {
	const char *text;
	size_t size, at;
	unsigned depth;
	size_t values, values_max; /* so far; 0: any number */
	const char *reason;	   /* of the failure at .at; static */
};

/* A string in the text, without its quotes, escapes as they stand. */
struct json_span {
	const char *text;
	size_t size;
	bool plain; /* not from a JSON text: a backslash stands for itself */
};

/* White space, then one value or one string, and past it. 0 or a negative errno, .at and .reason.
 */
int json_scan_value(struct json_scanner *s);
int json_scan_string(struct json_scanner *s, struct json_span *ret);

/* White space, then the byte that follows, or -1 at the end. */
int json_scan_peek(struct json_scanner *s);

/* Do two scanned strings stand for the same characters, however they are written? */
bool json_span_equal(struct json_span a, struct json_span b);

/* The characters of a scanned string, as UTF-8, to @out, which holds @span.size bytes. How many. */
size_t json_span_decode(struct json_span span, char *out);

/* json-build.c: the objects of @text, which is valid. 0 or -ENOMEM. */
int json_build(const char *text, size_t size, struct json_object **ret);

/* The offset of the first byte that is not UTF-8 (or is NUL), or @size. */
size_t utf8_scan(const char *text, size_t size);

/* Moves the position past @size bytes of text. */
void json_position_count(struct json_position *position, const char *text, size_t size);

/* Counted from the first byte: for one place, as in a message. For all of a list: json_walk_next().
 */
struct json_position json_position_at(const char *text, size_t offset);
