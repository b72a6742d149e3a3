/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of the configuration: read only if nobody but their owner could have written them. A folder
 * is reached from "/" one component at a time, without following symbolic links; it and each folder
 * above it must belong to root or @owner and be writable by nobody else. A folder above it may be
 * sticky (/tmp): there nobody can replace what belongs to another.
 *
 * Errors are ERROR_FAILED with a sentence that names the path; the caller adds step and context.
 */
#pragma once

#include <sys/types.h>

#include "error.h"

#define OWNED_FILES_MAX 1024u /* of one folder */

/* @path is absolute. -ENOENT (@error untouched) when it does not exist. *ret_fd is owned. */
int owned_open_folder(const char *path, uid_t owner, int *ret_fd, struct error *error);

/*
 * The names in the folder that end in @suffix and do not begin with '.', sorted by strcmp();
 * malloced array of malloced strings, owned_names_free(). @path is for messages.
 */
int owned_list(int folder_fd, const char *path, const char *suffix, char ***ret, unsigned *ret_n,
	       struct error *error);
void owned_names_free(char **names, unsigned n);

/*
 * Reads the regular file @name of the folder: 0 and its content (malloced, a NUL behind it that
 * *ret_size does not count), or 1 when it is a link to /dev/null, which masks the name; or a
 * negative errno: any other link, another kind of file, not @owner's (or root's) alone, over
 * @size_max bytes.
 */
int owned_read(int folder_fd, const char *path, const char *name, uid_t owner, size_t size_max,
	       char **ret, size_t *ret_size, struct error *error);

/* The rest of @fd, as owned_read() gives it: 0, -EFBIG over @size_max bytes, or another errno. */
int owned_read_all(int fd, size_t size_max, char **ret, size_t *ret_size);
