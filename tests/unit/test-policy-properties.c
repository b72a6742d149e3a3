/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What holds for every policy and every request, tried on those of policy-table.json: rules behind
 * the one that decided do not matter, taking an allow rule away allows nothing, and a file that
 * does not parse allows nothing.
 */
#include "check.h"

#include "policy-table.h"
#include "testkeys.h"

/* What was decided, without what is said of it. */
struct outcome {
	int r;
	char rule[160]; /* name and place of the rule that allowed or denied, or "" */
};

static struct outcome decide(const struct policy *policy, const struct ask *ask)
{
	_cleanup_decision_ struct decision decision = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	struct json_object *name = NULL, *source = NULL;
	struct outcome outcome = {.r = ask_decide(policy, ask, &decision, &error)};

	if (outcome.r < 0) {
		json_object_object_get_ex(error.fields, "rule", &name);
		json_object_object_get_ex(error.fields, "ruleSource", &source);
	}
	snprintf(outcome.rule, sizeof(outcome.rule), "%s %s",
		 outcome.r < 0 ? json_object_get_string(name) ?: "" : decision.rule,
		 outcome.r < 0 ? json_object_get_string(source) ?: "" : decision.source);
	return outcome;
}

static struct outcome decide_rules(struct json_object *rules, const struct ask *ask)
{
	_cleanup_(table_policy_done) struct policy policy = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ char *text = table_format(rules);

	if (table_parse(text, &policy, &error) < 0)
		fail_msg("%s\n%s", error_message(&error), text);
	return decide(&policy, ask);
}

static struct json_object *copy(struct json_object *object)
{
	struct json_object *twin = NULL;

	assert_int_equal(json_object_deep_copy(object, &twin, NULL), 0);
	return twin;
}

/* ---- behind the one that decided ---- */

static const char *const more_rules[] = {
	"{\"name\": \"more\", \"effect\": \"deny\", \"subjects\": {\"uids\": [\"0-4294967294\"]}}",
	"{\"name\": \"more\", \"effect\": \"allow\", \"subjects\": {\"uids\": [\"0-4294967294\"]},"
	" \"grant\": [\"read\", \"events\", \"read-write\"], \"programs\": {\"kfuncs\": [\"*\"]},"
	" \"lifetime\": [\"session\", \"persistent\"]}",
	"{\"name\": \"more\", \"effect\": \"allow\", \"subjects\": {\"uids\": [\"1000\"]},"
	" \"limits\": {\"loads\": 1}}",
};

static void check_more(const struct table_row *row, void *userdata)
{
	struct outcome before = decide_rules(row->rules, &row->ask), after;
	unsigned *n = userdata;

	if (streq(before.rule, " "))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(more_rules); i++) {
		_cleanup_json_ struct json_object *rules = copy(row->rules);

		json_object_array_add(rules, json_tokener_parse(more_rules[i]));
		after = decide_rules(rules, &row->ask);
		assert_int_equal(after.r, before.r);
		assert_string_equal(after.rule, before.rule);
		++*n;
	}
}

static void test_rules_behind(void **state)
{
	unsigned n = 0;

	table_each(check_more, &n);
	assert_true(n > 300);
}

static void gather(const struct table_row *row, void *userdata)
{
	struct json_object *rules = userdata;

	for (size_t i = 0; i < json_object_array_length(row->rules); i++) {
		struct json_object *rule = copy(json_object_array_get_idx(row->rules, i));
		char name[32];

		snprintf(name, sizeof(name), "%zu", json_object_array_length(rules));
		json_object_object_del(rule, "name");
		json_object_object_add(rule, "name", json_object_new_string(name));
		json_object_array_add(rules, rule);
	}
}

/* The rules of all rows, under names of their own. */
static struct json_object *all_rules(void)
{
	struct json_object *rules = json_object_new_array();

	table_each(gather, rules);
	assert_true(json_object_array_length(rules) > 200);
	return rules;
}

static void check_crowd(const struct table_row *row, void *userdata)
{
	struct outcome before = decide_rules(row->rules, &row->ask), after;
	_cleanup_(table_policy_done) struct policy own = {};
	const struct policy *crowd = userdata;
	_cleanup_free_ char *text = table_format(row->rules);
	struct policy both = {.refs = 1};

	if (streq(before.rule, " "))
		return;
	assert_int_equal(table_parse(text, &own, NULL), 0);
	both.n_rules = own.n_rules + crowd->n_rules;
	both.rules = calloc(both.n_rules, sizeof(*both.rules));
	memcpy(both.rules, own.rules, own.n_rules * sizeof(*both.rules));
	memcpy(both.rules + own.n_rules, crowd->rules, crowd->n_rules * sizeof(*both.rules));
	after = decide(&both, &row->ask);
	assert_int_equal(after.r, before.r);
	assert_string_equal(after.rule, before.rule);
	free(both.rules);
}

