/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of the first match, and what is said where there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "policy-ask.h"

static const char *field(const struct error *error, const char *name)
{
	return json_object_get_string(json_object_object_get(error->fields, name));
}

static void test_first_match_decides(void **state)
{
	_cleanup_policy_ struct policy *allow_first = NULL, *deny_first = NULL;
	_cleanup_decision_ struct decision decision = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	const struct ask ask = {};

	allow_first = ask_policy("{\"rules\": [" ALLOW_ALL ", {\"name\": \"no\", \"effect\": "
				 "\"deny\", \"subjects\": {\"users\": [1000]}}]}");
	assert_int_equal(ask_decide(allow_first, &ask, &decision, &error), 0);
	deny_first = ask_policy("{\"rules\": [{\"name\": \"no\", \"effect\": \"deny\", "
				"\"subjects\": {\"users\": [1000]}}, " ALLOW_ALL "]}");
	assert_int_equal(ask_decide(deny_first, &ask, &decision, &error), -EACCES);
	assert_string_equal(field(&error, "rule"), "no");
	assert_non_null(strstr(field(&error, "ruleSource"), "/50-x.json:1"));
}

/* A limit belongs to the rule that decided: a later rule without one does not help. */
static void test_limit_denies(void **state)
{
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_decision_ struct decision decision = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	const struct ask ask = {.n_loads = 1};

	policy = ask_policy("{\"rules\": [{\"name\": \"few\", \"effect\": \"allow\", \"subjects\": "
			    "{\"users\": [1000]}, \"limits\": {\"loads\": 1}}, " ALLOW_ALL "]}");
	assert_int_equal(ask_decide(policy, &ask, &decision, &error), -EACCES);
	assert_string_equal(field(&error, "rule"), "few");
}

/* What a load is looked at by later: with groups, those who fill them, and no others. */
static void test_counted_signers(void **state)
{
	_cleanup_policy_ struct policy *groups = NULL, *plain = NULL;
	_cleanup_decision_ struct decision by_groups = {}, by_number = {};
	const struct ask ask = {.keys = KEY_A | KEY_B | KEY_C};

	groups = ask_policy("{\"rules\": [{\"name\": \"g\", \"effect\": \"allow\", \"subjects\": "
			    "{\"users\": [1000]}, \"signatures\": {\"groups\": [{\"signers\": "
			    "[\"a.pem\", \"b.pem\"]}, {\"signers\": [\"c.pem\"]}]}}]}");
	assert_int_equal(ask_decide(groups, &ask, &by_groups, NULL), 0);
	assert_int_equal(by_groups.required, 2);
	assert_int_equal(by_groups.signers, 1u << 0 | 1u << 2);
	plain = ask_policy("{\"rules\": [{\"name\": \"p\", \"effect\": \"allow\", \"subjects\": "
			   "{\"users\": [1000]}, \"signatures\": {\"required\": 2, \"signers\": "
			   "[\"a.pem\", \"b.pem\", \"c.pem\"]}}]}");
	assert_int_equal(ask_decide(plain, &ask, &by_number, NULL), 0);
	assert_int_equal(by_number.required, 2);
	assert_int_equal(by_number.signers, 7);
}

/* Reasons come from rules that name the subject; others stay unknown to him. */
static const char several_rules[] =
	"{\"rules\": [\n"
	"{\"name\": \"secret\", \"effect\": \"allow\", \"subjects\": {\"users\": [7]}},\n"
	"{\"name\": \"far\", \"effect\": \"allow\", \"subjects\": {\"users\": [1000]},\n"
	"  \"signatures\": {\"required\": 3}},\n"
	"{\"name\": \"near\", \"effect\": \"allow\", \"subjects\": {\"users\": [1000]}},\n"
	"{\"name\": \"no xdp\", \"effect\": \"deny\", \"subjects\": {\"users\": [1000]},\n"
	"  \"grant\": [\"events\"]}]}";

static void test_reasons(void **state)
{
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_decision_ struct decision decision = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	struct json_object *reasons;
	const struct ask ask = {.grants = {GRANT_READ}};

	policy = ask_policy(several_rules);
	assert_int_equal(ask_decide(policy, &ask, &decision, &error), -EACCES);
	assert_non_null(strstr(error_message(&error), "the nearest is 'near' ("));
	assert_null(strstr(error_message(&error), "secret"));
	reasons = json_object_object_get(error.fields, "reasons");
	assert_int_equal(json_object_array_length(reasons), 2);
	assert_non_null(
		strstr(json_object_get_string(json_object_array_get_idx(reasons, 0)), "'far' ("));
	assert_null(strstr(json_object_to_json_string(reasons), "secret"));
	/* A deny rule that did not match is no reason for a denial. */
	assert_null(strstr(json_object_to_json_string(reasons), "no xdp"));
}

static void test_reasons_bounded(void **state)
{
	char text[8192] = "{\"rules\": [";
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_decision_ struct decision decision = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	const struct ask ask = {.grants = {GRANT_READ}};

	for (unsigned i = 0; i < 40; i++) {
		size_t fill = strlen(text);

		snprintf(text + fill, sizeof(text) - fill,
			 "%s{\"name\": \"r%u\", \"effect\": \"allow\", \"subjects\": {\"users\": "
			 "[1000]}}",
			 i ? "," : "", i);
	}
	strcat(text, "]}");
	policy = ask_policy(text);
	assert_int_equal(ask_decide(policy, &ask, &decision, &error), -EACCES);
	assert_int_equal(json_object_array_length(json_object_object_get(error.fields, "reasons")),
			 8);
}

/* Names that come with later versions are no lifetimes yet. */
static void test_lifetime_names(void **state)
{
	enum lifetime lifetime = LIFETIME_SESSION;

	assert_int_equal(lifetime_from_name("persistent", &lifetime), 0);
	assert_int_equal(lifetime, LIFETIME_PERSISTENT);
	assert_string_equal(lifetime_name(LIFETIME_SESSION), "session");
	assert_int_equal(lifetime_from_name("boot", &lifetime), -EINVAL);
	assert_int_equal(lifetime, LIFETIME_PERSISTENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_match_decides), cmocka_unit_test(test_limit_denies),
		cmocka_unit_test(test_counted_signers),	    cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_reasons_bounded),	    cmocka_unit_test(test_lifetime_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
