/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the daemon cannot listen it says why. */
#include "check.h"
#include "front.h"
#include "testkeys.h"

static void refuse(const char *path, int r, const char *part)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	int fd = -1;

	assert_int_equal(listen_open(path, &fd, &error), r);
	check_error(&error, ERROR_FAILED, part);
	assert_int_equal(fd, -1);
}

static void test_reasons(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	char *folder = test_folder_new();
	_cleanup_free_ char *path = strdup(test_path(folder, "s"));
	int fd = -1;

	refuse("/no/such/folder", -ENOENT, "No such file or directory");
	refuse("/proc/s", -ENOENT, "No such file or directory");
	assert_int_equal(listen_open(path, &fd, &error), 0);
	refuse(path, -EADDRINUSE, "Address already in use");
	/* what a daemon left that was killed is taken over */
	close(fd);
	assert_int_equal(listen_open(path, &fd, &error), 0);
	close(fd);
	test_folder_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
