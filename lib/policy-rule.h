/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One rule of a policy, taken apart: read from a file here (policy-parse.c for the whole,
 * policy-subjects.c, policy-conditions.c, policy-text.c for positions), compared with a request in
 * daemon/policy-match.c. For those who read or compare rules only.
 * (daemon/revocation-read.c shares what reads a text.)
 */
#pragma once

#include "bundle.h"
#include "json.h"
#include "manifest.h"
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

/* So many distinct keys of these must have signed. */
struct policy_group {
	unsigned required;  /* allow: >= 1, deny: 0 */
	unsigned n_signers; /* 0: any trusted key */
	struct policy_signer *signers;
};

struct policy_range {
	uint32_t first, last; /* both included */
};

/* A list that was left out is empty here, and the other way round. */
struct policy_rule {
	char *name;
	char *source; /* "FILE:LINE" */
	bool deny;

	/* subjects, alternatives; no uid or gid where only names were given that do not exist */
	unsigned n_uids, n_gids;
	struct policy_range *uids;
	uint32_t *gids;
	struct policy_strings units;
	struct policy_strings unknown; /* "user 'x'": names that do not exist */

	struct policy_strings bundles;
	/* A key counts for one group only. Allow: one or more, deny: one, or none for any signer.
	 */
	unsigned n_groups;
	struct policy_group *groups;

	unsigned n_types;
	enum bpf_prog_type *types;
	struct policy_strings attach;
	struct policy_strings kfuncs;  /* allow: none where left out */
	struct policy_strings helpers; /* allow: any where left out; deny: never */

	struct policy_strings tunables; /* that may be set; allow: none where left out */

	uint32_t effects;	     /* 1 << enum effect; 0: allow none, deny any */
	unsigned grants;	     /* 1 << enum map_grant; 0: allow none, deny any */
	unsigned lifetimes;	     /* 1 << enum lifetime; allow: never 0, deny: 0 is any */
	struct policy_limits limits; /* of each user */
	struct policy_limits total;  /* of all whom the rule allows something, together */
	bool keep_revoked;	     /* allow: what runs goes on when it is revoked */
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

/* The same for a place that is known; @r is returned. */
int policy_fail_at(const struct policy_text *text, int r, struct json_position position,
		   const char *message);

/* json_dispatch() that refuses null values too (one would undo a condition in silence) and reports
 * by policy_refuse(). */
int policy_dispatch(const struct policy_text *text, const struct policy_path *path,
		    struct json_object *object, const struct json_member *members);

/* "FILE:LINE" of each entry of the list at @path, in order; malloced. 0 or -ENOMEM. */
void policy_walk(const struct policy_text *text, const struct policy_path *path,
		 struct json_walk *ret);
int policy_next_source(const struct policy_text *text, struct json_walk *walk, char **ret);

int policy_out_of_memory(const struct policy_text *text);

/* Calls @each for every entry of a list of 1..POLICY_LIST_MAX entries, until one fails. */
typedef int (*policy_item_fn)(const struct policy_text *text, const struct policy_path *path,
			      struct json_object *item, struct policy_rule *rule);
int policy_each_item(const struct policy_text *text, const struct policy_path *path,
		     struct json_object *list, struct policy_rule *rule, policy_item_fn each);

/* @item as a string in *ret (borrowed). */
int policy_item_string(const struct policy_text *text, const struct policy_path *path,
		       struct json_object *item, const char **ret);

int policy_add_string(const struct policy_text *text, struct policy_strings *strings,
		      const char *item);

/* @rule->deny is known already. */
int policy_parse_subjects(const struct policy_text *text, const struct policy_path *path,
			  struct json_object *object, struct policy_rule *rule);

/* @object may be NULL, for an allow rule that leaves it out. */
int policy_parse_signatures(const struct policy_text *text, const struct policy_path *path,
			    struct json_object *object, struct policy_rule *rule);

int policy_parse_limits(const struct policy_text *text, const struct policy_path *path,
			struct json_object *object, struct policy_rule *rule);

/* The members of a rule that are conditions or limits, NULL where left out. */
struct policy_conditions {
	struct json_object *bundles, *signatures, *programs, *effects, *grant, *tunables, *limits,
		*lifetime;
};
int policy_parse_conditions(const struct policy_text *text, const struct policy_path *path,
			    const struct policy_conditions *conditions, struct policy_rule *rule);

/* Reads all rules of a file; on failure *ret_rules is as it was. */
int policy_parse(const char *file, const char *content, size_t size, struct policy_rule **ret_rules,
		 unsigned *ret_n, struct error *error);
void policy_rules_free(struct policy_rule *rules, unsigned n);
