/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "test-hooks.h"

#define LOW_FDS 64 /* BITS_PER_LONG: what fs/file.c copies at a time */

/* Two of the low fds are lent to a child that starts, one child at a time. */
static struct {
	pthread_once_t once;
	pthread_mutex_t lock;
	int null;	   /* what fills the low fds */
	int socket, ready; /* the two */
	int r;
} low = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

static void fill(void)
{
	int fd;

	low.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (low.null < 0) {
		low.r = -errno;
		return;
	}
	low.socket = low.ready = -1;
	while ((fd = fcntl(low.null, F_DUPFD_CLOEXEC, 0)) >= 0 && fd < LOW_FDS) {
		low.socket = low.ready;
		low.ready = fd;
	}
	if (fd < 0 || low.socket < 0)
		low.r = fd < 0 ? -errno : -EMFILE;
	safe_close(fd);
}

int child_setup(void)
{
	pthread_once(&low.once, fill);
	return low.r;
}

static _Noreturn void child_main(void (*run)(const void *userdata), const void *userdata)
{
	if (syscall(SYS_close_range, LOW_FDS, ~0U, CLOSE_RANGE_UNSHARE) < 0 ||
	    syscall(SYS_dup3, low.socket, 0, 0) < 0)
		_exit(1);
	/* from here on the daemon may have its fds back */
	if (write(low.ready, "", 1) != 1 || syscall(SYS_close_range, 1, ~0U, 0) < 0)
		_exit(1);
	run(userdata);
	_exit(0);
}

/* clone3() is refused under RestrictNamespaces=: its flags are out of a filter's sight. */
long child_clone(int *ret_pidfd)
{
	unsigned long flags = CLONE_PIDFD | SIGCHLD;

	if (!test_hook_copy_fds())
		flags |= CLONE_FILES;
	return syscall(SYS_clone, flags, NULL, ret_pidfd, NULL, 0UL);
}

static int clone_child(void (*run)(const void *userdata), const void *userdata, int *ret_pidfd)
{
	sigset_t all, saved;
	int pidfd, r;
	long pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	pid = child_clone(&pidfd);
	if (pid == 0)
		child_main(run, userdata);
	r = pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	if (r == 0)
		*ret_pidfd = pidfd;
	return r;
}

/* Until the child stands on its own. Nothing that it does before can hang. */
static int wait_ready(int ready, int pidfd)
{
	struct pollfd fds[] = {{.fd = ready, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
	siginfo_t info;

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return -errno;
	/* It may have written and ended after the one was looked at, and before the other was. */
	if (fds[0].revents & POLLIN || poll(fds, 1, 0) > 0)
		return 0;
	waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
	return -ECHILD;
}

static int start_locked(int socket, int ready, int ready_write, void (*run)(const void *userdata),
			const void *userdata, int *ret_pidfd)
{
	_cleanup_close_ int pidfd = -1;
	int r;

	if (dup3(socket, low.socket, O_CLOEXEC) < 0 || dup3(ready_write, low.ready, O_CLOEXEC) < 0)
		r = -errno;
	else
		r = clone_child(run, userdata, &pidfd);
	if (r == 0)
		r = wait_ready(ready, pidfd);
	dup3(low.null, low.socket, O_CLOEXEC);
	dup3(low.null, low.ready, O_CLOEXEC);
	if (r == 0)
		*ret_pidfd = TAKE_FD(pidfd);
	return r;
}

int child_start(int socket, void (*run)(const void *userdata), const void *userdata, int *ret_pidfd)
{
	_cleanup_close_ int ready = -1, ready_write = -1;
	int pipe_fds[2], r;

	r = child_setup();
	if (r < 0)
		return r;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	ready = pipe_fds[0];
	ready_write = pipe_fds[1];
	pthread_mutex_lock(&low.lock);
	r = start_locked(socket, ready, ready_write, run, userdata, ret_pidfd);
	pthread_mutex_unlock(&low.lock);
	return r;
}
