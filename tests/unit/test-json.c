/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "json.h"

static int parse(const char *text, struct json_position *ret_position)
{
	_cleanup_json_ struct json_object *object = NULL;
	const char *reason = NULL;
	int r;

	r = json_parse(text, strlen(text), 1024 * 1024, &object, ret_position, &reason);
	if (r < 0) {
		assert_non_null(reason);
		assert_null(object);
	}
	return r;
}

static void test_accepts(void **state)
{
	static const char *const good[] = {
		"{}",
		" \t\r\n[] ",
		"null",
		"true",
		"-0",
		"12",
		"18446744073709551615",
		"-9223372036854775808",
		"1.5e-3",
		"1E+2",
		"\"\"",
		"\"\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
		"{\"a\":{\"a\":[1,2,{\"a\":null}]},\"b\":\"\xc3\xa9\"}",
		"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++)
		if (parse(good[i], NULL) != 0)
			fail_msg("refused: %s", good[i]);
}

/* json-c's own parser, which ours stands in for, has to find the same. */
static void test_builds(void **state)
{
	static const char *const texts[] = {
		"{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"\xc3\xa9\", \"e\" : true , \"f\":false}",
		"[0,-0,-9223372036854775808,9223372036854775807,9223372036854775808,"
		"18446744073709551615,1.5e-3,1E+2,-0.0]",
		"[\"\",\"\\u00e9\\ud83d\\ude00\\\"\\\\\\/"
		"\\b\\f\\n\\r\\t\",\"\\u0001\\u07ff\\u0800\\uffff\"]",
		"{\"\":[],\"\\u0061\":{}}",
		"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
		"null",
		" 12 ",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_json_ struct json_object *object = NULL;
		_cleanup_json_ struct json_object *other = json_tokener_parse(texts[i]);

		assert_int_equal(json_parse(texts[i], strlen(texts[i]), 1024, &object, NULL, NULL),
				 0);
		if (!json_object_equal(object, other) ||
		    !streq(json_object_to_json_string(object), json_object_to_json_string(other)))
			fail_msg("%s: %s", texts[i], json_object_to_json_string(object));
	}
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text;
		int r;
		unsigned line, column;
	} bad[] = {
		{"", -EINVAL, 1, 1},
		{"{", -EINVAL, 1, 2},
		{"{}x", -EINVAL, 1, 3},
		{"{} {}", -EINVAL, 1, 4},
		{"{\"a\":1,}", -EINVAL, 1, 8},
		{"[1,]", -EINVAL, 1, 4},
		{"[1 2]", -EINVAL, 1, 4},
		{"{\"a\" 1}", -EINVAL, 1, 6},
		{"{'a':1}", -EINVAL, 1, 2},
		{"{a:1}", -EINVAL, 1, 2},
		{"/* x */ {}", -EINVAL, 1, 1},
		{"NaN", -EINVAL, 1, 1},
		{"Infinity", -EINVAL, 1, 1},
		{"-Infinity", -EINVAL, 1, 2},
		{"True", -EINVAL, 1, 1},
		{"nul", -EINVAL, 1, 1},
		{"01", -EINVAL, 1, 2},
		{"+1", -EINVAL, 1, 1},
		{".5", -EINVAL, 1, 1},
		{"1.", -EINVAL, 1, 3},
		{"1e", -EINVAL, 1, 3},
		{"-", -EINVAL, 1, 2},
		{"18446744073709551616", -EINVAL, 1, 21},
		{"-9223372036854775809", -EINVAL, 1, 21},
		{"1e999", -EINVAL, 1, 6},
		{"\"a\nb\"", -EINVAL, 1, 3},
		{"\"\\x\"", -EINVAL, 1, 3},
		{"\"\\u12g4\"", -EINVAL, 1, 3},
		{"\"\\u0000\"", -EINVAL, 1, 3},
		{"\"\\ud83d\"", -EINVAL, 1, 3},
		{"\"\\ude00\"", -EINVAL, 1, 3},
		{"\"\\ud83d\\u0041\"", -EINVAL, 1, 3},
		{"\"abc", -EINVAL, 1, 5},
		{"\"abc\\", -EINVAL, 1, 6},
		{"\"\x80\"", -EILSEQ, 1, 2},
		{"\"\xc0\xaf\"", -EILSEQ, 1, 2},
		{"\"\xed\xa0\x80\"", -EILSEQ, 1, 2},
		{"\"\xf4\x90\x80\x80\"", -EILSEQ, 1, 2},
		{"\"a\xe2\x82\"", -EILSEQ, 1, 3},
		{"{\"a\":1,\n \"b\":2,\n \"a\":3}", -EEXIST, 3, 2},
		{"{\"a\":1,\"\\u0061\":3}", -EEXIST, 1, 8},
		{"{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":3}", -EEXIST, 1, 11},
		{"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", -E2BIG, 1, 17},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct json_position at = {};
		int r = parse(bad[i].text, &at);

		if (r != bad[i].r || at.line != bad[i].line || at.column != bad[i].column)
			fail_msg("%s: %d at %u:%u", bad[i].text, r, at.line, at.column);
	}
}

