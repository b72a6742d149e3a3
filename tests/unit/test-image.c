/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "image.h"
#include "tuned.h"

/* The content of a section; malloced. */
static struct blob image(unsigned map, const void *value, size_t size)
{
	uint8_t *content;
	struct blob blob;

	assert_int_equal(image_make(map, (struct blob){value, size}, &content, &blob.size), 0);
	blob.data = content;
	return blob;
}

static void free_images(struct blob *images, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free((void *)(uintptr_t)images[i].data);
}

static void check(const char *tunables, struct blob *images, unsigned n, const char *refusal)
{
	_cleanup_manifest_ struct manifest *m = tuned_manifest(tunables);
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_bundle_ struct bundle bundle = {};
	_cleanup_free_ uint8_t *file = NULL;

	tuned_bundle(images, n, &file, &bundle);
	assert_int_equal(images_check(&bundle, m, &error), refusal ? -EBADMSG : 0);
	if (refusal)
		check_error(&error, ERROR_BAD_MANIFEST, refusal);
	free_images(images, n);
}

#define ONLY_SIZE                                                   \
	"\"size\": {\"type\": \"max_entries\", \"map\": \"table\"," \
	" \"min\": 1, \"max\": 99, \"default\": 10}"

static void test_check(void **state)
{
	uint8_t altered[16];

	check(TUNED_ALL, (struct blob[]){image(TUNED_RODATA, tuned_value, 16)}, 1, NULL);
	check(TUNED_ALL, NULL, 0, "no image of the map \"x.rodata\", which holds \"low\"");
	check(TUNED_ALL, (struct blob[]){image(TUNED_RODATA, tuned_value, 15)}, 1,
	      "the image of the map \"x.rodata\" has 15 bytes, the map's value 16");
	check(TUNED_ALL, (struct blob[]){image(4, tuned_value, 16)}, 1, "of map number 4, which");
	check(TUNED_ALL, (struct blob[]){image(5, tuned_value, 16)}, 1, "of map number 5, which");
	check(TUNED_ALL, (struct blob[]){image(UINT32_MAX, tuned_value, 16)}, 1,
	      "of map number 4294967295, which");
	check(TUNED_ALL,
	      (struct blob[]){image(TUNED_RODATA, tuned_value, 16),
			      image(TUNED_RODATA, tuned_value, 16)},
	      2, "of map number 2, which comes too early");
	check(TUNED_ALL, (struct blob[]){image(TUNED_RODATA, tuned_value, 0)}, 1,
	      "an image section of 4 bytes names no map and its value");
	check("", NULL, 0, NULL);
	check("", (struct blob[]){image(TUNED_RODATA, tuned_value, 16)}, 1, "has no tunables");
	check(ONLY_SIZE, NULL, 0, NULL);
	check(ONLY_SIZE, (struct blob[]){image(1, tuned_value, 8)}, 1, "has no tunables");

	for (unsigned i = 0; i < sizeof(altered); i++) {
		bool padding = i >= 5 && i < 8;

		memcpy(altered, tuned_value, sizeof(altered));
		altered[i] ^= 0x10;
		check(TUNED_ALL, (struct blob[]){image(TUNED_RODATA, altered, 16)}, 1,
		      padding ? NULL : "does not hold the default of \"");
	}
}

static void test_find(void **state)
{
	struct blob images[] = {image(1, "12345678", 8), image(TUNED_RODATA, tuned_value, 16)};
	_cleanup_bundle_ struct bundle bundle = {};
	_cleanup_free_ uint8_t *file = NULL;
	struct blob found = {};

	tuned_bundle(images, 2, &file, &bundle);
	assert_int_equal(image_find(&bundle, TUNED_RODATA, &found), 0);
	assert_int_equal(found.size, 16);
	assert_memory_equal(found.data, tuned_value, 16);
	assert_int_equal(image_find(&bundle, 1, &found), 0);
	assert_memory_equal(found.data, "12345678", 8);
	assert_int_equal(image_find(&bundle, 0, &found), -ENOENT);
	free_images(images, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
