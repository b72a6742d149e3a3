/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What revoked.d says: each kind of entry, and the place and reason of each mistake. */
#include "check.h"

#include <sys/stat.h>

#include "revocation.h"
#include "testkeys.h"

#define DIGEST_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int setup(void **state)
{
	*state = test_folder_new();
	return 0;
}

static int teardown(void **state)
{
	test_folder_remove(*state);
	return 0;
}

static struct revocations *read_all(const char *folder)
{
	struct revocations *r = NULL;

	assert_int_equal(revocations_read(folder, getuid(), &r, NULL), 0);
	return r;
}

static void digest_of(const char *text, uint8_t ret[static DIGEST_SIZE])
{
	assert_int_equal(digest_parse(text, ret), 0);
}

static void test_entries(void **state)
{
	const char *folder = *state;
	_cleanup_revocations_ struct revocations *r = NULL;
	const struct revocation *found;
	char text[REVOCATION_TEXT_SIZE], source[256];
	uint8_t a[DIGEST_SIZE], b[DIGEST_SIZE];

	digest_of(DIGEST_A, a);
	digest_of(DIGEST_B, b);
	test_file_write(test_path(folder, "10.json"),
			"{ \"description\": \"d\", \"revocations\": [\n"
			"  { \"key\": \"" DIGEST_A "\", \"reason\": \"lost\" },\n"
			"  { \"name\": \"x\", \"signer\": \"" DIGEST_B "\", \"sequence\": 3 } ] }");
	test_file_write(test_path(folder, "20.json"),
			"{ \"revocations\": [ { \"bundle\": \"" DIGEST_B "\" },\n"
			"  { \"name\": \"x\", \"signer\": \"" DIGEST_B "\", \"sequence\": 7 } ] }");
	test_file_write(test_path(folder, "30.txt"), "not a file of ours");
	r = read_all(folder);
	assert_false(r->deny_all);
	assert_int_equal(r->n_files, 2);
	assert_int_equal(r->n, 4);

	found = revocations_find_key(r, a);
	snprintf(source, sizeof(source), "%s:2", test_path(folder, "10.json"));
	assert_string_equal(found->source, source);
	assert_string_equal(found->reason, "lost");
	revocation_format(found, text);
	assert_string_equal(text, "the key " DIGEST_A);
	assert_null(revocations_find_key(r, b));

	assert_non_null(revocations_find_bundle(r, b));
	assert_null(revocations_find_bundle(r, a));

	/* of two ranges the longer one counts, up to and including */
	found = revocations_find_release(r, b, "x", 7);
	assert_int_equal(found->sequence, 7);
	snprintf(source, sizeof(source), "%s:2", test_path(folder, "20.json"));
	assert_string_equal(found->source, source);
	revocation_format(found, text);
	assert_string_equal(text, "x up to sequence 7 by the key " DIGEST_B);
	assert_ptr_equal(revocations_find_release(r, b, "x", 1), found);
	assert_null(revocations_find_release(r, b, "x", 8));
	assert_null(revocations_find_release(r, b, "xx", 1));
	assert_null(revocations_find_release(r, a, "x", 1));
	assert_int_equal(revocations_check(r, 1000, STEP_AUTHENTICATE, NULL), 0);
}

static void test_nothing(void **state)
{
	_cleanup_revocations_ struct revocations *empty = read_all(*state), *missing = NULL;
	const uint8_t zero[DIGEST_SIZE] = {};

	missing = read_all("/no-such-folder-of-bpfgate/revoked.d");
	assert_false(empty->deny_all || missing->deny_all);
	assert_int_equal(empty->n + missing->n, 0);
	assert_null(revocations_find_key(empty, zero));
	assert_null(revocations_find_key(NULL, zero));
}

