/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of persistent loads: written, read back strictly, removed when they are not whole. */
#include <fcntl.h>
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

static void test_round_trip(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_close_ int folder = record_folder(f);
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
	assert_int_equal(again->place.device, 20);
	assert_int_equal(again->place.folder, 1);

	assert_int_equal(record_remove(folder, load->id), 0);
	assert_int_equal(record_remove(folder, load->id), 0);
	assert_int_equal(stat(path, &st), -1);
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
		{"\"version\":4", "\"version\":2", "version 2, written by another bpfgated"},
		{"\"version\":4", "\"version\":5,\"new\":1", "version 5, written by another"},
		{"\"version\":4", "\"version\":\"4\"", "version"},
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
		{"\"device\":20", "\"device\":\"20\"", "device"},
		{"\"folder\":1", "\"folders\":1", "folder"},
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
	_cleanup_close_ int folder = record_folder(f);
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
		record_write_text(path, bad, strlen(bad), 0600);
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
		record_write_text(path, bad, size, 0600);
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
	_cleanup_close_ int folder = record_folder(f);
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

/* What is loaded survives an upgrade: the version before did not say where it is pinned. */
static void test_record_of_the_version_before(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_close_ int folder = record_folder(f);
	_cleanup_load_ struct load *load = load_make(1000, 1), *again = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ char *old = NULL, *older = NULL;
	char path[128];

	assert_int_equal(record_write(folder, load, NULL), 0);
	snprintf(path, sizeof(path), "%s/%s", f->folder, record_name(load));
	old = replaced(read_text(path), "\"version\":4", "\"version\":3");
	record_write_text(path, old, strlen(old), 0600);
	assert_int_equal(record_read(folder, load->id, &again, &error), -EINVAL);
	check_error(&error, ERROR_FAILED, "pins");
	error_done(&error);
	older = replaced(old, "\"pins\":{\n    \"device\":20,\n    \"folder\":1\n  },", "");
	record_write_text(path, older, strlen(older), 0600);
	if (record_read(folder, load->id, &again, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_int_equal(again->place.device, 0);
	assert_int_equal(again->uid, 1000);
	assert_int_equal(again->links.n, 3);
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
		cmocka_unit_test_setup_teardown(test_record_of_the_version_before, record_setup,
						record_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
