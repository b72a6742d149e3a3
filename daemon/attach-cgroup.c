/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Control groups, version 2 only. */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "attach-kinds.h"
#include "mount.h"

static int open_cgroup(const struct target *target, int *ret_fd, struct error *error)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_close_ int fd = -1;
	struct statfs fs;
	int r;

	/* its look-up could hang */
	r = mount_check_path(target->path);
	if (r == -EREMOTE)
		return attach_bad_target(error, r, "%s is in a file system that a user serves",
					 target->path);
	if (r < 0)
		return r;
	fd = (int)syscall(SYS_openat2, AT_FDCWD, target->path, &how, sizeof(how));
	if (fd < 0 && errno == ELOOP)
		return attach_bad_target(error, -ELOOP,
					 "%s leads through a symbolic link, which is not followed: "
					 "name the control group itself",
					 target->path);
	if (fd < 0)
		return attach_bad_target(error, -errno, "cannot open control group %s: %s",
					 target->path, strerror(errno));
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		return attach_bad_target(error, -ENOTSUP, "%s is not a control group of version 2",
					 target->path);
	r = attach_check_path(fd, target, error);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int cgroup_attach(int prog_fd, const struct target *target, unsigned attachment,
		  struct links *links, struct error *error)
{
	_cleanup_close_ int cgroup = -1;
	enum bpf_attach_type type;
	int r;

	r = target_attach_type(target, &type);
	if (r < 0)
		return r;
	r = open_cgroup(target, &cgroup, error);
	if (r < 0)
		return r;
	r = bpf_link_create(prog_fd, cgroup, type, NULL);
	return r < 0 ? attach_refused(target, r, error) : links_add(links, r, attachment);
}

int cgroup_resolve(const struct target *target, struct error *error)
{
	_cleanup_close_ int cgroup = -1;

	return open_cgroup(target, &cgroup, error);
}
