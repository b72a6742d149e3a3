/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of record: the table, for record.c and record-restore.c. */
#pragma once

#include <pthread.h>

#include "account.h"
#include "rate.h"
#include "record.h"

#define TABLE_BUCKETS 1024u

struct table {
	int folder; /* the state folder, locked */
	int pins;   /* PIN_ROOT, locked by table_restore(), or -1 */
	pthread_mutex_t lock;
	unsigned n_loads;
	struct load *first, *last; /* oldest first */
	struct load *buckets[TABLE_BUCKETS];
	struct accounts accounts;
	struct rates rates;
};

/* Lock held; takes the caller's reference over on success. Charges what is not charged yet, over
 * any limit. -ENOMEM. */
int table_insert(struct table *table, struct load *load);

/* ---- record-quota.c; lock held ---- */

/* One load of these more or less (@by: 1, -1), of those that are charged. */
void table_count_locked(struct table *table, const struct load *load, int by);
/* Takes what is charged already as it is. -ENOMEM. */
int table_charge_locked(struct table *table, struct load *load);
void table_uncharge_locked(struct table *table, struct load *load);
