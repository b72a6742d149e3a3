/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper.h"
#include "policy-rule.h"

/* Of names that are made of @characters, besides '*'; @none: what it cannot match otherwise. */
static int check_pattern(const struct policy_text *text, const struct policy_path *path,
			 const char *pattern, const char *characters, const char *none)
{
	if (pattern[strspn(pattern, characters)] != '\0')
		return policy_refuse(text, path, "'%s' matches %s", pattern, none);
	if (!*pattern || strstr(pattern, "**"))
		return policy_refuse(text, path, "a pattern is not empty and holds no '**'");
	return 0;
}

static int parse_bundle(const struct policy_text *text, const struct policy_path *path,
			struct json_object *item, struct policy_rule *rule)
{
	const char *glob;
	int r;

	r = policy_item_string(text, path, item, &glob);
	if (r == 0)
		r = check_pattern(text, path, glob, "abcdefghijklmnopqrstuvwxyz0123456789._-*",
				  "no bundle: their names are made of a-z, 0-9, '.', '_' and '-'");
	return r < 0 ? r : policy_add_string(text, &rule->bundles, glob);
}

static int parse_target(const struct policy_text *text, const struct policy_path *path,
			struct json_object *item, struct policy_rule *rule)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	const char *pattern;
	int r;

	r = policy_item_string(text, path, item, &pattern);
	if (r < 0)
		return r;
	if (target_pattern_check(pattern, &error) < 0)
		return policy_refuse(text, path, "%s", error_message(&error));
	return policy_add_string(text, &rule->attach, pattern);
}

