/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>

#include "file.h"
#include "testkeys.h"

static void check_content(const char *path, const char *expected)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ char *text = NULL;
	size_t size;

	assert_int_equal(file_read(path, 1000, &text, &size, &error), 0);
	assert_int_equal(size, strlen(expected));
	assert_string_equal(text, expected);
}

static unsigned entries(const char *folder)
{
	struct dirent *entry;
	DIR *dir = opendir(folder);
	unsigned n = 0;

	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.' || entry->d_name[1] == '.' ? entry->d_name[0] != '.'
									: entry->d_name[1] != 0;
	closedir(dir);
	return n;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void test_read(void **state)
{
	char *folder = test_folder_new();
	const char *path = test_path(folder, "file");
	_cleanup_free_ char *text = NULL;
	struct error error = ERROR_INIT;
	size_t size;

	test_file_write(path, "1234");
	check_content(path, "1234");
	assert_int_equal(file_read(path, 4, &text, &size, &error), 0);

	assert_int_equal(file_read(path, 3, &text, &size, &error), -EFBIG);
	check_error(&error, ERROR_UNREADABLE, "file: 4 bytes, more than the 3 allowed");
	error_done(&error);

	error = ERROR_INIT;
	assert_int_equal(file_read(folder, 100, &text, &size, &error), -EBADF);
	check_error(&error, ERROR_UNREADABLE, "not a regular file");
	error_done(&error);

	error = ERROR_INIT;
	assert_int_equal(file_read("/dev/zero", 100, &text, &size, &error), -EBADF);
	error_done(&error);

	/* Nobody writes into it: must not wait. */
	error = ERROR_INIT;
	assert_int_equal(mkfifo(test_path(folder, "fifo"), 0600), 0);
	assert_int_equal(file_read(test_path(folder, "fifo"), 100, &text, &size, &error), -EBADF);
	error_done(&error);
	test_folder_remove(folder);
}

static void test_write(void **state)
{
	char *folder = test_folder_new();
	const char *path = test_path(folder, "file"), *link = test_path(folder, "link");
	struct error error = ERROR_INIT;
	mode_t mask = umask(027);

	assert_int_equal(file_write(path, "one", 3, &error), 0);
	check_content(path, "one");
	assert_int_equal(mode_of(path), 0640);

	/* Replaced, with the permissions it had; through a link, which stays. */
	assert_int_equal(chmod(path, 0604), 0);
	assert_int_equal(symlink("file", link), 0);
	assert_int_equal(file_write(link, "two", 3, &error), 0);
	check_content(path, "two");
	assert_int_equal(mode_of(path), 0604);
	assert_int_equal(entries(folder), 2);

	assert_int_equal(file_write(path, "", 0, &error), 0);
	check_content(path, "");
	umask(mask);
	test_folder_remove(folder);
}

/* What cannot be written leaves all as it was, and no temporary file. */
static void test_write_refused(void **state)
{
	char *folder = test_folder_new();
	struct error error = ERROR_INIT;

	assert_int_equal(mkdir(test_path(folder, "folder"), 0755), 0);
	assert_int_equal(file_write(test_path(folder, "folder"), "x", 1, &error), -EBADF);
	check_error(&error, ERROR_FAILED, "it is there and no regular file");
	error_done(&error);

	error = ERROR_INIT;
	assert_int_equal(file_write("/dev/null", "x", 1, &error), -EBADF);
	error_done(&error);

	error = ERROR_INIT;
	assert_int_equal(file_write(test_path(folder, "none/file"), "x", 1, &error), -ENOENT);
	check_error(&error, ERROR_FAILED, "none/file: cannot write");
	error_done(&error);
	assert_int_equal(entries(folder), 1);
	test_folder_remove(folder);
}

static void test_create(void **state)
{
	char *folder = test_folder_new();
	const char *path = test_path(folder, "key"), *link = test_path(folder, "link");
	struct error error = ERROR_INIT;
	mode_t mask = umask(0);

	assert_int_equal(file_create(path, 0600, "secret", 6, &error), 0);
	assert_int_equal(mode_of(path), 0600);
	check_content(path, "secret");

	assert_int_equal(file_create(path, 0600, "other", 5, &error), -EEXIST);
	check_error(&error, ERROR_FAILED, "key: cannot create");
	check_content(path, "secret");
	error_done(&error);

	/* Neither through a link that leads nowhere. */
	error = ERROR_INIT;
	assert_int_equal(symlink("target", link), 0);
	assert_int_equal(file_create(link, 0600, "x", 1, &error), -EEXIST);
	error_done(&error);
	assert_int_equal(entries(folder), 2);
	umask(mask);
	test_folder_remove(folder);
}

/* What another does who has the lock: writes the file anew, and lets go. */
struct other {
	const char *path;
	int lock;
};

static void *write_and_unlock(void *arg)
{
	struct other *other = arg;

	usleep(100 * 1000);
	assert_int_equal(file_write(other->path, "new", 3, NULL), 0);
	close(other->lock);
	return NULL;
}

static void test_lock(void **state)
{
	_cleanup_error_ struct error busy = ERROR_INIT, error = ERROR_INIT;
	char *folder = test_folder_new(), path[4096];
	struct other other = {path, -1};
	struct stat locked, there;
	pthread_t thread;
	int lock = -1;

	snprintf(path, sizeof(path), "%s/file", folder);
	assert_int_equal(file_lock(path, 0, &lock, &error), -ENOENT);
	check_error(&error, ERROR_UNREADABLE, "cannot open: No such file");
	error_done(&error);
	assert_int_equal(file_lock(folder, 0, &lock, &error), -EBADF);
	check_error(&error, ERROR_UNREADABLE, "not a regular file");
	error_done(&error);

	assert_int_equal(file_write(path, "old", 3, NULL), 0);
	assert_int_equal(file_lock(path, 0, &other.lock, &error), 0);
	assert_int_equal(file_lock(path, 0, &lock, &busy), -EBUSY);
	check_error(&busy, ERROR_BUSY, "file: another program has locked it for 0 seconds: try");
	assert_int_equal(lock, -1);

	/* Whoever waited has the lock of the file that is there now. */
	assert_int_equal(pthread_create(&thread, NULL, write_and_unlock, &other), 0);
	assert_int_equal(file_lock(path, 20, &lock, &error), 0);
	pthread_join(thread, NULL);
	check_content(path, "new");
	assert_int_equal(fstat(lock, &locked), 0);
	assert_int_equal(stat(path, &there), 0);
	assert_int_equal(locked.st_ino, there.st_ino);
	close(lock);

	/* To read it is enough. */
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(file_lock(path, 0, &lock, &error), 0);
	close(lock);
	test_folder_remove(folder);
}

static void test_base_name(void **state)
{
	assert_string_equal(file_base_name("a"), "a");
	assert_string_equal(file_base_name("/a/b.o"), "b.o");
	assert_string_equal(file_base_name("a/"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),	      cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_refused), cmocka_unit_test(test_create),
		cmocka_unit_test(test_lock),	      cmocka_unit_test(test_base_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
