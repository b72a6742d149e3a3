/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loads of eventfds, and a table in a folder of its own, for the tests of record. */
#pragma once

#include "check.h"
#include "record.h"

struct record_fixture {
	char folder[64];
	struct table *table;
};
int record_setup(void **state);
int record_teardown(void **state);

/* A session load of two programs (the second with a link for each of two CPUs) and a map. */
struct load *load_make(uid_t uid, uint64_t usec);

/* The folder of its records, owned. */
int record_folder(const struct record_fixture *f);
/* "ID.json", in a static buffer. */
const char *record_name(const struct load *load);
void record_write_text(const char *path, const char *text, size_t size, mode_t mode);

bool is_open(int fd);
unsigned count_fds(void);
