/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of persistent loads: written, read back strictly, removed when they are not whole. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "record-file.h"
#include "record-maker.h"

static void test_folder_is_private(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_error_ struct error error = ERROR_INIT;
	char path[128], link[128];
	struct table *table = NULL;

	assert_int_equal(table_new(f->folder, &table, &error), -EWOULDBLOCK);
	check_error(&error, ERROR_FAILED, "another bpfgated");
	error_done(&error);

	snprintf(path, sizeof(path), "%s/open", f->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0750), 0);
	assert_int_equal(table_new(path, &table, &error), -EPERM);
	check_error(&error, ERROR_FAILED, "not bpfgated's alone");
	error_done(&error);

	assert_int_equal(chmod(path, 0700), 0);
	snprintf(link, sizeof(link), "%s/link", f->folder);
	assert_int_equal(symlink(path, link), 0);
	assert_true(table_new(link, &table, &error) < 0);
	error_done(&error);

	snprintf(path, sizeof(path), "%s/no/such", f->folder);
	assert_int_equal(table_new(path, &table, &error), -ENOENT);
	check_error(&error, ERROR_FAILED, path);
	assert_null(table);
}

static int folder_of(const struct record_fixture *f)
{
	return open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void test_round_trip(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_close_ int folder = folder_of(f);
	_cleanup_load_ struct load *load = load_make(1000, 1234567890123456), *again = NULL;
	char path[128];
	struct stat st;

	if (record_write(folder, load, &error) < 0 ||
	    record_read(folder, load->id, &again, &error) < 0)
		fail_msg("%s", error_message(&error));
	snprintf(path, sizeof(path), "%s/%s.json", f->folder, load->id);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	assert_string_equal(again->id, load->id);
	assert_int_equal(again->uid, 1000);
	assert_int_equal(again->lifetime, LIFETIME_PERSISTENT);
	assert_int_equal(again->loaded_usec, load->loaded_usec);
	assert_int_equal(again->contract, CONTRACT_V2);
	assert_string_equal(again->digest, load->digest);
	assert_string_equal(again->rule, load->rule);
	assert_string_equal(again->rule_source, load->rule_source);
	assert_int_equal(again->n_signers, 2);
	assert_string_equal(again->signers[1], load->signers[1]);
	assert_int_equal(again->required, 1);
	assert_int_equal(again->counted, 3);
	assert_false(again->keep_revoked);
	assert_int_equal(again->tuning.set, 1);
	assert_int_equal(again->tuning.values[0], 1);
	assert_string_equal(again->manifest->name, "example");
	assert_int_equal(again->manifest->n_programs, 2);
	assert_memory_equal(again->programs, load->programs, 2 * sizeof(load->programs[0]));
	assert_memory_equal(again->maps, load->maps, sizeof(load->maps[0]));
	assert_int_equal(again->n_attachments, 2);
	assert_int_equal(again->attachments[1].program, 1);
	assert_string_equal(again->attachments[1].target.text, "perf_event:cpu-clock@99");
	assert_int_equal(again->links.n, 3);
	assert_int_equal(again->links.items[0].attachment, 0);
	assert_int_equal(again->links.items[2].attachment, 1);
	assert_int_equal(again->links.items[2].fd, -1);
	assert_int_equal(again->objects.n_programs, 0);

	assert_int_equal(record_remove(folder, load->id), 0);
	assert_int_equal(record_remove(folder, load->id), 0);
	assert_int_equal(stat(path, &st), -1);
}

static void write_text(const char *path, const char *text, size_t size, mode_t mode)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	assert_int_equal(fchmod(fd, mode), 0);
}

/* The first @old in @text replaced; malloced. */
static char *replaced(const char *text, const char *old, const char *new)
{
	const char *at = strstr(text, old);
	char *result;

	if (!at)
		fail_msg("no %s in %s", old, text);
	assert_true(asprintf(&result, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old)) >
		    0);
	return result;
}

static char *read_text(const char *path)
{
	static char text[65536];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	assert_true(n > 0);
	text[n] = '\0';
	return text;
}

