/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include <json-c/json.h>

#include "tunable.h"

static const struct {
	enum tunable_type type;
	const char *text;
	int r;
	uint64_t value;
} numbers[] = {
	{TUNABLE_U8, "0", 0, 0},
	{TUNABLE_U8, "255", 0, 255},
	{TUNABLE_U8, "256", -ERANGE, 0},
	{TUNABLE_U8, "0xff", 0, 255},
	{TUNABLE_U8, "0xFf", 0, 255},
	{TUNABLE_U8, "0x100", -ERANGE, 0},
	{TUNABLE_U8, "-1", -EINVAL, 0},
	{TUNABLE_U8, "-0", -EINVAL, 0},
	{TUNABLE_U8, "", -EINVAL, 0},
	{TUNABLE_U8, "0x", -EINVAL, 0},
	{TUNABLE_U8, "0X1", -EINVAL, 0},
	{TUNABLE_U8, "0x-1", -EINVAL, 0},
	{TUNABLE_U8, "01", -EINVAL, 0},
	{TUNABLE_U8, "+1", -EINVAL, 0},
	{TUNABLE_U8, " 1", -EINVAL, 0},
	{TUNABLE_U8, "1 ", -EINVAL, 0},
	{TUNABLE_U8, "1.0", -EINVAL, 0},
	{TUNABLE_U8, "1e1", -EINVAL, 0},
	{TUNABLE_U8, "a", -EINVAL, 0},
	{TUNABLE_U8, "true", -EINVAL, 0},
	{TUNABLE_U16, "65535", 0, 65535},
	{TUNABLE_U16, "65536", -ERANGE, 0},
	{TUNABLE_U32, "4294967295", 0, UINT32_MAX},
	{TUNABLE_U32, "4294967296", -ERANGE, 0},
	{TUNABLE_U64, "18446744073709551615", 0, UINT64_MAX},
	{TUNABLE_U64, "18446744073709551616", -ERANGE, 0},
	{TUNABLE_U64, "0xffffffffffffffff", 0, UINT64_MAX},
	{TUNABLE_U64, "0x10000000000000000", -ERANGE, 0},
	{TUNABLE_S8, "-128", 0, (uint64_t)-128},
	{TUNABLE_S8, "-129", -ERANGE, 0},
	{TUNABLE_S8, "127", 0, 127},
	{TUNABLE_S8, "128", -ERANGE, 0},
	{TUNABLE_S8, "--1", -EINVAL, 0},
	{TUNABLE_S8, "-", -EINVAL, 0},
	{TUNABLE_S8, "-0x1", 0, (uint64_t)-1},
	{TUNABLE_S16, "-32768", 0, (uint64_t)-32768},
	{TUNABLE_S16, "-32769", -ERANGE, 0},
	{TUNABLE_S32, "-2147483648", 0, (uint64_t)INT32_MIN},
	{TUNABLE_S32, "2147483648", -ERANGE, 0},
	{TUNABLE_S64, "-9223372036854775808", 0, (uint64_t)INT64_MIN},
	{TUNABLE_S64, "-9223372036854775809", -ERANGE, 0},
	{TUNABLE_S64, "9223372036854775807", 0, INT64_MAX},
	{TUNABLE_S64, "9223372036854775808", -ERANGE, 0},
	{TUNABLE_S64, "18446744073709551615", -ERANGE, 0},
	{TUNABLE_BOOL, "true", 0, 1},
	{TUNABLE_BOOL, "false", 0, 0},
	{TUNABLE_BOOL, "1", -EINVAL, 0},
	{TUNABLE_BOOL, "True", -EINVAL, 0},
	{TUNABLE_BOOL, "", -EINVAL, 0},
	{TUNABLE_MAX_ENTRIES, "1", 0, 1},
	{TUNABLE_MAX_ENTRIES, "0", -ERANGE, 0},
	{TUNABLE_MAX_ENTRIES, "4294967295", 0, UINT32_MAX},
	{TUNABLE_MAX_ENTRIES, "4294967296", -ERANGE, 0},
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		uint64_t value = 0;
		int r = tunable_parse(numbers[i].type, numbers[i].text, &value);

		if (r != numbers[i].r || value != numbers[i].value)
			fail_msg("%s \"%s\": %d, %llu", tunable_type_name(numbers[i].type),
				 numbers[i].text, r, (unsigned long long)value);
	}
}

