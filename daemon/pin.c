/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pin.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "enforce.h"

/* "PIN_ROOT/ID/prog-NUMBER", the longest of them */
#define PIN_PATH_MAX (sizeof(PIN_ROOT) + LOAD_ID_SIZE + sizeof("/prog-") + 10)

static int fail(struct error *error, int r, const char *what, const char *path)
{
	error_set(error, r, ERROR_FAILED, STEP_RECORD, "cannot %s %s: %s", what, path,
		  strerror(-r));
	if (error)
		error->errnum = -r;
	return r;
}

static bool id_valid(const char *id)
{
	return strlen(id) == LOAD_ID_SIZE - 1 && strspn(id, "0123456789abcdef") == LOAD_ID_SIZE - 1;
}

int pin_root_open(struct error *error)
{
	_cleanup_close_ int fd = -1;
	struct statfs fs;
	struct stat st;

	fd = open(PIN_ROOT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (fs.f_type != BPF_FS_MAGIC)
		return error_set(error, -ENOTSUP, ERROR_FAILED, STEP_RECORD,
				 PIN_ROOT " is not in a bpffs: systemctl start sys-fs-bpf.mount");
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return error_set(error, -EPERM, ERROR_FAILED, STEP_RECORD,
				 PIN_ROOT
				 " is not bpfgated's alone (uid %u, mode %04o): chown root "
				 "and chmod 0700 it, and see who could write there",
				 st.st_uid, st.st_mode & 07777);
	return TAKE_FD(fd);
}

int pin_bpffs_check(struct statfs *ret, struct error *error)
{
	if (statfs(BPFFS, ret) == 0 && ret->f_type == BPF_FS_MAGIC)
		return 0;
	return error_set(error, -ENOTSUP, ERROR_FAILED, STEP_RECORD,
			 "no bpffs is mounted at " BPFFS
			 ", where bpfgated keeps what it loads: an administrator mounts it "
			 "(systemctl start sys-fs-bpf.mount)");
}

int pin_root_check(struct error *error)
{
	_cleanup_close_ int fd = -1;
	struct statfs fs;
	int r;

	r = pin_bpffs_check(&fs, error);
	if (r < 0)
		return r;
	if (fs.f_flags & ST_RDONLY)
		return error_set(error, -EROFS, ERROR_FAILED, STEP_RECORD,
				 "bpffs is read-only at " BPFFS
				 ", where bpfgated keeps what it loads: an administrator makes it "
				 "writable (mount -o remount,rw " BPFFS
				 ") and restarts the daemon, whose own mounts stay as they were "
				 "(systemctl restart bpfgated)");
	if (mkdir(PIN_ROOT, 0700) < 0 && errno != EEXIST)
		return fail(error, -errno, "make", PIN_ROOT);
	fd = pin_root_open(error);
	return fd < 0 ? fail(error, fd, "open", PIN_ROOT) : 0;
}

int pin_reopen(int fd, uint32_t flags, int *ret_fd, const char **ret_what)
{
	LIBBPF_OPTS(bpf_obj_get_opts, options, .file_flags = flags);
	char path[sizeof(PIN_ROOT "/" PIN_TEMPORARY) + 16];
	uint64_t random;
	int r, again;

	*ret_what = "no random number";
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(path, sizeof(path), PIN_ROOT "/" PIN_TEMPORARY "%016llx",
		 (unsigned long long)random);
	*ret_what = "it cannot be pinned in " PIN_ROOT;
	r = bpf_obj_pin(fd, path);
	if (r < 0)
		return r;
	again = bpf_obj_get_opts(path, &options);
	if (unlink(path) < 0) {
		*ret_what = "its pin cannot be removed again";
		r = -errno;
		safe_close(again);
		return r;
	}
	*ret_what = "it cannot be opened from its pin";
	if (again < 0)
		return again;
	*ret_fd = again;
	return 0;
}

/* No bpffs, or nothing of ours in it: then nothing is pinned either. */
static bool is_absent(int r)
{
	return r == -ENOENT || r == -ENOTSUP;
}

/* So, or it cannot be seen whether there is: what is loaded is unknown then. */
static bool is_hidden(int r)
{
	return is_absent(r) || r == -EACCES || r == -ENOTDIR || r == -ELOOP;
}

int pin_lock(int *ret_fd, struct error *error)
{
	_cleanup_close_ int fd = -1;

	/* Where it cannot be made, pin_load() will say why. */
	mkdir(PIN_ROOT, 0700);
	fd = pin_root_open(NULL);
	if (fd < 0 && !is_hidden(fd))
		return fail(error, fd, "open", PIN_ROOT);
	if (fd < 0) {
		*ret_fd = -1;
		return 0;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return error_set(error, -errno, ERROR_FAILED, STEP_RECORD,
				 "another bpfgated uses " PIN_ROOT);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int pin_one(const char *id, const char *kind, unsigned number, int fd, struct error *error)
{
	char path[PIN_PATH_MAX];
	int r;

	snprintf(path, sizeof(path), PIN_ROOT "/%s/%s-%u", id, kind, number);
	r = bpf_obj_pin(fd, path);
	return r < 0 ? fail(error, r, "pin", path) : 0;
}

static int pin_all(const char *id, const struct loaded *loaded, const struct links *links,
		   struct error *error)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < loaded->n_programs; i++)
		r = pin_one(id, "prog", i, loaded->programs[i], error);
	for (unsigned i = 0; r == 0 && i < loaded->n_maps; i++)
		r = pin_one(id, "map", i, loaded->maps[i], error);
	for (unsigned i = 0; r == 0 && i < links->n; i++)
		r = pin_one(id, "link", i, links->items[i].fd, error);
	return r;
}

int pin_load(const char *id, const struct loaded *loaded, const struct links *links,
	     struct error *error)
{
	char path[PIN_PATH_MAX];
	int r;

	if (!id_valid(id))
		return fail(error, -EINVAL, "pin load", id);
	r = pin_root_check(error);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), PIN_ROOT "/%s", id);
	if (mkdir(path, 0700) < 0)
		return fail(error, -errno, "make", path);
	r = pin_all(id, loaded, links, error);
	if (r < 0)
		pin_remove(id, NULL, NULL);
	return r;
}

