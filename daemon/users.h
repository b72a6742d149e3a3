/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What each user has of the daemon at present: so many connections, so many calls under way. Used
 * by the loop's thread alone. A user who has nothing costs nothing.
 */
#pragma once

#include <sys/types.h>

#include "util.h"

enum user_slot {
	USER_CONNECTIONS,
	USER_LOADS,
	USER_JOBS,
	_USER_SLOT_MAX,
};

struct user;

struct users {
	struct user *first;
};

/* One more for @uid. -EDQUOT where that would be more than @max, -ENOMEM. */
int users_charge(struct users *users, uid_t uid, enum user_slot slot, unsigned max);
/* One who has something, for as long as he has; NULL: he has nothing. */
struct user *users_find(const struct users *users, uid_t uid);
unsigned user_count(const struct user *user, enum user_slot slot);
void users_release(struct users *users, uid_t uid, enum user_slot slot);
