/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "file.h"

const char *file_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int read_all(int fd, char *buffer, size_t size_max, size_t *ret_size)
{
	size_t size = 0;

	/* One byte more than allowed, so that a file that grew is noticed. */
	while (size <= size_max) {
		ssize_t n = read(fd, buffer + size, size_max + 1 - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			*ret_size = size;
			return 0;
		}
		size += n;
	}
	return -EFBIG;
}

static int not_regular(const char *path, struct error *error)
{
	return error_set(error, -EBADF, ERROR_UNREADABLE, STEP_NONE, "%s: not a regular file",
			 path);
}

int file_read(const char *path, size_t size_max, char **ret, size_t *ret_size, struct error *error)
{
	_cleanup_free_ char *buffer = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;
	size_t size = 0;
	int r;

	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(error, -errno, ERROR_UNREADABLE, STEP_NONE, "%s: cannot open: %s",
				 path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return not_regular(path, error);
	if (st.st_size < 0 || (uint64_t)st.st_size > size_max)
		return error_set(error, -EFBIG, ERROR_UNREADABLE, STEP_NONE,
				 "%s: %lld bytes, more than the %zu allowed", path,
				 (long long)st.st_size, size_max);

	buffer = malloc((size_t)st.st_size + 2);
	if (!buffer)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	r = read_all(fd, buffer, st.st_size, &size);
	if (r < 0)
		return error_set(error, r, ERROR_UNREADABLE, STEP_NONE, "%s: cannot read: %s", path,
				 r == -EFBIG ? "it grew meanwhile" : strerror(-r));
	buffer[size] = 0;
	*ret = TAKE_PTR(buffer);
	*ret_size = size;
	return 0;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static mode_t default_mode(void)
{
	mode_t mask = umask(077);

	umask(mask);
	return 0666 & ~mask;
}

/* Writes a temporary file beside @target and renames it. Errors are plain errnos. */
static int replace(const char *target, mode_t mode, const void *data, size_t size)
{
	_cleanup_free_ char *temporary = NULL;
	_cleanup_close_ int fd = -1;
	const char *base = file_base_name(target);
	int r;

	if (asprintf(&temporary, "%.*s.%s.XXXXXX", (int)(base - target), target, base) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, size);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && rename(temporary, target) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	return r;
}

int file_write(const char *path, const void *data, size_t size, struct error *error)
{
	_cleanup_free_ char *resolved = realpath(path, NULL);
	const char *target = resolved ? resolved : path;
	mode_t mode = default_mode();
	struct stat st;
	int r;

	if (stat(target, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			return error_set(error, -EBADF, ERROR_FAILED, STEP_NONE,
					 "%s: not written: it is there and no regular file", path);
		mode = st.st_mode & 0777;
	}
	r = replace(target, mode, data, size);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "%s: cannot write: %s", path,
				 strerror(-r));
	return 0;
}

static bool is_over(const struct timespec *until)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > until->tv_sec ||
	       (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}

static int lock_wait(int fd, const struct timespec *until)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (is_over(until))
			return -EBUSY;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* Whoever held it may have put another file there meanwhile, which the lock is not of. */
static bool is_at(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
	       ours.st_ino == there.st_ino;
}

int file_lock(const char *path, unsigned sec, int *ret_fd, struct error *error)
{
	static const int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct timespec until;
	struct stat st;
	int r = 0;

	/* a device is not even opened */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return not_regular(path, error);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += sec;
	for (;;) {
		_cleanup_close_ int fd = open(path, O_RDWR | flags);

		/* NFS locks only what may be written; elsewhere it is enough to read it */
		if (fd < 0)
			fd = open(path, O_RDONLY | flags);
		if (fd < 0)
			return error_set(error, -errno, ERROR_UNREADABLE, STEP_NONE,
					 "%s: cannot open: %s", path, strerror(errno));
		r = r < 0 ? r : lock_wait(fd, &until);
		if (r == -EBUSY)
			return error_set(error, r, ERROR_BUSY, STEP_NONE,
					 "%s: another program has locked it for %u seconds: try "
					 "again when that has ended",
					 path, sec);
		if (r < 0)
			return error_set(error, r, ERROR_FAILED, STEP_NONE,
					 "%s: cannot lock: %s: copy it to another file system, or "
					 "name another file with --output",
					 path, strerror(-r));
		if (is_at(fd, path)) {
			*ret_fd = TAKE_FD(fd);
			return 0;
		}
		r = is_over(&until) ? -EBUSY : 0;
	}
}

int file_create(const char *path, mode_t mode, const void *data, size_t size, struct error *error)
{
	_cleanup_close_ int fd = -1;
	int r;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode & 0600);
	if (fd < 0)
		return error_set(error, -errno, ERROR_FAILED, STEP_NONE, "%s: cannot create: %s%s",
				 path, strerror(errno),
				 errno == EEXIST ? "; remove it or choose another name" : "");
	r = write_all(fd, data, size);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r < 0) {
		unlink(path);
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "%s: cannot write: %s", path,
				 strerror(-r));
	}
	return 0;
}
