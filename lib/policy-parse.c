/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>

#include "policy-rule.h"

#define RULE_NAME_MAX 128

/* A name of 1..RULE_NAME_MAX bytes that can stand in a message. */
static int parse_name(const struct policy_text *text, const struct policy_path *path,
		      const char *name, char **ret)
{
	size_t size = strlen(name);

	for (size_t i = 0; i < size; i++)
		if (iscntrl((unsigned char)name[i]))
			return policy_refuse(text, path, "a name holds no control characters");
	if (size == 0 || size > RULE_NAME_MAX)
		return policy_refuse(text, path, "a name has 1 to %d bytes", RULE_NAME_MAX);
	*ret = strdup(name);
	return *ret ? 0 : policy_out_of_memory(text);
}

static int parse_effect(const struct policy_text *text, const struct policy_path *path,
			const char *effect, bool *ret_deny)
{
	if (!streq(effect, "allow") && !streq(effect, "deny"))
		return policy_refuse(text, path, "'%s' is no effect: 'allow' or 'deny'", effect);
	*ret_deny = streq(effect, "deny");
	return 0;
}

/* The members of a rule as they stand in the file. */
struct rule_members {
	const char *name, *effect, *description, *on_revocation;
	struct json_object *subjects;
	struct policy_conditions conditions;
};

static int parse_on_revocation(const struct policy_text *text, const struct policy_path *path,
			       const char *what, struct policy_rule *rule)
{
	if (!what)
		return 0;
	if (rule->deny)
		return policy_refuse(text, path,
				     "a deny rule has no 'onRevocation': it allows nothing");
	if (!streq(what, "unload") && !streq(what, "keep"))
		return policy_refuse(text, path, "'%s' is nothing to do: 'unload' or 'keep'", what);
	rule->keep_revoked = streq(what, "keep");
	return 0;
}

static int parse_members(const struct policy_text *text, const struct policy_path *path,
			 const struct rule_members *m, struct policy_rule *rule)
{
	struct policy_path name_at = policy_path_member(path, "name");
	struct policy_path effect_at = policy_path_member(path, "effect");
	struct policy_path subjects_at = policy_path_member(path, "subjects");
	struct policy_path revocation_at = policy_path_member(path, "onRevocation");
	int r;

	r = parse_name(text, &name_at, m->name, &rule->name);
	if (r == 0)
		r = parse_effect(text, &effect_at, m->effect, &rule->deny);
	if (r == 0)
		r = policy_parse_subjects(text, &subjects_at, m->subjects, rule);
	if (r == 0)
		r = parse_on_revocation(text, &revocation_at, m->on_revocation, rule);
	return r < 0 ? r : policy_parse_conditions(text, path, &m->conditions, rule);
}

static int parse_rule(const struct policy_text *text, const struct policy_path *path,
		      struct json_object *object, struct policy_rule *rule)
{
	struct rule_members m = {};
	const struct json_member members[] = {
		{"name", JSON_STRING, true, &m.name},
		{"effect", JSON_STRING, true, &m.effect},
		{"description", JSON_STRING, false, &m.description},
		{"subjects", JSON_OBJECT, true, &m.subjects},
		{"bundles", JSON_ARRAY, false, &m.conditions.bundles},
		{"signatures", JSON_OBJECT, false, &m.conditions.signatures},
		{"programs", JSON_OBJECT, false, &m.conditions.programs},
		{"effects", JSON_ARRAY, false, &m.conditions.effects},
		{"grant", JSON_ARRAY, false, &m.conditions.grant},
		{"tunables", JSON_ARRAY, false, &m.conditions.tunables},
		{"limits", JSON_OBJECT, false, &m.conditions.limits},
		{"lifetime", JSON_ARRAY, false, &m.conditions.lifetime},
		{"onRevocation", JSON_STRING, false, &m.on_revocation},
		{},
	};
	int r;

