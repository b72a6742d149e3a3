/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "owned.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "mount.h"

/* A sentence about @path for an errno that needs no further words. */
static int fail(struct error *error, int r, const char *path)
{
	return error_set(error, r, ERROR_FAILED, STEP_NONE, "%s: %s", path, strerror(-r));
}

/* An access list needs no look of its own: its mask shows in the group bits. */
static int check_owner(const struct stat *st, uid_t owner, const char *path, struct error *error)
{
	if (st->st_uid != 0 && st->st_uid != owner)
		return error_set(error, -EPERM, ERROR_FAILED, STEP_NONE,
				 "%s belongs to uid %u: give it to uid %u", path, st->st_uid,
				 owner);
	if (st->st_mode & 022)
		return error_set(error, -EPERM, ERROR_FAILED, STEP_NONE,
				 "%s is writable by others than its owner (mode %04o): chmod go-w "
				 "it",
				 path, st->st_mode & 07777);
	return 0;
}

/* Before its file system is asked anything: it may be a user's own. */
static int check_mount(int fd, uint64_t *mount, const char *path, struct error *error)
{
	uint64_t id;
	int r;

	r = mount_id(fd, &id);
	if (r == 0 && id != *mount)
		r = mount_check(fd);
	if (r == -EREMOTE)
		return error_set(
			error, r, ERROR_FAILED, STEP_NONE,
			"%s is in a file system that a user serves: it may say whatever he "
			"likes",
			path);
	if (r < 0)
		return fail(error, r, path);
	*mount = id;
	return 0;
}

/* @fd is a folder above the wanted one if !@last. */
static int check_folder(int fd, bool last, uid_t owner, uint64_t *mount, const char *path,
			struct error *error)
{
	struct stat st;
	int r;

	r = check_mount(fd, mount, path, error);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return fail(error, -errno, path);
	if (!last && (st.st_mode & S_ISVTX) && (st.st_uid == 0 || st.st_uid == owner))
		return 0;
	return check_owner(&st, owner, path, error);
}

static int open_component(int at, const char *name, const char *path, struct error *error)
{
	int fd;

	fd = openat(at, name, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_PATH);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return -ENOENT;
	/* O_DIRECTORY comes first: a link answers ENOTDIR too. */
	if (errno == ENOTDIR || errno == ELOOP)
		return error_set(error, -ENOTDIR, ERROR_FAILED, STEP_NONE,
				 "%s is not a folder, or a symbolic link, which is not followed",
				 path);
	return fail(error, -errno, path);
}

int owned_open_folder(const char *path, uid_t owner, int *ret_fd, struct error *error)
{
	_cleanup_free_ char *copy = NULL;
	_cleanup_close_ int fd = -1;
	char *rest, *name;
	size_t size = strlen(path);
	bool last = size == 1;
	uint64_t mount = 0; /* no mount has this number */
	int r;

	if (path[0] != '/' || size >= PATH_MAX)
		return error_set(error, -EINVAL, ERROR_FAILED, STEP_NONE,
				 "%s is not an absolute path", path);
	while (size > 1 && path[size - 1] == '/')
		size--;
	copy = strndup(path, size);
	if (!copy)
		return -ENOMEM;
	fd = open_component(AT_FDCWD, "/", "/", error);
	if (fd < 0)
		return fd;
	r = check_folder(fd, last, owner, &mount, "/", error);
	for (rest = copy + 1; r == 0 && *rest; *rest = last ? '\0' : '/', rest += !last) {
		int next;

		name = rest;
		rest += strcspn(rest, "/");
		last = *rest == '\0';
		/* The copy, cut here, is the path so far. */
		*rest = '\0';
		next = open_component(fd, *name ? name : ".", copy, error);
		if (next < 0)
			return next;
		safe_close(fd);
		fd = next;
		r = check_folder(fd, last, owner, &mount, copy, error);
	}
	if (r < 0)
		return r;
	/* until now it was only looked at */
	r = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r < 0)
		return fail(error, -errno, path);
	*ret_fd = r;
	return 0;
}

