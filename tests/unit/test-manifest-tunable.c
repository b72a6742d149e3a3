/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "tuned.h"

static void test_all(void **state)
{
	_cleanup_manifest_ struct manifest *m = tuned_manifest(TUNED_ALL);
	const struct manifest_tunable *t = m->tunables;

	assert_int_equal(m->n_tunables, 5);
	assert_string_equal(t[0].name, "low");
	assert_int_equal(t[0].type, TUNABLE_U32);
	assert_int_equal(t[0].map, TUNED_RODATA);
	assert_int_equal(t[0].offset, 0);
	assert_int_equal(t[0].min, 0);
	assert_int_equal(t[0].max, 65535);
	assert_int_equal(t[0].initial, 7);
	assert_int_equal(t[1].type, TUNABLE_BOOL);
	assert_int_equal(t[1].max, 1);
	assert_int_equal(t[1].initial, 1);
	assert_true(t[2].min == (uint64_t)INT64_MIN);
	assert_true(t[2].initial == (uint64_t)-2);
	assert_int_equal(t[3].type, TUNABLE_MAX_ENTRIES);
	assert_int_equal(t[3].map, 0);
	assert_true(t[3].power_of_two);
	assert_int_equal(t[4].map, 1);
	assert_false(t[4].power_of_two);
}

static void test_round_trip(void **state)
{
	_cleanup_manifest_ struct manifest *m = tuned_manifest(TUNED_ALL), *again = NULL;
	_cleanup_free_ char *text = NULL, *twice = NULL;
	size_t size, size_twice;

	assert_int_equal(manifest_format(m, &text, &size), 0);
	assert_int_equal(manifest_parse(text, size, &again, NULL), 0);
	assert_int_equal(manifest_format(again, &twice, &size_twice), 0);
	assert_string_equal(text, twice);
	assert_int_equal(again->n_tunables, 5);
	assert_non_null(strstr(text, "\"min\": -9223372036854775808,\n"));
	assert_non_null(strstr(text, "      \"offset\": 4,\n      \"default\": true\n"));
}

static void test_most(void **state)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_manifest_ struct manifest *m = NULL;
	char *tunables = NULL;
	size_t size;
	FILE *f = open_memstream(&tunables, &size);

	for (unsigned i = 0; i < 65; i++)
		fprintf(f, "%s\"t%u\": {}", i ? ", " : "", i);
	fclose(f);
	text = tuned_text(tunables);
	free(tunables);
	assert_int_equal(manifest_parse(text, strlen(text), &m, &error), -EBADMSG);
	check_error(&error, ERROR_BAD_MANIFEST, "tunables: has 65 members, must be 0 to 64");
}

#define VAR(rest)     "\"t\": {\"map\": \"x.rodata\", " rest "}"
#define U8(rest)      VAR("\"type\": \"u8\", " rest)
#define ENTRIES(rest) "\"t\": {\"type\": \"max_entries\", " rest "}"

