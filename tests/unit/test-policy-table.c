/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every row of policy-table.json: what is decided, by which rule, and what is said of it. */
#include "check.h"

#include "policy-table.h"

struct counts {
	unsigned allowed, denied;
};

static unsigned line_of(const struct policy *policy, const char *name)
{
	for (unsigned i = 0; i < policy->n_rules; i++)
		if (streq(policy->rules[i].name, name))
			return i + 2;
	fail_msg("no rule '%s'", name);
	return 0;
}

static const char *field(const struct error *error, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(error->fields, name, &value);
	return json_object_get_string(value) ?: "";
}

/* The whole message that the row means; malloced. */
static char *expected(const struct table_row *row, const struct policy *policy)
{
	uid_t uid = row->ask.root ? 0 : row->ask.uid ?: 1000;
	char name[64] = "", *text = NULL;

	if (row->reason[0] == '=')
		return strdup(row->reason + 1);
	if (streq(row->reason, "nobody"))
		assert_true(asprintf(&text,
				     "no rule of the policy names uid %u or its groups; an "
				     "administrator can add one to /etc/bpfgate/policy.d",
				     uid) > 0);
	else if (sscanf(row->reason, "denied by '%63[^']'", name) == 1)
		assert_true(asprintf(&text, "denied by the rule '%s' (FILE:%u)", name,
				     line_of(policy, name)) > 0);
	else
		assert_true(asprintf(&text,
				     "no rule of the policy allows it to uid %u; the nearest is "
				     "'%s' (FILE:2): %s",
				     uid, policy->rules[0].name, row->reason) > 0);
	return text;
}

static void check_fields(const struct table_row *row, const struct error *error)
{
	struct json_object *reasons = NULL;
	char rule[96] = "", source[64] = "";

	/* "... the rule 'NAME' (FILE:LINE) ..." */
	if (sscanf(error_message(error), "%*[^']'%95[^']' (%63[^)]", rule, source) == 2 &&
	    !strstr(error_message(error), "the nearest is")) {
		assert_string_equal(field(error, "rule"), rule);
		assert_string_equal(field(error, "ruleSource"), source);
	} else if (rule[0]) {
		json_object_object_get_ex(error->fields, "reasons", &reasons);
		assert_non_null(reasons);
		assert_non_null(strstr(error_message(error), rule));
	}
}

static void check_denied(const struct table_row *row, const struct policy *policy,
			 const struct decision *decision, const struct error *error)
{
	_cleanup_free_ char *message = expected(row, policy);

	assert_int_equal(error->code, ERROR_DENIED);
	assert_int_equal(error->step, STEP_AUTHORISE);
	assert_null(decision->rule);
	if (!streq(error_message(error), message))
		fail_msg("%s: expected\n  %s\ngot\n  %s", row->title, message,
			 error_message(error));
	check_fields(row, error);
}

static void check_allowed(const struct table_row *row, const struct policy *policy,
			  const struct decision *decision)
{
	char source[32];

	snprintf(source, sizeof(source), "FILE:%u", line_of(policy, row->rule));
	assert_string_equal(decision->rule, row->rule);
	assert_string_equal(decision->source, source);
}

static void check_row(const struct table_row *row, void *userdata)
{
	_cleanup_(table_policy_done) struct policy policy = {};
	_cleanup_decision_ struct decision decision = {};
	_cleanup_error_ struct error error = ERROR_INIT, broken = ERROR_INIT;
	_cleanup_free_ char *text = table_format(row->rules);
	struct counts *counts = userdata;
	int r;

	if (table_parse(text, &policy, &broken) < 0)
		fail_msg("%s: %s\n%s", row->title, error_message(&broken), text);
	r = ask_decide(&policy, &row->ask, &decision, &error);
	if (r != (row->rule ? 0 : -EACCES))
		fail_msg("%s, %s: %d, %s", row->title, json_object_to_json_string(row->change), r,
			 r < 0 ? error_message(&error) : decision.rule);
	counts->allowed += r == 0;
	counts->denied += r < 0;
	if (row->rule)
		check_allowed(row, &policy, &decision);
	else
		check_denied(row, &policy, &decision, &error);
}

static void test_table(void **state)
{
	struct counts counts = {};
	unsigned n = table_each(check_row, &counts);

	print_message("%u rows: %u allowed, %u denied\n", n, counts.allowed, counts.denied);
	assert_int_equal(n, counts.allowed + counts.denied);
	assert_true(n >= 200);
	assert_true(counts.denied > counts.allowed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
