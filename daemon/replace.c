/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replace.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int write_beside(int folder, const char *name, const char *text)
{
	_cleanup_close_ int fd = -1;
	int r;

	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text, strlen(text));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(folder, name, 0);
	return r;
}

int replace_file(int folder, const char *name, const char *text, bool *ret_renamed)
{
	char beside[NAME_MAX + 1];
	int r;

	if (snprintf(beside, sizeof(beside), REPLACE_NEW "%s", name) >= (int)sizeof(beside))
		return -ENAMETOOLONG;
	r = write_beside(folder, beside, text);
	if (r < 0)
		return r;
	if (renameat(folder, beside, folder, name) < 0) {
		r = -errno;
		unlinkat(folder, beside, 0);
		return r;
	}
	if (ret_renamed)
		*ret_renamed = true;
	return fsync(folder) < 0 ? -errno : 0;
}

const char *replace_hint(int r)
{
	/* The service has mounts of its own, made from those that there were when it started. */
	return r == -EROFS ? ": an administrator makes its file system writable, and restarts the "
			     "daemon, whose own mounts stay as they were (systemctl restart "
			     "bpfgated)"
			   : "";
}
