/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many loads have begun in the last minute, hour... by a rule: of each user, and of all its
 * users together. The times themselves are kept, so no time of that length has more than are
 * allowed, wherever it begins. In memory only, and bounded: where there are too many users, the one
 * who has begun nothing for the longest time is forgotten, of those of the rule that has the most
 * users; he could begin more only by as many uids as there are places. Totals and root are never
 * forgotten. Not locked.
 */
#pragma once

#include <sys/types.h>

#include "policy.h"

#define RATES_MAX 1024u /* users who have begun something lately, by one rule each */

struct rate_times;

struct rates {
	unsigned n; /* but for totals, of which there is one a rule */
	struct rate_times *first;
};

/* Whose loads by which rule: its name, and its file with or without ":LINE", which may change. */
struct rate_key {
	const char *rule, *source;
	bool total;
	uid_t uid; /* not for the total */
};

/*
 * Counts one that begins at @now (microseconds of CLOCK_BOOTTIME). -EDQUOT where it would be one
 * too many: then *ret_wait is the time, in microseconds, until it would not be. -ENOMEM.
 * On failure nothing is counted.
 */
int rate_take(struct rates *rates, const struct rate_key *key, const struct policy_rate *rate,
	      uint64_t now, uint64_t *ret_wait);
/* How many count at present. */
unsigned rate_count(const struct rates *rates, const struct rate_key *key, uint64_t now);
/* Takes the last one back. */
void rate_give_back(struct rates *rates, const struct rate_key *key);
void rates_done(struct rates *rates);
