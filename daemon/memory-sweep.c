// SPDX-License-Identifier: LGPL-2.1-or-later
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "memory-group-internal.h"

/* The process that keeps the unit alive: a group with a process in it can have none below. */
#define HOLDER "holder"

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/*
 * What processes leave behind, and what a processor has in stock, is charged for a while. With a
 * mark of 0 the kernel takes all of that back, before it answers; other than a limit of 0, it lets
 * nothing fail.
 */
static void take_back(int user)
{
	_cleanup_close_ int fd = openat(user, "memory.high", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "0", 1) == 1)
		memory_write(user, "memory.high", "max");
}

/* But for the page of kernel objects that each processor may keep in stock: nothing takes it back.
 */
static bool has_nothing(int user)
{
	const uint64_t stock =
		(uint64_t)sysconf(_SC_PAGESIZE) * (uint64_t)sysconf(_SC_NPROCESSORS_CONF);
	char text[64];
	uint64_t current;

	return memory_read(user, "memory.current", text, sizeof(text)) == 0 &&
	       sscanf(text, "%" SCNu64, &current) == 1 && current <= stock;
}

/*
 * What is charged to a group that is removed goes to its parent, and to no user's limit: so it must
 * be next to nothing, and groups are removed at a reload or a start, or where there are too many. A
 * load that is to begin there holds the lock.
 */
static bool is_unused(int user)
{
	if (flock(user, LOCK_EX | LOCK_NB) < 0)
		return false;
	if (has_nothing(user))
		return true;
	take_back(user);
	return has_nothing(user);
}

typedef void (*group_fn)(int parent, const char *name);

/* Calls @each for the folders of that prefix. */
static void each_group(int parent, const char *prefix, group_fn each)
{
	struct dirent *entry;
	DIR *dir;
	int fd;

	fd = memory_folder(parent, ".");
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		safe_close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (has_prefix(entry->d_name, prefix))
			each(parent, entry->d_name);
	closedir(dir);
}

static void sweep_user(int rule, const char *name)
{
	_cleanup_close_ int user = memory_folder(rule, name);

	if (user >= 0 && is_unused(user))
		unlinkat(rule, name, AT_REMOVEDIR);
}

void memory_sweep_users(int rule)
{
	each_group(rule, MEMORY_USER_PREFIX, sweep_user);
}

/* Nothing is charged to a rule's group but what the kernel has for those below it. */
static void sweep_rule(int root, const char *name)
{
	_cleanup_close_ int rule = memory_folder(root, name);

	if (rule < 0)
		return;
	memory_sweep_users(rule);
	unlinkat(root, name, AT_REMOVEDIR);
}

/* Of the unit there is one process, which does nothing. */
static int move_holder(int root)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_close_ int holder = -1;
	char line[32];
	int fd, r = 0;

	if (mkdirat(root, HOLDER, 0755) < 0 && errno != EEXIST)
		return -errno;
	holder = memory_folder(root, HOLDER);
	if (holder < 0)
		return holder;
	fd = openat(root, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	file = fd < 0 ? NULL : fdopen(fd, "re");
	if (!file) {
		r = -errno;
		safe_close(fd);
		return r;
	}
	/* one that has ended meanwhile needs no place */
	while (r == 0 && fgets(line, sizeof(line), file)) {
		r = memory_write(holder, "cgroup.procs", line);
		r = r == -ESRCH ? 0 : r;
	}
	return r;
}

int memory_sweep(const char *root)
{
	_cleanup_close_ int fd = memory_root(root);
	int r;

	if (fd < 0)
		return fd;
	r = move_holder(fd);
	if (r == 0)
		r = memory_write(fd, "cgroup.subtree_control", "+memory");
	if (r == 0)
		each_group(fd, MEMORY_RULE_PREFIX, sweep_rule);
	return r;
}