/* What is written is read again, as text and through memory; what is around it stays. */
static void test_round_trip(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		enum tunable_type type = numbers[i].type;
		uint8_t memory[10], around[10];
		char text[TUNABLE_TEXT_SIZE];
		uint64_t value;

		if (numbers[i].r < 0)
			continue;
		tunable_format(type, numbers[i].value, text);
		assert_int_equal(tunable_parse(type, text, &value), 0);
		assert_true(value == numbers[i].value);
		if (type == TUNABLE_MAX_ENTRIES)
			continue;
		memset(memory, 0xa5, sizeof(memory));
		memcpy(around, memory, sizeof(memory));
		tunable_store(type, value, memory + 1);
		assert_true(tunable_load(type, memory + 1) == value);
		memcpy(memory + 1, around + 1, tunable_size(type));
		assert_memory_equal(memory, around, sizeof(memory));
	}
}

static const struct {
	enum tunable_type type;
	const char *json;
	int r;
	uint64_t value;
} jsons[] = {
	{TUNABLE_U8, "255", 0, 255},
	{TUNABLE_U8, "256", -ERANGE, 0},
	{TUNABLE_U8, "-1", -ERANGE, 0},
	{TUNABLE_U8, "\"1\"", -EINVAL, 0},
	{TUNABLE_U8, "1.0", -EINVAL, 0},
	{TUNABLE_U8, "true", -EINVAL, 0},
	{TUNABLE_U64, "18446744073709551615", 0, UINT64_MAX},
	{TUNABLE_U64, "9223372036854775808", 0, UINT64_C(1) << 63},
	{TUNABLE_S64, "9223372036854775808", -ERANGE, 0},
	{TUNABLE_S64, "-9223372036854775808", 0, (uint64_t)INT64_MIN},
	{TUNABLE_S8, "-128", 0, (uint64_t)-128},
	{TUNABLE_S8, "-129", -ERANGE, 0},
	{TUNABLE_BOOL, "true", 0, 1},
	{TUNABLE_BOOL, "1", -EINVAL, 0},
	{TUNABLE_MAX_ENTRIES, "0", -ERANGE, 0},
};

static void test_json(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(jsons); i++) {
		struct json_object *json = json_tokener_parse(jsons[i].json);
		uint64_t value = 0;
		int r = tunable_from_json(jsons[i].type, json, &value);

		if (r != jsons[i].r || value != jsons[i].value)
			fail_msg("%s %s: %d", tunable_type_name(jsons[i].type), jsons[i].json, r);
		json_object_put(json);
	}
	assert_int_equal(tunable_from_json(TUNABLE_U8, NULL, &(uint64_t){0}), -EINVAL);
}

static void test_bounds(void **state)
{
	struct manifest_tunable t = {.type = TUNABLE_S32, .min = (uint64_t)-5, .max = 5};
	char range[TUNABLE_RANGE_SIZE];

	assert_true(tunable_allows(&t, (uint64_t)-5));
	assert_false(tunable_allows(&t, (uint64_t)-6));
	assert_true(tunable_allows(&t, 0));
	assert_true(tunable_allows(&t, 5));
	assert_false(tunable_allows(&t, 6));
	tunable_range(&t, range);
	assert_string_equal(range, "-5 to 5");

	t = (struct manifest_tunable){.type = TUNABLE_U64, .min = 1, .max = UINT64_MAX};
	assert_true(tunable_allows(&t, UINT64_MAX));
	assert_false(tunable_allows(&t, 0));
	tunable_range(&t, range);
	assert_string_equal(range, "1 to 18446744073709551615");

	t = (struct manifest_tunable){
		.type = TUNABLE_MAX_ENTRIES, .min = 1, .max = 1 << 20, .power_of_two = true};
	assert_true(tunable_allows(&t, 4096));
	assert_false(tunable_allows(&t, 2048));
	assert_false(tunable_allows(&t, 12288));
	assert_false(tunable_allows(&t, 1 << 21));
	tunable_range(&t, range);
	assert_string_equal(range, "a power of two, 1 to 1048576");

	t = (struct manifest_tunable){.type = TUNABLE_BOOL, .max = 1};
	assert_true(tunable_allows(&t, 1));
	tunable_range(&t, range);
	assert_string_equal(range, "true or false");
}

static void test_names(void **state)
{
	for (unsigned i = 0; i < _TUNABLE_TYPE_MAX; i++) {
		enum tunable_type type = _TUNABLE_TYPE_MAX;

		assert_int_equal(tunable_type_from_name(tunable_type_name(i), &type), 0);
		assert_int_equal(type, i);
	}
	assert_int_equal(tunable_type_from_name("u128", &(enum tunable_type){0}), -EINVAL);
	assert_int_equal(tunable_type_from_name("", &(enum tunable_type){0}), -EINVAL);
	assert_null(tunable_type_name(_TUNABLE_TYPE_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse), cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_json),  cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
