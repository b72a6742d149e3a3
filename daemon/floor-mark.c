/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "floor-mark.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "replace.h"

static const char text[] = "There have been rollback floors: see bpfgated(8).\n";

/* The daemon's alone: a mark that others can remove says nothing by not being there. */
static int open_folder(const char *dir)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return -EPERM;
	return TAKE_FD(fd);
}

int floor_mark_exists(const char *dir)
{
	_cleanup_close_ int folder = open_folder(dir);
	struct stat st;

	if (folder < 0)
		return folder == -ENOENT ? 0 : folder;
	if (fstatat(folder, FLOOR_MARK, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

int floor_mark_make(const char *dir)
{
	_cleanup_close_ int folder = -1;
	struct stat st;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	folder = open_folder(dir);
	if (folder < 0)
		return folder;
	if (fstatat(folder, FLOOR_MARK, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	/* left by a daemon that was killed while it wrote */
	unlinkat(folder, REPLACE_NEW FLOOR_MARK, 0);
	return replace_file(folder, FLOOR_MARK, text, NULL);
}
