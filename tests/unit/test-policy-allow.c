/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an allow rule matches. Each condition has a row that is allowed and rows that differ from it
 * in one thing and are denied.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy-ask.h"

static const struct row allow_rows[] = {
	/* subjects */
	{"uid in quotes", NULL, NULL, {}, NULL},
	{"another uid", NULL, NULL, {.uid = 1001}, "no rule of the policy names uid 1001"},
	{"uid as a number", "{\"users\": [1000]}", NULL, {}, NULL},
	{"not that number", "{\"users\": [1000]}", NULL, {.uid = 999}, "names uid 999"},
	{"range, first", "{\"uids\": [\"2000-2999\"]}", NULL, {.uid = 2000}, NULL},
	{"range, last", "{\"uids\": [\"2000-2999\"]}", NULL, {.uid = 2999}, NULL},
	{"below the range", "{\"uids\": [\"2000-2999\"]}", NULL, {.uid = 1999}, "names uid 1999"},
	{"above the range", "{\"uids\": [\"2000-2999\"]}", NULL, {.uid = 3000}, "names uid 3000"},
	{"second range", "{\"uids\": [\"1-2\", \"1000-1001\"]}", NULL, {}, NULL},
	{"root by name", "{\"users\": [\"root\"]}", NULL, {.root = true}, NULL},
	{"not root", "{\"users\": [\"root\"]}", NULL, {}, "names uid 1000"},
	{"root like any other", NULL, NULL, {.root = true}, "names uid 0"},
	{"group by number", "{\"groups\": [77]}", NULL, {.groups = {5, 77}}, NULL},
	{"not in the group", "{\"groups\": [77]}", NULL, {.groups = {5, 78}}, "names uid 1000"},
	{"a gid is no uid", "{\"groups\": [1000]}", NULL, {}, "names uid 1000"},
	{"a uid is no gid", "{\"users\": [77]}", NULL, {.groups = {77}}, "names uid 1000"},
	{"group by name", "{\"groups\": [\"daemon\"]}", NULL, {.groups = {1}}, NULL},
	{"not in that one", "{\"groups\": [\"daemon\"]}", NULL, {.groups = {2}}, "names uid 1000"},
	{"subjects are alternatives: user",
	 "{\"users\": [1000], \"groups\": [77]}",
	 NULL,
	 {},
	 NULL},
	{"subjects are alternatives: group",
	 "{\"users\": [1], \"groups\": [77], \"uids\": [\"5\"]}",
	 NULL,
	 {.groups = {77}},
	 NULL},
	{"no such user allows nobody",
	 "{\"users\": [\"no-such-user-of-bpfgate\"]}",
	 NULL,
	 {},
	 "names uid 1000"},
	{"nor do others lose by it",
	 "{\"users\": [\"no-such-user-of-bpfgate\", 1000]}",
	 NULL,
	 {},
	 NULL},
	{"no such group allows nobody",
	 "{\"groups\": [\"no-such-group-of-bpfgate\"]}",
	 NULL,
	 {.groups = {0}},
	 "names uid 1000"},
	{"nobody's neighbour", "{\"uids\": [\"65000-65535\"]}", NULL, {.uid = 65533}, NULL},
	{"nobody", "{\"uids\": [\"65000-65535\"]}", NULL, {.uid = 65534}, "stands for everybody"},
	{"nobody by group",
	 "{\"groups\": [77]}",
	 NULL,
	 {.uid = 65534, .groups = {77}},
	 "stands for everybody"},
	{"the last uid", "{\"uids\": [\"0-4294967294\"]}", NULL, {.uid = 4294967294u}, NULL},
	{"no uid",
	 "{\"uids\": [\"0-4294967294\"]}",
	 NULL,
	 {.uid = 4294967295u},
	 "stands for everybody"},

	/* bundles, signatures */
	{"bundle",
	 NULL,
	 ", \"bundles\": [\"execwatch\"], \"signatures\": {\"signers\": [\"a.pem\"]}",
	 {},
	 NULL},
	{"another bundle",
	 NULL,
	 ", \"bundles\": [\"execwatch\"], \"signatures\": {\"signers\": [\"a.pem\"]}",
	 {.bundle = "execwatch2"},
	 "the bundle 'execwatch2' is none of the rule's bundles"},
	{"bundle pattern",
	 NULL,
	 ", \"bundles\": [\"x\", \"net-*\"], \"signatures\": {\"signers\": [\"a.pem\"]}",
	 {.bundle = "net-count"},
	 NULL},
	{"beside the pattern",
	 NULL,
	 ", \"bundles\": [\"x\", \"net-*\"], \"signatures\": {\"signers\": [\"a.pem\"]}",
	 {.bundle = "internet-count"},
	 "none of the rule's bundles"},
	{"signer by another key",
	 NULL,
	 ", \"bundles\": [\"execwatch\"], \"signatures\": {\"signers\": [\"a.pem\"]}",
	 {.keys = KEY_B},
	 "0 of 1 required signatures by the rule's signers"},
	{"signer by digest",
	 NULL,
	 ", \"signatures\": {\"signers\": [\"" SHA_B "\"]}",
	 {.keys = KEY_B},
	 NULL},
	{"not that digest",
	 NULL,
	 ", \"signatures\": {\"signers\": [\"" SHA_B "\"]}",
	 {.keys = KEY_A},
	 "0 of 1 required"},
	{"one of several signers",
	 NULL,
	 ", \"signatures\": {\"signers\": [\"a.pem\", \"" SHA_B "\"]}",
	 {.keys = KEY_B | KEY_C},
	 NULL},
	{"two of two",
	 NULL,
	 ", \"signatures\": {\"required\": 2, \"signers\": [\"a.pem\", \"b.pem\"]}",
	 {.keys = KEY_A | KEY_B},
	 NULL},
	{"one of two",
	 NULL,
	 ", \"signatures\": {\"required\": 2, \"signers\": [\"a.pem\", \"b.pem\"]}",
	 {.keys = KEY_A},
	 "1 of 2 required"},
	{"a foreign second one",
	 NULL,
	 ", \"signatures\": {\"required\": 2, \"signers\": [\"a.pem\", \"b.pem\"]}",
	 {.keys = KEY_A | KEY_C},
	 "1 of 2 required"},
	{"any two", NULL, ", \"signatures\": {\"required\": 2}", {.keys = KEY_B | KEY_C}, NULL},
	{"any one is not two",
	 NULL,
	 ", \"signatures\": {\"required\": 2}",
	 {.keys = KEY_C},
	 "1 of 2 required signatures by trusted keys"},
	{"a key counts once",
	 NULL,
	 ", \"signatures\": {\"required\": 2}",
	 {.keys = KEY_B | KEY_B_TWICE},
	 "1 of 2 required"},

	/* programs */
	{"type", NULL, ", \"programs\": {\"types\": [\"tracepoint\"]}", {}, NULL},
	{"another type",
	 NULL,
	 ", \"programs\": {\"types\": [\"tracing\", \"xdp\"]}",
	 {},
	 "the program 'p0' is of type 'tracepoint'"},
	{"all types",
	 NULL,
	 ", \"programs\": {\"types\": [\"tracing\", \"tracepoint\"]}",
	 {.types = {TP, TRACE}},
	 NULL},
	{"not all types",
	 NULL,
	 ", \"programs\": {\"types\": [\"tracepoint\"]}",
	 {.types = {TP, XDP}},
	 "the program 'p1' is of type 'xdp'"},
	{"target",
	 NULL,
	 ", \"programs\": {\"attach\": [\"tracepoint:sched/sched_process_exec\"]}",
	 {},
	 NULL},
	{"another target",
	 NULL,
	 ", \"programs\": {\"attach\": [\"tracepoint:sched/sched_process_exec\"]}",
	 {.targets = {"tracepoint:sched/sched_switch"}},
	 "the target 'tracepoint:sched/sched_switch' of the program 'p0'"},
	{"target pattern",
	 NULL,
	 ", \"programs\": {\"attach\": [\"fentry:*\", \"tracepoint:sched/*\"]}",
	 {},
	 NULL},
	{"another group",
	 NULL,
	 ", \"programs\": {\"attach\": [\"tracepoint:sched/*\"]}",
	 {.targets = {"tracepoint:syscalls/sys_enter_open"}},
	 "fits none of the rule's attach"},
	{"a star before a slash",
	 NULL,
	 ", \"programs\": {\"attach\": [\"uprobe:/usr/*/bash:*\"]}",
	 {.targets = {"uprobe:/usr/bin/bash:readline"}},
	 NULL},
	{"a star stops at a slash",
	 NULL,
	 ", \"programs\": {\"attach\": [\"uprobe:/usr/*/bash:*\"]}",
	 {.targets = {"uprobe:/usr/local/bin/bash:readline"}},
	 "fits none of the rule's attach"},
	{"a star is no offset",
	 NULL,
	 ", \"programs\": {\"attach\": [\"kprobe:vfs_*\"]}",
	 {.targets = {"kprobe:vfs_read+0x10"}},
	 "fits none of the rule's attach"},
	{"an offset that is allowed",
	 NULL,
	 ", \"programs\": {\"attach\": [\"kprobe:vfs_*+0x*\"]}",
	 {.targets = {"kprobe:vfs_read+0x10"}},
	 NULL},
	{"another kind",
	 NULL,
	 ", \"programs\": {\"attach\": [\"fentry:*\"]}",
	 {.targets = {"fexit:do_unlinkat"}},
	 "fits none of the rule's attach"},
	{"all targets",
	 NULL,
	 ", \"programs\": {\"attach\": [\"xdp:eth0\", \"tcx:eth0/*\"]}",
	 {.targets = {"xdp:eth0", "tcx:eth0/ingress"}},
	 NULL},
	{"not all targets",
	 NULL,
	 ", \"programs\": {\"attach\": [\"xdp:eth0\", \"tcx:eth0/*\"]}",
	 {.targets = {"xdp:eth0", "tcx:eth1/ingress"}},
	 "the target 'tcx:eth1/ingress'"},
	{"no target at all",
	 NULL,
	 ", \"programs\": {\"attach\": [\"xdp:eth0\"]}",
	 {.no_target = true},
	 NULL},

	/* grant */
	{"nothing granted", NULL, NULL, {.grants = {GRANT_NONE}}, NULL},
	{"left out grants nothing",
	 NULL,
	 NULL,
	 {.grants = {GRANT_READ}},
	 "the map 'm0' is to be granted as 'read', which the rule does not grant"},
	{"an empty list neither", NULL, ", \"grant\": []", {.grants = {GRANT_READ}}, "not grant"},
	{"none grants nothing",
	 NULL,
	 ", \"grant\": [\"none\"]",
	 {.grants = {GRANT_EVENTS}},
	 "as 'events'"},
	{"read", NULL, ", \"grant\": [\"read\"]", {.grants = {GRANT_READ}}, NULL},
	{"read is not events",
	 NULL,
	 ", \"grant\": [\"read\"]",
	 {.grants = {GRANT_EVENTS}},
	 "as 'events'"},
	{"read is not read-write",
	 NULL,
	 ", \"grant\": [\"read\"]",
	 {.grants = {GRANT_READ_WRITE}},
	 "as 'read-write'"},
	{"read-write is not read",
	 NULL,
	 ", \"grant\": [\"read-write\"]",
	 {.grants = {GRANT_READ}},
	 "as 'read'"},
	{"all maps",
	 NULL,
	 ", \"grant\": [\"events\", \"read\"]",
	 {.grants = {GRANT_EVENTS, GRANT_READ}},
	 NULL},
	{"not all maps",
	 NULL,
	 ", \"grant\": [\"events\"]",
	 {.grants = {GRANT_EVENTS, GRANT_READ}},
	 "the map 'm1'"},

	/* lifetime */
	{"session by default", NULL, NULL, {.lifetime = LIFETIME_SESSION}, NULL},
	{"not persistent by default",
	 NULL,
	 NULL,
	 {.lifetime = LIFETIME_PERSISTENT},
	 "the lifetime 'persistent' is none of the rule's"},
	{"persistent",
	 NULL,
	 ", \"lifetime\": [\"persistent\"]",
	 {.lifetime = LIFETIME_PERSISTENT},
	 NULL},
	{"persistent only",
	 NULL,
	 ", \"lifetime\": [\"persistent\"]",
	 {.lifetime = LIFETIME_SESSION},
	 "the lifetime 'session' is none"},
	{"both",
	 NULL,
	 ", \"lifetime\": [\"session\", \"persistent\"]",
	 {.lifetime = LIFETIME_PERSISTENT},
	 NULL},

	/* limits */
	{"below the limit", NULL, ", \"limits\": {\"loads\": 2}", {.n_loads = 1}, NULL},
	{"at the limit",
	 NULL,
	 ", \"limits\": {\"loads\": 2}",
	 {.n_loads = 2},
	 "allows 2 loads at a time and uid 1000 has 2"},
	{"over the limit", NULL, ", \"limits\": {\"loads\": 2}", {.n_loads = 30}, "has 30"},
	{"no limit", NULL, NULL, {.n_loads = 30}, NULL},
};

static void check_allow(const struct row *row)
{
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_decision_ struct decision decision = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ char *text = NULL;
	int r;

	print_message("allow: %s\n", row->title);
	assert_true(asprintf(&text,
			     "{\"rules\": [\n{\"name\": \"r\", \"effect\": \"allow\", "
			     "\"subjects\": %s%s}]}",
			     row->subjects ?: "{\"uids\": [\"1000\"]}", row->members ?: "") > 0);
	policy = ask_policy(text);
	r = ask_decide(policy, &row->ask, &decision, &error);
	if (!row->refusal) {
		assert_int_equal(r, 0);
		assert_string_equal(decision.rule, "r");
		assert_non_null(strstr(decision.source, "/50-x.json:2"));
		return;
	}
	assert_int_equal(r, -EACCES);
	assert_int_equal(error.code, ERROR_DENIED);
	assert_int_equal(error.step, STEP_AUTHORISE);
	if (!strstr(error_message(&error), row->refusal))
		fail_msg("'%s' is not in '%s'", row->refusal, error_message(&error));
	assert_null(decision.rule);
}

static void test_allow(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(allow_rows); i++)
		check_allow(&allow_rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
