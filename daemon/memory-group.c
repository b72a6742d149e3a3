// SPDX-License-Identifier: LGPL-2.1-or-later
#include "memory-group.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "bundle.h"
#include "errno-text.h"
#include "memory-group-internal.h"

#define RULE_DIGITS  16
#define GROUP_MODE   0700 /* whoever opens it can lock it */
#define SETTLE_USEC  (1000 * 1000)
#define SETTLE_STEP  (20 * 1000)
#define SETTLE_SHARE 8 /* "a good part" is one of so many */

/* Groups are made and removed by one thread at a time; by one process, as the daemon is one. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int memory_rule_name(const char *rule, const char *source, char ret[static 32])
{
	const char *colon = strrchr(source, ':');
	int n = colon ? (int)(colon - source) : (int)strlen(source);
	_cleanup_free_ char *text = NULL;
	char hex[2 * DIGEST_SIZE + 1];
	uint8_t digest[DIGEST_SIZE];
	int size, r;

	size = asprintf(&text, "%s%c%.*s", rule, '\0', n, source);
	if (size < 0) {
		text = NULL;
		return -ENOMEM;
	}
	r = sha256(text, (size_t)size, digest);
	if (r < 0)
		return r;
	hex_encode(digest, sizeof(digest), hex);
	snprintf(ret, 32, MEMORY_RULE_PREFIX "%.*s", RULE_DIGITS, hex);
	return 0;
}

void memory_max_format(uint64_t limit, char ret[static 32])
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	/* The kernel counts pages, and rounds down. */
	if (limit == 0)
		snprintf(ret, 32, "max");
	else
		snprintf(ret, 32, "%" PRIu64, (limit + MEMORY_ALLOWANCE + page - 1) / page * page);
}

int memory_field(const char *text, const char *name, uint64_t *ret)
{
	size_t size = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, size) == 0 && line[size] == ' ' &&
		    sscanf(line + size, " %" SCNu64, ret) == 1)
			return 0;
	}
	return -ENODATA;
}

/* ---- files ---- */

int memory_read(int folder, const char *name, char *ret, size_t size)
{
	_cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, ret, size - 1);
	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return 0;
}

