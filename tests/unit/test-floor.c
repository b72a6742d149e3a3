/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rollback floors: what raises them, what they refuse, and that they are there after a restart. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "floor.h"
#include "json.h"
#include "testkeys.h"

static const uint8_t key_a[DIGEST_SIZE] = {0xa}, key_b[DIGEST_SIZE] = {0xb};

struct fixture {
	char *folder;
	struct floors *floors;
};

static int floors_at(const struct fixture *f, bool allow_missing, struct floors **ret)
{
	_cleanup_free_ char *dir = strdup(test_path(f->folder, "store"));
	_cleanup_free_ char *marks = strdup(test_path(f->folder, "marks"));
	const struct floor_places places = {dir, marks, allow_missing};

	return floors_new(&places, ret);
}

static void start(struct fixture *f)
{
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_int_equal(floors_at(f, false, &f->floors), 0);
	if (floors_retry(f->floors, &error) < 0)
		fail_msg("%s", error_message(&error));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->folder = test_folder_new();
	start(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	floors_free(f->floors);
	test_folder_remove(f->folder);
	free(f);
	return 0;
}

static struct release release_of(const char *name, uint64_t sequence, bool a, bool b)
{
	struct release r = {.name = name, .sequence = sequence};

	if (a) {
		r.signers[r.n_signers].digest = key_a;
		r.signers[r.n_signers++].file = "a.pem";
	}
	if (b) {
		r.signers[r.n_signers].digest = key_b;
		r.signers[r.n_signers++].file = "b.pem";
	}
	return r;
}

static void raise_to(struct fixture *f, const char *name, uint64_t sequence, bool a, bool b)
{
	const struct release release = release_of(name, sequence, a, b);
	_cleanup_error_ struct error error = ERROR_INIT;

	if (floors_check(f->floors, 1000, &release, &error) < 0 ||
	    floors_raise(f->floors, 1000, &release, &error) < 0)
		fail_msg("%s", error_message(&error));
}

static void assert_refused(struct fixture *f, const char *name, uint64_t sequence, bool a, bool b,
			   const char *part)
{
	const struct release release = release_of(name, sequence, a, b);
	_cleanup_error_ struct error checked = ERROR_INIT, raised = ERROR_INIT;

	assert_int_equal(floors_check(f->floors, 1000, &release, &checked), -ESTALE);
	check_error(&checked, ERROR_ROLLBACK, part);
	assert_int_equal(checked.step, STEP_AUTHORISE);
	assert_int_equal(floors_raise(f->floors, 1000, &release, &raised), -ESTALE);
	check_error(&raised, ERROR_ROLLBACK, part);
}

static void assert_list(struct fixture *f, const char *expected)
{
	_cleanup_free_ struct floor *list = NULL;
	char text[512] = "";
	unsigned n;

	assert_int_equal(floors_list(f->floors, &list, &n, NULL), 0);
	for (unsigned i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s/%x=%llu ",
			 list[i].name, list[i].signer[0], (unsigned long long)list[i].sequence);
	assert_string_equal(text, expected);
}

static void test_raise(void **state)
{
	struct fixture *f = *state;
	const struct release looked_at = release_of("x", 9, true, false);

	assert_list(f, "");
	raise_to(f, "x", 5, true, false);
	/* a look raises nothing */
	assert_int_equal(floors_check(f->floors, 1000, &looked_at, NULL), 0);
	assert_list(f, "x/a=5 ");
	assert_refused(f, "x", 4, true, false,
		       "x has sequence 4, and the floor for the key 'a.pem' is 5");
	raise_to(f, "x", 5, true, false);
	raise_to(f, "x", 6, true, false);
	/* other names and other signers have their own */
	raise_to(f, "x", 1, false, true);
	raise_to(f, "w", 2, true, false);
	raise_to(f, "y", 1, true, false);
	assert_list(f, "w/a=2 x/a=6 x/b=1 y/a=1 ");
}

/* All signers' floors count, and all are raised; a refusal by one raises none. */
static void test_several_signers(void **state)
{
	struct fixture *f = *state;

	raise_to(f, "x", 5, true, false);
	assert_refused(f, "x", 4, true, true, "the key 'a.pem' is 5");
	assert_list(f, "x/a=5 ");
	raise_to(f, "x", 7, true, true);
	assert_list(f, "x/a=7 x/b=7 ");
	assert_refused(f, "x", 6, false, true, "the key 'b.pem' is 7");
}

static void test_fields(void **state)
{
	struct fixture *f = *state;
	const struct release old = release_of("x", 4, true, false);
	_cleanup_error_ struct error error = ERROR_INIT;
	struct json_object *value;

	raise_to(f, "x", 5, true, false);
	floors_check(f->floors, 1000, &old, &error);
	assert_true(json_object_object_get_ex(error.fields, "sequence", &value));
	assert_int_equal(json_object_get_int64(value), 4);
	assert_true(json_object_object_get_ex(error.fields, "floor", &value));
	assert_int_equal(json_object_get_int64(value), 5);
	assert_true(json_object_object_get_ex(error.fields, "name", &value));
	assert_string_equal(json_object_get_string(value), "x");
}

static void test_restart(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	raise_to(f, "x", 5, true, true);
	raise_to(f, "w", INT64_MAX, false, true);
	floors_free(f->floors);
	assert_int_equal(stat(test_path(f->folder, "store/floors.json"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* half of a newer one, from a daemon that was killed */
	test_file_write(test_path(f->folder, "store/.new-floors.json"), "{");
	start(f);
	assert_list(f, "w/b=9223372036854775807 x/a=5 x/b=5 ");
	assert_refused(f, "x", 4, true, false, "is 5");
	raise_to(f, "x", 6, true, false);
	assert_list(f, "w/b=9223372036854775807 x/a=6 x/b=5 ");
}

static void test_set(void **state)
{
	struct fixture *f = *state;
	uint64_t previous = 77;

	raise_to(f, "x", 5, true, true);
	assert_int_equal(floors_set(f->floors, "x", key_a, 3, &previous, NULL), 0);
	assert_int_equal(previous, 5);
	raise_to(f, "x", 5, true, true);
	assert_int_equal(floors_set(f->floors, "x", key_a, 0, &previous, NULL), 0);
	assert_int_equal(floors_set(f->floors, "nothing", key_a, 0, &previous, NULL), 0);
	assert_int_equal(previous, 0);
	assert_int_equal(floors_set(f->floors, "new", key_b, 8, &previous, NULL), 0);
	floors_free(f->floors);
	start(f);
	assert_list(f, "new/b=8 x/b=5 ");
	assert_refused(f, "new", 7, false, true, "is 8");
}

/* Nothing that is not exactly ours is believed, and without it nothing is allowed. */
static void test_broken(void **state)
{
#define ONE(name, signer, sequence) \
	"{\"name\":\"" name "\",\"signer\":\"sha256:" signer "\",\"sequence\":" sequence "}"
#define HEX "0a00000000000000000000000000000000000000000000000000000000000000"
	static const struct {
		const char *text, *reason;
	} rows[] = {
		{"", "floors.json: 1:1: "},
		{"[]", "not an object"},
		{"{\"version\":1}", "member floors"},
		{"{\"version\":2,\"floors\":[]}", "written by another bpfgated"},
		{"{\"version\":1,\"floors\":[],\"x\":1}", "member x"},
		{"{\"version\":1,\"floors\":null}", "member "},
		{"{\"version\":1,\"floors\":[1]}", "floors[0]: not a floor"},
		{"{\"version\":1,\"floors\":[" ONE("X", HEX, "1") "]}", "no name of a bundle"},
		{"{\"version\":1,\"floors\":[" ONE("x", "0a", "1") "]}", "no digest of a key"},
		{"{\"version\":1,\"floors\":[" ONE("x", HEX, "0") "]}", "no sequence"},
		{"{\"version\":1,\"floors\":[" ONE("x", HEX, "1") "," ONE("x", HEX, "2") "]}",
		 "floors[1]: not in order, or there twice"},
		{"{\"version\":1,\"floors\":[" ONE("x", HEX, "1") "," ONE("w", HEX, "2") "]}",
		 "floors[1]: not in order"},
	};
	struct fixture *f = *state;
	const struct release release = release_of("x", 5, true, false);
	_cleanup_free_ char *path = strdup(test_path(f->folder, "store/floors.json"));

	floors_free(f->floors);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_error_ struct error why = ERROR_INIT, root = ERROR_INIT, user = ERROR_INIT;
		uint64_t previous;

		test_file_write(path, rows[i].text);
		assert_int_equal(floors_at(f, false, &f->floors), 0);
		if (floors_retry(f->floors, &why) == 0)
			fail_msg("accepted: %s", rows[i].text);
		check_error(&why, ERROR_FAILED, rows[i].reason);
		assert_int_equal(floors_check(f->floors, 0, &release, &root), -EACCES);
		check_error(&root, ERROR_DENIED, rows[i].reason);
		assert_int_equal(floors_raise(f->floors, 1000, &release, &user), -EACCES);
		check_error(&user, ERROR_DENIED, "an administrator finds the reason");
		assert_true(floors_set(f->floors, "x", key_a, 1, &previous, NULL) < 0);
		floors_free(f->floors);
	}
	/* mended, and read again without a restart */
	test_file_write(path, rows[0].text);
	assert_int_equal(floors_at(f, false, &f->floors), 0);
	assert_true(floors_retry(f->floors, NULL) < 0);
	test_file_write(path, "{\"version\":1,\"floors\":[" ONE("x", HEX, "9") "]}");
	assert_int_equal(floors_retry(f->floors, NULL), 0);
	assert_refused(f, "x", 8, true, false, "is 9");
}

static void test_folder(void **state)
{
	struct fixture *f = *state;
	_cleanup_error_ struct error error = ERROR_INIT;
	struct floors *second;

	assert_int_equal(floors_at(f, false, &second), 0);
	assert_true(floors_retry(second, &error) < 0);
	check_error(&error, ERROR_FAILED, "another bpfgated uses");
	floors_free(second);
	error_done(&error);
	floors_free(f->floors);
	chmod(test_path(f->folder, "store"), 0777);
	assert_int_equal(floors_at(f, false, &f->floors), 0);
	assert_true(floors_retry(f->floors, &error) < 0);
	check_error(&error, ERROR_FAILED, "is not bpfgated's alone");
}

/* What cannot be written is not raised either. */
static void test_not_written(void **state)
{
	struct fixture *f = *state;
	const struct release release = release_of("x", 6, true, false);
	_cleanup_error_ struct error error = ERROR_INIT;

	raise_to(f, "x", 5, true, false);
	assert_int_equal(mkdir(test_path(f->folder, "store/.new-floors.json"), 0700), 0);
	assert_true(floors_raise(f->floors, 1000, &release, &error) < 0);
	check_error(&error, ERROR_FAILED, "the rollback floors cannot be written");
	assert_list(f, "x/a=5 ");
}

static void restart(struct fixture *f, bool allow_missing)
{
	floors_free(f->floors);
	assert_int_equal(floors_at(f, allow_missing, &f->floors), 0);
}

static bool have(const struct fixture *f, const char *name)
{
	return access(test_path(f->folder, name), F_OK) == 0;
}

static void assert_reason(struct fixture *f, bool denies, const char *part)
{
	_cleanup_free_ char *reason = NULL;
	bool found = !denies;

	assert_int_equal(floors_reason(f->floors, &found, &reason), 0);
	assert_int_equal(found, denies);
	if (!part)
		assert_null(reason);
	else if (!reason || !strstr(reason, part))
		fail_msg("'%s' says nothing of %s", reason ?: "", part);
}

/* No floors, for the first time, are none; later they are missing. */
static void test_missing(void **state)
{
	struct fixture *f = *state;
	const struct release old = release_of("x", 1, true, false);
	_cleanup_error_ struct error error = ERROR_INIT, denied = ERROR_INIT;

	assert_false(have(f, "marks/floors"));
	assert_reason(f, false, NULL);
	raise_to(f, "x", 5, true, false);
	assert_true(have(f, "marks/floors"));
	assert_int_equal(unlink(test_path(f->folder, "store/floors.json")), 0);

	restart(f, false);
	assert_int_equal(floors_retry(f->floors, &error), -ENODATA);
	check_error(&error, ERROR_FAILED, "floors.json is missing, and ");
	assert_int_equal(floors_check(f->floors, 0, &old, &denied), -EACCES);
	check_error(&denied, ERROR_DENIED, "bpfctl floor reset");
	assert_reason(f, true, "marks/floors says that there was one");

	/* the whole folder is gone */
	restart(f, false);
	assert_int_equal(rmdir(test_path(f->folder, "store")), 0);
	assert_int_equal(floors_retry(f->floors, NULL), -ENODATA);

	/* configured to warn */
	restart(f, true);
	assert_int_equal(floors_retry(f->floors, NULL), 0);
	assert_reason(f, false, "floors.json is missing");
	assert_int_equal(floors_check(f->floors, 1000, &old, NULL), 0);
	raise_to(f, "x", 2, true, false);
	assert_list(f, "x/a=2 ");

	/* what was raised since stays when the warning is acknowledged */
	assert_int_equal(floors_reset(f->floors, NULL), 0);
	assert_list(f, "x/a=2 ");
	assert_reason(f, false, NULL);
	assert_int_equal(floors_reset(f->floors, NULL), -EEXIST);
}

/* Nobody can say whether there were some: that is not the same as none. */
static void test_mark_that_cannot_be_read(void **state)
{
	struct fixture *f = *state;
	_cleanup_error_ struct error error = ERROR_INIT;

	raise_to(f, "x", 5, true, false);
	assert_int_equal(chmod(test_path(f->folder, "marks"), 0777), 0);
	restart(f, false);
	assert_int_equal(floors_retry(f->floors, NULL), 0);
	assert_list(f, "x/a=5 ");
	assert_int_equal(unlink(test_path(f->folder, "store/floors.json")), 0);
	restart(f, false);
	assert_int_equal(floors_retry(f->floors, &error), -ENODATA);
	check_error(&error, ERROR_FAILED, "cannot be told");
}

/* Floors that were there before there were marks, and what was not written, for the disk is full.
 */
static void test_mark_follows_the_file(void **state)
{
	struct fixture *f = *state;
	const struct release release = release_of("x", 6, true, false);

	assert_int_equal(mkdir(test_path(f->folder, "store/.new-floors.json"), 0700), 0);
	assert_true(floors_raise(f->floors, 1000, &release, NULL) < 0);
	assert_false(have(f, "marks/floors"));
	assert_int_equal(rmdir(test_path(f->folder, "store/.new-floors.json")), 0);
	raise_to(f, "x", 5, true, false);
	assert_int_equal(unlink(test_path(f->folder, "marks/floors")), 0);
	restart(f, false);
	assert_int_equal(floors_retry(f->floors, NULL), 0);
	assert_true(have(f, "marks/floors"));
}

static void test_reset(void **state)
{
	struct fixture *f = *state;
	_cleanup_error_ struct error error = ERROR_INIT;
	struct floor *list;
	unsigned n;

	raise_to(f, "x", 5, true, false);
	assert_int_equal(floors_reset(f->floors, &error), -EEXIST);
	check_error(&error, ERROR_FAILED, "can be read");
	error_done(&error);
	assert_list(f, "x/a=5 ");

	test_file_write(test_path(f->folder, "store/floors.json"), "spoilt");
	restart(f, false);
	assert_true(floors_retry(f->floors, NULL) < 0);
	assert_true(floors_list(f->floors, &list, &n, &error) < 0);
	check_error(&error, ERROR_DENIED, "bpfctl floor reset");
	assert_int_equal(floors_reset(f->floors, NULL), 0);
	assert_true(have(f, "store/floors.json.old"));
	assert_list(f, "");
	assert_reason(f, false, NULL);
	raise_to(f, "x", 2, true, false);
	restart(f, false);
	assert_int_equal(floors_retry(f->floors, NULL), 0);
	assert_list(f, "x/a=2 ");
}

static void test_bounded(void **state)
{
	struct fixture *f = *state;
	const struct release more = release_of("more", 1, true, true);
	_cleanup_free_ char *path = strdup(test_path(f->folder, "store/floors.json"));
	_cleanup_error_ struct error error = ERROR_INIT;
	uint64_t previous;
	FILE *file;

	floors_free(f->floors);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs("{\"version\":1,\"floors\":[", file);
	for (unsigned i = 0; i < FLOORS_MAX - 1; i++)
		fprintf(file, "%s{\"name\":\"%08u\",\"signer\":\"sha256:" HEX "\",\"sequence\":1}",
			i ? "," : "", i);
	fputs("]}", file);
	fclose(file);
	chmod(path, 0600);
	start(f);
	/* room for one, and it wants two */
	assert_int_equal(floors_check(f->floors, 1000, &more, &error), -ENOSPC);
	check_error(&error, ERROR_BUSY, "there are 4095 rollback floors already");
	raise_to(f, "more", 1, true, false);
	assert_int_equal(floors_set(f->floors, "zzz", key_b, 1, &previous, NULL), -ENOSPC);
	/* what is there goes on, and room can be made */
	raise_to(f, "more", 2, true, false);
	assert_int_equal(floors_set(f->floors, "00000000", key_a, 0, &previous, NULL), 0);
	raise_to(f, "more", 2, true, true);
}

#define with_floors(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_floors(test_raise),
		with_floors(test_several_signers),
		with_floors(test_fields),
		with_floors(test_restart),
		with_floors(test_set),
		with_floors(test_broken),
		with_floors(test_folder),
		with_floors(test_not_written),
		with_floors(test_missing),
		with_floors(test_mark_that_cannot_be_read),
		with_floors(test_mark_follows_the_file),
		with_floors(test_reset),
		with_floors(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
