/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of the publisher: read whole, written whole or not at all. */
#pragma once

#include "error.h"

/*
 * Reads the regular file @path, at most @size_max bytes. *ret is malloced, with a NUL behind the
 * content that *ret_size does not count. Errors name the file; ERROR_UNREADABLE.
 */
int file_read(const char *path, size_t size_max, char **ret, size_t *ret_size, struct error *error);

/*
 * Puts a file with this content at @path: a temporary file beside it, fsync, rename. A reader sees
 * the old file or the new one, never a part. A symbolic link is followed; anything at @path that
 * is no regular file is refused. An existing file's permissions are kept, a new one has 0666 less
 * the umask.
 */
int file_write(const char *path, const void *data, size_t size, struct error *error);

/*
 * Keeps others that lock @path, too, from changing it until *ret_fd (owned) is closed: from reading
 * it until it is written anew. Waits for @sec seconds at most. ERROR_BUSY, ERROR_UNREADABLE.
 */
int file_lock(const char *path, unsigned sec, int *ret_fd, struct error *error);

/* Makes @path, which must not exist, with exactly @mode, even under a wide umask. */
int file_create(const char *path, mode_t mode, const void *data, size_t size, struct error *error);

/* The part of @path behind the last '/'. */
const char *file_base_name(const char *path);