static void test_altered_records_are_refused(void **state)
{
	static const struct {
		const char *old, *new, *part;
	} changes[] = {
		{"\"version\":3", "\"version\":1", "version 1, written by another bpfgated"},
		{"\"version\":3", "\"version\":4,\"new\":1", "version 4, written by another"},
		{"\"version\":3", "\"version\":\"3\"", "version"},
		{"\"uid\":1000", "\"uid\":4294967295", "uid"},
		{"\"uid\":1000", "\"uid\":-1", "uid"},
		{"\"uid\":1000", "\"uid\":1000,\"more\":1", "more"},
		{"\"uid\":1000,", "", "uid"},
		{"\"uid\":1000", "\"uid\":1000,\"uid\":0", "record"},
		{"\"contract\":2", "\"contract\":3", "contract"},
		{"\"digest\":\"sha256:01", "\"digest\":\"sha256:0g", "digest"},
		{"\"digest\":\"sha256:01", "\"digest\":\"sha256:", "digest"},
		{"\"digest\":\"sha256:01", "\"digest\":\"sha512:01", "digest"},
		{"\"sha256:04", "\"sha256:0x", "signers"},
		{"\"signers\":[", "\"signers\":[1,", "signers"},
		{"\"counted\":3", "\"counted\":4", "counted"},
		{"\"counted\":3", "\"counted\":0", "required"},
		{"\"required\":1", "\"required\":3", "required"},
		{"\"required\":1", "\"required\":0", "required"},
		{"\"keepRevoked\":false", "\"keepRevoked\":0", "keepRevoked"},
		{"\"name\":\"entries\"", "\"name\":\"entry\"", "no tunable entry"},
		{"\"value\":\"1\"", "\"value\":\"10\"", "--set entries=10: it must be 1 to 9"},
		{"\"value\":\"1\"", "\"value\":1", "tunables"},
		{"\"tunables\":[", "\"tunables\":[null,", "tunables"},
		{"\"tunables\":[", "\"tunables\":[{\"name\":\"entries\",\"value\":\"2\"},",
		 "twice"},
		{"\"tunables\":", "\"tunable\":", "tunable"},
		{"\"tag\":\"0123", "\"tag\":\"012\\n", "programs"},
		{"\"id\":10", "\"id\":0", "programs"},
		{"\"id\":10", "\"id\":4294967296", "programs"},
		{"\"id\":4294967295", "\"id\":0", "maps"},
		{"\"keySize\":4", "\"keySize\":4294967296", "maps"},
		{"\"maps\":[", "\"maps\":[{},", "programs or maps"},
		{"\"program\":1", "\"program\":2", "attachments"},
		{"\"target\":\"raw_tp:sched_switch\"", "\"target\":\"raw_tp:*\"", "record"},
		{"\"target\":\"raw_tp:sched_switch\"", "\"target\":\"nothing\"", "record"},
		{"\"links\":[", "\"links\":[2,", "links"},
		{"\"links\":[", "\"links\":[-1,", "links"},
		{"\"links\":[", "\"links\":[\"0\",", "links"},
		{"\\\"sequence\\\": 1", "\\\"sequence\\\": 0", "sequence"},
		{"\\\"name\\\": \\\"example\\\"", "\\\"name\\\": \\\"Example/..\\\"", "name"},
	};
	struct record_fixture *f = *state;
	_cleanup_close_ int folder = folder_of(f);
	_cleanup_load_ struct load *load = load_make(1000, 1);
	_cleanup_free_ char *good = NULL;
	unsigned before = count_fds();
	char path[128];

	assert_int_equal(record_write(folder, load, NULL), 0);
	snprintf(path, sizeof(path), "%s/%s.json", f->folder, load->id);
	good = strdup(read_text(path));
	for (unsigned i = 0; i < ARRAY_SIZE(changes); i++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		_cleanup_free_ char *bad = NULL;
		struct load *again = NULL;

		bad = replaced(good, changes[i].old, changes[i].new);
		write_text(path, bad, strlen(bad), 0600);
		if (record_read(folder, load->id, &again, &error) == 0)
			fail_msg("%s was accepted", changes[i].new);
		check_error(&error, ERROR_FAILED, changes[i].part);
		assert_null(again);
	}
	/* Every beginning of it, and what has something behind it. */
	for (size_t size = 0; size <= strlen(good) + 1; size++) {
		_cleanup_free_ char *bad = NULL;
		struct load *again = NULL;

		assert_true(asprintf(&bad, "%sx", good) > 0);
		write_text(path, bad, size, 0600);
		if (size == strlen(good)) {
			assert_int_equal(record_read(folder, load->id, &again, NULL), 0);
			load_unref(again);
		} else {
			assert_true(record_read(folder, load->id, &again, NULL) < 0);
		}
	}
	assert_int_equal(count_fds(), before);
}