/* -ENOENT leaves @error to the caller: a pin that is missing is no fault of the machine. */
static int open_one(const char *id, const char *kind, unsigned number, int *ret_fd,
		    struct error *error)
{
	char path[PIN_PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), PIN_ROOT "/%s/%s-%u", id, kind, number);
	fd = bpf_obj_get(path);
	/* It is missing only where its folder says so: a filter may give bpf(2) any errno. */
	if (fd == -ENOENT && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		fd = -EIO;
	if (fd < 0)
		return fail(error, fd, "open", path);
	*ret_fd = fd;
	return 0;
}

static int open_links(const char *id, struct links *links, struct error *error)
{
	for (unsigned i = 0; i < links->n; i++) {
		int r = open_one(id, "link", i, &links->items[i].fd, error);

		if (r == 0 && enforce_link_add(links->items[i].fd) < 0)
			r = fail(error, -EIO, "guard a link of", id);
		if (r < 0) {
			for (unsigned j = 0; j <= i; j++)
				links->items[j].fd = safe_close(links->items[j].fd);
			return r;
		}
	}
	return 0;
}

int pin_open(const char *id, unsigned n_programs, unsigned n_maps, struct loaded *ret,
	     struct links *links, struct error *error)
{
	_cleanup_loaded_ struct loaded loaded = LOADED_INIT;
	int r;

	if (!id_valid(id) || n_programs > MANIFEST_PROGRAMS_MAX || n_maps > MANIFEST_MAPS_MAX)
		return fail(error, -EINVAL, "open load", id);
	for (; loaded.n_programs < n_programs; loaded.n_programs++) {
		r = open_one(id, "prog", loaded.n_programs, &loaded.programs[loaded.n_programs],
			     error);
		if (r < 0)
			return r;
	}
	for (; loaded.n_maps < n_maps; loaded.n_maps++) {
		r = open_one(id, "map", loaded.n_maps, &loaded.maps[loaded.n_maps], error);
		if (r < 0)
			return r;
	}
	r = open_links(id, links, error);
	if (r < 0)
		return r;
	*ret = loaded;
	loaded = LOADED_INIT;
	return 0;
}

static int check_program(int fd, const struct program_info *wanted)
{
	char tag[2 * BPF_TAG_SIZE + 1];
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	int r;

	r = bpf_prog_get_info_by_fd(fd, &info, &size);
	if (r < 0)
		return r;
	hex_encode(info.tag, sizeof(info.tag), tag);
	return info.id == wanted->id && streq(tag, wanted->tag) ? 0 : -ESTALE;
}

