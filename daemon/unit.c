/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <limits.h>

#define SERVICE	   ".service"
#define SLICE	   ".slice"
#define USER_SLICE "user.slice"
#define USER_AT	   "user@"

static bool ends_with(const char *text, size_t size, const char *end)
{
	size_t tail = strlen(end);

	return size > tail && memcmp(text + size - tail, end, tail) == 0;
}

/* The first component that is no slice, or NULL. */
static const char *below_slices(const char *path, size_t *ret_size)
{
	bool first = true;

	while (*path == '/') {
		size_t size = strcspn(++path, "/");

		if (first && size == strlen(USER_SLICE) && memcmp(path, USER_SLICE, size) == 0)
			return NULL;
		if (!ends_with(path, size, SLICE)) {
			*ret_size = size;
			/* right below the root there are no services of the manager */
			return first ? NULL : path;
		}
		first = false;
		path += size;
	}
	return NULL;
}

int unit_from_cgroup(const char *path, char ret[static UNIT_NAME_SIZE])
{
	size_t size = 0;
	const char *name = below_slices(path, &size);

	/* systemd's mark for names that control groups have themselves */
	if (name && *name == '_') {
		name++;
		size--;
	}
	if (!name || size >= UNIT_NAME_SIZE || !ends_with(name, size, SERVICE) ||
	    strncmp(name, USER_AT, strlen(USER_AT)) == 0)
		return -ENOENT;
	memcpy(ret, name, size);
	ret[size] = '\0';
	return 0;
}

/* -ENOENT is what is said of a process without a unit. */
static int cannot_open(void)
{
	return errno == ENOENT ? -ESRCH : -errno;
}

/* 0 and its number in the daemon's pid namespace, -ESRCH: it has been waited for, or has none. */
static int pid_of(int pidfd, pid_t *ret)
{
	char path[sizeof("/proc/self/fdinfo/") + 3 * sizeof(int)], line[128];
	_cleanup_fclose_ FILE *file = NULL;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	file = fopen(path, "re");
	if (!file)
		return cannot_open();
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Pid: %d", &pid) != 1)
			continue;
		if (pid <= 0)
			return -ESRCH;
		*ret = pid;
		return 0;
	}
	return -ENODATA;
}

/*
 * The line "0::PATH" of version 2. The kernel gives no path that is too long, which whoever may
 * make groups of his own can bring about, and marks one that has been removed.
 */
static int read_cgroup(pid_t pid, char ret[static UNIT_NAME_SIZE])
{
	char path[sizeof("/proc//cgroup") + 3 * sizeof(int)], line[PATH_MAX + 8];
	_cleanup_fclose_ FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	file = fopen(path, "re");
	if (!file)
		return cannot_open();
	while (fgets(line, sizeof(line), file)) {
		size_t size = strlen(line);

		/* a line that is cut says nothing, nor does what comes behind it */
		if (line[size - 1] != '\n')
			return -ENAMETOOLONG;
		line[--size] = '\0';
		if (strncmp(line, "0::", 3) != 0)
			continue;
		return ends_with(line, size, " (deleted)") ? -ESRCH
							   : unit_from_cgroup(line + 3, ret);
	}
	return ferror(file) ? -EIO : -ENODATA;
}

int unit_of_pidfd(int pidfd, char ret[static UNIT_NAME_SIZE])
{
	char unit[UNIT_NAME_SIZE];
	pid_t before, after;
	int r, found;

	r = pid_of(pidfd, &before);
	if (r < 0)
		return r;
	found = read_cgroup(before, unit);
	r = pid_of(pidfd, &after);
	if (r < 0)
		return r;
	if (after != before)
		return -ESRCH;
	if (found == 0)
		strcpy(ret, unit);
	return found;
}