static void test_files_of_others_are_refused(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_close_ int folder = folder_of(f);
	_cleanup_load_ struct load *load = load_make(1000, 1);
	const char *other = "0123456789abcdef";
	char path[128], other_path[128];
	struct load *again = NULL;

	assert_int_equal(record_write(folder, load, NULL), 0);
	snprintf(path, sizeof(path), "%s/%s.json", f->folder, load->id);
	snprintf(other_path, sizeof(other_path), "%s/%s.json", f->folder, other);

	assert_true(record_read(folder, other, &again, &error) < 0);
	error_done(&error);
	assert_int_equal(record_read(folder, "../x", &again, &error), -EINVAL);
	error_done(&error);
	assert_int_equal(chmod(path, 0620), 0);
	assert_true(record_read(folder, load->id, &again, &error) < 0);
	check_error(&error, ERROR_FAILED, "writable by others");
	error_done(&error);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(symlink(path, other_path), 0);
	assert_true(record_read(folder, other, &again, &error) < 0);
	check_error(&error, ERROR_FAILED, "link");
	error_done(&error);
	assert_int_equal(unlink(other_path), 0);
	assert_int_equal(symlink("/dev/null", other_path), 0);
	assert_true(record_read(folder, other, &again, &error) < 0);
	error_done(&error);
	/* One load's record under another's name. */
	assert_int_equal(unlink(other_path), 0);
	assert_int_equal(rename(path, other_path), 0);
	assert_int_equal(record_read(folder, other, &again, &error), -EBADMSG);
	check_error(&error, ERROR_FAILED, "another load");
	error_done(&error);
	assert_int_equal(truncate(other_path, RECORD_SIZE_MAX + 1), 0);
	assert_int_equal(record_read(folder, other, &again, &error), -EFBIG);
	assert_null(again);
}

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
	write_text(path, text, strlen(text), 0600);
}

static bool have_file(const struct record_fixture *f, const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	return stat(path, &st) == 0;
}

static const char *record_of(const struct load *load)
{
	static char name[LOAD_ID_SIZE + sizeof(RECORD_SUFFIX)];

	snprintf(name, sizeof(name), "%s" RECORD_SUFFIX, load->id);
	return name;
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
	_cleanup_close_ int folder = folder_of(f);

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
	struct load **bases = NULL;
	struct restoration found;
	unsigned n = 99;

	hide_bpffs("tmpfs");
	make_leftovers(f, load);
	found = restore(f, false);
	assert_int_equal(found.n_restored, 0);
	assert_int_equal(found.n_removed, 0);
	assert_int_equal(found.n_unknown, 2);
	assert_int_equal(table_count_all(f->table), 2);
	assert_int_equal(table_count_unknown(f->table), 2);
	assert_true(have_file(f, "README"));
	assert_true(have_file(f, record_of(load)));
	assert_true(have_file(f, "0123456789abcdef.json"));
	assert_false(have_file(f, ".new-0123456789abcdef.json"));

	/* its owner is known, and it counts as his; of the other there is nothing but the id */
	check_unknown(f, load->id, 1000, PIN_ROOT);
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
	check_unknown(f, load->id, 1000, PIN_ROOT);

	/* its owner can be rid of it */
	assert_int_equal(table_remove(f->table, load->id, 1000, NULL), 0);
	assert_int_equal(table_count_unknown(f->table), 1);
	assert_false(have_file(f, record_of(load)));
}

