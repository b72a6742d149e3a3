/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "seal-child.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define END_MSEC  100 /* for a child that has reported, or was killed, to be gone */

bool fd_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & ALL_SEALS) == ALL_SEALS;
}

/* @r is of a call of ours, and no fault of the bundle's. */
static int lack(struct error *error, int r)
{
	if (r == -EMFILE || r == -ENFILE)
		return error_set(
			error, r, ERROR_BUSY, STEP_SEAL,
			"bpfgated has no file descriptor left for the bundle: unload what is "
			"not needed, or its administrator raises LimitNOFILE= of "
			"bpfgated.service.");
	return error_set(error, r, ERROR_FAILED, STEP_SEAL, "bpfgated cannot take the bundle: %s.",
			 strerror(-r));
}

static int refuse(struct error *error, int r, const char *what)
{
	return error_set(error, r, ERROR_UNREADABLE, STEP_SEAL,
			 "The bundle cannot be read: %s; pass a regular file or a sealed memfd.",
			 what);
}

/* Maps our own copy. */
static int map_copy(int fd, struct sealed *ret, struct error *error)
{
	struct stat st;
	void *data;

	if (fstat(fd, &st) < 0)
		return lack(error, -errno);
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return lack(error, -errno);
	*ret = (struct sealed){.fd = fd, .data = data, .size = (size_t)st.st_size};
	return 0;
}

static const char *kind_name(unsigned mode)
{
	return S_ISDIR(mode)			? "it is a directory"
	       : S_ISFIFO(mode)			? "it is a pipe"
	       : S_ISSOCK(mode)			? "it is a socket"
	       : S_ISCHR(mode) || S_ISBLK(mode) ? "it is a device"
						: "it is not a regular file";
}

static int judge(const struct seal_report *report, struct error *error)
{
	switch (report->verdict) {
	case SEAL_OK:
		return 0;
	case SEAL_NOT_REGULAR:
		return refuse(error, -EINVAL, kind_name(report->mode));
	case SEAL_EMPTY:
		return refuse(error, -ENODATA, "it is empty");
	case SEAL_TOO_LARGE:
		return refuse(error, -EFBIG, "it is larger than 16 MiB");
	case SEAL_CHANGED:
		return refuse(error, -EBUSY, "it changed while it was read");
	case SEAL_FAILED:
		break;
	}
	refuse(error, -EIO, strerror(report->errnum));
	if (error)
		error->errnum = report->errnum;
	return report->errnum > 0 ? -report->errnum : -EIO;
}

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* 1 when @fd has something to say, 0 when the time is over, -ECHILD when @pidfd has ended before.
 */
static int wait_for_either(int fd, int pidfd, uint64_t usec)
{
	struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
	uint64_t end = now_usec() + usec;

	for (;;) {
		uint64_t now = now_usec(), left = now < end ? end - now : 0;
		struct timespec t = {(time_t)(left / 1000000), (long)(left % 1000000) * 1000};
		int n = ppoll(p, 2, &t, NULL);

		/* The child may have written and ended after @fd was looked at, and before @pidfd
		 * was. */
		if (n > 0)
			return p[0].revents & POLLIN || poll(p, 1, 0) > 0 ? 1 : -ECHILD;
		if (n == 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

static int wait_for(int fd, uint64_t usec)
{
	return wait_for_either(fd, -1, usec);
}

/*
 * Ends a child and forgets it. When this returns it does nothing any more: either it is gone, or it
 * hangs in a system call from which it will not come back. That is left to a thread.
 */
static void end_child(int pidfd, uid_t uid)
{
	siginfo_t info;

	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	if (wait_for(pidfd, END_MSEC * 1000) > 0 &&
	    waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) == 0)
		close(pidfd);
	else
		reap_async(pidfd, uid);
}

static int copy_by_child(int fd, uid_t uid, int memfd, uint64_t deadline_usec, struct error *error)
{
	_cleanup_close_ int in = -1, out = -1;
	struct seal_report report = {};
	int pipe_fds[2], pidfd, r;

	r = pipe2(pipe_fds, O_CLOEXEC) < 0 ? -errno : 0;
	if (r == 0) {
		in = pipe_fds[0];
		out = pipe_fds[1];
		r = seal_child_start(fd, memfd, out, &pidfd);
	}
	if (r == -EMFILE || r == -ENFILE)
		return lack(error, r);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_SEAL,
				 "Cannot start a process to read the bundle: %s.", strerror(-r));
	/* No end of file will come, for the child has no copy of its end to close: it reports or
	 * not. */
	r = wait_for_either(in, pidfd, deadline_usec);
	if (r > 0 && read(in, &report, sizeof(report)) != sizeof(report))
		r = -EIO;
	end_child(pidfd, uid);
	if (r == 0)
		return refuse(error, -ETIMEDOUT, "its file system did not answer in time");
	if (r < 0)
		return refuse(error, r, "the process that reads it ended early");
	return judge(&report, error);
}

/*
 * Whoever reads a sealed memfd can always be killed, whatever its owner does to its pages: so it is
 * taken when files that nobody can kill a reader of have used up all there is for such.
 */
static int check_stuck(int fd, uid_t uid, struct error *error)
{
	if (stuck_count(uid) >= STUCK_MAX)
		return error_set(error, -EUSERS, ERROR_BUSY, STEP_SEAL,
				 "Too many earlier files of this user still hang in their file "
				 "system; try again once it answers.");
	if (stuck_count_all() >= STUCK_THREADS_MAX && !fd_is_sealed(fd))
		return error_set(error, -EUSERS, ERROR_BUSY, STEP_SEAL,
				 "Too many files hang in their file systems for one more to be "
				 "read; pass the bundle as a sealed memfd.");
	return 0;
}

int seal_bundle(int fd, uid_t uid, uint64_t deadline_usec, struct sealed *ret, struct error *error)
{
	_cleanup_close_ int memfd = memfd_create("bpfgate-bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (memfd < 0)
		return lack(error, -errno);
	r = check_stuck(fd, uid, error);
	if (r == 0)
		r = copy_by_child(fd, uid, memfd, deadline_usec, error);
	if (r < 0)
		return r;
	if (fcntl(memfd, F_ADD_SEALS, ALL_SEALS) < 0)
		return error_set(error, -errno, ERROR_FAILED, STEP_SEAL,
				 "Cannot seal the copy of the bundle: %m.");
	r = map_copy(memfd, ret, error);
	if (r == 0)
		TAKE_FD(memfd);
	return r;
}

void sealed_done(struct sealed *sealed)
{
	if (sealed->data)
		munmap(sealed->data, sealed->size);
	*sealed = (struct sealed){.fd = safe_close(sealed->fd)};
}
