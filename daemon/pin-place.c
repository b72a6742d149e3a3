/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In which bpffs something is pinned. There can be several: each mount(8) makes a new one, over the
 * one before or in another mount namespace. What is pinned in one that cannot be seen runs on.
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "capability.h"
#include "pin.h"

static int cannot(struct error *error, int r, const char *what, const char *path)
{
	return error_set(error, r, ERROR_FAILED, STEP_RECORD, "cannot %s %s: %s", what, path,
			 strerror(-r));
}

int pin_place_find(struct pin_place *ret, struct error *error)
{
	_cleanup_close_ int fd = -1;
	struct statx top, pins;
	struct statfs fs;
	int r;

	r = pin_bpffs_check(&fs, error);
	if (r < 0)
		return r;
	fd = pin_root_open(error);
	if (fd < 0 && fd != -ENOENT)
		return cannot(error, fd, "open", PIN_ROOT);
	if (statx(AT_FDCWD, BPFFS, 0, STATX_INO, &top) < 0 ||
	    (fd >= 0 && statx(fd, "", AT_EMPTY_PATH, STATX_INO, &pins) < 0))
		return cannot(error, -errno, "look at", BPFFS);
	if (fd >= 0 && (pins.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return error_set(error, -EXDEV, ERROR_FAILED, STEP_RECORD,
				 "something is mounted over " PIN_ROOT);
	*ret = (struct pin_place){makedev(top.stx_dev_major, top.stx_dev_minor), top.stx_ino};
	return 0;
}

int pin_place_check(const struct pin_place *place, struct error *error)
{
	struct pin_place now;
	int r;

	r = pin_place_find(&now, error);
	if (r < 0 || !place->device)
		return r;
	if (now.device == place->device && now.folder == place->folder)
		return 0;
	return error_set(error, -EXDEV, ERROR_FAILED, STEP_RECORD,
			 "the bpffs at " BPFFS " is not the one that it is pinned in");
}

bool pin_is_gone(const struct program_info *programs, unsigned n)
{
	unsigned n_gone = 0;

	/* To look at programs by id. Where that is not kept it is not known. */
	if (capability_raise(CAPABILITY_PERF, true) < 0)
		return false;
	for (unsigned i = 0; i < n; i++) {
		int fd = bpf_prog_get_fd_by_id(programs[i].id);

		n_gone += fd == -ENOENT;
		safe_close(fd);
	}
	if (capability_raise(CAPABILITY_PERF, false) < 0)
		abort();
	return n > 0 && n_gone == n;
}