static void test_restore_removes_what_is_proven_gone(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_load_ struct load *load = load_make(1000, 1);
	struct restoration found;

	hide_bpffs("bpf");
	make_leftovers(f, load);
	/* and pins that no record speaks of: nobody knows what they are */
	assert_int_equal(mkdir(PIN_ROOT, 0700), 0);
	assert_int_equal(mkdir(PIN_ROOT "/00000000000000aa", 0700), 0);
	found = restore(f, false);
	assert_int_equal(found.n_restored, 0);
	assert_int_equal(found.n_removed, 2);
	assert_int_equal(found.n_unknown, 1);
	assert_false(have_file(f, record_of(load)));
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
	_cleanup_close_ int folder = folder_of(f);
	_cleanup_load_ struct load *load = load_make(1000, 1);
	char path[sizeof(PIN_ROOT) + LOAD_ID_SIZE + 16];
	struct restoration found;

	hide_bpffs("bpf");
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
	assert_true(have_file(f, record_of(load)));

	assert_int_equal(rmdir(path), 0);
	found = restore(f, true);
	assert_int_equal(found.n_removed, 1);
	assert_int_equal(found.n_unknown, 0);
	assert_int_equal(table_count_all(f->table), 0);
	assert_int_equal(table_count(f->table, 1000), 0);
	assert_false(have_file(f, record_of(load)));
}

/* What is loaded survives an upgrade: the version before had no tunables. */
static void test_record_of_the_version_before(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_close_ int folder = folder_of(f);
	_cleanup_load_ struct load *load = load_make(1000, 1), *again = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ char *old = NULL, *older = NULL;
	char path[128];

	assert_int_equal(record_write(folder, load, NULL), 0);
	snprintf(path, sizeof(path), "%s/%s", f->folder, record_of(load));
	old = replaced(read_text(path), "\"version\":3", "\"version\":2");
	write_text(path, old, strlen(old), 0600);
	assert_int_equal(record_read(folder, load->id, &again, &error), -EINVAL);
	check_error(&error, ERROR_FAILED, "tunables");
	error_done(&error);
	older = replaced(old,
			 "\"tunables\":[\n    {\n      \"name\":\"entries\",\n      "
			 "\"value\":\"1\"\n    }\n  ],",
			 "");
	write_text(path, older, strlen(older), 0600);
	if (record_read(folder, load->id, &again, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_int_equal(again->tuning.set, 0);
	assert_int_equal(again->uid, 1000);
	assert_int_equal(again->links.n, 3);
}

static void test_persistent_needs_a_bpffs(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_close_ int folder = folder_of(f);
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
	assert_int_equal(pin_remove("0123456789abcdef"), 0);
	assert_int_equal(pin_remove("../../tmp"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_folder_is_private, record_setup,
						record_teardown),
		cmocka_unit_test_setup_teardown(test_round_trip, record_setup, record_teardown),
		cmocka_unit_test_setup_teardown(test_altered_records_are_refused, record_setup,
						record_teardown),
		cmocka_unit_test_setup_teardown(test_files_of_others_are_refused, record_setup,
						record_teardown),
		cmocka_unit_test_setup_teardown(test_restore_keeps_what_cannot_be_looked_at,
						record_setup, record_teardown),
		cmocka_unit_test_setup_teardown(test_restore_removes_what_is_proven_gone,
						record_setup, record_teardown),
		cmocka_unit_test_setup_teardown(test_restore_tries_again, record_setup,
						record_teardown),
		cmocka_unit_test_setup_teardown(test_record_of_the_version_before, record_setup,
						record_teardown),
		cmocka_unit_test_setup_teardown(test_persistent_needs_a_bpffs, record_setup,
						record_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
