/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A manifest with tunables and the bundle that belongs to it, for the tests of both. */
#pragma once

#include "bundle.h"
#include "manifest.h"

/* @tunables: the object's members. Maps: events (ring buffer of 8192), table (hash of 10),
 * x.rodata (16 bytes), stores (without entries), x.bss. Malloced. */
char *tuned_text(const char *tunables);

/* Of x.rodata: a u32 at 0, an s64 at 8, a bool at 4; and the entries of both maps. */
#define TUNED_ALL                                                              \
	"\"low\": {\"type\": \"u32\", \"map\": \"x.rodata\", \"offset\": 0,"   \
	" \"min\": 0, \"max\": 65535, \"default\": 7},"                        \
	"\"flag\": {\"type\": \"bool\", \"map\": \"x.rodata\", \"offset\": 4," \
	" \"default\": true},"                                                 \
	"\"wide\": {\"type\": \"s64\", \"map\": \"x.rodata\", \"offset\": 8,"  \
	" \"min\": -9223372036854775808, \"max\": 9, \"default\": -2},"        \
	"\"ring\": {\"type\": \"max_entries\", \"map\": \"events\","           \
	" \"min\": 4096, \"max\": 65536, \"default\": 8192},"                  \
	"\"size\": {\"type\": \"max_entries\", \"map\": \"table\","            \
	" \"min\": 1, \"max\": 99, \"default\": 10}"

/* The number of x.rodata, and what it holds, with 0xa5 where no tunable is. */
#define TUNED_RODATA 2u
extern const uint8_t tuned_value[16];

/* Fails the test where it does not parse. */
struct manifest *tuned_manifest(const char *tunables);

/* A bundle with these images (contents of sections): opened, *ret_file is malloced. */
void tuned_bundle(const struct blob *images, unsigned n, uint8_t **ret_file, struct bundle *ret);
