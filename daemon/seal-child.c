/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seal-child.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "bundle.h"
#include "child.h"

/* ---- in the child: async-signal-safe calls only, for the daemon has threads ---- */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* At most one byte more than the limit, which is enough to know. */
static int copy(int file, int memfd, off_t *ret_size)
{
	static char buffer[128 * 1024];
	off_t at = 0;
	ssize_t n;
	int r;

	while (at <= (off_t)BUNDLE_SIZE_MAX) {
		n = pread(file, buffer, MIN(sizeof(buffer), BUNDLE_SIZE_MAX + 1 - (size_t)at), at);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		r = write_all(memfd, buffer, (size_t)n);
		if (r < 0)
			return r;
		at += n;
	}
	*ret_size = at;
	return 0;
}

static enum seal_verdict judge(int file, int memfd, struct seal_report *report)
{
	struct stat before, after;
	off_t size = 0;
	int r;

	if (fstat(file, &before) < 0) {
		report->errnum = errno;
		return SEAL_FAILED;
	}
	report->mode = before.st_mode;
	if (!S_ISREG(before.st_mode))
		return SEAL_NOT_REGULAR;
	if (before.st_size > (off_t)BUNDLE_SIZE_MAX)
		return SEAL_TOO_LARGE;
	r = copy(file, memfd, &size);
	if (r == 0 && fstat(file, &after) < 0)
		r = -errno;
	if (r < 0) {
		report->errnum = -r;
		return SEAL_FAILED;
	}
	if (size != before.st_size || !same_file(&before, &after))
		return SEAL_CHANGED;
	return size == 0 ? SEAL_EMPTY : SEAL_OK;
}

_Noreturn static void child_main(pid_t parent, int file, int memfd, int report_fd)
{
	struct seal_report report = {};

	/* The fd table is shared: if the daemon dies, nothing of it may live on here. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	report.verdict = judge(file, memfd, &report);
	_exit(write(report_fd, &report, sizeof(report)) == sizeof(report) ? 0 : 1);
}

/* ---- in the daemon ---- */

int seal_child_start(int file, int memfd, int report, int *ret_pidfd)
{
	pid_t parent = getpid();
	sigset_t all, saved;
	int pidfd, r;
	long pid;

	/* No handler of the daemon may run in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	pid = child_clone(&pidfd);
	if (pid == 0)
		child_main(parent, file, memfd, report);
	r = pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	if (r == 0)
		*ret_pidfd = pidfd;
	return r;
}
