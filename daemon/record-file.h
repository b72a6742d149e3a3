/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file of a persistent load in the state folder, ID.json: all that the kernel's objects do not
 * say of themselves. It is the daemon's own, and still checked when it is read back: a file that
 * does not say exactly what a daemon would write is no record.
 */
#pragma once

#include "record.h"

#define RECORD_SIZE_MAX (1024u * 1024)
#define RECORD_SUFFIX	".json"

/* Makes (0700) and locks the folder: two daemons with one would take each other's loads down. */
int record_folder_open(const char *path, int *ret_fd, struct error *error);

/* Written beside, synced, renamed: there is the whole file or none. ERROR_FAILED at STEP_RECORD. */
int record_write(int folder, const struct load *load, struct error *error);
/* *ret has no objects yet: links has .attachment set and .fd = -1. */
int record_read(int folder, const char *id, struct load **ret, struct error *error);
/* Absent is fine. */
int record_remove(int folder, const char *id);

/* The ids that have a file; malloced array of malloced strings. Removes half written files. */
int record_list(int folder, char ***ret_ids, unsigned *ret_n);
