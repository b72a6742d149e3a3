/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Step "authorise": the rules of policy.d (lib/policy.h), deny by default, the first rule that
 * matches decides.
 */
#pragma once

#include "manifest.h"
#include "peer.h"
#include "policy.h"
#include "trust.h"

/* One exact attachment: which program of the manifest, where to. */
struct attachment {
	unsigned program;     /* index into manifest->programs */
	struct target target; /* owned by whoever owns the array */
};

/* All that is known of a load when it is decided on; everything is borrowed. */
struct request {
	const struct peer *peer;
	const struct manifest *manifest;
	unsigned n_signers;
	const struct trusted_key *const *signers; /* verified, distinct */
	unsigned n_attachments;
	const struct attachment *attachments; /* fit the manifest already */
	uint64_t tunables_set;		      /* bit i: the client set manifest->tunables[i] */
	enum lifetime lifetime;
	unsigned n_loads; /* that this uid has at present */
};

struct decision {
	char *rule;   /* name of the rule that allowed */
	char *source; /* "/etc/bpfgate/policy.d/50-x.json:12" */
	/* what a later look at the load goes by: so many of these signers (bit i: request's i) */
	unsigned required;
	uint32_t signers;
	bool keep_revoked; /* it goes on when it is revoked */
	unsigned n_kfuncs;
	char **kfuncs; /* patterns of the kernel functions that it lets programs call */
	unsigned n_helpers;
	char **helpers;		     /* the same of helpers; none: any */
	struct policy_limits limits; /* of the user */
	struct policy_limits total;  /* of all its users together */
};
void decision_done(struct decision *decision);
#define _cleanup_decision_ _cleanup_(decision_done)

/*
 * 0 when a rule allows @request; else -EACCES and ERROR_DENIED at STEP_AUTHORISE with the rule that
 * denied or, by default, why each rule that names this subject did not match (field "reasons").
 */
int policy_authorise(const struct policy *policy, const struct request *request,
		     struct decision *ret, struct error *error);

/* What one rule had to say. */
struct verdict {
	const char *rule, *source;
	bool deny;
	bool names;	    /* the subject is among the rule's */
	const char *reason; /* why it does not match; NULL: it matches, and decides */
};

/*
 * Tells of each rule in order, up to the one that decides: what policy_authorise() goes by. Of none
 * where a refusal has nothing to do with rules.
 */
void policy_explain(const struct policy *policy, const struct request *request,
		    void (*each)(const struct verdict *verdict, void *userdata), void *userdata);