	if (!json_object_is_type(object, json_type_object))
		return policy_refuse(text, path, "a rule is an object");
	r = policy_dispatch(text, path, object, members);
	return r < 0 ? r : parse_members(text, path, &m, rule);
}

static int check_unique(const struct policy_text *text, const struct policy_path *path,
			const struct policy_rule *rules, unsigned n)
{
	struct policy_path at = policy_path_member(path, "name");

	for (unsigned i = 0; i < n; i++)
		if (streq(rules[i].name, rules[n].name))
			return policy_refuse(text, &at, "the rule at %s has the name '%s' already",
					     rules[i].source, rules[n].name);
	return 0;
}

static int parse_rules(const struct policy_text *text, struct json_object *list,
		       struct policy_rule **ret_rules, unsigned *ret_n)
{
	struct policy_path path = {"rules"};
	unsigned n = (unsigned)json_object_array_length(list);
	struct policy_rule *rules;
	struct json_walk walk;

	if (n > POLICY_RULES_MAX)
		return policy_refuse(text, &path, "more than %u rules", POLICY_RULES_MAX);
	rules = calloc(n ?: 1, sizeof(*rules));
	if (!rules)
		return policy_out_of_memory(text);
	policy_walk(text, &path, &walk);
	for (unsigned i = 0; i < n; i++) {
		struct policy_path at = policy_path_item(&path, i);
		int r;

		r = policy_next_source(text, &walk, &rules[i].source);
		if (r == 0)
			r = parse_rule(text, &at, json_object_array_get_idx(list, i), &rules[i]);
		if (r == 0)
			r = check_unique(text, &at, rules, i);
		if (r < 0) {
			policy_rules_free(rules, n);
			return r;
		}
	}
	*ret_rules = rules;
	*ret_n = n;
	return 0;
}

int policy_parse(const char *file, const char *content, size_t size, struct policy_rule **ret_rules,
		 unsigned *ret_n, struct error *error)
{
	const struct policy_text text = {file, content, size, error};
	const struct policy_path top = {""};
	_cleanup_json_ struct json_object *object = NULL;
	struct json_object *rules = NULL;
	const char *schema = NULL, *description = NULL, *reason = "not valid JSON";
	const struct json_member members[] = {
		{"$schema", JSON_STRING, false, &schema},
		{"description", JSON_STRING, false, &description},
		{"rules", JSON_ARRAY, true, &rules},
		{},
	};
	struct json_position position = {1, 1};
	int r;

	r = json_parse(content, size, POLICY_FILE_MAX, &object, &position, &reason);
	if (r < 0)
		return policy_fail_at(&text, r, position, reason);
	if (!json_object_is_type(object, json_type_object))
		return policy_refuse(&text, &top, "a policy file is an object with 'rules'");
	r = policy_dispatch(&text, &top, object, members);
	return r < 0 ? r : parse_rules(&text, rules, ret_rules, ret_n);
}

static void strings_done(struct policy_strings *strings)
{
	for (unsigned i = 0; i < strings->n; i++)
		free(strings->items[i]);
	free(strings->items);
}

static void group_done(struct policy_group *group)
{
	for (unsigned i = 0; i < group->n_signers; i++)
		free(group->signers[i].file);
	free(group->signers);
}

static void rule_done(struct policy_rule *rule)
{
	free(rule->name);
	free(rule->source);
	free(rule->uids);
	free(rule->gids);
	strings_done(&rule->units);
	strings_done(&rule->unknown);
	strings_done(&rule->bundles);
	for (unsigned i = 0; i < rule->n_groups; i++)
		group_done(&rule->groups[i]);
	free(rule->groups);
	free(rule->types);
	strings_done(&rule->attach);
	strings_done(&rule->kfuncs);
	strings_done(&rule->helpers);
	strings_done(&rule->tunables);
}

void policy_rules_free(struct policy_rule *rules, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		rule_done(&rules[i]);
	free(rules);
}
