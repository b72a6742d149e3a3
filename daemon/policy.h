/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Step "authorise": the rules of policy.d, deny by default, the first rule that matches decides.
 * Format: bpfgate-policy(5). A policy is an immutable, reference counted snapshot.
 */
#pragma once

#include "manifest.h"
#include "peer.h"
#include "trust.h"

enum lifetime {
	LIFETIME_SESSION,
	LIFETIME_PERSISTENT,
	_LIFETIME_MAX,
};
const char *lifetime_name(enum lifetime lifetime);
int lifetime_from_name(const char *name, enum lifetime *ret);

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
};
void decision_done(struct decision *decision);
#define _cleanup_decision_ _cleanup_(decision_done)

struct policy {
	unsigned refs;
	bool deny_all; /* a file could not be used: reason says which, where and why */
	char *reason;
	unsigned n_files;
	char **files; /* full paths, in the order they were read */
	unsigned n_rules;
	struct policy_rule *rules;
};

/*
 * Reads the drop-ins of @dirs (NULL terminated, first wins over later ones of the same file name,
 * as /etc over /usr/lib; a link to /dev/null masks), sorted by file name. Any file that is
 * unreadable, does not parse, or is not @owner's alone (it and its parent folders) makes a snapshot
 * with deny_all and the reason "FILE:LINE:COLUMN: ...". No files: everything is denied by default.
 */
int policy_read(const char *const *dirs, uid_t owner, struct policy **ret, struct error *error);
struct policy *policy_ref(struct policy *policy);
void policy_unref(struct policy *policy);
static inline void policy_unrefp(struct policy **p)
{
	policy_unref(*p);
}
#define _cleanup_policy_ _cleanup_(policy_unrefp)

/*
 * 0 when a rule allows @request; else -EACCES and ERROR_DENIED at STEP_AUTHORISE with the rule that
 * denied or, by default, why each rule that names this subject did not match (field "reasons").
 */
int policy_authorise(const struct policy *policy, const struct request *request,
		     struct decision *ret, struct error *error);
