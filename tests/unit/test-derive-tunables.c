/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tunables of an object file as clang makes it (derive-cases.bpf.c, CASE_TUNABLES). */
#include "check.h"

#include "derive-tunables.h"
#include "file.h"
#include "image.h"
#include "testkeys.h"

static void derive_case(const char *file, const char *name, struct derived *ret)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ char *data = NULL;
	size_t size;

	assert_int_equal(file_read(file, OBJECT_SIZE_MAX, &data, &size, &error), 0);
	if (derive("x.bpf.o", data, size, name, ret, &error) < 0)
		fail_msg("%s", error_message(&error));
}

static void derive_object(struct derived *ret)
{
	derive_case(OBJECTS "/case-tunables.bpf", "tuned", ret);
}

/* @tunables: the members; on line 2 of m.json. For @manifest of @n object files. */
static int tune_all(const char *tunables, const struct derived *derived, unsigned n,
		    struct manifest *manifest, struct error *error)
{
	_cleanup_hand_ struct hand hand = {};
	_cleanup_free_ char *text = NULL;
	char *folder = test_folder_new();
	int r;

	assert_true(asprintf(&text, "{\"tunables\": {\n%s}}", tunables) > 0);
	test_file_write(test_path(folder, "m.json"), text);
	r = hand_read(test_path(folder, "m.json"), &hand, error);
	if (r == 0)
		r = derive_tunables(&hand, derived, n, manifest, error);
	test_folder_remove(folder);
	return r;
}

static int tune(const char *tunables, struct derived *derived, struct error *error)
{
	return tune_all(tunables, derived, 1, derived->manifest, error);
}

static const struct manifest_tunable *find(const struct manifest *m, const char *name)
{
	for (unsigned i = 0; i < m->n_tunables; i++)
		if (streq(m->tunables[i].name, name))
			return &m->tunables[i];
	fail_msg("no tunable %s", name);
	return NULL;
}

static const char all[] =
	"\"low\": {\"min\": 0, \"max\": 65535},\n"
	"\"flag\": {},\n"
	"\"wide\": {\"type\": \"s64\", \"min\": -10, \"max\": 10, \"default\": -2},\n"
	"\"little\": {\"min\": -3, \"max\": -3},\n"
	"\"byte\": {\"min\": 0, \"max\": 255},\n"
	"\"other\": {\"min\": 0, \"max\": 18446744073709551615},\n"
	"\"size\": {\"type\": \"max_entries\", \"map\": \"table\", \"min\": 1, \"max\": 99}";

static void check(const struct derived *d, const char *name, enum tunable_type type,
		  const char *map, uint64_t initial)
{
	const struct manifest_tunable *t = find(d->manifest, name);

	assert_int_equal(t->type, type);
	assert_string_equal(d->manifest->maps[t->map].name, map);
	assert_true(t->initial == initial);
}