static int check_map(int fd, const struct map_info *wanted)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int r;

	r = bpf_map_get_info_by_fd(fd, &info, &size);
	if (r < 0)
		return r;
	return info.id == wanted->id && info.key_size == wanted->key_size &&
			       info.value_size == wanted->value_size &&
			       info.max_entries == wanted->max_entries
		       ? 0
		       : -ESTALE;
}

static int check_link(int fd, uint32_t program)
{
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);
	int r;

	r = bpf_link_get_info_by_fd(fd, &info, &size);
	if (r < 0)
		return r;
	return info.prog_id == program ? 0 : -ESTALE;
}

int pin_check(const struct loaded *loaded, const struct program_info *programs,
	      const struct map_info *maps, const struct links *links, const unsigned *link_programs,
	      struct error *error)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < loaded->n_programs; i++)
		r = check_program(loaded->programs[i], &programs[i]);
	for (unsigned i = 0; r == 0 && i < loaded->n_maps; i++)
		r = check_map(loaded->maps[i], &maps[i]);
	for (unsigned i = 0; r == 0 && i < links->n; i++) {
		if (link_programs[i] >= loaded->n_programs)
			r = -EINVAL;
		else
			r = check_link(links->items[i].fd, programs[link_programs[i]].id);
	}
	if (r == -ESTALE)
		return error_set(error, r, ERROR_FAILED, STEP_RECORD,
				 "what is pinned is not what was loaded");
	return r < 0 ? fail(error, r, "ask the kernel about", "what is pinned") : 0;
}

/* Removes what is in the folder of @fd and begins with @prefix. The first failure is returned, but
 * all are tried. */
static int remove_names(int fd, const char *prefix)
{
	struct dirent *entry;
	DIR *dir;
	int r = 0, copy;

	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy < 0)
		return -errno;
	dir = fdopendir(copy);
	if (!dir) {
		safe_close(copy);
		return -ENOMEM;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		/* a folder has been put there to be in the way */
		if (unlinkat(fd, entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0) < 0 &&
		    errno != ENOENT && r == 0)
			r = -errno;
	}
	closedir(dir);
	return r;
}

int pin_remove_folder(const char *name)
{
	_cleanup_close_ int root = -1, fd = -1;
	int r, r_rest;

	root = pin_root_open(NULL);
	if (root < 0)
		return is_absent(root) ? 0 : root;
	fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	/* Links first: what is being taken down must not run without the rest. */
	r = remove_names(fd, "link-");
	r_rest = remove_names(fd, "");
	if (r < 0 || r_rest < 0)
		return r < 0 ? r : r_rest;
	return unlinkat(root, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int pin_remove(const char *id, const struct pin_place *place, struct error *error)
{
	int r = id_valid(id) ? 0 : -EINVAL;

	if (r == 0 && place)
		r = pin_place_check(place, error);
	return r < 0 ? r : pin_remove_folder(id);
}

int pin_exists(const char *id)
{
	_cleanup_close_ int root = pin_root_open(NULL);

	if (root < 0)
		return root;
	if (!id_valid(id))
		return -EINVAL;
	if (faccessat(root, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

int pin_sweep(void)
{
	_cleanup_close_ int root = pin_root_open(NULL);

	if (root < 0)
		return is_hidden(root) ? 0 : root;
	return remove_names(root, PIN_TEMPORARY);
}

static int list_add(char ***ids, unsigned *n, const char *id)
{
	char **longer = reallocarray(*ids, *n + 1, sizeof(*longer));

	if (!longer)
		return -ENOMEM;
	*ids = longer;
	longer[*n] = strdup(id);
	if (!longer[*n])
		return -ENOMEM;
	++*n;
	return 0;
}

int pin_list(char ***ret_ids, unsigned *ret_n)
{
	struct dirent *entry;
	char **ids = NULL;
	unsigned n = 0;
	int fd, r = 0;
	DIR *dir;

	fd = pin_root_open(NULL);
	if (fd < 0 && !is_hidden(fd))
		return fd;
	if (fd >= 0) {
		dir = fdopendir(fd);
		if (!dir) {
			safe_close(fd);
			return -ENOMEM;
		}
		while (r == 0 && (entry = readdir(dir)))
			if (id_valid(entry->d_name))
				r = list_add(&ids, &n, entry->d_name);
		closedir(dir);
	}
	if (r < 0) {
		while (n > 0)
			free(ids[--n]);
		free(ids);
		return r;
	}
	*ret_ids = ids;
	*ret_n = n;
	return 0;
}
