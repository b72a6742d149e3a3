/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One rule compared with a request. Private to authorise.c and explain.c. */
#pragma once

#include "authorise.h"
#include "policy-rule.h"

struct policy_mismatch {
	unsigned passed;  /* conditions that held before the one that did not */
	char reason[512]; /* "the bundle 'x' is not one of the rule's" */
};

/* What a later look at the load goes by: so many of these signers (bit i: the request's signer i,
 * not the same key as one before) must be good. For a rule that matches. */
unsigned policy_rule_required(const struct policy_rule *rule);
uint32_t policy_rule_signers(const struct policy_rule *rule, const struct request *request);

bool policy_rule_names(const struct policy_rule *rule, const struct peer *peer);

/* Do all conditions but the subjects and the limits hold? If not, *ret_mismatch says which. */
bool policy_rule_matches(const struct policy_rule *rule, const struct request *request,
			 struct policy_mismatch *ret_mismatch);
