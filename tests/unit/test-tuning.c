/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include <json-c/json.h>

#include "image.h"
#include "loader-abi.h"
#include "tuned.h"
#include "tuning-json.h"

#define SET(n, v) ((struct setting){(char *)(uintptr_t)(n), (char *)(uintptr_t)(v)})

static void test_defaults(void **state)
{
	_cleanup_manifest_ struct manifest *m = tuned_manifest(TUNED_ALL);
	_cleanup_(tuning_done) struct tuning t = {};
	_cleanup_free_ char *text = NULL;

	assert_int_equal(tuning_resolve(m, NULL, 0, &t, NULL), 0);
	assert_int_equal(t.set, 0);
	assert_int_equal(t.values[0], 7);
	assert_true(t.values[2] == (uint64_t)-2);
	assert_int_equal(t.values[3], 8192);
	assert_int_equal(tuning_format(m, &t, &text), 0);
	assert_string_equal(text, "");
}

static char wide[] = "wide", least[] = "-9223372036854775808", size[] = "size", most[] = "99",
	    low[] = "low", seven[] = "0x7";
static const struct setting some[] = {{wide, least}, {size, most}, {low, seven}};

static void test_set(void **state)
{
	_cleanup_manifest_ struct manifest *m = tuned_manifest(TUNED_ALL);
	_cleanup_(tuning_done) struct tuning t = {};
	_cleanup_free_ char *text = NULL;

	assert_int_equal(tuning_resolve(m, some, ARRAY_SIZE(some), &t, NULL), 0);
	/* low is set to its default, which counts as well */
	assert_int_equal(t.set, 1u << 0 | 1u << 2 | 1u << 4);
	assert_int_equal(t.values[0], 7);
	assert_true(t.values[2] == (uint64_t)INT64_MIN);
	assert_int_equal(t.values[4], 99);
	assert_int_equal(tuning_format(m, &t, &text), 0);
	assert_string_equal(text, "low=7 wide=-9223372036854775808 size=99");
}

static const struct {
	const char *name, *value, *message;
} refused[] = {
	{"lower", "1",
	 "--set lower=1: the bundle x has no tunable lower; it has low, flag, wide, ring, size"},
	{"", "1", "--set =1: the bundle x has no tunable "},
	{"low", "65536", "--set low=65536: it must be 0 to 65535 (u32)"},
	{"low", "4294967296", "--set low=4294967296: it must be 0 to 65535 (u32)"},
	{"low", "-1", "--set low=-1: not a whole number; it must be 0 to 65535 (u32)"},
	{"low", "abc", "--set low=abc: not a whole number; it must be 0 to 65535 (u32)"},
	{"low", "", "--set low=: not a whole number; it must be 0 to 65535 (u32)"},
	{"low", "1\x1b[2J", "--set low=1?[2J: not a whole number"},
	{"wide", "10", "--set wide=10: it must be -9223372036854775808 to 9 (s64)"},
	{"flag", "1", "--set flag=1: it must be true or false (bool)"},
	{"ring", "5000", "--set ring=5000: it must be a power of two, 4096 to 65536 (max_entries)"},
	{"ring", "131072",
	 "--set ring=131072: it must be a power of two, 4096 to 65536 (max_entries)"},
	{"size", "0", "--set size=0: it must be 1 to 99 (max_entries)"},
};

static void test_refused(void **state)
{
	_cleanup_manifest_ struct manifest *m = tuned_manifest(TUNED_ALL);
	_cleanup_manifest_ struct manifest *none = tuned_manifest("");

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const struct setting setting = SET(refused[i].name, refused[i].value);
		_cleanup_error_ struct error error = ERROR_INIT;
		struct json_object *field = NULL;
		struct tuning t = {.set = 77};

		assert_int_equal(tuning_resolve(m, &setting, 1, &t, &error), -EINVAL);
		check_error(&error, ERROR_BAD_TUNABLE, refused[i].message);
		assert_int_equal(error.step, STEP_AUTHORISE);
		assert_int_equal(t.set, 77);
		json_object_object_get_ex(error.fields, "tunable", &field);
		assert_string_equal(json_object_get_string(field), refused[i].name);
	}
	for (unsigned i = 0; i < 2; i++) {
		const struct setting twice[] = {SET("low", "3"), SET("low", i ? "3" : "4")};
		_cleanup_error_ struct error error = ERROR_INIT;
		struct tuning t = {};

		assert_int_equal(tuning_resolve(m, twice, 2, &t, &error), -EINVAL);
		check_error(&error, ERROR_BAD_TUNABLE, ": it is set twice, to 3 before");
		error_done(&error);
		error = ERROR_INIT;
		assert_int_equal(tuning_resolve(none, twice, 1, &t, &error), -EINVAL);
		check_error(&error, ERROR_BAD_TUNABLE, "--set low=3: the bundle x has no tunables");
	}
}