static void test_nul_and_size(void **state)
{
	struct json_object *object = NULL;
	struct json_position at;

	assert_int_equal(json_parse("{}\0", 3, 100, &object, &at, NULL), -EINVAL);
	assert_int_equal(at.column, 3);
	assert_int_equal(json_parse("[1,2]", 5, 4, &object, NULL, NULL), -E2BIG);
	assert_int_equal(json_parse("[1,2]", 5, 5, &object, NULL, NULL), 0);
	assert_int_equal(json_object_array_length(object), 2);
	json_object_put(object);
	/* exactly size bytes are read: what lies behind is none of the text */
	assert_int_equal(json_parse("123456", 3, 100, &object, NULL, NULL), 0);
	assert_int_equal(json_object_get_int(object), 123);
	json_object_put(object);
	assert_int_equal(json_parse("nullx", 4, 100, &object, NULL, NULL), 0);
	assert_null(object);
}

/* Each value costs json-c far more than its two bytes of text. */
static void test_too_many_values(void **state)
{
	const size_t size_max = 16000, max = JSON_VALUES_MIN + size_max / 16;
	char text[16000], *p;

	/* the array is a value, too */
	for (size_t n = max - 1; n <= max; n++) {
		struct json_object *object = NULL;
		const char *reason = NULL;
		int r;

		p = text;
		for (size_t i = 0; i < n; i++)
			p += sprintf(p, "%c{}", i ? ',' : '[');
		*p++ = ']';
		r = json_parse(text, (size_t)(p - text), size_max, &object, NULL, &reason);
		assert_int_equal(r, n < max ? 0 : -E2BIG);
		if (r < 0)
			assert_string_equal(reason, "too many values");
		json_object_put(object);
	}
}

/* An object with 250 long names, each with a number in front of or behind what they share. */
static size_t write_long_names(char *text, bool in_front)
{
	char *p = text;

	for (unsigned i = 0; i < 250; i++) {
		p += in_front ? sprintf(p, "%c\"%u", i ? ',' : '{', i)
			      : sprintf(p, "%c\"", i ? ',' : '{');
		memset(p, 'a', 1000);
		p += 1000;
		p += in_front ? sprintf(p, "\":1") : sprintf(p, "%u\":1", i);
	}
	strcpy(p, "}");
	return (size_t)(p - text);
}

static double seconds_to_parse(const char *text)
{
	struct timespec start, end;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(parse(text, NULL), 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) * 1e-9;
}

/* Names that begin alike are told apart as fast as others. */
static void test_long_names(void **state)
{
	_cleanup_free_ char *text = malloc(256 * 1024);
	double easy, hard;

	assert_non_null(text);
	write_long_names(text, true);
	easy = seconds_to_parse(text);
	write_long_names(text, false);
	hard = seconds_to_parse(text);
	assert_true(hard < 5 * easy);
	strcpy(text + write_long_names(text, false), ",\"x\":1,\"\\u0078\":1}");
	assert_int_equal(parse(text, NULL), -EEXIST);
}

static void test_too_many_members(void **state)
{
	char text[16 * 260], *p;

	for (unsigned n = 256; n <= 257; n++) {
		p = text;
		for (unsigned i = 0; i < n; i++)
			p += sprintf(p, "%c\"m%u\":%u", i ? ',' : '{', i, i);
		strcpy(p, "}");
		assert_int_equal(parse(text, NULL), n == 256 ? 0 : -E2BIG);
	}
}

static void test_locate(void **state)
{
	static const char text[] = "{ \"rules\": [\n"
				   "  {\"name\": \"a\"},\n"
				   "  {\"name\": \"b\", \"bund\\u006ces\": [\"x\",\n"
				   "     \"y\"], \"a\\\\b\": 7}\n"
				   "] }";
	static const struct {
		const char *path;
		unsigned line, column;
	} good[] = {
		{"", 1, 1},
		{"rules", 1, 12},
		{"rules[0]", 2, 3},
		{"rules[1].name", 3, 12},
		{"rules[1].bundles", 3, 33},
		{"rules[1].bundles[1]", 4, 6},
		{"rules[1].a\\b", 4, 20},
	};
	static const char *const missing[] = {
		"rule",
		"rules[2]",
		"rules[x]",
		"rules[1",
		"rules[0].bundles",
		"rules[0][0]",
		"rules.name",
		"[0]",
		"rules[1].bundles[2]",
		"rules[1]name",
		"rules[1].a\\",
		"rules[-1]",
	};
	struct json_position at;

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		at = (struct json_position){};
		assert_int_equal(json_locate(text, sizeof(text) - 1, good[i].path, &at), 0);
		if (at.line != good[i].line || at.column != good[i].column)
			fail_msg("%s: %u:%u", good[i].path, at.line, at.column);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(missing); i++)
		if (json_locate(text, sizeof(text) - 1, missing[i], &at) != -ENOENT)
			fail_msg("found: %s", missing[i]);
}

