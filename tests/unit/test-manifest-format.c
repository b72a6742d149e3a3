/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"
#include "manifest-text.h"

/* manifest_example is canonical, so it comes back byte by byte. */
static void canonical_text_comes_back(void **state)
{
	_cleanup_manifest_ struct manifest *m = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size;

	assert_int_equal(manifest_parse(manifest_example, strlen(manifest_example), &m, NULL), 0);
	assert_int_equal(manifest_format(m, &text, &size), 0);
	assert_int_equal(size, strlen(text));
	assert_string_equal(text, manifest_example);
}

static void any_text_becomes_canonical(void **state)
{
	static const char text[] =
		"{\"maps\":{},\"sequence\":1,\"license\":\"\\u0047PL\",\"version\":\"1\","
		"\"programs\":{\"p\":{\"attach\":[\"xdp:*\"],\"type\":\"xdp\",\"section\":\"xdp\"}}"
		","
		"\"description\":\"a\\/b\",\"name\":\"x\",\"build\":{}}";
	static const char expected[] = "{\n"
				       "  \"name\": \"x\",\n"
				       "  \"version\": \"1\",\n"
				       "  \"sequence\": 1,\n"
				       "  \"description\": \"a/b\",\n"
				       "  \"license\": \"GPL\",\n"
				       "  \"programs\": {\n"
				       "    \"p\": {\n"
				       "      \"section\": \"xdp\",\n"
				       "      \"type\": \"xdp\",\n"
				       "      \"attach\": [\"xdp:*\"],\n"
				       "      \"default\": []\n"
				       "    }\n"
				       "  },\n"
				       "  \"maps\": {},\n"
				       "  \"requires\": [],\n"
				       "  \"tunables\": {},\n"
				       "  \"after\": [],\n"
				       "  \"build\": {}\n"
				       "}\n";
	_cleanup_manifest_ struct manifest *m = NULL;
	_cleanup_free_ char *formatted = NULL;
	size_t size;

	assert_int_equal(manifest_parse(text, strlen(text), &m, NULL), 0);
	assert_int_equal(manifest_format(m, &formatted, &size), 0);
	assert_string_equal(formatted, expected);
}

static void bad_build_is_refused(void **state)
{
	_cleanup_manifest_ struct manifest *m = NULL;
	char *text = (char *)"untouched";
	size_t size = 4711;

	assert_int_equal(manifest_parse(manifest_example, strlen(manifest_example), &m, NULL), 0);
	free(m->build);
	m->build = strdup("{");
	assert_true(manifest_format(m, &text, &size) < 0);
	free(m->build);
	m->build = strdup("[]");
	assert_int_equal(manifest_format(m, &text, &size), -EINVAL);
	free(m->build);
	m->build = strdup("{\"x\": {}}");
	assert_int_equal(manifest_format(m, &text, &size), -EINVAL);
	assert_string_equal(text, "untouched");
	assert_int_equal(size, 4711);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_text_comes_back),
		cmocka_unit_test(any_text_becomes_canonical),
		cmocka_unit_test(bad_build_is_refused),
	};

	return cmocka_run_group_tests_name("manifest-format", tests, NULL, NULL);
}
