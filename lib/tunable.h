/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tunables: what a bundle's signer lets its users set. Either a variable in read-only data
 * (.rodata), or the number of entries of a map. Each has a type and bounds; nothing else of a
 * signed loader's inputs is open.
 *
 * A value is held in a uint64_t, whatever its type: of signed types as an int64_t, of bool as 0
 * or 1.
 */
#pragma once

#include <json-c/json_types.h>

#include "util.h"

enum tunable_type {
	TUNABLE_U8,
	TUNABLE_U16,
	TUNABLE_U32,
	TUNABLE_U64,
	TUNABLE_S8,
	TUNABLE_S16,
	TUNABLE_S32,
	TUNABLE_S64,
	TUNABLE_BOOL,
	TUNABLE_MAX_ENTRIES, /* of a map: 1..UINT32_MAX */
	_TUNABLE_TYPE_MAX,
};

struct manifest_tunable {
	char *name; /* a C identifier: of a variable, its own */
	enum tunable_type type;
	unsigned map;	   /* number in the manifest */
	uint32_t offset;   /* of a variable in the map's value, in bytes */
	uint64_t min, max; /* both included */
	uint64_t initial;  /* "default": what it is where nobody sets it */
	bool power_of_two; /* of ring buffers: nothing else but pages, too */
};

/* "u8", "s64", "bool", "max_entries", ...: NULL, -EINVAL for others. */
const char *tunable_type_name(enum tunable_type type);
int tunable_type_from_name(const char *name, enum tunable_type *ret);
/* Bytes that a variable of this type has in the map's value; 0: it is no variable. */
unsigned tunable_size(enum tunable_type type);
bool tunable_is_signed(enum tunable_type type);

/* What the type can hold, without regard to bounds. */
uint64_t tunable_type_min(enum tunable_type type);
uint64_t tunable_type_max(enum tunable_type type);
/* <0, 0, >0 */
int tunable_compare(enum tunable_type type, uint64_t a, uint64_t b);

/*
 * @text is a whole number, decimal without leading zeros or hexadecimal behind "0x", of signed
 * types with a '-' before it where need be; of bool: "true" or "false". -EINVAL: it is not;
 * -ERANGE: the type cannot hold it.
 */
int tunable_parse(enum tunable_type type, const char *text, uint64_t *ret);
/* The same of a JSON number or boolean. */
int tunable_from_json(enum tunable_type type, struct json_object *value, uint64_t *ret);
#define TUNABLE_TEXT_SIZE 24
void tunable_format(enum tunable_type type, uint64_t value, char ret[static TUNABLE_TEXT_SIZE]);

/* May a user set it to @value? */
bool tunable_allows(const struct manifest_tunable *tunable, uint64_t value);
/* What it may be set to: "true or false", "a power of two, 4096 to 65536", "0 to 99". */
#define TUNABLE_RANGE_SIZE 80
void tunable_range(const struct manifest_tunable *tunable, char ret[static TUNABLE_RANGE_SIZE]);

/* The variable at @p: tunable_size() bytes, little endian, at any alignment. */
uint64_t tunable_load(enum tunable_type type, const uint8_t *p);
void tunable_store(enum tunable_type type, uint64_t value, uint8_t *p);