void owned_names_free(char **names, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool name_wanted(const char *name, const char *suffix)
{
	size_t size = strlen(name), tail = strlen(suffix);

	return name[0] != '.' && size > tail && streq(name + size - tail, suffix);
}

static int read_names(DIR *dir, const char *suffix, char **names, unsigned *n)
{
	for (;;) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return -errno;
		if (!name_wanted(entry->d_name, suffix))
			continue;
		if (*n == OWNED_FILES_MAX)
			return -E2BIG;
		names[*n] = strdup(entry->d_name);
		if (!names[*n])
			return -ENOMEM;
		++*n;
	}
}

int owned_list(int folder_fd, const char *path, const char *suffix, char ***ret, unsigned *ret_n,
	       struct error *error)
{
	char **names;
	unsigned n = 0;
	DIR *dir;
	int fd, r;

	fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(error, -errno, path);
	dir = fdopendir(fd);
	if (!dir) {
		safe_close(fd);
		return -ENOMEM;
	}
	names = calloc(OWNED_FILES_MAX, sizeof(*names));
	r = names ? read_names(dir, suffix, names, &n) : -ENOMEM;
	closedir(dir);
	if (r < 0) {
		owned_names_free(names, n);
		if (r == -E2BIG)
			return error_set(error, r, ERROR_FAILED, STEP_NONE,
					 "%s holds more than %u files", path, OWNED_FILES_MAX);
		return fail(error, r, path);
	}
	qsort(names, n, sizeof(*names), compare_names);
	*ret = names;
	*ret_n = n;
	return 0;
}

/* @name is a symbolic link: 1 when it is the owner's and masks. */
static int check_mask(int folder_fd, const char *name, uid_t owner, const char *full,
		      struct error *error)
{
	char target[sizeof("/dev/null") + 1];
	struct stat st;
	ssize_t n;

	n = readlinkat(folder_fd, name, target, sizeof(target));
	if (n < 0 || fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(error, -errno, full);
	if (n != strlen("/dev/null") || memcmp(target, "/dev/null", (size_t)n) != 0)
		return error_set(error, -ELOOP, ERROR_FAILED, STEP_NONE,
				 "%s is a symbolic link, which is not followed (only a link to "
				 "/dev/null, as a mask, is allowed)",
				 full);
	if (st.st_uid != 0 && st.st_uid != owner)
		return error_set(error, -EPERM, ERROR_FAILED, STEP_NONE,
				 "%s is a link that belongs to uid %u", full, st.st_uid);
	return 1;
}

int owned_read_all(int fd, size_t size_max, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *text = NULL;
	size_t fill = 0;

	text = malloc(size_max + 2);
	if (!text)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, text + fill, size_max + 1 - fill);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		fill += (size_t)n;
		if (fill > size_max)
			return -EFBIG;
	}
	text[fill] = '\0';
	*ret = TAKE_PTR(text);
	*ret_size = fill;
	return 0;
}

int owned_read(int folder_fd, const char *path, const char *name, uid_t owner, size_t size_max,
	       char **ret, size_t *ret_size, struct error *error)
{
	_cleanup_close_ int fd = -1;
	char full[PATH_MAX];
	struct stat st;
	int r;

	snprintf(full, sizeof(full), "%s/%s", path, name);
	/* Non-blocking: a FIFO must not hold the daemon up before it is refused. */
	fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ELOOP)
		return check_mask(folder_fd, name, owner, full, error);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(error, -errno, full);
	if (!S_ISREG(st.st_mode))
		return error_set(error, -EINVAL, ERROR_FAILED, STEP_NONE,
				 "%s is not a regular file", full);
	r = check_owner(&st, owner, full, error);
	if (r < 0)
		return r;
	r = owned_read_all(fd, size_max, ret, ret_size);
	if (r == -EFBIG)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "%s is larger than %zu bytes",
				 full, size_max);
	if (r < 0)
		return fail(error, r, full);
	return 0;
}
