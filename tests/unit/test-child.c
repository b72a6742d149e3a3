/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "child.h"
#include "hung-file.h"

#define LOW_FDS 64

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* In the child: sends a bit for each fd that is open. */
static void report_fds(const void *userdata)
{
	unsigned long open_fds[16] = {};

	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			open_fds[fd / 64] |= 1UL << fd % 64;
	if (send(0, open_fds, sizeof(open_fds), 0) < 0 || *(const int *)userdata != 7)
		_exit(1);
}

static int wait_for_child(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	siginfo_t info;

	assert_int_equal(poll(&p, 1, 3000), 1);
	assert_int_equal(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED), 0);
	close(pidfd);
	return info.si_code == CLD_EXITED ? info.si_status : -1;
}

static void check_child(void)
{
	unsigned long open_fds[16] = {};
	const int seven = 7;
	int sockets[2], pidfd;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	assert_int_equal(child_start(sockets[1], report_fds, &seven, &pidfd), 0);
	close(sockets[1]);
	assert_int_equal(wait_for_child(pidfd), 0);
	assert_int_equal(recv(sockets[0], open_fds, sizeof(open_fds), 0), sizeof(open_fds));
	assert_int_equal(open_fds[0], 1);
	for (unsigned i = 1; i < 16; i++)
		assert_int_equal(open_fds[i], 0);
	close(sockets[0]);
}

static void test_low_fds_are_taken(void **state)
{
	int fd;

	assert_int_equal(child_setup(), 0);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= LOW_FDS);
	close(fd);
}

static void test_has_one_fd(void **state)
{
	unsigned n = count_fds();

	for (unsigned i = 0; i < 20; i++)
		check_child();
	assert_int_equal(count_fds(), n);
}

/* Closing a copy of this file would hang, and the child could not be killed. */
static void test_hung_file_is_not_copied(void **state)
{
	struct hung_file *file;
	int fd;

	assert_int_equal(child_setup(), 0);
	if (hung_file_new(HUNG_FLUSH, &file) < 0)
		skip_as("no FUSE can be mounted here");
	fd = hung_file_open(file);
	assert_true(fd >= LOW_FDS);
	check_child();
	hung_file_free(file);
	close(fd);
}

static void sleep_for_ever(const void *userdata)
{
	for (;;)
		pause();
}

/* What the daemon closes is closed, whatever children there are. */
static void test_keeps_nothing_alive(void **state)
{
	int pipe_fds[2], sockets[2], pidfd;
	char byte;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	assert_int_equal(child_start(sockets[1], sleep_for_ever, NULL, &pidfd), 0);
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 0); /* not EAGAIN: no writer is left */
	assert_int_equal(syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0), 0);
	assert_int_equal(wait_for_child(pidfd), -1);
	close(pipe_fds[0]);
	close(sockets[0]);
	close(sockets[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_low_fds_are_taken),
		cmocka_unit_test(test_has_one_fd),
		cmocka_unit_test(test_hung_file_is_not_copied),
		cmocka_unit_test(test_keeps_nothing_alive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
