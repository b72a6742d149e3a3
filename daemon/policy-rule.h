/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One rule of a policy, taken apart, and the two things done with it: read from a file
 * (policy-parse.c for the whole, policy-subjects.c,
 * policy-conditions.c, policy-text.c for positions) and compared with a request (policy-match.c).
 * Private to the policy*.c files; revocation-read.c shares what reads a text.
 */
#pragma once

#include "json.h"
#include "policy.h"

#define POLICY_FILE_MAX	 (256u * 1024)
#define POLICY_RULES_MAX 1024u /* of one file */
#define POLICY_LIST_MAX	 256u  /* entries of one list */

#define POLICY_UID_NOBODY 65534u /* whoever has no uid here; never a subject */
#define POLICY_UID_MAX	  (UINT32_MAX - 1)

struct policy_strings {
	unsigned n;
	char **items;
};

struct policy_signer {
	char *file; /* of keys.d; or NULL: */
	uint8_t digest[DIGEST_SIZE];
};

struct policy_range {
	uint32_t first, last; /* both included */
};

/* A list that was left out is empty here, and the other way round. */
struct policy_rule {
	char *name;
	char *source; /* "FILE:LINE" */
	bool deny;

	/* subjects, alternatives; none where only names were given that do not exist */
	unsigned n_uids, n_gids;
	struct policy_range *uids;
	uint32_t *gids;

	struct policy_strings bundles;
	unsigned required; /* distinct signers; allow: >= 1, deny: 0 */
	unsigned n_signers;
	struct policy_signer *signers;

	unsigned n_types;
	enum bpf_prog_type *types;
	struct policy_strings attach;
	struct policy_strings kfuncs; /* allow: none where left out */

	unsigned grants;    /* 1 << enum map_grant; 0: allow none, deny any */
	unsigned lifetimes; /* 1 << enum lifetime; allow: never 0, deny: 0 is any */
	unsigned max_loads; /* 0: no limit */
	bool keep_revoked;  /* allow: what runs goes on when it is revoked */
};

/* What the parsing functions pass along: the text, for positions, and where errors go. */
struct policy_text {
	const char *file; /* full path */
	const char *text;
	size_t size;
	struct error *error;
};

/* A place in the text: "rules[1].subjects.users[0]". Longer ones are cut; see policy_refuse(). */
struct policy_path {
	char text[256];
};
struct policy_path policy_path_member(const struct policy_path *path, const char *name);
struct policy_path policy_path_item(const struct policy_path *path, unsigned index);

/* Fills the error with "FILE:LINE:COLUMN: ..." of what is at @path or, where that cannot be found,
 * of the innermost thing around it. Returns -EINVAL. */
int policy_refuse(const struct policy_text *text, const struct policy_path *path,
		  const char *format, ...) _printf_(3, 4);

/* json_dispatch() that refuses null values too (one would undo a condition in silence), names
 * members of later versions, and reports by policy_refuse(). */
int policy_dispatch(const struct policy_text *text, const struct policy_path *path,
		    struct json_object *object, const struct json_member *members);

int policy_out_of_memory(const struct policy_text *text);

/* Calls @each for every entry of a list of 1..POLICY_LIST_MAX entries, until one fails. */
typedef int (*policy_item_fn)(const struct policy_text *text, const struct policy_path *path,
			      struct json_object *item, struct policy_rule *rule);
int policy_each_item(const struct policy_text *text, const struct policy_path *path,
		     struct json_object *list, struct policy_rule *rule, policy_item_fn each);

/* @item as a string in *ret (borrowed). */
int policy_item_string(const struct policy_text *text, const struct policy_path *path,
		       struct json_object *item, const char **ret);

/* @rule->deny is known already. */
int policy_parse_subjects(const struct policy_text *text, const struct policy_path *path,
			  struct json_object *object, struct policy_rule *rule);

/* The members of a rule that are conditions or limits, NULL where left out. */
struct policy_conditions {
	struct json_object *bundles, *signatures, *programs, *grant, *limits, *lifetime;
};
int policy_parse_conditions(const struct policy_text *text, const struct policy_path *path,
			    const struct policy_conditions *conditions, struct policy_rule *rule);

/* Reads all rules of a file; on failure *ret_rules is as it was. */
int policy_parse(const char *file, const char *content, size_t size, struct policy_rule **ret_rules,
		 unsigned *ret_n, struct error *error);
void policy_rules_free(struct policy_rule *rules, unsigned n);

/* ---- policy-match.c ---- */

struct policy_mismatch {
	unsigned passed;  /* conditions that held before the one that did not */
	char reason[512]; /* "the bundle 'x' is not one of the rule's" */
};

/* Bit i: the request's signer i is one of the rule's, and not the same key as one before. */
uint32_t policy_rule_signers(const struct policy_rule *rule, const struct request *request);

bool policy_rule_names(const struct policy_rule *rule, const struct peer *peer);

/* Do all conditions but the subjects and the limits hold? If not, *ret_mismatch says which. */
bool policy_rule_matches(const struct policy_rule *rule, const struct request *request,
			 struct policy_mismatch *ret_mismatch);
