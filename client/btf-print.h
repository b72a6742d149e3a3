/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed records for people (text) and for programs (JSON). Errors are those of btf_walk(). */
#pragma once

#include "btf-walk.h"
#include "json.h"

/*
 * Prints "pid=123 comm=\"ls\" pos={x=1 y=2} list=[1 2]", without a newline; a record that is no
 * struct is printed as its value alone. On failure nothing is printed. @f gets no byte that a
 * terminal would take for a command.
 */
int btf_print(FILE *f, const struct btf *btf, uint32_t id, struct blob record);

/*
 * The record as JSON: structs are objects, pointers and other hexadecimal values strings, numbers
 * without enumerator numbers, text that is no UTF-8 an array of its bytes (as journald does).
 * *ret is owned by the caller.
 */
int btf_json(const struct btf *btf, uint32_t id, struct blob record, struct json_object **ret);

/* Text of @size bytes as a JSON value, by the same rule. NULL: no memory. */
struct json_object *json_from_bytes(const char *text, size_t size);

/* "0x..." of a number of @size bytes, least significant first. Malloced, NULL: no memory. */
char *hex_number(const uint8_t *data, size_t size);
