/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules of policy.d, read from their files: deny by default, the first rule that matches
 * decides. Format: bpfgate-policy(5). The daemon decides by them (daemon/authorise.h), `bpfctl
 * policy check` says what is wrong with them. A policy is an immutable, reference counted snapshot.
 */
#pragma once

#include <sys/types.h>

#include "error.h"

#define POLICY_DIR_ETC "/etc/bpfgate/policy.d"
#define POLICY_DIR_USR "/usr/lib/bpfgate/policy.d"

enum lifetime {
	LIFETIME_SESSION,
	LIFETIME_PERSISTENT,
	_LIFETIME_MAX,
};
const char *lifetime_name(enum lifetime lifetime);
int lifetime_from_name(const char *name, enum lifetime *ret);

/* How many loads may begin in any time of that length. */
struct policy_rate {
	unsigned loads; /* 0: any number */
	uint32_t seconds;
};
#define POLICY_RATE_MAX 1000u

/* What may be had at a time; 0: no limit. */
struct policy_limits {
	unsigned loads;
	uint64_t map_memory; /* bytes */
	uint64_t instructions;
	struct policy_rate rate;
};

struct policy {
	unsigned refs;
	bool deny_all; /* a file could not be used: reason says which, where and why */
	char *reason;
	unsigned n_files;
	char **files; /* full paths, in the order they were read */
	unsigned n_rules;
	struct policy_rule *rules; /* policy-rule.h */
};

/*
 * Reads the drop-ins of @dirs (NULL terminated, first wins over later ones of the same file name,
 * as /etc over /usr/lib; a link to /dev/null masks), sorted by file name. Any file that is
 * unreadable, does not parse, or is not @owner's alone (it and its parent folders) makes a snapshot
 * with deny_all and the reason "FILE:LINE:COLUMN: ...". No files: everything is denied by default.
 */
int policy_read(const char *const *dirs, uid_t owner, struct policy **ret, struct error *error);

/* The same, but what policy_read() gives as the reason is an error here, with the fields "file",
 * "line" and "column" where it has a place in a text. */
int policy_read_checked(const char *const *dirs, uid_t owner, struct policy **ret,
			struct error *error);

/* One file by itself, wherever it is and whoever's: what would be said of its text. */
int policy_read_file(const char *path, struct policy **ret, struct error *error);

struct policy *policy_ref(struct policy *policy);
void policy_unref(struct policy *policy);
static inline void policy_unrefp(struct policy **p)
{
	policy_unref(*p);
}
#define _cleanup_policy_ _cleanup_(policy_unrefp)