/* A name of the longest kind, often: the list of names is cut. */
static void test_many_names(void **state)
{
	char name[MANIFEST_TUNABLES_MAX][128];
	struct manifest_tunable tunables[MANIFEST_TUNABLES_MAX] = {};
	static char bundle[] = "x";
	struct manifest m = {.name = bundle, .n_tunables = MANIFEST_TUNABLES_MAX};
	const struct setting setting = SET("y", "1");
	_cleanup_error_ struct error error = ERROR_INIT;
	struct tuning t = {};

	for (unsigned i = 0; i < MANIFEST_TUNABLES_MAX; i++) {
		snprintf(name[i], sizeof(name[i]), "t%0126u", i);
		tunables[i].name = name[i];
	}
	m.tunables = tunables;
	assert_int_equal(tuning_resolve(&m, &setting, 1, &t, &error), -EINVAL);
	assert_true(strlen(error_message(&error)) < 400);
	check_error(&error, ERROR_BAD_TUNABLE, "...");
}

static void make(const struct setting *settings, unsigned n, struct openings *ret)
{
	_cleanup_manifest_ struct manifest *m = tuned_manifest(TUNED_ALL);
	_cleanup_(tuning_done) struct tuning t = {};
	_cleanup_bundle_ struct bundle bundle = {};
	_cleanup_free_ uint8_t *file = NULL, *content = NULL;
	struct blob image = {};

	assert_int_equal(
		image_make(TUNED_RODATA, (struct blob){tuned_value, 16}, &content, &image.size), 0);
	image.data = content;
	tuned_bundle(&image, 1, &file, &bundle);
	assert_int_equal(tuning_resolve(m, settings, n, &t, NULL), 0);
	assert_int_equal(openings_make(m, &bundle, &t, ret, NULL), 0);
}

static void test_openings(void **state)
{
	_cleanup_(openings_done) struct openings closed = OPENINGS_INIT, open = OPENINGS_INIT;
	static const uint8_t patched[16] = {7, 0, 0, 0, 1, 0xa5, 0xa5, 0xa5,
					    0, 0, 0, 0, 0, 0,	 0,    0x80};

	make(NULL, 0, &closed);
	assert_int_equal(closed.n, 5);
	for (unsigned i = 0; i < closed.n; i++) {
		assert_int_equal(closed.maps[i].max_entries, 0);
		assert_false(closed.maps[i].replace);
		assert_int_equal(closed.maps[i].value != NULL, i == TUNED_RODATA);
	}
	/* compared with, but not given to the loader */
	assert_memory_equal(closed.maps[TUNED_RODATA].value, tuned_value, 16);

	make(some, ARRAY_SIZE(some), &open);
	assert_true(open.maps[TUNED_RODATA].replace);
	assert_int_equal(open.maps[TUNED_RODATA].value_size, 16);
	assert_memory_equal(open.maps[TUNED_RODATA].value, patched, 16);
	assert_int_equal(open.maps[1].max_entries, 99);
	assert_int_equal(open.maps[0].max_entries, 0);
}

/* Entries alone leave the image as it is. */
static void test_entries_only(void **state)
{
	_cleanup_(openings_done) struct openings openings = OPENINGS_INIT;

	make(&some[1], 1, &openings);
	assert_false(openings.maps[TUNED_RODATA].replace);
	assert_int_equal(openings.maps[1].max_entries, 99);
}

