/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an earlier daemon left: taken up, removed where that is proven, and kept where it is not. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "capability.h"
#include "record-file.h"
#include "record-maker.h"

/* The machine's own pins are none of this test's business: @type in the place of its bpffs, in a
 * mount namespace of this process. */
static void hide_bpffs(const char *type)
{
	if (unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("none", "/sys/fs/bpf", type, 0, NULL) == 0)
		return;
	print_message("cannot put a %s in the place of /sys/fs/bpf (not root?): skipped\n", type);
	skip();
}

static void make_text(const struct record_fixture *f, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	record_write_text(path, text, strlen(text), 0600);
}

static bool have_file(const struct record_fixture *f, const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	return stat(path, &st) == 0;
}

static struct restoration restore(struct record_fixture *f, bool again)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct restoration found = {99, 99, 99};

	if ((again ? table_restore_unknown : table_restore)(f->table, &found, &error) < 0)
		fail_msg("%s", error_message(&error));
	return found;
}

/* A record without pins, one that does not parse, one that was being written, and what is no
 * record. */
static void make_leftovers(struct record_fixture *f, const struct load *load)
{
	_cleanup_close_ int folder = record_folder(f);

	assert_int_equal(record_write(folder, load, NULL), 0);
	make_text(f, "0123456789abcdef.json", "x");
	make_text(f, ".new-0123456789abcdef.json", "x");
	make_text(f, "README", "x");
}

static void check_unknown(struct record_fixture *f, const char *id, uid_t uid, const char *why)
{
	_cleanup_load_ struct load *load = NULL;

	assert_int_equal(table_find(f->table, id, uid, &load, NULL), 0);
	assert_non_null(load->unknown);
	if (!strstr(load->unknown, why))
		fail_msg("'%s' says nothing of %s", load->unknown, why);
	assert_int_equal(load->objects.n_programs, 0);
}

/* Whether there are pins shows where there is a bpffs, and nowhere else. */
static void test_restore_keeps_what_cannot_be_looked_at(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_load_ struct load *load = load_make(1000, 1), *nobodys = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load **bases = NULL;
	struct restoration found;
	unsigned n = 99;
	bool gone;

	/* of no program, whatever else runs here */
	load->programs[0].id = INT32_MAX;
	load->programs[1].id = INT32_MAX - 1;
	hide_bpffs("tmpfs");
	make_leftovers(f, load);
	found = restore(f, false);
	assert_int_equal(found.n_restored, 0);
	assert_int_equal(found.n_removed, 0);
	assert_int_equal(found.n_unknown, 2);
	assert_int_equal(table_count_all(f->table), 2);
	assert_int_equal(table_count_unknown(f->table), 2);
	assert_true(have_file(f, "README"));
	assert_true(have_file(f, record_name(load)));
	assert_true(have_file(f, "0123456789abcdef.json"));
	assert_false(have_file(f, ".new-0123456789abcdef.json"));

	/* its owner is known, and it counts as his; of the other there is nothing but the id */
	check_unknown(f, load->id, 1000, "no bpffs is mounted");
	assert_int_equal(table_count(f->table, 1000), 1);
	check_unknown(f, "0123456789abcdef", 0, "0123456789abcdef.json:1:");
	assert_int_equal(table_find(f->table, "0123456789abcdef", 1000, &nobodys, NULL), -ENOENT);
	/* nothing is built on it */
	assert_int_equal(table_list_bases(f->table, load->digest, 1000, &bases, &n), 0);
	assert_int_equal(n, 0);
	free(bases);

	/* once more, and nothing has changed */
	found = restore(f, true);
	assert_int_equal(found.n_unknown, 2);
	assert_int_equal(table_count_all(f->table), 2);
	check_unknown(f, load->id, 1000, "no bpffs is mounted");

	/* its owner can be rid of it, if it does not run; where that cannot be told it stays */
	gone = pin_is_gone(load->programs, 2);
	if (table_remove(f->table, load->id, 1000, &error) == 0)
		assert_true(gone);
	else
		check_error(&error, ERROR_FAILED, "so it still runs: no bpffs is mounted");
	assert_int_equal(table_count_unknown(f->table), gone ? 1 : 2);
	assert_int_equal(have_file(f, record_name(load)), !gone);
	/* it is lowered after the look-up; the tests after this one mount */
	capability_raise(CAPABILITY_PERF, true);
}

static void test_restore_removes_what_is_proven_gone(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_load_ struct load *load = load_make(1000, 1);
	struct restoration found;

	hide_bpffs("bpf");
	assert_int_equal(pin_place_find(&load->place, NULL), 0);
	make_leftovers(f, load);
	/* and pins that no record speaks of: nobody knows what they are */
	assert_int_equal(mkdir(PIN_ROOT, 0700), 0);
	assert_int_equal(mkdir(PIN_ROOT "/00000000000000aa", 0700), 0);
	found = restore(f, false);
	assert_int_equal(found.n_restored, 0);
	assert_int_equal(found.n_removed, 2);
	assert_int_equal(found.n_unknown, 1);
	assert_false(have_file(f, record_name(load)));
	assert_false(have_file(f, "0123456789abcdef.json"));
	assert_true(have_file(f, "README"));
	check_unknown(f, "00000000000000aa", 0, "no record");
	assert_int_equal(table_remove(f->table, "00000000000000aa", 0, NULL), 0);
	assert_int_equal(access(PIN_ROOT "/00000000000000aa", F_OK), -1);
}