static void test_crowd_behind(void **state)
{
	_cleanup_json_ struct json_object *rules = all_rules();
	_cleanup_(table_policy_done) struct policy crowd = {};
	_cleanup_free_ char *text = table_format(rules);

	assert_int_equal(table_parse(text, &crowd, NULL), 0);
	table_each(check_crowd, &crowd);
}

/* ---- without an allow rule ---- */

/*
 * A limit belongs to the rule that decided, and without that rule a later one may decide: so this
 * is about decisions, and limits are left out.
 */
static void check_without(const struct policy *crowd, const struct ask *ask)
{
	struct policy less = {.refs = 1, .n_rules = crowd->n_rules - 1};

	less.rules = calloc(crowd->n_rules, sizeof(*less.rules));
	for (unsigned gone = 0; gone < crowd->n_rules; gone++) {
		if (crowd->rules[gone].deny)
			continue;
		memcpy(less.rules, crowd->rules, gone * sizeof(*less.rules));
		memcpy(less.rules + gone, crowd->rules + gone + 1,
		       (less.n_rules - gone) * sizeof(*less.rules));
		assert_int_equal(decide(&less, ask).r, -EACCES);
	}
	free(less.rules);
}

static void no_limits(struct policy *policy)
{
	for (unsigned i = 0; i < policy->n_rules; i++)
		policy->rules[i].limits = (struct policy_limits){};
}

/* The row's own rules, and a window of all others behind them. */
static void check_removal(const struct table_row *row, void *userdata)
{
	_cleanup_(table_policy_done) struct policy own = {};
	_cleanup_free_ char *text = table_format(row->rules);
	struct policy *crowd = userdata, window;
	static unsigned at;

	assert_int_equal(table_parse(text, &own, NULL), 0);
	no_limits(&own);
	if (decide(&own, &row->ask).r < 0)
		check_without(&own, &row->ask);
	for (unsigned i = 0; i < 4; i++, at++) {
		window = (struct policy){.refs = 1, .n_rules = 12};
		window.rules = crowd->rules + at * 7 % (crowd->n_rules - window.n_rules);
		if (decide(&window, &row->ask).r < 0)
			check_without(&window, &row->ask);
	}
}

static void test_removal(void **state)
{
	_cleanup_json_ struct json_object *rules = all_rules();
	_cleanup_(table_policy_done) struct policy crowd = {};
	_cleanup_free_ char *text = table_format(rules);

	assert_int_equal(table_parse(text, &crowd, NULL), 0);
	no_limits(&crowd);
	table_each(check_removal, &crowd);
}

/* ---- what does not parse ---- */

/* Cut off anywhere, or with one byte changed: it allows as before, less, or nothing at all. */
static void check_broken(const struct table_row *row, void *userdata)
{
	_cleanup_free_ char *text = table_format(row->rules);
	size_t size = strlen(text);
	unsigned *n = userdata;

	for (size_t cut = 0; cut < size; cut += 3) {
		struct policy policy = {.refs = 1};
		_cleanup_error_ struct error error = ERROR_INIT;

		assert_true(policy_parse("FILE", text, cut, &policy.rules, &policy.n_rules,
					 &error) < 0);
		assert_non_null(strstr(error_message(&error), "FILE:"));
		assert_null(policy.rules);
		assert_int_equal(policy.n_rules, 0);
		++*n;
	}
}

static void test_cut(void **state)
{
	unsigned n = 0;

	table_each(check_broken, &n);
	assert_true(n > 10000);
}

/* Whoever is allowed by one file is not when another one beside it is broken. */
static void check_beside(const struct table_row *row, void *userdata)
{
	const char *folder = userdata;
	const char *const dirs[] = {folder, NULL};
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_free_ char *text = table_format(row->rules);

	test_file_write(test_path(folder, "40-x.json"), text);
	assert_int_equal(policy_read(dirs, getuid(), &policy, NULL), 0);
	assert_true(policy->deny_all);
	assert_int_equal(policy->n_rules, 0);
	assert_int_equal(decide(policy, &row->ask).r, -EACCES);
}

static void test_beside(void **state)
{
	char *folder = test_folder_new();

	test_file_write(test_path(folder, "50-y.json"), "{\"rules\": [{}]}");
	table_each(check_beside, folder);
	test_folder_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_behind), cmocka_unit_test(test_crowd_behind),
		cmocka_unit_test(test_removal),	     cmocka_unit_test(test_cut),
		cmocka_unit_test(test_beside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
