/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record-file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "json.h"
#include "owned.h"
#include "record-json.h"
#include "replace.h"

static int fail(struct error *error, int r, const char *what, const char *name)
{
	error_set(error, r, ERROR_FAILED, STEP_RECORD, "cannot %s %s in the state folder: %s%s",
		  what, name, strerror(-r), replace_hint(r));
	if (error)
		error->errnum = -r;
	return r;
}

int record_folder_open(const char *path, int *ret_fd, struct error *error)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_set(error, -errno, ERROR_FAILED, STEP_RECORD,
				 "cannot make the state folder %s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(error, -errno, ERROR_FAILED, STEP_RECORD,
				 "cannot open the state folder %s: %s", path, strerror(errno));
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return error_set(error, -EPERM, ERROR_FAILED, STEP_RECORD,
				 "the state folder %s is not bpfgated's alone (uid %u, mode %04o): "
				 "remove it, and see who could write there",
				 path, st.st_uid, st.st_mode & 07777);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return error_set(error, -errno, ERROR_FAILED, STEP_RECORD,
				 "another bpfgated uses the state folder %s", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int record_write(int folder, const struct load *load, struct error *error)
{
	char name[LOAD_ID_SIZE + sizeof(RECORD_SUFFIX)];
	_cleanup_json_ struct json_object *object = NULL;
	bool renamed = false;
	size_t size;
	const char *text;
	int r;

	snprintf(name, sizeof(name), "%s" RECORD_SUFFIX, load->id);
	r = record_to_json(load, &object);
	if (r < 0)
		return fail(error, r, "write", name);
	text = json_serialize(object, JSON_C_TO_STRING_PRETTY, &size);
	if (!text)
		return fail(error, -ENOMEM, "write", name);
	if (size > RECORD_SIZE_MAX)
		return fail(error, -EFBIG, "write", name);
	r = replace_file(folder, name, text, &renamed);
	if (r == 0)
		return 0;
	if (renamed)
		unlinkat(folder, name, 0);
	return fail(error, r, "write", name);
}

int record_read(int folder, const char *id, struct load **ret, struct error *error)
{
	_cleanup_json_ struct json_object *object = NULL;
	_cleanup_error_ struct error why = ERROR_INIT;
	_cleanup_load_ struct load *load = NULL;
	char name[LOAD_ID_SIZE + sizeof(RECORD_SUFFIX)];
	struct json_position position = {0};
	_cleanup_free_ char *text = NULL;
	const char *reason = "";
	size_t size;
	int r;

	if (!record_id_valid(id))
		return fail(error, -EINVAL, "read", id);
	snprintf(name, sizeof(name), "%s" RECORD_SUFFIX, id);
	r = owned_read(folder, "the state folder", name, geteuid(), RECORD_SIZE_MAX, &text, &size,
		       &why);
	if (r != 0)
		return error_set(error, r < 0 ? r : -ELOOP, ERROR_FAILED, STEP_RECORD,
				 "cannot read record %s: %s", name,
				 r < 0 ? error_message(&why) : "a symbolic link");
	r = json_parse(text, size, RECORD_SIZE_MAX, &object, &position, &reason);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_RECORD, "record %s:%u:%u: %s", name,
				 position.line, position.column, reason);
	r = record_from_json(object, &load, &why);
	if (r == 0 && !streq(load->id, id))
		r = error_set(&why, -EBADMSG, ERROR_FAILED, STEP_RECORD, "it is of another load");
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_RECORD, "record %s: %s", name,
				 why.message ?: strerror(-r));
	*ret = TAKE_PTR(load);
	return 0;
}

int record_remove(int folder, const char *id)
{
	char name[LOAD_ID_SIZE + sizeof(RECORD_SUFFIX)];

	snprintf(name, sizeof(name), "%s" RECORD_SUFFIX, id);
	if (unlinkat(folder, name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fsync(folder) < 0 ? -errno : 0;
}

int record_list(int folder, char ***ret_ids, unsigned *ret_n)
{
	_cleanup_free_ char **ids = NULL;
	struct dirent *entry;
	unsigned n = 0;
	int fd, r = 0;
	DIR *dir;

	fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		safe_close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (entry = readdir(dir))) {
		size_t size = strlen(entry->d_name);
		char **longer, id[LOAD_ID_SIZE];

		if (strncmp(entry->d_name, REPLACE_NEW, strlen(REPLACE_NEW)) == 0)
			unlinkat(folder, entry->d_name, 0);
		if (size != LOAD_ID_SIZE - 1 + strlen(RECORD_SUFFIX) ||
		    !streq(entry->d_name + LOAD_ID_SIZE - 1, RECORD_SUFFIX))
			continue;
		memcpy(id, entry->d_name, LOAD_ID_SIZE - 1);
		id[LOAD_ID_SIZE - 1] = '\0';
		if (!record_id_valid(id))
			continue;
		longer = reallocarray(ids, n + 1, sizeof(*ids));
		r = longer ? 0 : -ENOMEM;
		ids = longer ?: ids;
		if (r == 0 && !(ids[n++] = strdup(id)))
			r = -ENOMEM;
	}
	closedir(dir);
	if (r < 0) {
		while (n > 0)
			free(ids[--n]);
		return r;
	}
	*ret_ids = TAKE_PTR(ids);
	*ret_n = n;
	return 0;
}
