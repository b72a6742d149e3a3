/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Maps for clients. A read-only fd alone is no promise: its holder can pin the map in a bpffs of
 * his own and open it again for writing. So a map is frozen first, which stops every write from
 * user space for good and none by programs (kernel/bpf/syscall.c, map_freeze()). Cannot be frozen:
 * maps whose values hold something of the kernel's (spin locks, timers, kptrs, work queues, lists,
 * trees, task work: -ENOTSUPP), and maps that are mapped writable at the time (-EBUSY).
 */
#include <bpf/bpf.h>
#include <fcntl.h>

#include "pin.h"

#ifndef ENOTSUPP
#define ENOTSUPP 524 /* the kernel's own; no libc knows it */
#endif

static int fail(struct error *error, int r, const char *what)
{
	error_set(error, r, ERROR_FAILED, STEP_RECORD, "cannot open a map for the client: %s: %s",
		  what, strerror(-r));
	if (error)
		error->errnum = -r;
	return r;
}

/* The kernel tells nowhere else whether a map is frozen. 1, 0, or a negative errno. */
static int map_frozen(int map_fd)
{
	char path[sizeof("/proc/self/fdinfo/") + 3 * sizeof(int)], line[128];
	_cleanup_fclose_ FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", map_fd);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		unsigned frozen;

		if (sscanf(line, "frozen: %u", &frozen) == 1)
			return frozen == 1;
	}
	return -ENODATA;
}

static int freeze(int map_fd, struct error *error)
{
	int r = bpf_map_freeze(map_fd);
	int frozen = map_frozen(map_fd);

	/* Frozen by the loader, or when it was opened before: EBUSY, but as wanted. */
	if (frozen == 1)
		return 0;
	if (r == -ENOTSUPP || r == -EOPNOTSUPP)
		return error_set(
			error, r, ERROR_FAILED, STEP_RECORD,
			"a map with spin locks, timers, kernel pointers or the like in its "
			"values cannot be frozen, so it cannot be granted as \"read\": its "
			"publisher must keep such values in another map");
	if (r < 0)
		return fail(error, r, "it cannot be frozen");
	return fail(error, frozen < 0 ? frozen : -EBADFD, "the kernel does not call it frozen");
}

static int open_read_only(int map_fd, int *ret_fd, struct error *error)
{
	const char *what = NULL;
	int r;

	r = pin_root_check(error);
	if (r < 0)
		return r;
	r = pin_reopen(map_fd, BPF_F_RDONLY, ret_fd, &what);
	return r < 0 ? fail(error, r, what) : 0;
}

/*
 * A map that user space holds keeps its timers, and a timer that starts itself again keeps its
 * program running after every link has gone. Such maps cannot be frozen, which is how they are
 * told: of a fd that may not write the kernel asks for that only after it has looked at the values.
 */
static int check_values(int map_fd, struct error *error)
{
	_cleanup_close_ int fd = -1;
	int r;

	r = open_read_only(map_fd, &fd, error);
	if (r < 0)
		return r;
	r = bpf_map_freeze(fd);
	if (r == -EPERM)
		return 0;
	if (r == -ENOTSUPP || r == -EOPNOTSUPP)
		return error_set(
			error, r, ERROR_FAILED, STEP_RECORD,
			"a map with spin locks, timers, kernel pointers or the like in its "
			"values cannot be granted as \"read-write\", for who holds it could keep "
			"its program running: its publisher must keep such values in another map");
	return fail(error, r < 0 ? r : -EBADFD, "what is in its values cannot be told");
}

static int duplicate(int map_fd, int *ret_fd, struct error *error)
{
	int fd = fcntl(map_fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return fail(error, -errno, "no file descriptor");
	*ret_fd = fd;
	return 0;
}

int map_grant_open(int map_fd, enum bpf_map_type type, enum map_grant grant, int *ret_fd,
		   struct error *error)
{
	int r;

	switch (grant) {
	case GRANT_READ:
		r = freeze(map_fd, error);
		return r < 0 ? r : open_read_only(map_fd, ret_fd, error);
	case GRANT_EVENTS:
		if (type != BPF_MAP_TYPE_RINGBUF)
			return error_set(error, -EINVAL, ERROR_FAILED, STEP_RECORD,
					 "only a ring buffer can be granted as \"events\", and the "
					 "map's type is %s",
					 map_type_name(type) ?: "another");
		return duplicate(map_fd, ret_fd, error);
	case GRANT_READ_WRITE:
		r = check_values(map_fd, error);
		return r < 0 ? r : duplicate(map_fd, ret_fd, error);
	default:
		return error_set(error, -EINVAL, ERROR_FAILED, STEP_RECORD,
				 "the map is not granted to clients");
	}
}
