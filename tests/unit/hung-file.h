/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file on a FUSE mount that answers to everything but what a test wants to hang: reading, asking
 * for attributes, flushing at close. Needs root, /dev/fuse and mount(2).
 */
#pragma once

#include "util.h"

struct hung_file;

enum hung_on {
	HUNG_READ = 1,
	HUNG_GETATTR = 2, /* of the file, once it is open */
	HUNG_FLUSH = 4,
};

/* 0, or -EOPNOTSUPP where this machine cannot do it. @on: enum hung_on, ored. */
int hung_file_new(unsigned on, struct hung_file **ret);

/* The file, open for reading; the caller's. */
int hung_file_open(struct hung_file *file);

/* Ends the file system: whatever hangs on it gets an error. */
void hung_file_free(struct hung_file *file);
