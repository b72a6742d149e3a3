/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seal.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
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

/*
 * Has a sealed memfd no hole? A hole is filled when a mapping of it is read: with memory of ours,
 * for as long as the client keeps the file, and by SIGBUS where there is none. A copy by read(2)
 * takes nothing. Nor can a hole be made later, as that is a write. What has none for another reason
 * (it is empty, or on hugetlbfs) map_sealed() refuses.
 */
static bool is_whole(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size == 0 || st.st_size > (off_t)BUNDLE_SIZE_MAX)
		return true;
	return lseek(fd, 0, SEEK_HOLE) == st.st_size;
}

/* Maps a sealed memfd. One on hugetlbfs may have holes in spite of is_whole(), which cannot tell.
 */
static int map_sealed(int fd, struct sealed *ret, struct error *error)
{
	struct statfs fs;
	struct stat st;
	void *data;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return lack(error, -errno);
	if (fs.f_type != TMPFS_MAGIC)
		return refuse(error, -EINVAL, "it is a memfd with huge pages");
	if (st.st_size == 0)
		return refuse(error, -ENODATA, "it is empty");
	if (st.st_size > (off_t)BUNDLE_SIZE_MAX)
		return refuse(error, -EFBIG, "it is larger than 16 MiB");
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return lack(error, -errno);
	*ret = (struct sealed){.fd = fd, .data = data, .size = (size_t)st.st_size};
	return 0;
}

static int map_as_it_is(int fd, struct sealed *ret, struct error *error)
{
	_cleanup_close_ int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	int r;

	if (copy < 0)
		return lack(error, -errno);
	r = map_sealed(copy, ret, error);
	if (r == 0)
		TAKE_FD(copy);
	return r;
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

		if (n > 0)
			return p[0].revents & POLLIN ? 1 : -ECHILD;
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

static int seal_copy(int fd, uid_t uid, uint64_t deadline_usec, struct sealed *ret,
		     struct error *error)
{
	_cleanup_close_ int memfd = memfd_create("bpfgate-bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (memfd < 0)
		return lack(error, -errno);
	if (stuck_count(uid) >= STUCK_MAX)
		return error_set(error, -EUSERS, ERROR_BUSY, STEP_SEAL,
				 "Too many earlier files of this user still hang in their file "
				 "system; try again once it answers.");
	if (stuck_count_all() >= STUCK_THREADS_MAX)
		return error_set(error, -EUSERS, ERROR_BUSY, STEP_SEAL,
				 "Too many files hang in their file systems for one more to be "
				 "read; pass the bundle as a sealed memfd.");
	r = copy_by_child(fd, uid, memfd, deadline_usec, error);
	if (r < 0)
		return r;
	if (fcntl(memfd, F_ADD_SEALS, ALL_SEALS) < 0)
		return error_set(error, -errno, ERROR_FAILED, STEP_SEAL,
				 "Cannot seal the copy of the bundle: %m.");
	r = map_sealed(memfd, ret, error);
	if (r == 0)
		TAKE_FD(memfd);
	return r;
}

int seal_bundle(int fd, uid_t uid, uint64_t deadline_usec, struct sealed *ret, struct error *error)
{
	if (fd_is_sealed(fd) && is_whole(fd))
		return map_as_it_is(fd, ret, error);
	return seal_copy(fd, uid, deadline_usec, ret, error);
}

void sealed_done(struct sealed *sealed)
{
	if (sealed->data)
		munmap(sealed->data, sealed->size);
	*sealed = (struct sealed){.fd = safe_close(sealed->fd)};
}
