/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What loads there are, and what they take: of each user, and of all users of each rule. Inside of
 * record, guarded by the table's lock. Who has nothing has no account.
 */
#pragma once

#include "loader.h"

/* A rule as it is known from one reload to the next: by its name and file. */
struct rule_id {
	char *name, *file; /* owned */
};
/* @source: "FILE:LINE". -ENOMEM. */
int rule_id_set(struct rule_id *id, const char *name, const char *source);
bool rule_id_is(const struct rule_id *id, const char *name, const char *source);
void rule_id_done(struct rule_id *id);

struct account {
	struct account *next;
	uid_t uid;	   /* of a user's */
	struct rule_id id; /* of a rule's */
	unsigned n_loads, n_reserved, n_charged;
	struct usage known;		   /* the sum of what is bounded */
	unsigned n_memory, n_instructions; /* loads of which it is not */
};

#define ACCOUNT_BUCKETS 1024u
struct accounts {
	struct account *users[ACCOUNT_BUCKETS], *rules[ACCOUNT_BUCKETS];
};

/* NULL: has nothing (and @make was not asked for, or there is no memory). */
struct account *account_of_user(struct accounts *accounts, uid_t uid, bool make);
struct account *account_of_rule(struct accounts *accounts, const char *name, const char *source,
				bool make);

/* Drops the accounts of both, where there is nothing on them any more. */
void account_put_user(struct accounts *accounts, uid_t uid);
void account_put_rule(struct accounts *accounts, const char *name, const char *source);
void accounts_done(struct accounts *accounts);

/* One load more, or less. What cannot be told is counted by itself, or it could not be taken off.
 */
void account_add(struct account *account, const struct usage *usage);
void account_sub(struct account *account, const struct usage *usage);
/* The sums; USAGE_UNKNOWN where that of any load is. */
struct usage account_usage(const struct account *account);