static void test_walk(void **state)
{
	static const char text[] = "{ \"x\": [],\n \"l\": [ 1 ,\n\n  {\"a\": [\n2]}, \"]\\\"\",\n"
				   "[]  ] , \"m\": [3]}";
	static const struct json_position entries[] = {{2, 9}, {4, 3}, {5, 6}, {6, 1}};
	struct json_position at = {};
	struct json_walk walk;

	assert_int_equal(json_walk_list(text, sizeof(text) - 1, "l", &walk), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(entries); i++) {
		assert_int_equal(json_walk_next(&walk, &at), 0);
		if (at.line != entries[i].line || at.column != entries[i].column)
			fail_msg("entry %u: %u:%u", i, at.line, at.column);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(json_walk_next(&walk, &at), -ENOENT);
	assert_int_equal(json_walk_list(text, sizeof(text) - 1, "x", &walk), 0);
	assert_int_equal(json_walk_next(&walk, &at), -ENOENT);
	assert_int_equal(json_walk_list(text, sizeof(text) - 1, "l[0]", &walk), -ENOENT);
	assert_int_equal(json_walk_list(text, sizeof(text) - 1, "k", &walk), -ENOENT);
}

static int dispatch(const char *text, const char **ret_name, uint64_t *u, int64_t *s, bool *b)
{
	_cleanup_json_ struct json_object *object = NULL;
	struct json_object *array = NULL, *sub = NULL;
	const char *string = NULL;
	const struct json_member members[] = {
		{"string", JSON_STRING, true, &string},
		{"u", JSON_U64, false, u},
		{"s", JSON_S64, false, s},
		{"b", JSON_BOOL, false, b},
		{"array", JSON_ARRAY, false, &array},
		{"object", JSON_OBJECT, false, &sub},
		{},
	};
	static char name[32];
	const char *bad = NULL;
	int r;

	assert_int_equal(json_parse(text, strlen(text), 1024, &object, NULL, NULL), 0);
	r = json_dispatch(object, members, &bad);
	if (r < 0) {
		assert_null(string);
		snprintf(name, sizeof(name), "%s", bad);
		*ret_name = name;
	} else {
		assert_non_null(string);
	}
	return r;
}

static void test_dispatch(void **state)
{
	static const struct {
		const char *text;
		int r;
		const char *name;
	} bad[] = {
		{"{}", -ENODATA, "string"},
		{"null", -ENODATA, "string"},
		{"{\"string\":null}", -ENODATA, "string"},
		{"{\"string\":\"\",\"x\":null}", -ENOENT, "x"},
		{"{\"string\":\"\",\"String\":1}", -ENOENT, "String"},
		{"{\"string\":1}", -EINVAL, "string"},
		{"{\"string\":\"\",\"u\":-1}", -EINVAL, "u"},
		{"{\"string\":\"\",\"u\":1.0}", -EINVAL, "u"},
		{"{\"string\":\"\",\"u\":\"1\"}", -EINVAL, "u"},
		{"{\"string\":\"\",\"u\":true}", -EINVAL, "u"},
		{"{\"string\":\"\",\"s\":9223372036854775808}", -EINVAL, "s"},
		{"{\"string\":\"\",\"b\":1}", -EINVAL, "b"},
		{"{\"string\":\"\",\"array\":{}}", -EINVAL, "array"},
		{"{\"string\":\"\",\"object\":[]}", -EINVAL, "object"},
	};
	const char *name = NULL;
	uint64_t u = 7;
	int64_t s = 7;
	bool b = false;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		int r = dispatch(bad[i].text, &name, &u, &s, &b);

		if (r != bad[i].r || strcmp(name, bad[i].name) != 0)
			fail_msg("%s: %d %s", bad[i].text, r, name);
	}
	assert_int_equal(u, 7);
	assert_int_equal(s, 7);
	assert_int_equal(dispatch("{\"string\":\"\",\"u\":null}", &name, &u, &s, &b), 0);
	assert_int_equal(u, 7);
	assert_int_equal(dispatch("{\"string\":\"x\",\"u\":18446744073709551615,\"s\":-3,"
				  "\"b\":true,\"array\":[],\"object\":{}}",
				  &name, &u, &s, &b),
			 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(s, -3);
	assert_true(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_builds),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_nul_and_size),
		cmocka_unit_test(test_too_many_members),
		cmocka_unit_test(test_too_many_values),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_locate),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_dispatch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