/* Types, places and defaults are the object's; and what comes of it is a manifest. */
static void test_all(void **state)
{
	_cleanup_derived_ struct derived d = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_manifest_ struct manifest *again = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size;

	derive_object(&d);
	if (tune(all, &d, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_int_equal(d.manifest->n_tunables, 7);
	check(&d, "low", TUNABLE_U32, "tuned.rodata", 7);
	check(&d, "flag", TUNABLE_BOOL, "tuned.rodata", 1);
	check(&d, "wide", TUNABLE_S64, "tuned.rodata", (uint64_t)-2);
	check(&d, "little", TUNABLE_S16, "tuned.rodata", (uint64_t)-3);
	check(&d, "byte", TUNABLE_U8, "tuned.rodata", 255);
	check(&d, "other", TUNABLE_U64, ".rodata.other", 1);
	check(&d, "size", TUNABLE_MAX_ENTRIES, "table", 10);

	assert_int_equal(manifest_format(d.manifest, &text, &size), 0);
	if (manifest_parse(text, size, &again, &error) < 0)
		fail_msg("%s", error_message(&error));
}

static void test_images(void **state)
{
	static const struct {
		const char *tunables;
		unsigned n;
	} cases[] = {
		{all, 2},
		{"\"flag\": {}", 1},
		{"\"size\": {\"type\": \"max_entries\", \"map\": \"table\", \"min\": 1, "
		 "\"max\": 99}",
		 0},
		{"", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_derived_ struct derived d = {};
		_cleanup_error_ struct error error = ERROR_INIT;
		struct blob *images = NULL;
		unsigned n = 77;

		derive_object(&d);
		assert_int_equal(d.n_images, 2);
		if (tune(cases[i].tunables, &d, &error) < 0 ||
		    derive_image_sections(&d, d.manifest, &images, &n, &error) < 0)
			fail_msg("%s", error_message(&error));
		assert_int_equal(n, cases[i].n);
		for (unsigned k = 0; k < n; k++) {
			unsigned map = images[k].data[0];

			assert_int_equal(images[k].size, 4 + d.manifest->maps[map].value_size);
		}
		images_free(images, n);
	}
}

/* In a bundle of several payloads a map has another number than in its object file. */
static void test_second_payload(void **state)
{
	static const char *const files[] = {"a.bpf.o", "b.bpf.o"};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_manifest_ struct manifest *m = NULL;
	struct derived d[2] = {};
	struct blob *images;
	unsigned n, first;

	derive_case(OBJECTS "/case-second.bpf", "second", &d[0]);
	derive_object(&d[1]);
	if (derive_combine(files, d, 2, "both", "GPL", &m, &error) < 0 ||
	    tune_all(all, d, 2, m, &error) < 0 ||
	    derive_image_sections(&d[0], m, &images, &n, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_int_equal(n, 0);
	images_free(images, n);

	first = manifest_part(m, 1).first_map;
	assert_true(first > 0);
	assert_true(find(m, "low")->map >= first);
	assert_string_equal(m->maps[find(m, "low")->map].name, "tuned.rodata");
	assert_string_equal(m->maps[find(m, "size")->map].name, "table");
	if (derive_image_sections(&d[1], m, &images, &n, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_int_equal(n, 2);
	for (unsigned i = 0; i < n; i++)
		assert_true(images[i].data[0] >= first);
	images_free(images, n);
	derived_done(&d[0]);
	derived_done(&d[1]);
}

/* Which of two is meant, nothing says. */
static void test_two_of_a_name(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct derived d[2] = {};

	derive_object(&d[0]);
	derive_object(&d[1]);
	assert_int_equal(tune_all("\"flag\": {}", d, 2, d[0].manifest, &error), -EINVAL);
	check_error(&error, ERROR_BAD_MANIFEST,
		    "m.json:2:9: 2 of the object files have a variable \"flag\"");
	derived_done(&d[0]);
	derived_done(&d[1]);
}

#define BOUNDS "\"min\": 0, \"max\": 9"

static const struct {
	const char *tunables, *message;
} refused[] = {
	{"\"low\": 1", "m.json:2:8: tunables.low must be an object"},
	{"\"low\": {" BOUNDS ", \"step\": 1}", "member \"tunables.low.step\" is not known here"},
	{"\"lower\": {" BOUNDS "}",
	 "m.json:2:10: the object file has no variable \"lower\" in .rodata"},
	{"\"written\": {" BOUNDS "}", "the object file has no variable \"written\" in .rodata"},
	{"\"table\": {" BOUNDS "}", "the object file has no variable \"table\" in .rodata"},
	{"\"folded\": {" BOUNDS "}", "variable \"folded\" is not volatile: only a global"},
	{"\"hidden\": {" BOUNDS "}", "variable \"hidden\" is static: only a global"},
	{"\"whole\": {" BOUNDS "}", "variable \"whole\" is neither an integer"},
	{"\"pair\": {" BOUNDS "}", "variable \"pair\" is neither an integer"},
	{"\"low\": {" BOUNDS ", \"type\": \"s32\"}",
	 "m.json:2:8: variable \"low\" is of type u32 in the object file, not s32"},
	{"\"low\": {" BOUNDS ", \"map\": \"table\"}",
	 "only a tunable of type \"max_entries\" names"},
	{"\"low\": {" BOUNDS ", \"default\": 8}", "\"default\" is 7 in the object file"},
	{"\"low\": {" BOUNDS ", \"default\": \"7\"}", "\"default\" is 7 in the object file"},
	{"\"low\": {\"max\": 9}", "m.json:2:8: member \"min\" is missing: a tunable has bounds"},
	{"\"low\": {\"min\": 9}", "m.json:2:8: member \"max\" is missing: a tunable has bounds"},
	{"\"low\": {\"min\": -1, \"max\": 9}",
	 "\"min\" must be an integer that a u32 can hold, 0 to 4294967295"},
	{"\"low\": {\"min\": 0, \"max\": 4294967296}", "\"max\" must be an integer that a u32"},
	{"\"low\": {\"min\": 9, \"max\": 8}", "\"min\" is more than \"max\""},
	{"\"low\": {\"min\": 8, \"max\": 9}", "7, which the object file has, is not between"},
	{"\"flag\": {\"min\": 0}", "a bool has no \"min\" and \"max\""},
	{"\"size\": {\"type\": \"max_entries\", " BOUNDS "}", "\"map\" must say of which map"},
	{"\"size\": {\"type\": \"max_entries\", \"map\": \"tables\", " BOUNDS "}",
	 "the object file has no map \"tables\""},
	{"\"size\": {\"type\": \"max_entries\", \"map\": \"table\", \"min\": 0, \"max\": 9}",
	 "\"min\" must be an integer that a max_entries can hold, 1 to"},
	{"\"size\": {\"type\": \"max_entries\", \"map\": \"table\", \"min\": 1, \"max\": 9}",
	 "10, which the object file has, is not between"},
};

static void test_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_derived_ struct derived d = {};
		_cleanup_error_ struct error error = ERROR_INIT;

		derive_object(&d);
		if (tune(refused[i].tunables, &d, &error) >= 0)
			fail_msg("accepted: %s", refused[i].tunables);
		check_error(&error, ERROR_BAD_MANIFEST, refused[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_images),
		cmocka_unit_test(test_second_payload),
		cmocka_unit_test(test_two_of_a_name),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
