/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is closed where: nothing that takes its time may be closed in the loop. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "hung-file.h"
#include "seal.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define UID	  12345
#define SECOND	  (1000 * 1000)

static int file_with(const char *data)
{
	int fd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, data, strlen(data)), strlen(data));
	return fd;
}

static int memfd_of(off_t size)
{
	int fd = memfd_create("size", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, ALL_SEALS), 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/*
 * Called while all threads that close hang: what goes to one of them stays open. Before anything is
 * asserted, the file system must be gone, or this process would never end.
 */
static bool large_memfds_wait(void)
{
	int small = memfd_of(BUNDLE_SIZE_MAX), large = memfd_of((off_t)BUNDLE_SIZE_MAX + 1),
	    huge = memfd_of((off_t)1 << 40);

	close_async(small, UID);
	close_async(large, UID);
	close_async(huge, UID);
	return !is_open(small) && is_open(large) && is_open(huge) && stuck_count(UID) == 2;
}

/* Whoever has many uids gets no more threads than there are for all. */
static void test_hung_for_many_uids(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct sealed sealed = SEALED_INIT;
	struct hung_file *file;
	int fd, memfd = file_with("content"), pipe_fds[2], r;
	bool large_wait;
	char byte;

	if (hung_file_new(HUNG_FLUSH, &file) < 0) {
		close(memfd);
		skip_as("no FUSE can be mounted here");
	}
	for (unsigned i = 0; i < STUCK_THREADS_MAX; i++)
		close_async(hung_file_open(file), UID + 1 + i / STUCK_MAX);
	assert_int_equal(stuck_count_all(), STUCK_THREADS_MAX);
	fd = file_with("abc");
	assert_int_equal(seal_bundle(fd, UID, SECOND, &sealed, &error), -EUSERS);
	check_error(&error, ERROR_BUSY, "sealed memfd");
	assert_int_equal(fcntl(memfd, F_ADD_SEALS, ALL_SEALS), 0);
	assert_int_equal(seal_bundle(memfd, UID, SECOND, &sealed, NULL), 0);
	sealed_done(&sealed);
	close(memfd);
	large_wait = large_memfds_wait();
	/* it waits its turn, and is not lost */
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	close_async(pipe_fds[1], UID);
	r = (int)read(pipe_fds[0], &byte, 1);
	hung_file_free(file);
	assert_true(large_wait);
	assert_int_equal(r, -1);
	for (unsigned i = 0; i < 100 && stuck_count_all(); i++)
		usleep(20000);
	assert_int_equal(stuck_count_all(), 0);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 0);
	close(pipe_fds[0]);
	assert_int_equal(seal_bundle(fd, UID, SECOND, &sealed, NULL), 0);
	sealed_done(&sealed);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hung_for_many_uids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
