/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a deny rule matches: each condition has a row that is denied and one that differs from it in
 * one thing and passes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy-ask.h"

/* A deny rule before one that allows this user all: refused by the first, or allowed. */
static const struct row deny_rows[] = {
	{"the subject alone", NULL, NULL, {}, NULL},
	{"another subject", "{\"uids\": [\"7\"]}", NULL, {}, "pass"},
	{"by group", "{\"groups\": [77]}", NULL, {.groups = {77}}, NULL},
	{"not by group", "{\"groups\": [77]}", NULL, {.groups = {78}}, "pass"},
	{"bundle", NULL, ", \"bundles\": [\"exec*\"]", {}, NULL},
	{"another bundle", NULL, ", \"bundles\": [\"exec*\"]", {.bundle = "opencount"}, "pass"},
	{"any signer",
	 NULL,
	 ", \"signatures\": {\"signers\": [\"b.pem\"]}",
	 {.keys = KEY_A | KEY_B},
	 NULL},
	{"no signer",
	 NULL,
	 ", \"signatures\": {\"signers\": [\"b.pem\"]}",
	 {.keys = KEY_A | KEY_C},
	 "pass"},
	{"any type", NULL, ", \"programs\": {\"types\": [\"xdp\"]}", {.types = {TP, XDP}}, NULL},
	{"no type", NULL, ", \"programs\": {\"types\": [\"xdp\"]}", {.types = {TP, TRACE}}, "pass"},
	{"any target",
	 NULL,
	 ", \"programs\": {\"attach\": [\"tcx:eth0/*\"]}",
	 {.targets = {"tcx:eth1/egress", "tcx:eth0/egress"}},
	 NULL},
	{"a star is an offset, too",
	 NULL,
	 ", \"programs\": {\"attach\": [\"kprobe:vfs_*\"]}",
	 {.targets = {"kprobe:vfs_read+0x10"}},
	 NULL},
	{"an offset is in any function",
	 NULL,
	 ", \"programs\": {\"attach\": [\"kprobe:commit_creds\"]}",
	 {.targets = {"kprobe:vfs_read+0x10"}},
	 NULL},
	{"no offset, another function",
	 NULL,
	 ", \"programs\": {\"attach\": [\"kprobe:commit_creds\"]}",
	 {.targets = {"kprobe:vfs_read"}},
	 "pass"},
	{"no target",
	 NULL,
	 ", \"programs\": {\"attach\": [\"tcx:eth0/*\"]}",
	 {.targets = {"tcx:eth1/egress", "tcx:eth2/egress"}},
	 "pass"},
	{"type and target",
	 NULL,
	 ", \"programs\": {\"types\": [\"xdp\"], \"attach\": [\"xdp:eth0\"]}",
	 {.types = {XDP}, .targets = {"xdp:eth0"}},
	 NULL},
	{"type without target",
	 NULL,
	 ", \"programs\": {\"types\": [\"xdp\"], \"attach\": [\"xdp:eth0\"]}",
	 {.types = {XDP}, .targets = {"xdp:eth1"}},
	 "pass"},
	{"any kfunc",
	 NULL,
	 ", \"programs\": {\"kfuncs\": [\"bpf_task_work_schedule_resume\"]}",
	 {.requires = {"task_work"}},
	 NULL},
	{"no kfunc",
	 NULL,
	 ", \"programs\": {\"kfuncs\": [\"bpf_x*\"]}",
	 {.requires = {"task_work"}},
	 "pass"},
	{"no feature", NULL, ", \"programs\": {\"kfuncs\": [\"*\"]}", {.requires = {NULL}}, "pass"},
	{"a feature, no condition", NULL, NULL, {.requires = {"task_work"}}, NULL},
	{"any grant",
	 NULL,
	 ", \"grant\": [\"read-write\"]",
	 {.grants = {GRANT_READ, GRANT_READ_WRITE}},
	 NULL},
	{"no grant",
	 NULL,
	 ", \"grant\": [\"read-write\"]",
	 {.grants = {GRANT_READ, GRANT_EVENTS}},
	 "pass"},
	{"an effect",
	 NULL,
	 ", \"effects\": [\"signals\", \"registers\"]",
	 {.effects = 1 << EFFECT_SIGNALS | 1 << EFFECT_USER_MEMORY},
	 NULL},
	{"another effect",
	 NULL,
	 ", \"effects\": [\"signals\"]",
	 {.effects = 1 << EFFECT_USER_MEMORY},
	 "none of the rule's effects"},
	{"no effect", NULL, ", \"effects\": [\"signals\"]", {}, "none of the rule's effects"},
	{"any effect when left out", NULL, NULL, {.effects = EFFECTS_ALL}, NULL},
	{"any grant when left out", NULL, NULL, {.grants = {GRANT_READ_WRITE}}, NULL},
	{"lifetime",
	 NULL,
	 ", \"lifetime\": [\"persistent\"]",
	 {.lifetime = LIFETIME_PERSISTENT},
	 NULL},
	{"another lifetime", NULL, ", \"lifetime\": [\"persistent\"]", {}, "pass"},
	{"any lifetime when left out", NULL, NULL, {.lifetime = LIFETIME_PERSISTENT}, NULL},
	{"both conditions",
	 NULL,
	 ", \"bundles\": [\"execwatch\"], \"lifetime\": [\"persistent\"]",
	 {.lifetime = LIFETIME_PERSISTENT},
	 NULL},
	{"one of two conditions",
	 NULL,
	 ", \"bundles\": [\"execwatch\"], \"lifetime\": [\"persistent\"]",
	 {},
	 "pass"},
};

static void check_deny(const struct row *row)
{
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_decision_ struct decision decision = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ char *text = NULL;
	int r;

	print_message("deny: %s\n", row->title);
	assert_true(asprintf(&text,
			     "{\"rules\": [\n{\"name\": \"no\", \"effect\": \"deny\", "
			     "\"subjects\": %s%s},\n" ALLOW_ALL "]}",
			     row->subjects ?: "{\"uids\": [\"1000\"]}", row->members ?: "") > 0);
	policy = ask_policy(text);
	r = ask_decide(policy, &row->ask, &decision, &error);
	if (row->refusal) {
		assert_int_equal(r, 0);
		assert_string_equal(decision.rule, "all");
		return;
	}
	assert_int_equal(r, -EACCES);
	assert_non_null(strstr(error_message(&error), "denied by the rule 'no' ("));
	assert_non_null(strstr(error_message(&error), "/50-x.json:2)"));
}

static void test_deny(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(deny_rows); i++)
		check_deny(&deny_rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deny),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
