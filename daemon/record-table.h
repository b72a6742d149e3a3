/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of record: the table, for record.c and record-restore.c. */
#pragma once

#include <pthread.h>

#include "record.h"

#define TABLE_BUCKETS 1024u

struct table_user {
	struct table_user *next;
	uid_t uid;
	unsigned n_loads, n_reserved;
};

struct table {
	int folder; /* the state folder, locked */
	int pins;   /* PIN_ROOT, locked by table_restore(), or -1 */
	pthread_mutex_t lock;
	unsigned n_loads;
	struct load *first, *last; /* oldest first */
	struct load *buckets[TABLE_BUCKETS];
	struct table_user *users[TABLE_BUCKETS];
};

/* Lock held; takes the caller's reference over on success. -ENOMEM. */
int table_insert(struct table *table, struct load *load);