/* Is what is in force now known already? */
static void test_have(void **state)
{
	const char *folder = *state;
	_cleanup_revocations_ struct revocations *three = NULL, *seven = NULL;

	test_file_write(test_path(folder, "a.json"),
			"{ \"revocations\": [ { \"name\": \"x\", \"signer\": \"" DIGEST_B
			"\", \"sequence\": 3 } ] }");
	three = read_all(folder);
	test_file_write(test_path(folder, "a.json"),
			"{ \"revocations\": [ { \"name\": \"x\", \"signer\": \"" DIGEST_B
			"\", \"sequence\": 7 } ] }");
	seven = read_all(folder);
	assert_true(revocations_have(seven, &three->items[0]));
	assert_false(revocations_have(three, &seven->items[0]));
	assert_true(revocations_have(three, &three->items[0]));
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *text, *place, *reason;
	} rows[] = {
		{"", ":1:1: ", ""},
		{"[]", ":1:1: ", "an object with 'revocations'"},
		{"{}", ":1:1: ", "'revocations' is missing"},
		{"{ \"revocations\": {} }", ":1:18: ", "must be a list"},
		{"{ \"revocations\": [], \"x\": 1 }", ":1:27: ", "unknown member 'x'"},
		{"{ \"revocations\": [ 1 ] }", ":1:20: ", "a revocation is an object"},
		{"{ \"revocations\": [ {} ] }", ":1:20: ", "an entry has either"},
		{"{ \"revocations\": [\n  { \"key\": \"x\" } ] }", ":2:12: ", "'x' is no digest"},
		{"{ \"revocations\": [ { \"key\": \"" DIGEST_A "0\" } ] }",
		 ":1:29: ", "is no digest"},
		{"{ \"revocations\": [ { \"key\": null } ] }", ":1:29: ", "'key' is null"},
		{"{ \"revocations\": [ { \"key\": 1 } ] }", ":1:29: ", "must be a string"},
		{"{ \"revocations\": [ { \"key\": \"" DIGEST_A "\", \"bundle\": \"" DIGEST_A
		 "\" } ] }",
		 ":1:20: ", "an entry has either"},
		{"{ \"revocations\": [ { \"key\": \"" DIGEST_A "\", \"sequence\": 0 } ] }",
		 ":1:20: ", "an entry has either"},
		{"{ \"revocations\": [ { \"key\": \"" DIGEST_A "\", \"key\": \"" DIGEST_A
		 "\" } ] }",
		 ":1:104: ", ""},
		{"{ \"revocations\": [ { \"name\": \"x\", \"sequence\": 1 } ] }",
		 ":1:20: ", "belong together"},
		{"{ \"revocations\": [ { \"name\": \"x\", \"signer\": \"" DIGEST_A "\" } ] }",
		 ":1:20: ", "belong together"},
		{"{ \"revocations\": [ { \"name\": \"X\", \"signer\": \"" DIGEST_A
		 "\", \"sequence\": 1 } ] }",
		 ":1:30: ", "'X' can be no bundle's name"},
		{"{ \"revocations\": [ { \"name\": \"x\", \"signer\": \"" DIGEST_A
		 "\", \"sequence\": 0 } ] }",
		 ":1:132: ", "a sequence is 1 to"},
		{"{ \"revocations\": [ { \"key\": \"" DIGEST_A "\", \"reason\": \"a\\nb\" } ] }",
		 ":1:114: ", "no control characters"},
		{"{ \"revocations\": [ { \"key\": \"" DIGEST_A "\", \"until\": 1 } ] }",
		 ":1:113: ", "unknown member 'until'"},
	};
	const char *folder = *state;
	const char *path = test_path(folder, "x.json");

	/* what is good beside it is no use */
	test_file_write(test_path(folder, "a.json"),
			"{ \"revocations\": [ { \"key\": \"" DIGEST_A "\" } ] }");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_revocations_ struct revocations *r = NULL;
		_cleanup_error_ struct error root = ERROR_INIT, user = ERROR_INIT;
		char place[256];

		test_file_write(path, rows[i].text);
		r = read_all(folder);
		if (!r->deny_all)
			fail_msg("accepted: %s", rows[i].text);
		assert_int_equal(r->n, 0);
		snprintf(place, sizeof(place), "%s%s", path, rows[i].place);
		if (strncmp(r->reason, place, strlen(place)) != 0 ||
		    !strstr(r->reason, rows[i].reason))
			fail_msg("%s: '%s', not '%s%s'", rows[i].text, r->reason, place,
				 rows[i].reason);
		assert_int_equal(revocations_check(r, 0, STEP_AUTHENTICATE, &root), -EACCES);
		check_error(&root, ERROR_DENIED, r->reason);
		assert_int_equal(revocations_check(r, 1000, STEP_AUTHENTICATE, &user), -EACCES);
		check_error(&user, ERROR_DENIED, "what is revoked cannot be known");
		assert_null(strstr(error_message(&user), folder));
	}
}

static void test_files(void **state)
{
	const char *folder = *state;
	const char *path = test_path(folder, "x.json");
	static const char good[] = "{ \"revocations\": [] }";
	_cleanup_revocations_ struct revocations *open = NULL, *masked = NULL, *open_folder = NULL;

	test_file_write(path, good);
	chmod(path, 0666);
	open = read_all(folder);
	assert_true(open->deny_all);
	assert_non_null(strstr(open->reason, "writable by others"));
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	masked = read_all(folder);
	assert_false(masked->deny_all);
	chmod(folder, 0777);
	open_folder = read_all(folder);
	assert_true(open_folder->deny_all);
	chmod(folder, 0755);
}

/* A list that is too long is refused whole, never cut. */
static void test_too_many(void **state)
{
	const char *folder = *state;
	FILE *f = fopen(test_path(folder, "x.json"), "we");
	_cleanup_revocations_ struct revocations *r = NULL;

	assert_non_null(f);
	fputs("{\"revocations\":[", f);
	for (unsigned i = 0; i <= REVOCATIONS_FILE_MAX; i++)
		fprintf(f, "%s{\"key\":\"sha256:%064x\"}", i ? "," : "", i);
	fputs("]}", f);
	fclose(f);
	chmod(test_path(folder, "x.json"), 0644);
	r = read_all(folder);
	assert_true(r->deny_all);
	assert_non_null(strstr(r->reason, "more than 1024 revocations in one file"));
}

#define with_folder(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_folder(test_entries),  with_folder(test_nothing), with_folder(test_have),
		with_folder(test_mistakes), with_folder(test_files),   with_folder(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