static const struct {
	const char *tunables, *message;
} refused[] = {
	{"\"t\": 1", "tunables.t: must be an object"},
	{"\"a-b\": {}", "tunables.a-b: a tunable's name must be a C identifier"},
	{"\"\": {}", "a tunable's name must be a C identifier"},
	{VAR("\"offset\": 0, \"min\": 0, \"max\": 1, \"default\": 0"),
	 "member \"type\" is missing"},
	{"\"t\": {\"type\": \"u8\", \"offset\": 0, \"min\": 0, \"max\": 1, \"default\": 0}",
	 "member \"map\" is missing"},
	{U8("\"min\": 0, \"max\": 1, \"default\": 7"), "member \"offset\" is missing"},
	{U8("\"offset\": 0, \"max\": 1, \"default\": 0"), "member \"min\" is missing"},
	{U8("\"offset\": 0, \"min\": 1, \"default\": 0"), "member \"max\" is missing"},
	{U8("\"offset\": 0, \"min\": 1, \"max\": 0"), "member \"default\" is missing"},
	{U8("\"offset\": 0, \"min\": 0, \"max\": 9, \"default\": 7, \"step\": 1"),
	 "tunables.t.step: unknown member"},
	{VAR("\"type\": \"u128\", \"offset\": 0, \"min\": 0, \"max\": 1, \"default\": 0"),
	 "tunables.t.type: a tunable cannot be of type \"u128\""},
	{VAR("\"type\": 8, \"offset\": 0, \"min\": 0, \"max\": 1, \"default\": 0"),
	 "tunables.t.type: must be a string"},
	{U8("\"offset\": 0, \"min\": 0, \"max\": 256, \"default\": 7"),
	 "tunables.t.max: must be an integer that a u8 can hold, 0 to 255"},
	{U8("\"offset\": 0, \"min\": -1, \"max\": 25, \"default\": 7"),
	 "tunables.t.min: must be an integer that a u8 can hold, 0 to 255"},
	{U8("\"offset\": 0, \"min\": 0, \"max\": 25, \"default\": \"7\""),
	 "tunables.t.default: must be an integer that a u8 can hold"},
	{U8("\"offset\": 0, \"min\": 0, \"max\": 25, \"default\": 7.0"),
	 "tunables.t.default: must be an integer that a u8 can hold"},
	{U8("\"offset\": 0, \"min\": 9, \"max\": 8, \"default\": 7"),
	 "tunables.t.min: is more than \"max\""},
	{U8("\"offset\": 0, \"min\": 0, \"max\": 6, \"default\": 7"),
	 "tunables.t.default: is not 0 to 6"},
	{U8("\"offset\": 16, \"min\": 0, \"max\": 9, \"default\": 7"),
	 "tunables.t.offset: a u8 there does not lie in the 16 bytes of \"x.rodata\""},
	{VAR("\"type\": \"u64\", \"offset\": 9, \"min\": 0, \"max\": 9, \"default\": 7"),
	 "tunables.t.offset: a u64 there does not lie in"},
	{U8("\"offset\": 4294967295, \"min\": 0, \"max\": 9, \"default\": 7"),
	 "tunables.t.offset: a u8 there does not lie in"},
	{U8("\"offset\": 4294967296, \"min\": 0, \"max\": 9, \"default\": 7"),
	 "tunables.t.offset: must be an integer, 0 to 4294967295"},
	{U8("\"offset\": -1, \"min\": 0, \"max\": 9, \"default\": 7"),
	 "tunables.t.offset: must be an integer, 0 to 4294967295"},
	{"\"t\": {\"map\": \"x.data\", \"type\": \"u8\", \"offset\": 0, \"min\": 0, \"max\": 9,"
	 " \"default\": 7}",
	 "tunables.t.map: there is no map \"x.data\""},
	{"\"t\": {\"map\": \"x.bss\", \"type\": \"u8\", \"offset\": 0, \"min\": 0, \"max\": 9,"
	 " \"default\": 7}",
	 "tunables.t.map: \"x.bss\" is no read-only data (.rodata)"},
	{"\"t\": {\"map\": \"table\", \"type\": \"u8\", \"offset\": 0, \"min\": 0, \"max\": 9,"
	 " \"default\": 7}",
	 "\"table\" is no read-only data"},
	{VAR("\"type\": \"bool\", \"offset\": 4, \"min\": false, \"default\": true"),
	 "tunables.t: a bool has no \"min\" and \"max\""},
	{VAR("\"type\": \"bool\", \"offset\": 4, \"default\": 1"),
	 "tunables.t.default: must be true or false"},
	{ENTRIES("\"map\": \"table\", \"offset\": 0, \"min\": 1, \"max\": 10, \"default\": 10"),
	 "tunables.t.offset: only a variable has an offset"},
	{ENTRIES("\"map\": \"table\", \"min\": 0, \"max\": 10, \"default\": 10"),
	 "tunables.t.min: must be an integer that a max_entries can hold, 1 to 4294967295"},
	{ENTRIES("\"map\": \"table\", \"min\": 1, \"max\": 4294967296, \"default\": 10"),
	 "tunables.t.max: must be an integer that a max_entries can hold, 1 to 4294967295"},
	{ENTRIES("\"map\": \"table\", \"min\": 1, \"max\": 10, \"default\": 9"),
	 "tunables.t.default: is not the \"maxEntries\" of \"table\", 10"},
	{ENTRIES("\"map\": \"stores\", \"min\": 1, \"max\": 10, \"default\": 9"),
	 "tunables.t.map: the number of entries of \"stores\" is not to be chosen"},
	{ENTRIES("\"map\": \"x.rodata\", \"min\": 1, \"max\": 10, \"default\": 1"),
	 "the number of entries of \"x.rodata\" is not to be chosen"},
	{ENTRIES("\"map\": \"events\", \"min\": 1, \"max\": 8192, \"default\": 8192"),
	 "tunables.t: \"min\" and \"max\" of a ring buffer's entries must be powers of two"},
	{ENTRIES("\"map\": \"events\", \"min\": 4096, \"max\": 10000, \"default\": 8192"),
	 "tunables.t: \"min\" and \"max\" of a ring buffer's entries must be powers of two"},
	{TUNED_ALL ", " ENTRIES("\"map\": \"table\", \"min\": 1, \"max\": 10, \"default\": 10"),
	 "tunables.t: is of the same map as \"size\""},
	{TUNED_ALL ", " U8("\"offset\": 3, \"min\": 0, \"max\": 9, \"default\": 0"),
	 "tunables.t: is of the same bytes as \"low\""},
	{TUNED_ALL ", " VAR("\"type\": \"u16\", \"offset\": 7, \"min\": 0, \"max\": 9, "
			    "\"default\": 0"),
	 "tunables.t: is of the same bytes as \"wide\""},
	{TUNED_ALL ", " U8("\"offset\": 15, \"min\": 0, \"max\": 9, \"default\": 0"),
	 "tunables.t: is of the same bytes as \"wide\""},
};

