/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"

#include "output.h"

static void check_escape(const char *text, size_t size, const char *expected)
{
	_cleanup_free_ char *escaped = output_escape(text, size);

	assert_string_equal(escaped, expected);
}

#define CHECK_ESCAPE(text, expected) check_escape(text, sizeof(text) - 1, expected)

static void test_plain(void **state)
{
	CHECK_ESCAPE("", "");
	CHECK_ESCAPE("/usr/bin/true \"x\" ~", "/usr/bin/true \"x\" ~");
	CHECK_ESCAPE("gr\303\274n \342\202\254 \360\237\220\235",
		     "gr\303\274n \342\202\254 \360\237\220\235");
}

static void test_terminal(void **state)
{
	CHECK_ESCAPE("a\033[2Jb", "a\\x1b[2Jb");
	CHECK_ESCAPE("\a\r\n\t\b\177", "\\x07\\x0d\\n\\t\\x08\\x7f");
	CHECK_ESCAPE("nul\0nul", "nul\\x00nul");
	/* C1: CSI in one character. */
	CHECK_ESCAPE("\302\233"
		     "2J",
		     "\\x9b2J");
	/* So that an escape cannot be mistaken for what was there. */
	CHECK_ESCAPE("\\x1b", "\\\\x1b");
}

static void test_fooling_characters(void **state)
{
	CHECK_ESCAPE("a\342\200\256b", "a\\u202eb");	 /* right-to-left override */
	CHECK_ESCAPE("a\342\201\246b", "a\\u2066b");	 /* isolate */
	CHECK_ESCAPE("a\342\200\250b", "a\\u2028b");	 /* line separator */
	CHECK_ESCAPE("a\342\200\213b", "a\\u200bb");	 /* zero width space */
	CHECK_ESCAPE("a\357\273\277b", "a\\ufeffb");	 /* byte order mark */
	CHECK_ESCAPE("\363\240\201\201", "\\U000e0041"); /* tag character */
}

static void test_not_utf8(void **state)
{
	CHECK_ESCAPE("a\377b", "a\\xffb");
	CHECK_ESCAPE("\300\257", "\\xc0\\xaf");			  /* overlong */
	CHECK_ESCAPE("\340\200\257", "\\xe0\\x80\\xaf");	  /* overlong */
	CHECK_ESCAPE("\355\240\200", "\\xed\\xa0\\x80");	  /* surrogate */
	CHECK_ESCAPE("\364\220\200\200", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
	CHECK_ESCAPE("\342\202", "\\xe2\\x82");			  /* cut off */
	CHECK_ESCAPE("\200", "\\x80");
}

static void check_json(const char *text, const char *expected)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();
	_cleanup_json_ struct json_object *again = NULL;
	_cleanup_free_ char *out = NULL;

	json_add_string(object, "x", text);
	out = output_json_text(object, JSON_MODE_SHORT);
	assert_string_equal(out, expected);
	assert_int_equal(json_parse(out, strlen(out), 1024, &again, NULL, NULL), 0);
}

static void test_json(void **state)
{
	check_json("plain /x", "{\"x\":\"plain /x\"}");
	check_json("\033[2J\n", "{\"x\":\"\\u001b[2J\\n\"}");
	check_json("\302\233\177", "{\"x\":\"\\u009b\\u007f\"}");
	check_json("\342\200\256", "{\"x\":\"\\u202e\"}");
	check_json("\363\240\201\201", "{\"x\":\"\\udb40\\udc41\"}");
	check_json("a\377b", "{\"x\":\"a\\ufffdb\"}");
	check_json("\303\274", "{\"x\":\"\303\274\"}");
}

static void test_json_pretty(void **state)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();
	_cleanup_free_ char *out = NULL;

	json_add_u64(object, "n", 1);
	out = output_json_text(object, JSON_MODE_PRETTY);
	assert_string_equal(out, "{\n  \"n\": 1\n}");
}

static void test_modes(void **state)
{
	enum json_mode mode = JSON_MODE_SHORT;

	assert_int_equal(json_mode_from_name("off", &mode), 0);
	assert_int_equal(mode, JSON_MODE_OFF);
	assert_int_equal(json_mode_from_name("pretty", &mode), 0);
	assert_int_equal(mode, JSON_MODE_PRETTY);
	assert_int_equal(json_mode_from_name("Short", &mode), -EINVAL);
	assert_int_equal(json_mode_from_name("", &mode), -EINVAL);
	assert_int_equal(mode, JSON_MODE_PRETTY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_fooling_characters),
		cmocka_unit_test(test_not_utf8),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_pretty),
		cmocka_unit_test(test_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
