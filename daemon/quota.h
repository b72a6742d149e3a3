/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Limits of a rule compared with what there is. They are looked at when the rule has decided, and
 * can only deny: ERROR_DENIED, with fields "rule", "ruleSource", "limit" (as in the policy;
 * "total.mapMemory" for that of all users together), "allowed", "used" and "asked".
 */
#pragma once

#include "loader.h"
#include "policy.h"

/* Whose limit, and of which rule; borrowed. */
struct quota {
	const char *rule, *source;
	uid_t uid;
	bool total; /* of all users of the rule together */
};

/* One more load beside @used of them, at STEP_AUTHORISE. */
int quota_loads(const struct quota *quota, unsigned max, unsigned used, struct error *error);

/* The load was one too many in that time; @wait: seconds until it would not be. */
int quota_rate_exceeded(const struct quota *quota, const struct policy_rate *rate, uint64_t wait,
			struct error *error);

/* The kernel gave a load no more memory: @used bytes are charged to that limit. At STEP_LOAD. */
int quota_memory(const struct quota *quota, uint64_t max, uint64_t used, struct error *error);

/* What a load takes, beside what there is, at STEP_ATTEST. */
int quota_usage(const struct quota *quota, const struct policy_limits *limits,
		const struct usage *used, const struct usage *asked, struct error *error);