static const char identifier[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_*";

/* A pattern of names as C has them. @what says what one of another kind is not. */
static int parse_identifier(const struct policy_text *text, const struct policy_path *path,
			    struct json_object *item, const char *what, const char **ret)
{
	int r = policy_item_string(text, path, item, ret);

	return r < 0 ? r : check_pattern(text, path, *ret, identifier, what);
}

static int parse_kfunc(const struct policy_text *text, const struct policy_path *path,
		       struct json_object *item, struct policy_rule *rule)
{
	const char *pattern;
	int r;

	r = parse_identifier(text, path, item,
			     "no kernel function: their names are made of letters, digits and '_'",
			     &pattern);
	return r < 0 ? r : policy_add_string(text, &rule->kfuncs, pattern);
}

static int parse_tunable(const struct policy_text *text, const struct policy_path *path,
			 struct json_object *item, struct policy_rule *rule)
{
	const char *pattern;
	int r;

	r = parse_identifier(text, path, item,
			     "no tunable: their names are made of letters, digits and '_'",
			     &pattern);
	return r < 0 ? r : policy_add_string(text, &rule->tunables, pattern);
}

static int parse_helper(const struct policy_text *text, const struct policy_path *path,
			struct json_object *item, struct policy_rule *rule)
{
	static const char no_helper[] = "no helper: their names are those of bpf-helpers(7), such "
					"as bpf_get_current_comm";
	const char *pattern;
	int r;

	r = parse_identifier(text, path, item, no_helper, &pattern);
	if (r < 0)
		return r;
	if (!helper_pattern_matches(pattern))
		return policy_refuse(text, path, "'%s' matches %s", pattern, no_helper);
	return policy_add_string(text, &rule->helpers, pattern);
}

static int parse_type(const struct policy_text *text, const struct policy_path *path,
		      struct json_object *item, struct policy_rule *rule)
{
	enum bpf_prog_type *types, type;
	const char *name;
	int r;

	r = policy_item_string(text, path, item, &name);
	if (r < 0)
		return r;
	if (program_type_from_name(name, &type) < 0)
		return policy_refuse(text, path, "'%s' is no program type that bpfgate loads",
				     name);
	types = reallocarray(rule->types, rule->n_types + 1, sizeof(*types));
	if (!types)
		return policy_out_of_memory(text);
	rule->types = types;
	types[rule->n_types++] = type;
	return 0;
}

/* Which ones a program calls shows only when it is loaded, and then a rule has decided. */
static int parse_helpers(const struct policy_text *text, const struct policy_path *path,
			 struct json_object *list, struct policy_rule *rule)
{
	if (rule->deny)
		return policy_refuse(text, path,
				     "a deny rule cannot know the helpers before the load: name "
				     "those that may be called in the rules that allow");
	return policy_each_item(text, path, list, rule, parse_helper);
}

static int parse_programs(const struct policy_text *text, const struct policy_path *path,
			  struct json_object *object, struct policy_rule *rule)
{
	struct policy_path types_at = policy_path_member(path, "types");
	struct policy_path attach_at = policy_path_member(path, "attach");
	struct policy_path kfuncs_at = policy_path_member(path, "kfuncs");
	struct policy_path helpers_at = policy_path_member(path, "helpers");
	struct json_object *types = NULL, *attach = NULL, *kfuncs = NULL, *helpers = NULL;
	const struct json_member members[] = {
		{"types", JSON_ARRAY, false, &types},
		{"attach", JSON_ARRAY, false, &attach},
		{"kfuncs", JSON_ARRAY, false, &kfuncs},
		{"helpers", JSON_ARRAY, false, &helpers},
		{},
	};
	int r;

	r = policy_dispatch(text, path, object, members);
	if (r == 0 && types)
		r = policy_each_item(text, &types_at, types, rule, parse_type);
	if (r == 0 && attach)
		r = policy_each_item(text, &attach_at, attach, rule, parse_target);
	if (r == 0 && kfuncs)
		r = policy_each_item(text, &kfuncs_at, kfuncs, rule, parse_kfunc);
	if (r == 0 && helpers)
		r = parse_helpers(text, &helpers_at, helpers, rule);
	if (r < 0)
		return r;
	if (!types && !attach && !kfuncs && !helpers)
		return policy_refuse(text, path,
				     "'programs' is empty: leave it out, or name 'types', "
				     "'attach', 'kfuncs' or 'helpers'");
	return 0;
}

static int parse_effect(const struct policy_text *text, const struct policy_path *path,
			struct json_object *item, struct policy_rule *rule)
{
	enum effect effect;
	const char *name;
	int r;

	r = policy_item_string(text, path, item, &name);
	if (r < 0)
		return r;
	if (effect_from_name(name, &effect) < 0)
		return policy_refuse(text, path, "'%s' is no effect: " EFFECT_NAMES, name);
	rule->effects |= 1u << effect;
	return 0;
}

static int parse_effects(const struct policy_text *text, const struct policy_path *path,
			 struct json_object *list, struct policy_rule *rule)
{
	/* As with grants: an empty list is what leaving it out means. */
	if (!rule->deny && json_object_array_length(list) == 0)
		return 0;
	return policy_each_item(text, path, list, rule, parse_effect);
}

static int parse_grant(const struct policy_text *text, const struct policy_path *path,
		       struct json_object *item, struct policy_rule *rule)
{
	enum map_grant grant;
	const char *name;
	int r;

	r = policy_item_string(text, path, item, &name);
	if (r < 0)
		return r;
	if (map_grant_from_name(name, &grant) < 0)
		return policy_refuse(text, path,
				     "'%s' is no grant: 'none', 'read', 'events' or 'read-write'",
				     name);
	rule->grants |= 1u << grant;
	return 0;
}

static int parse_grants(const struct policy_text *text, const struct policy_path *path,
			struct json_object *list, struct policy_rule *rule)
{
	/* An empty list says in so many words what an allow rule without one means. */
	if (!rule->deny && json_object_array_length(list) == 0)
		return 0;
	return policy_each_item(text, path, list, rule, parse_grant);
}

static int parse_tunables(const struct policy_text *text, const struct policy_path *path,
			  struct json_object *list, struct policy_rule *rule)
{
	/* As with grants: an empty list is what leaving it out means. */
	if (!rule->deny && json_object_array_length(list) == 0)
		return 0;
	return policy_each_item(text, path, list, rule, parse_tunable);
}

static int parse_lifetime(const struct policy_text *text, const struct policy_path *path,
			  struct json_object *item, struct policy_rule *rule)
{
	enum lifetime lifetime;
	const char *name;
	int r;

	r = policy_item_string(text, path, item, &name);
	if (r < 0)
		return r;
	if (lifetime_from_name(name, &lifetime) < 0)
		return policy_refuse(text, path, "'%s' is no lifetime: 'session' or 'persistent'",
				     name);
	rule->lifetimes |= 1u << lifetime;
	return 0;
}

static int check_whole(const struct policy_text *text, const struct policy_path *path,
		       struct policy_rule *rule)
{
	struct policy_path bundles_at = policy_path_member(path, "bundles");

	if (rule->deny)
		return 0;
	rule->lifetimes = rule->lifetimes ?: 1u << LIFETIME_SESSION;
	/* Any publisher may choose any name: it means something together with the key only. */
	if (rule->bundles.n > 0 && rule->groups[0].n_signers == 0)
		return policy_refuse(text, &bundles_at,
				     "an allow rule with 'bundles' must name 'signers' in "
				     "'signatures'");
	return 0;
}

int policy_parse_conditions(const struct policy_text *text, const struct policy_path *path,
			    const struct policy_conditions *c, struct policy_rule *rule)
{
	struct policy_path bundles_at = policy_path_member(path, "bundles");
	struct policy_path signatures_at = policy_path_member(path, "signatures");
	struct policy_path programs_at = policy_path_member(path, "programs");
	struct policy_path effects_at = policy_path_member(path, "effects");
	struct policy_path grant_at = policy_path_member(path, "grant");
	struct policy_path tunables_at = policy_path_member(path, "tunables");
	struct policy_path limits_at = policy_path_member(path, "limits");
	struct policy_path lifetime_at = policy_path_member(path, "lifetime");
	int r = 0;

	if (c->bundles)
		r = policy_each_item(text, &bundles_at, c->bundles, rule, parse_bundle);
	if (r == 0)
		r = policy_parse_signatures(text, &signatures_at, c->signatures, rule);
	if (r == 0 && c->programs)
		r = parse_programs(text, &programs_at, c->programs, rule);
	if (r == 0 && c->effects)
		r = parse_effects(text, &effects_at, c->effects, rule);
	if (r == 0 && c->grant)
		r = parse_grants(text, &grant_at, c->grant, rule);
	if (r == 0 && c->tunables)
		r = parse_tunables(text, &tunables_at, c->tunables, rule);
	if (r == 0 && c->limits)
		r = policy_parse_limits(text, &limits_at, c->limits, rule);
	if (r == 0 && c->lifetime)
		r = policy_each_item(text, &lifetime_at, c->lifetime, rule, parse_lifetime);
	return r < 0 ? r : check_whole(text, path, rule);
}
