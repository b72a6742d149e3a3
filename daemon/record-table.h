/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of record: the table, for record.c and its siblings. */
#pragma once

#include <pthread.h>

#include "account.h"
#include "rate.h"
#include "record.h"

#define TABLE_BUCKETS 1024u

struct table {
	int folder; /* the state folder, locked */
	int pins;   /* PIN_ROOT, locked by table_restore(), or -1: there was no bpffs */
	pthread_mutex_t lock;
	unsigned n_loads;
	unsigned n_following;		     /* of them, those that follow others */
	unsigned n_unknown;		     /* of them, those that are .unknown */
	struct load *first, *last;	     /* oldest first */
	struct load *buckets[TABLE_BUCKETS]; /* by id */
	struct load *digests[TABLE_BUCKETS];
	struct accounts accounts;
	struct rates rates;
};

/* Lock held; takes the caller's reference over on success. Charges what is not charged yet, over
 * any limit. -ENOMEM. */
int table_insert(struct table *table, struct load *load);

/* The bucket for @key, an id or digest. */
struct load **table_bucket(struct load *buckets[TABLE_BUCKETS], const char *key);

/* One's own; uid 0: all. */
static inline bool table_visible(const struct load *load, uid_t uid)
{
	return uid == 0 || load->uid == uid;
}

/* Lock held. What is not there and what @uid may not see look the same: NULL. */
struct load *table_lookup(struct table *table, const char *id, uid_t uid);
int table_not_found(const char *id, struct error *error);

/* Lock held. The table's reference goes to the caller. */
void table_take_out(struct table *table, struct load *load);

/* Takes down what is taken out, and its reference. On failure it is in the table again. */
int table_take_down(struct table *table, struct load *load, struct error *error);

/* ---- record-stage.c; lock held ---- */

/* ERROR_NO_BASE where @load follows what is not there. */
int stage_check_locked(struct table *table, const struct load *load, struct error *error);
/* ERROR_NEEDED where @load has dependents; names those that @uid may see. */
int stage_check_alone_locked(struct table *table, struct load *load, uid_t uid,
			     struct error *error);

/* ---- record-quota.c; lock held ---- */

/* One load of these more or less (@by: 1, -1), of those that are charged. */
void table_count_locked(struct table *table, const struct load *load, int by);
/* Takes what is charged already as it is. -ENOMEM. */
int table_charge_locked(struct table *table, struct load *load);
void table_uncharge_locked(struct table *table, struct load *load);