/* A manifest that nobody compared with the bundle must not lead out of the image. */
static void test_misfit(void **state)
{
	_cleanup_manifest_ struct manifest *m = tuned_manifest(TUNED_ALL);
	_cleanup_(tuning_done) struct tuning t = {};
	_cleanup_error_ struct error none = ERROR_INIT, small = ERROR_INIT;
	struct openings openings = OPENINGS_INIT;

	assert_int_equal(tuning_resolve(m, some, ARRAY_SIZE(some), &t, NULL), 0);
	for (unsigned n = 0; n < 2; n++) {
		_cleanup_bundle_ struct bundle bundle = {};
		_cleanup_free_ uint8_t *file = NULL;
		static const uint8_t content[] = {TUNED_RODATA, 0, 0, 0, 7, 0, 0, 0, 1};
		const struct blob image = {content, sizeof(content)};

		tuned_bundle(&image, n, &file, &bundle);
		assert_int_equal(openings_make(m, &bundle, &t, &openings, n ? &small : &none),
				 n ? -ERANGE : -ENOENT);
		assert_null(openings.maps);
	}
	check_error(&small, ERROR_FAILED, "the tunables cannot be applied");
}

static void test_context(void **state)
{
	static const uint8_t value[4];
	struct loader_context context;
	struct loader_map map;

	loader_context_init(&context, 1, 3);
	loader_context_open(&context, 1, 4096, value);
	memcpy(&map, context.objects + sizeof(map), sizeof(map));
	assert_int_equal(map.fd, 0);
	assert_int_equal(map.max_entries, 4096);
	assert_true(map.initial_value == (uint64_t)(uintptr_t)value);
	memcpy(&map, context.objects + 2 * sizeof(map), sizeof(map));
	assert_int_equal(map.max_entries, 0);
	assert_int_equal(map.initial_value, 0);
	assert_int_equal(loader_context_map(&context, 1), 0);
}

static void test_json(void **state)
{
	_cleanup_manifest_ struct manifest *m = tuned_manifest(TUNED_ALL);
	_cleanup_(tuning_done) struct tuning t = {};
	struct json_object *all = NULL, *set = NULL;
	struct setting *again = NULL;
	unsigned n = 0;

	assert_int_equal(tuning_resolve(m, some, ARRAY_SIZE(some), &t, NULL), 0);
	assert_int_equal(tuning_to_json(m, &t, &all), 0);
	assert_int_equal(json_object_array_length(all), 5);
	assert_string_equal(
		json_object_to_json_string_ext(json_object_array_get_idx(all, 2),
					       JSON_C_TO_STRING_PLAIN),
		"{\"name\":\"wide\",\"value\":\"-9223372036854775808\",\"type\":\"s64\","
		"\"default\":\"-2\",\"min\":\"-9223372036854775808\",\"max\":\"9\",\"set\":true}");
	assert_string_equal(
		json_object_to_json_string_ext(json_object_array_get_idx(all, 1),
					       JSON_C_TO_STRING_PLAIN),
		"{\"name\":\"flag\",\"value\":\"true\",\"type\":\"bool\",\"default\":\"true\","
		"\"min\":\"false\",\"max\":\"true\",\"set\":false}");
	assert_int_equal(settings_to_json(m, &t, &set), 0);
	assert_string_equal(json_object_to_json_string_ext(set, JSON_C_TO_STRING_PLAIN),
			    "[{\"name\":\"low\",\"value\":\"7\"},"
			    "{\"name\":\"wide\",\"value\":\"-9223372036854775808\"},"
			    "{\"name\":\"size\",\"value\":\"99\"}]");
	assert_int_equal(settings_from_json(set, &again, &n), 0);
	assert_int_equal(n, 3);
	assert_string_equal(again[1].name, "wide");
	assert_string_equal(again[2].value, "99");
	settings_free(again, n);
	json_object_put(all);
	json_object_put(set);
}

/* What the daemon refuses is in test-front-load: here what it must not lose. */
static void test_settings_none(void **state)
{
	struct setting *settings = NULL;
	unsigned n = 7;

	assert_int_equal(settings_from_json(NULL, &settings, &n), 0);
	assert_int_equal(n, 0);
	settings_free(settings, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_set),
		cmocka_unit_test(test_refused),	 cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_openings), cmocka_unit_test(test_entries_only),
		cmocka_unit_test(test_misfit),	 cmocka_unit_test(test_context),
		cmocka_unit_test(test_json),	 cmocka_unit_test(test_settings_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
