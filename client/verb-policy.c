/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl policy check: what the daemon would say of a policy, without the daemon. */
#include "json.h"
#include "policy-rule.h"
#include "verbs.h"

#define DIRS_MAX 8

enum {
	OPTION_POLICY = 1,
};

static const struct option options[] = {
	{"policy", required_argument, NULL, OPTION_POLICY},
	{},
};

/* What is to be checked: one file, or folders of drop-ins. */
struct source {
	const char *file;
	unsigned n_dirs;
	const char *dirs[DIRS_MAX + 1]; /* ends with NULL */
};

static int read_source(const struct source *source, struct policy **ret, struct error *error)
{
	static const char *const system_dirs[] = {POLICY_DIR_ETC, POLICY_DIR_USR, NULL};

	if (source->file)
		return policy_read_file(source->file, ret, error);
	if (source->n_dirs)
		return policy_read_checked(source->dirs, geteuid(), ret, error);
	return policy_read_checked(system_dirs, 0, ret, error);
}

/* Takes @value over. */
static int append(struct json_object *array, struct json_object *value)
{
	if (array && value && json_object_array_add(array, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static int add_rule(struct json_object *rules, const struct policy_rule *rule)
{
	struct json_object *object = json_object_new_object();

	if (append(rules, object) < 0)
		return -ENOMEM;
	if (json_add_string(object, "name", rule->name) < 0 ||
	    json_add_string(object, "effect", rule->deny ? "deny" : "allow") < 0)
		return -ENOMEM;
	return json_add_string(object, "ruleSource", rule->source);
}

static char *warning(const struct policy_rule *rule, unsigned i)
{
	char *text;

	return asprintf(&text, "%s: there is no %s: the rule '%s' names nobody by that",
			rule->source, rule->unknown.items[i], rule->name) < 0
		       ? NULL
		       : text;
}

static int add_warnings(struct json_object *warnings, const struct policy_rule *rule)
{
	int r = 0;

	for (unsigned i = 0; i < rule->unknown.n && r == 0; i++) {
		_cleanup_free_ char *text = warning(rule, i);

		r = text ? append(warnings, json_object_new_string(text)) : -ENOMEM;
	}
	return r;
}

static int policy_to_json(const struct policy *policy, struct json_object **ret)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();
	struct json_object *files = json_object_new_array(), *rules = json_object_new_array();
	struct json_object *warnings = json_object_new_array();
	int r;

	r = json_add(object, "files", files);
	if (json_add(object, "rules", rules) < 0)
		r = -ENOMEM;
	if (json_add(object, "warnings", warnings) < 0)
		r = -ENOMEM;
	for (unsigned i = 0; i < policy->n_files && r == 0; i++)
		r = append(files, json_object_new_string(policy->files[i]));
	for (unsigned i = 0; i < policy->n_rules && r == 0; i++) {
		r = add_rule(rules, &policy->rules[i]);
		if (r == 0)
			r = add_warnings(warnings, &policy->rules[i]);
	}
	if (r == 0)
		*ret = TAKE_PTR(object);
	return r;
}

static void print_warnings(const struct policy_rule *rule)
{
	for (unsigned i = 0; i < rule->unknown.n; i++) {
		_cleanup_free_ char *text = warning(rule, i);

		output_note("%s", text ?: "out of memory");
	}
}

static void print_policy(const struct policy *policy)
{
	for (unsigned i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		output_line(stdout, "%s: %s: %s", rule->source, rule->deny ? "deny" : "allow",
			    rule->name);
	}
	output_line(stdout, "%u file%s, %u rule%s: no mistakes found", policy->n_files,
		    policy->n_files == 1 ? "" : "s", policy->n_rules,
		    policy->n_rules == 1 ? "" : "s");
	fflush(stdout);
	for (unsigned i = 0; i < policy->n_rules; i++)
		print_warnings(&policy->rules[i]);
}

static int check(struct context *ctx, const struct source *source)
{
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_json_ struct json_object *object = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;

	if (read_source(source, &policy, &error) < 0)
		return output_error(ctx, &error);
	if (ctx->json == JSON_MODE_OFF) {
		print_policy(policy);
		return EXIT_SUCCESS;
	}
	if (policy_to_json(policy, &object) < 0) {
		error_set(&error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
		return output_error(ctx, &error);
	}
	output_json(ctx, object);
	return EXIT_SUCCESS;
}

int verb_policy(struct context *ctx, int argc, char **argv)
{
	struct source source = {};
	int c;

	while ((c = verb_option(ctx, argc, argv, "", options)) > 0) {
		if (source.n_dirs == DIRS_MAX)
			return verb_usage(ctx, "more than %d --policy", DIRS_MAX);
		source.dirs[source.n_dirs++] = optarg;
	}
	if (c < 0)
		return ctx->exit_status;
	if (argc - optind < 1 || !streq(argv[optind], "check"))
		return verb_usage(ctx, "what is to be done with the policy? There is \"check\"");
	if (argc - optind > 2)
		return verb_usage(ctx, "one file at a time");
	source.file = argv[optind + 1];
	if (source.file && source.n_dirs)
		return verb_usage(ctx, "either a file or --policy");
	return check(ctx, &source);
}
