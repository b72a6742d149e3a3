/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bundle.h"
#include "check.h"

/* FIPS 180-2, appendix B. */
static void known_answers(void **state)
{
	uint8_t digest[DIGEST_SIZE];
	char text[DIGEST_TEXT_SIZE];

	assert_int_equal(sha256("abc", 3, digest), 0);
	digest_format(digest, text);
	assert_string_equal(text, "sha256:ba7816bf8f01cfea414140de5dae2223"
				  "b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(sha256("", 0, digest), 0);
	digest_format(digest, text);
	assert_string_equal(text, "sha256:e3b0c44298fc1c149afbf4c8996fb924"
				  "27ae41e4649b934ca495991b7852b855");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
	};

	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
