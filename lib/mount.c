/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mount.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

int mount_id(int fd, uint64_t *ret)
{
	struct statx stx;

	/* asks the kernel's own memory, and no file system */
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &stx) < 0)
		return -errno;
	if (!(stx.stx_mask & STATX_MNT_ID))
		return -EOPNOTSUPP;
	*ret = stx.stx_mnt_id;
	return 0;
}

/*
 * "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE SUPEROPTIONS": fuse, fuseblk and
 * fuse.NAME have the uid of who serves them among the last.
 */
bool mount_line_is_users(const char *line)
{
	const char *type = strstr(line, " - "), *source, *options, *user;

	if (!type || strncmp(type + 3, "fuse", 4) != 0)
		return false;
	/* NAME and SOURCE are what the user says; a space in one is escaped */
	source = strchr(type + 3, ' ');
	options = source ? strchr(source + 1, ' ') : NULL;
	user = options ? strstr(options, ",user_id=") : NULL;
	return !user || strtoul(user + strlen(",user_id="), NULL, 10) != 0;
}

/* Of where everything else hangs: in a chroot, that is not listed. */
static int root_mount(uint64_t *ret)
{
	_cleanup_close_ int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : mount_id(fd, ret);
}

static int check_listed(uint64_t id)
{
	_cleanup_free_ char *line = NULL;
	FILE *file = fopen("/proc/self/mountinfo", "re");
	size_t room = 0;
	int r = -ESTALE; /* taken away meanwhile */

	/* not what says that a file is not there */
	if (!file)
		return -ENOSYS;
	while (r == -ESTALE && getline(&line, &room, file) > 0)
		if (strtoull(line, NULL, 10) == id)
			r = mount_line_is_users(line) ? -EREMOTE : 0;
	fclose(file);
	return r;
}

int mount_check(int fd)
{
	uint64_t id, root;
	int r;

	r = mount_id(fd, &id);
	if (r == 0)
		r = root_mount(&root);
	if (r < 0)
		return r;
	return id == root ? 0 : check_listed(id);
}

int mount_check_path(const char *path)
{
	_cleanup_close_ int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *copy = strdup(path);
	uint64_t last, id;
	char *rest, *name;
	int r;

	if (!copy)
		return -ENOMEM;
	r = fd < 0 ? -errno : mount_id(fd, &last);
	for (name = strtok_r(copy, "/", &rest); name && r == 0; name = strtok_r(NULL, "/", &rest)) {
		int next = openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

		if (next < 0)
			return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
		safe_close(fd);
		fd = next;
		r = mount_id(fd, &id);
		if (r == 0 && id != last)
			r = mount_check(fd);
		last = id;
	}
	return r;
}