int memory_write(int folder, const char *name, const char *text)
{
	/* O_NONBLOCK: newer kernels then do not reclaim before they answer */
	_cleanup_close_ int fd = openat(folder, name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int memory_folder(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int read_number(int folder, const char *name, uint64_t *ret)
{
	char text[64];
	int r = memory_read(folder, name, text, sizeof(text));

	if (r < 0)
		return r;
	return sscanf(text, "%" SCNu64, ret) == 1 ? 0 : -ENODATA;
}

static int read_hits(int folder, uint64_t *ret)
{
	char text[512];
	int r = memory_read(folder, "memory.events.local", text, sizeof(text));

	return r < 0 ? r : memory_field(text, "max", ret);
}

/* Not where it is so: the kernel would begin to reclaim. */
static int set_max(int folder, uint64_t limit)
{
	char wanted[32], now[64];
	int r;

	memory_max_format(limit, wanted);
	r = memory_read(folder, "memory.max", now, sizeof(now));
	if (r < 0)
		return r;
	now[strcspn(now, "\n")] = '\0';
	return streq(now, wanted) ? 0 : memory_write(folder, "memory.max", wanted);
}

/* ---- groups ---- */

int memory_root(const char *root)
{
	_cleanup_close_ int fd = root ? memory_folder(AT_FDCWD, root) : -ENOENT;
	struct statfs fs;

	if (fd < 0)
		return fd;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	/* In another file system all of this would succeed, and limit nothing. */
	return fs.f_type == CGROUP2_SUPER_MAGIC ? TAKE_FD(fd) : -EMEDIUMTYPE;
}

/* What is there already is no failure. The groups below it have memory controlled. */
static int make_rule(int root, const char *name, int *ret)
{
	char users[32];
	int fd, r;

	r = memory_write(root, "cgroup.subtree_control", "+memory");
	if (r == 0 && mkdirat(root, name, GROUP_MODE) < 0 && errno != EEXIST)
		r = -errno;
	if (r < 0)
		return r;
	fd = memory_folder(root, name);
	if (fd < 0)
		return fd;
	snprintf(users, sizeof(users), "%u", MEMORY_USERS_MAX);
	r = memory_write(fd, "cgroup.max.descendants", users);
	if (r == 0)
		r = memory_write(fd, "cgroup.subtree_control", "+memory");
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret = fd;
	return 0;
}

static int make_user(int rule, const char *name, int *ret)
{
	int fd;

	if (mkdirat(rule, name, GROUP_MODE) < 0 && errno != EEXIST) {
		if (errno != EAGAIN)
			return -errno;
		/* there are as many as there may be */
		memory_sweep_users(rule);
		if (mkdirat(rule, name, GROUP_MODE) < 0)
			return -errno;
	}
	fd = memory_folder(rule, name);
	if (fd < 0)
		return fd;
	*ret = fd;
	return 0;
}

/* The folders, as they are or made; both are owned by @group. */
static int open_folders(int root, const char *rule, const char *user, struct memory_group *group)
{
	int r;

	group->rule = memory_folder(root, rule);
	if (group->rule >= 0)
		group->user = memory_folder(group->rule, user);
	if (group->user >= 0)
		return 0;
	group->rule = safe_close(group->rule);
	r = make_rule(root, rule, &group->rule);
	return r < 0 ? r : make_user(group->rule, user, &group->user);
}

static int open_locked(const char *root, const struct memory_limits *limits,
		       struct memory_group *group)
{
	_cleanup_close_ int root_fd = memory_root(root);
	char rule[32], user[32];
	int n, r;

	if (root_fd < 0)
		return root_fd;
	r = memory_rule_name(limits->rule, limits->source, rule);
	if (r < 0)
		return r;
	snprintf(user, sizeof(user), MEMORY_USER_PREFIX "%u", limits->uid);
	n = snprintf(group->folder, sizeof(group->folder), "%s/%s/%s", root, rule, user);
	if (n >= (int)sizeof(group->folder) - (int)sizeof("/cgroup.procs"))
		return -ENAMETOOLONG;
	snprintf(group->procs, sizeof(group->procs), "%.*s/cgroup.procs", n, group->folder);
	r = open_folders(root_fd, rule, user, group);
	if (r == 0 && flock(group->user, LOCK_SH | LOCK_NB) < 0)
		r = -errno;
	if (r == 0)
		r = set_max(group->rule, limits->total);
	if (r == 0)
		r = set_max(group->user, limits->user);
	if (r == 0)
		r = read_hits(group->rule, &group->rule_hits);
	if (r == 0)
		r = read_hits(group->user, &group->user_hits);
	return r;
}

int memory_group_open(const char *root, const struct memory_limits *limits,
		      struct memory_group *ret, struct error *error)
{
	_cleanup_memory_group_ struct memory_group group = MEMORY_GROUP_INIT;
	char buffer[ERRNO_TEXT_SIZE];
	int r;

	pthread_mutex_lock(&lock);
	r = open_locked(root, limits, &group);
	pthread_mutex_unlock(&lock);
	if (r == -EAGAIN)
		return error_set(error, r, ERROR_BUSY, STEP_LOAD,
				 "%u users of the rule '%s' (%s) have maps open, and so many can "
				 "have; try again when some of them have closed theirs",
				 MEMORY_USERS_MAX, limits->rule, limits->source);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_LOAD,
				 "the rule '%s' (%s) has a limit on map memory, which the kernel "
				 "cannot be told, so nothing is loaded by it: %s: %s: see MEMORY "
				 "in bpfgated(8)",
				 limits->rule, limits->source, root ?: "no folder",
				 errno_text(-r, buffer));
	*ret = group;
	group = MEMORY_GROUP_INIT;
	return 0;
}

void memory_group_done(struct memory_group *group)
{
	group->user = safe_close(group->user);
	group->rule = safe_close(group->rule);
}

/* ---- what became of it ---- */

enum memory_hit memory_group_hit(const struct memory_group *group)
{
	uint64_t hits;

	if (read_hits(group->user, &hits) == 0 && hits > group->user_hits)
		return MEMORY_HIT_USER;
	if (read_hits(group->rule, &hits) == 0 && hits > group->rule_hits)
		return MEMORY_HIT_TOTAL;
	return MEMORY_HIT_NONE;
}

void memory_group_usage(const struct memory_group *group, struct memory_usage *ret)
{
	*ret = (struct memory_usage){};
	read_number(group->user, "memory.current", &ret->user);
	read_number(group->rule, "memory.current", &ret->total);
}

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool is_less(uint64_t now, uint64_t before)
{
	return now < before - before / SETTLE_SHARE;
}

bool memory_group_settles(const struct memory_group *group, const struct memory_usage *before,
			  uint64_t end)
{
	const struct timespec step = {.tv_nsec = SETTLE_STEP * 1000};
	enum memory_hit hit = memory_group_hit(group);
	struct memory_usage now;

	if (hit == MEMORY_HIT_NONE)
		return false;
	end = MIN(end, now_usec() + SETTLE_USEC);
	for (;;) {
		memory_group_usage(group, &now);
		if (hit == MEMORY_HIT_USER ? is_less(now.user, before->user)
					   : is_less(now.total, before->total))
			return true;
		if (now_usec() >= end)
			return false;
		nanosleep(&step, NULL);
	}
}

/* ---- all groups ---- */

int memory_groups_setup(const char *root, struct error *error)
{
	char buffer[ERRNO_TEXT_SIZE];
	int r;

	pthread_mutex_lock(&lock);
	r = memory_sweep(root);
	pthread_mutex_unlock(&lock);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "%s: %s", root ?: "no folder",
				 errno_text(-r, buffer));
	return 0;
}
