/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "signatures": n of m keys, or that of each of several groups. */
#include "policy-rule.h"

#define SIGNER_PEM    ".pem"
#define SIGNER_SHA256 "sha256:"

static int parse_signer_name(const struct policy_text *text, const struct policy_path *path,
			     const char *name, struct policy_signer *ret)
{
	size_t size = strlen(name), tail = strlen(SIGNER_PEM);

	if (strncmp(name, SIGNER_SHA256, strlen(SIGNER_SHA256)) == 0) {
		if (hex_decode(name + strlen(SIGNER_SHA256), ret->digest, DIGEST_SIZE) < 0)
			return policy_refuse(text, path,
					     "'%s' is no digest: 'sha256:' and 64 hexadecimal "
					     "digits",
					     name);
		return 0;
	}
	if (size <= tail || !streq(name + size - tail, SIGNER_PEM) || strchr(name, '/'))
		return policy_refuse(text, path,
				     "'%s' is no signer: the name of a file in keys.d, such as "
				     "'release.pem', or 'sha256:' and the digest of a key",
				     name);
	ret->file = strdup(name);
	return ret->file ? 0 : policy_out_of_memory(text);
}

static bool same_signer(const struct policy_signer *a, const struct policy_signer *b)
{
	if (a->file || b->file)
		return a->file && b->file && streq(a->file, b->file);
	return memcmp(a->digest, b->digest, DIGEST_SIZE) == 0;
}

/* The group that is being read is the last one. */
static struct policy_group *last_group(struct policy_rule *rule)
{
	return &rule->groups[rule->n_groups - 1];
}

static int add_group(const struct policy_text *text, struct policy_rule *rule)
{
	struct policy_group *groups;

	groups = reallocarray(rule->groups, rule->n_groups + 1, sizeof(*groups));
	if (!groups)
		return policy_out_of_memory(text);
	rule->groups = groups;
	groups[rule->n_groups++] = (struct policy_group){.required = rule->deny ? 0 : 1};
	return 0;
}

static int parse_signer(const struct policy_text *text, const struct policy_path *path,
			struct json_object *item, struct policy_rule *rule)
{
	struct policy_group *group = last_group(rule);
	struct policy_signer *signers, signer = {};
	const char *name;
	int r;

	r = policy_item_string(text, path, item, &name);
	if (r < 0)
		return r;
	signers = reallocarray(group->signers, group->n_signers + 1, sizeof(*signers));
	if (!signers)
		return policy_out_of_memory(text);
	group->signers = signers;
	r = parse_signer_name(text, path, name, &signer);
	if (r < 0)
		return r;
	signers[group->n_signers++] = signer;
	for (unsigned i = 0; i + 1 < group->n_signers; i++)
		if (same_signer(&signers[i], &signer))
			return policy_refuse(text, path, "'%s' is named twice", name);
	return 0;
}

static int check_required(const struct policy_text *text, const struct policy_path *path,
			  uint64_t required, struct policy_rule *rule)
{
	struct policy_group *group = last_group(rule);

	if (rule->deny)
		return policy_refuse(text, path,
				     "a deny rule matches by any one of its signers: remove "
				     "'required'");
	if (required < 1 || required > BUNDLE_SIGNERS_MAX)
		return policy_refuse(text, path, "'required' is 1 to %u", BUNDLE_SIGNERS_MAX);
	if (group->n_signers > 0 && required > group->n_signers)
		return policy_refuse(text, path,
				     "%u signers are required, but the rule names only %u",
				     (unsigned)required, group->n_signers);
	group->required = (unsigned)required;
	return 0;
}

/* The two members that a group has, and "signatures" itself where there are no groups. */
static int parse_keys(const struct policy_text *text, const struct policy_path *path,
		      struct json_object *signers, const uint64_t *required,
		      struct policy_rule *rule)
{
	struct policy_path required_at = policy_path_member(path, "required");
	struct policy_path signers_at = policy_path_member(path, "signers");
	int r;

	r = add_group(text, rule);
	if (r == 0 && signers)
		r = policy_each_item(text, &signers_at, signers, rule, parse_signer);
	if (r == 0 && required)
		r = check_required(text, &required_at, *required, rule);
	return r;
}

static bool has(struct json_object *object, const char *name)
{
	return json_object_object_get_ex(object, name, NULL);
}

static int parse_group(const struct policy_text *text, const struct policy_path *path,
		       struct json_object *item, struct policy_rule *rule)
{
	struct json_object *signers = NULL;
	uint64_t required = 1;
	const struct json_member members[] = {
		{"required", JSON_U64, false, &required},
		{"signers", JSON_ARRAY, true, &signers},
		{},
	};
	int r;

	if (!json_object_is_type(item, json_type_object))
		return policy_refuse(text, path, "a group is an object with 'signers'");
	r = policy_dispatch(text, path, item, members);
	return r < 0 ? r : parse_keys(text, path, signers, &required, rule);
}

static int parse_groups(const struct policy_text *text, const struct policy_path *path,
			struct json_object *groups, struct policy_rule *rule)
{
	unsigned required = 0;
	int r;

	if (rule->deny)
		return policy_refuse(text, path,
				     "a deny rule matches by any one of its signers: name them in "
				     "'signers'");
	r = policy_each_item(text, path, groups, rule, parse_group);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < rule->n_groups; i++)
		required += rule->groups[i].required;
	if (required > BUNDLE_SIGNERS_MAX)
		return policy_refuse(text, path,
				     "the groups require %u signatures together, and a bundle has "
				     "at most %u",
				     required, BUNDLE_SIGNERS_MAX);
	return 0;
}

int policy_parse_signatures(const struct policy_text *text, const struct policy_path *path,
			    struct json_object *object, struct policy_rule *rule)
{
	struct policy_path groups_at = policy_path_member(path, "groups");
	struct json_object *signers = NULL, *groups = NULL;
	uint64_t required = 1;
	const struct json_member members[] = {
		{"required", JSON_U64, false, &required},
		{"signers", JSON_ARRAY, false, &signers},
		{"groups", JSON_ARRAY, false, &groups},
		{},
	};
	int r;

	/* Any trusted key will do for an allow rule, and none is asked for by a deny rule. */
	if (!object)
		return rule->deny ? 0 : add_group(text, rule);
	r = policy_dispatch(text, path, object, members);
	if (r < 0)
		return r;
	if (!signers && !groups && !has(object, "required"))
		return policy_refuse(text, path,
				     "'signatures' is empty: leave it out, or name 'signers'");
	if (!groups)
		return parse_keys(text, path, signers, has(object, "required") ? &required : NULL,
				  rule);
	if (signers || has(object, "required"))
		return policy_refuse(text, &groups_at,
				     "each group has 'signers' and 'required' of its own: remove "
				     "those beside 'groups'");
	return parse_groups(text, &groups_at, groups, rule);
}
