/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which refusals have an entry of their own in the journal: so many of each user in a while, so
 * that nobody can fill it; the others are counted, and said as "and N more". Users that there is no
 * place for share one. There is a limit for all together as well, as a user may have many uids
 * (subuid(5)); but everybody has his first few. Not locked.
 */
#pragma once

#include <sys/types.h>

#include "util.h"

#define REFUSAL_SLOTS	512u
#define REFUSAL_ENTRIES 50u  /* of one user in REFUSAL_USEC */
#define REFUSAL_FIRST	3u   /* of these, so many whatever others do */
#define REFUSAL_ALL	500u /* of all users in REFUSAL_USEC, but for the first few of each */
#define REFUSAL_USEC	(10ull * 1000 * 1000)
#define REFUSAL_OTHERS	((uid_t)-1) /* those that there is no place for */

struct refusal_slot {
	uint64_t begin_usec; /* 0: nobody's */
	uint64_t left_out;   /* since the last entry */
	uid_t uid;
	unsigned n; /* entries since begin_usec */
};

struct refusal_limits {
	struct refusal_slot all, others, root;
	struct refusal_slot slots[REFUSAL_SLOTS];
};

/* May a refusal of @uid at @now (microseconds, not 0) have an entry? Then *ret_left_out is how many
 * before it had none. */
bool refusal_take(struct refusal_limits *limits, uid_t uid, uint64_t now, uint64_t *ret_left_out);

/* One whose time is over and who has no entry for some: true, and they count as told. */
bool refusal_summary(struct refusal_limits *limits, uint64_t now, uid_t *ret_uid,
		     uint64_t *ret_left_out);
/* When there is a summary to ask for; 0: never, unless more is left out. */
uint64_t refusal_due(const struct refusal_limits *limits);