static void test_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_free_ char *text = tuned_text(refused[i].tunables);
		_cleanup_error_ struct error error = ERROR_INIT;
		struct manifest *m = NULL;

		if (manifest_parse(text, strlen(text), &m, &error) != -EBADMSG)
			fail_msg("accepted: %s", refused[i].tunables);
		check_error(&error, ERROR_BAD_MANIFEST, refused[i].message);
	}
}

/* The twins of the last two: beside the others there is room. */
static void test_beside(void **state)
{
	_cleanup_manifest_ struct manifest *m = tuned_manifest(
		TUNED_ALL ", " VAR("\"type\": \"u16\", \"offset\": 6, \"min\": 0, \"max\": 9, "
				   "\"default\": 0"));

	assert_int_equal(m->n_tunables, 6);
}

static void test_rodata(void **state)
{
	static char a[] = "x.rodata", b[] = ".rodata.y", c[] = "x.rodatas", d[] = "rodata";
	struct manifest_map map = {
		.type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	map.name = a;
	assert_true(manifest_map_is_rodata(&map));
	map.name = b;
	assert_true(manifest_map_is_rodata(&map));
	map.name = c;
	assert_false(manifest_map_is_rodata(&map));
	map.name = d;
	assert_false(manifest_map_is_rodata(&map));
	map.name = a;
	map.max_entries = 2;
	assert_false(manifest_map_is_rodata(&map));
	map.max_entries = 1;
	map.type = BPF_MAP_TYPE_HASH;
	assert_false(manifest_map_is_rodata(&map));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),    cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_most),   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_beside), cmocka_unit_test(test_rodata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