/* Its pins: a record whose pins cannot be opened, for they are none, but are there. */
static void test_restore_tries_again(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_close_ int folder = record_folder(f);
	_cleanup_load_ struct load *load = load_make(1000, 1);
	char path[sizeof(PIN_ROOT) + LOAD_ID_SIZE + 16];
	struct restoration found;

	hide_bpffs("bpf");
	assert_int_equal(pin_place_find(&load->place, NULL), 0);
	assert_int_equal(record_write(folder, load, NULL), 0);
	assert_int_equal(mkdir(PIN_ROOT, 0700), 0);
	snprintf(path, sizeof(path), PIN_ROOT "/%s", load->id);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), PIN_ROOT "/%s/prog-0", load->id);
	assert_int_equal(mkdir(path, 0700), 0);
	found = restore(f, false);
	assert_int_equal(found.n_removed, 0);
	assert_int_equal(found.n_unknown, 1);
	check_unknown(f, load->id, 1000, "prog-0");
	assert_true(have_file(f, record_name(load)));

	assert_int_equal(rmdir(path), 0);
	found = restore(f, true);
	assert_int_equal(found.n_removed, 1);
	assert_int_equal(found.n_unknown, 0);
	assert_int_equal(table_count_all(f->table), 0);
	assert_int_equal(table_count(f->table, 1000), 0);
	assert_false(have_file(f, record_name(load)));
}

/* Mounted over the one that it is pinned in: what is missing in it proves nothing. */
static void test_another_bpffs_proves_nothing(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_close_ int folder = record_folder(f);
	_cleanup_load_ struct load *load = load_make(1000, 1);
	_cleanup_error_ struct error error = ERROR_INIT;
	struct restoration found;
	struct pin_place other;

	hide_bpffs("bpf");
	assert_int_equal(mkdir(PIN_ROOT, 0700), 0);
	assert_int_equal(pin_place_find(&load->place, NULL), 0);
	assert_int_equal(pin_place_check(&load->place, NULL), 0);
	assert_int_equal(record_write(folder, load, NULL), 0);
	assert_int_equal(mount("none", "/sys/fs/bpf", "bpf", 0, NULL), 0);
	assert_int_equal(pin_place_find(&other, NULL), 0);
	assert_int_not_equal(other.device, load->place.device);
	found = restore(f, false);
	assert_int_equal(found.n_removed, 0);
	assert_int_equal(found.n_unknown, 1);
	check_unknown(f, load->id, 1000, "not the one that it is pinned in");
	assert_true(have_file(f, record_name(load)));
	assert_int_equal(pin_remove(load->id, &load->place, &error), -EXDEV);
	check_error(&error, ERROR_FAILED, "not the one that it is pinned in");
	error_done(&error);

	/* a tmpfs over the folder alone is no bpffs, a bpffs is another */
	assert_int_equal(umount2("/sys/fs/bpf", MNT_DETACH), 0);
	assert_int_equal(mount("none", PIN_ROOT, "bpf", 0, "mode=700"), 0);
	assert_int_equal(pin_place_check(&load->place, &error), -EXDEV);
	check_error(&error, ERROR_FAILED, "mounted over");
	assert_int_equal(umount2(PIN_ROOT, MNT_DETACH), 0);

	/* in the one that it was pinned in it is proven gone */
	found = restore(f, true);
	assert_int_equal(found.n_removed, 1);
	assert_int_equal(found.n_unknown, 0);
	assert_false(have_file(f, record_name(load)));
}

static void test_persistent_needs_a_bpffs(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_close_ int folder = record_folder(f);
	_cleanup_load_ struct load *load = load_make(1000, 1);
	_cleanup_error_ struct error error = ERROR_INIT;
	char **ids = NULL;
	unsigned n = 99;

	hide_bpffs("tmpfs");
	load->lifetime = LIFETIME_PERSISTENT;
	assert_true(table_add(f->table, load, &error) < 0);
	check_error(&error, ERROR_FAILED, "no bpffs is mounted at /sys/fs/bpf");
	assert_int_equal(error.step, STEP_RECORD);
	assert_int_equal(table_count_all(f->table), 0);
	assert_int_equal(record_list(folder, &ids, &n), 0);
	assert_int_equal(n, 0);
	free(ids);
	assert_int_equal(pin_remove("0123456789abcdef", NULL, NULL), 0);
	assert_int_equal(pin_remove("../../tmp", NULL, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_restore_keeps_what_cannot_be_looked_at,
						record_setup, record_teardown),
		cmocka_unit_test_setup_teardown(test_restore_removes_what_is_proven_gone,
						record_setup, record_teardown),
		cmocka_unit_test_setup_teardown(test_restore_tries_again, record_setup,
						record_teardown),
		cmocka_unit_test_setup_teardown(test_another_bpffs_proves_nothing, record_setup,
						record_teardown),
		cmocka_unit_test_setup_teardown(test_persistent_needs_a_bpffs, record_setup,
						record_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
