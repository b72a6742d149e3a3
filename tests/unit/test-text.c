/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"
#include "text.h"

static const char *const good[] = {
	"",
	"plain",
	"tab is not, space is ",
	"gr\xc3\xbc\xc3\x9f"
	"e",
	"\xe2\x82\xac 5",
	"\xf0\x9f\x90\x9d",
	"\xf4\x8f\xbf\xbf",
	"\xdf\xbf",
	"\xe0\xa0\x80",
	"\xf0\x90\x80\x80",
	"\xc2\xa0",
	"\xed\x9f\xbf",
	"\xee\x80\x80",
};

static const char *const bad[] = {
	"a\nb",
	"a\rb",
	"a\tb",
	"\x1b[2J",
	"\x7f",
	"\x01",
	"\xc2\x9b"
	"2J", /* C1: a CSI in one character */
	"\xc2\x80",
	"\xc2\x9f",
	"\xe2\x80\xa8",
	"\xe2\x80\xa9", /* line and paragraph separator */
	"\xe2\x80\xae"
	"gpj.exe", /* right-to-left override */
	"\xe2\x80\xaa",
	"\xe2\x81\xa6",
	"\xe2\x81\xa9",
	"\xe2\x80\x8e",
	"\xe2\x80\x8f",
	"\xd8\x9c",
	"\x80",
	"\xff",
	"\xc3",
	"\xe2\x82",
	"\xf0\x9f\x90", /* not whole */
	"\xc0\xaf",
	"\xe0\x80\xaf",
	"\xf0\x80\x80\xaf", /* overlong */
	"\xc1\xbf",
	"\xed\xa0\x80",
	"\xed\xbf\xbf", /* surrogates */
	"\xf4\x90\x80\x80",
	"\xf8\x88\x80\x80\x80",
	"\xc3(",
	"\xe2(\xac",
	"\xe2\x82(",
};

static void printable(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!text_printable(good[i], strlen(good[i])))
			fail_msg("good[%zu]", i);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (text_printable(bad[i], strlen(bad[i])))
			fail_msg("bad[%zu]", i);
	assert_false(text_printable("a\0b", 3));
	/* The size decides: a sequence that goes on behind it is not whole. */
	assert_false(text_printable("\xe2\x82\xac", 2));
}

static void sanitize(void **state)
{
	static const char *const pairs[][2] = {
		{"plain", "plain"},
		{"gr\xc3\xbcn", "gr\xc3\xbcn"},
		{"\x1b[31mred\n", "?[31mred?"},
		{"a\xe2\x80\xae"
		 "b",
		 "a???b"},
		{"\xff\xfe", "??"},
		{"x\xe2\x82", "x??"},
		{"", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		_cleanup_free_ char *text = strdup(pairs[i][0]);

		text_sanitize(text);
		assert_string_equal(text, pairs[i][1]);
		assert_true(text_printable(text, strlen(text)));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_free_ char *text = strdup(bad[i]);

		text_sanitize(text);
		assert_true(text_printable(text, strlen(text)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printable),
		cmocka_unit_test(sanitize),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
