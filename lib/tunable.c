/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunable.h"

#include <inttypes.h>
#include <json-c/json.h>

/* A ring buffer is made of pages; the kernel's may be larger, and then it refuses itself. */
#define PAGE_SIZE_MIN 4096u

static const struct {
	const char *name;
	unsigned size;
	bool is_signed;
	uint64_t min, max;
} types[_TUNABLE_TYPE_MAX] = {
	[TUNABLE_U8] = {"u8", 1, false, 0, UINT8_MAX},
	[TUNABLE_U16] = {"u16", 2, false, 0, UINT16_MAX},
	[TUNABLE_U32] = {"u32", 4, false, 0, UINT32_MAX},
	[TUNABLE_U64] = {"u64", 8, false, 0, UINT64_MAX},
	[TUNABLE_S8] = {"s8", 1, true, (uint64_t)INT8_MIN, INT8_MAX},
	[TUNABLE_S16] = {"s16", 2, true, (uint64_t)INT16_MIN, INT16_MAX},
	[TUNABLE_S32] = {"s32", 4, true, (uint64_t)INT32_MIN, INT32_MAX},
	[TUNABLE_S64] = {"s64", 8, true, (uint64_t)INT64_MIN, INT64_MAX},
	[TUNABLE_BOOL] = {"bool", 1, false, 0, 1},
	[TUNABLE_MAX_ENTRIES] = {"max_entries", 0, false, 1, UINT32_MAX},
};

const char *tunable_type_name(enum tunable_type type)
{
	return (unsigned)type < _TUNABLE_TYPE_MAX ? types[type].name : NULL;
}

int tunable_type_from_name(const char *name, enum tunable_type *ret)
{
	for (unsigned type = 0; type < _TUNABLE_TYPE_MAX; type++) {
		if (streq(types[type].name, name)) {
			*ret = type;
			return 0;
		}
	}
	return -EINVAL;
}

unsigned tunable_size(enum tunable_type type)
{
	return types[type].size;
}

bool tunable_is_signed(enum tunable_type type)
{
	return types[type].is_signed;
}

uint64_t tunable_type_min(enum tunable_type type)
{
	return types[type].min;
}

uint64_t tunable_type_max(enum tunable_type type)
{
	return types[type].max;
}

int tunable_compare(enum tunable_type type, uint64_t a, uint64_t b)
{
	if (a == b)
		return 0;
	if (types[type].is_signed)
		return (int64_t)a < (int64_t)b ? -1 : 1;
	return a < b ? -1 : 1;
}

static int check_type(enum tunable_type type, uint64_t value, uint64_t *ret)
{
	if (tunable_compare(type, value, types[type].min) < 0 ||
	    tunable_compare(type, value, types[type].max) > 0)
		return -ERANGE;
	*ret = value;
	return 0;
}

static int parse_bool(const char *text, uint64_t *ret)
{
	if (!streq(text, "true") && !streq(text, "false"))
		return -EINVAL;
	*ret = streq(text, "true");
	return 0;
}

/* strtoull() would take spaces, signs and octal numbers. */
static int parse_magnitude(const char *text, uint64_t *ret)
{
	bool hex = text[0] == '0' && text[1] == 'x';
	const char *digits = hex ? text + 2 : text;
	size_t size = strlen(digits);

	if (size == 0 || strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != size ||
	    (!hex && size > 1 && digits[0] == '0'))
		return -EINVAL;
	errno = 0;
	*ret = strtoull(digits, NULL, hex ? 16 : 10);
	return errno ? -ERANGE : 0;
}

int tunable_parse(enum tunable_type type, const char *text, uint64_t *ret)
{
	bool negative = types[type].is_signed && text[0] == '-';
	uint64_t magnitude;
	int r;

	if (type == TUNABLE_BOOL)
		return parse_bool(text, ret);
	r = parse_magnitude(text + negative, &magnitude);
	if (r < 0)
		return r;
	if (types[type].is_signed && magnitude > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	return check_type(type, negative ? -magnitude : magnitude, ret);
}

int tunable_from_json(enum tunable_type type, struct json_object *value, uint64_t *ret)
{
	int64_t number;

	if (type == TUNABLE_BOOL) {
		if (!json_object_is_type(value, json_type_boolean))
			return -EINVAL;
		*ret = json_object_get_boolean(value);
		return 0;
	}
	if (!json_object_is_type(value, json_type_int))
		return -EINVAL;
	number = json_object_get_int64(value);
	if (number < 0)
		return types[type].is_signed ? check_type(type, (uint64_t)number, ret) : -ERANGE;
	if (types[type].is_signed && json_object_get_uint64(value) > INT64_MAX)
		return -ERANGE;
	return check_type(type, json_object_get_uint64(value), ret);
}

void tunable_format(enum tunable_type type, uint64_t value, char ret[static TUNABLE_TEXT_SIZE])
{
	if (type == TUNABLE_BOOL)
		snprintf(ret, TUNABLE_TEXT_SIZE, "%s", value ? "true" : "false");
	else if (types[type].is_signed)
		snprintf(ret, TUNABLE_TEXT_SIZE, "%" PRId64, (int64_t)value);
	else
		snprintf(ret, TUNABLE_TEXT_SIZE, "%" PRIu64, value);
}

bool tunable_allows(const struct manifest_tunable *tunable, uint64_t value)
{
	if (tunable->power_of_two && (value < PAGE_SIZE_MIN || (value & (value - 1)) != 0))
		return false;
	return tunable_compare(tunable->type, value, tunable->min) >= 0 &&
	       tunable_compare(tunable->type, value, tunable->max) <= 0;
}

void tunable_range(const struct manifest_tunable *tunable, char ret[static TUNABLE_RANGE_SIZE])
{
	char min[TUNABLE_TEXT_SIZE], max[TUNABLE_TEXT_SIZE];

	tunable_format(tunable->type, tunable->min, min);
	tunable_format(tunable->type, tunable->max, max);
	if (tunable->type == TUNABLE_BOOL)
		snprintf(ret, TUNABLE_RANGE_SIZE, "true or false");
	else
		snprintf(ret, TUNABLE_RANGE_SIZE, "%s%s to %s",
			 tunable->power_of_two ? "a power of two, " : "", min, max);
}

uint64_t tunable_load(enum tunable_type type, const uint8_t *p)
{
	unsigned size = types[type].size;
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)p[i] << 8 * i;
	/* the sign, into the bytes above */
	if (types[type].is_signed && size < sizeof(value) && p[size - 1] & 0x80)
		value |= ~UINT64_C(0) << 8 * size;
	return value;
}

void tunable_store(enum tunable_type type, uint64_t value, uint8_t *p)
{
	for (unsigned i = 0; i < types[type].size; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}
