/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every text that is no policy, with the place and the reason that are given for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authorise.h"
#include "policy-rule.h"
#include "testkeys.h"

struct fixture {
	char *etc;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->etc = test_folder_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	test_folder_remove(f->etc);
	free(f);
	return 0;
}

static struct policy *read_etc(const struct fixture *f)
{
	const char *const dirs[] = {f->etc, NULL};
	struct policy *policy = NULL;

	assert_int_equal(policy_read(dirs, getuid(), &policy, NULL), 0);
	return policy;
}

/* A rule on line 2 whose members follow "subjects", which ends in column 66. */
#define ALLOW(more)                                                                          \
	"{\"rules\": [\n{\"name\": \"r\", \"effect\": \"allow\", \"subjects\": {\"users\": " \
	"[0]}" more "}]}"
#define DENY(more)                                                                          \
	"{\"rules\": [\n{\"name\": \"r\", \"effect\": \"deny\", \"subjects\": {\"users\": " \
	"[0]}" more "}]}"
#define SUBJECTS(effect, subjects)                                                              \
	"{\"rules\": [\n{\"name\": \"r\", \"effect\": \"" effect "\", \"subjects\":\n" subjects \
	"}]}"

static const struct {
	const char *text;
	const char *reason; /* ":LINE:COLUMN: ...", found in the reason */
} refused[] = {
	/* the file */
	{"", ":1:1: "},
	{"{", ":1:"},
	{"[]", ":1:1: a policy file is an object"},
	{"null", ":1:1: a policy file is an object"},
	{"{\"rules\": []} x", ":1:15: "},
	{"{\"rules\": [], \"rules\": []}", ":1:15: "},
	{"{\n  \"rules\": [,]}", ":2:13: "},
	{"{\"rules\": [\"\xff\"]}", ":1:13: not valid UTF-8"},
	{"{}", ":1:1: 'rules' is missing"},
	{"{\"rules\": {}}", ":1:11: 'rules' must be a list"},
	{"{\"rules\": null}", ":1:11: 'rules' is null"},
	{"{\"rules\": [],\n \"ruels\": []}", ":2:11: unknown member 'ruels'"},
	{"{\"rules\": [], \"description\": 1}", ":1:30: 'description' must be a string"},
	{"{\"rules\": [1]}", ":1:12: a rule is an object"},
	{"{\"rules\": [null]}", ":1:12: a rule is an object"},

	/* a rule's own members */
	{"{\"rules\": [\n{}]}", ":2:1: 'name' is missing"},
	{"{\"rules\": [\n{\"name\": \"\", \"effect\": \"allow\", \"subjects\": {\"users\": [0]}}]}",
	 ":2:10: a name has 1 to 128 bytes"},
	{"{\"rules\": [\n{\"name\": \"a\\nb\", \"effect\": \"allow\", \"subjects\": {}}]}",
	 ":2:10: a name holds no control characters"},
	{"{\"rules\": [\n{\"name\": 1, \"effect\": \"allow\", \"subjects\": {\"users\": [0]}}]}",
	 ":2:10: 'name' must be a string"},
	{"{\"rules\": [\n{\"name\": \"r\", \"subjects\": {\"users\": [0]}}]}",
	 ":2:1: 'effect' is missing"},
	{"{\"rules\": [\n{\"name\": \"r\", \"effect\": \"Allow\", \"subjects\": {\"users\": "
	 "[0]}}]}",
	 ":2:25: 'Allow' is no effect"},
	{"{\"rules\": [\n{\"name\": \"r\", \"effect\": \"allow\"}]}",
	 ":2:1: 'subjects' is missing"},
	{ALLOW(", \"unknown\": 1"), "unknown member 'unknown'"},
	{ALLOW(", \"Bundles\": []"), "unknown member 'Bundles'"},
	{ALLOW(", \"description\": []"), "'description' must be a string"},
	{"{\"rules\": [" /* two of a name */
	 "{\"name\": \"r\", \"effect\": \"deny\", \"subjects\": {\"users\": [0]}},\n"
	 "{\"name\": \"r\", \"effect\": \"deny\", \"subjects\": {\"users\": [0]}}]}",
	 ":2:10: the rule at "},

	/* subjects */
	{SUBJECTS("allow", "{}"), ":3:1: 'subjects' names nobody"},
	{SUBJECTS("allow", "[]"), ":3:1: 'subjects' must be an object"},
	{SUBJECTS("allow", "{\"users\": []}"), ":3:11: the list is empty"},
	{SUBJECTS("allow", "{\"users\": null}"), ":3:11: 'users' is null"},
	{SUBJECTS("allow", "{\"user\": [1]}"), ":3:10: unknown member 'user'"},
	{SUBJECTS("allow", "{\"users\": [1.5]}"), ":3:12: a user is a name or a number"},
	{SUBJECTS("allow", "{\"users\": [null]}"), ":3:12: a user is a name or a number"},
	{SUBJECTS("allow", "{\"users\": [-1]}"), ":3:12: not an id"},
	{SUBJECTS("allow", "{\"users\": [4294967295]}"), ":3:12: not an id"},
	{SUBJECTS("allow", "{\"users\": [4294968296]}"), ":3:12: not an id"},
	{SUBJECTS("allow", "{\"users\": [18446744073709551615]}"), ":3:12: not an id"},
	{SUBJECTS("allow", "{\"users\": [1, \"1000\"]}"), ":3:15: '1000' is no name of a user"},
	{SUBJECTS("allow", "{\"users\": [\"\"]}"), ":3:12: '' is no name of a user"},
	{SUBJECTS("deny", "{\"users\": [0, \"no-such-user-of-bpfgate\"]}"),
	 ":3:15: there is no user 'no-such-user-of-bpfgate'"},
	{SUBJECTS("allow", "{\"groups\": [\"77\"]}"), ":3:13: '77' is no name of a group"},
	{SUBJECTS("allow", "{\"groups\": [true]}"), ":3:13: a group is a name or a number"},
	{SUBJECTS("deny", "{\"groups\": [\"no-such-group-of-bpfgate\"]}"),
	 ":3:13: there is no group 'no-such-group-of-bpfgate'"},
	{SUBJECTS("allow", "{\"uids\": []}"), ":3:10: the list is empty"},
	{SUBJECTS("allow", "{\"uids\": [1000]}"), ":3:11: not a string"},
	{SUBJECTS("allow", "{\"uids\": [\"\"]}"), ":3:11: '' is no range"},
	{SUBJECTS("allow", "{\"uids\": [\"-5\"]}"), ":3:11: '-5' is no range"},
	{SUBJECTS("allow", "{\"uids\": [\"5-\"]}"), ":3:11: '5-' is no range"},
	{SUBJECTS("allow", "{\"uids\": [\"5-4\"]}"), ":3:11: '5-4' is no range"},
	{SUBJECTS("allow", "{\"uids\": [\"1-2-3\"]}"), ":3:11: '1-2-3' is no range"},
	{SUBJECTS("allow", "{\"uids\": [\"+1\"]}"), ":3:11: '+1' is no range"},
	{SUBJECTS("allow", "{\"uids\": [\" 1\"]}"), ":3:11: ' 1' is no range"},
	{SUBJECTS("allow", "{\"uids\": [\"010\"]}"), ":3:11: '010' is no range"},
	{SUBJECTS("allow", "{\"uids\": [\"0-4294967295\"]}"), ":3:11: '0-4294967295' is no range"},
	{SUBJECTS("allow", "{\"uids\": [\"18446744073709551617\"]}"), ":3:11: "},
	{SUBJECTS("allow", "{\"uids\": [\"a-z\"]}"), ":3:11: 'a-z' is no range"},

	/* bundles and signatures */
	{ALLOW(",\n\"bundles\": [\"x\"]"),
	 ":3:12: an allow rule with 'bundles' must name 'signers'"},
	{ALLOW(",\n\"bundles\": [\"x\"], \"signatures\": {\"required\": 1}"),
	 ":3:12: an allow rule with 'bundles' must name 'signers'"},
	{DENY(",\n\"bundles\": []"), ":3:12: the list is empty"},
	{DENY(",\n\"bundles\": null"), ":3:12: 'bundles' is null"},
	{DENY(",\n\"bundles\": \"x\""), ":3:12: 'bundles' must be a list"},
	{DENY(",\n\"bundles\": [1]"), ":3:13: not a string"},
	{DENY(",\n\"bundles\": [\"\"]"), ":3:13: a pattern is not empty"},
	{DENY(",\n\"bundles\": [\"a**\"]"), ":3:13: a pattern is not empty and holds no '**'"},
	{DENY(",\n\"bundles\": [\"Exec\"]"), ":3:13: 'Exec' matches no bundle"},
	{DENY(",\n\"bundles\": [\"a/b\"]"), ":3:13: 'a/b' matches no bundle"},
	{ALLOW(",\n\"signatures\": {}"), ":3:15: 'signatures' is empty"},
	{ALLOW(",\n\"signatures\": {\"signer\": []}"), ":3:26: unknown member 'signer'"},
	{ALLOW(",\n\"signatures\": {\"signers\": []}"), ":3:27: the list is empty"},
	{ALLOW(",\n\"signatures\": {\"signers\": null}"), ":3:27: 'signers' is null"},
	{ALLOW(",\n\"signatures\": {\"signers\": [\"a\"]}"), ":3:28: 'a' is no signer"},
	{ALLOW(",\n\"signatures\": {\"signers\": [\".pem\"]}"), ":3:28: '.pem' is no signer"},
	{ALLOW(",\n\"signatures\": {\"signers\": [\"../a.pem\"]}"),
	 ":3:28: '../a.pem' is no signer"},
	{ALLOW(",\n\"signatures\": {\"signers\": [\"sha256:00\"]}"),
	 ":3:28: 'sha256:00' is no digest"},
	{ALLOW(",\n\"signatures\": {\"signers\": [\"a.pem\", \"a.pem\"]}"),
	 ":3:37: 'a.pem' is named twice"},
	{ALLOW(",\n\"signatures\": {\"required\": 0}"), ":3:28: 'required' is 1 to 16"},
	{ALLOW(",\n\"signatures\": {\"required\": 17}"), ":3:28: 'required' is 1 to 16"},
	{ALLOW(",\n\"signatures\": {\"required\": -1}"),
	 ":3:28: 'required' must be a whole number"},
	{ALLOW(",\n\"signatures\": {\"required\": \"1\"}"),
	 ":3:28: 'required' must be a whole number"},
	{ALLOW(",\n\"signatures\": {\"required\": null}"), ":3:28: 'required' is null"},
	{ALLOW(",\n\"signatures\": {\"required\": 2, \"signers\": [\"a.pem\"]}"),
	 ":3:28: 2 signers are required, but the rule names only 1"},
	{DENY(",\n\"signatures\": {\"required\": 1, \"signers\": [\"a.pem\"]}"),
	 ":3:28: a deny rule matches by any one of its signers"},

	{ALLOW(",\n\"signatures\": {\"groups\": []}"), ":3:26: the list is empty"},
	{ALLOW(",\n\"signatures\": {\"groups\": [\"a.pem\"]}"), ":3:27: a group is an object"},
	{ALLOW(",\n\"signatures\": {\"groups\": [{}]}"), ":3:27: 'signers' is missing"},
	{ALLOW(",\n\"signatures\": {\"groups\": [{\"required\": 1}]}"),
	 ":3:27: 'signers' is missing"},
	{ALLOW(",\n\"signatures\": {\"groups\": [{\"signers\": []}]}"), ":3:39: the list is empty"},
	{ALLOW(",\n\"signatures\": {\"groups\": [{\"signers\": [\"a.pem\"], \"required\": 0}]}"),
	 ":3:62: 'required' is 1 to 16"},
	{ALLOW(",\n\"signatures\": {\"groups\": [{\"signers\": [\"a.pem\"], \"required\": 2}]}"),
	 ":3:62: 2 signers are required, but the rule names only 1"},
	{ALLOW(",\n\"signatures\": {\"groups\": [{\"signers\": [\"a.pem\"], \"name\": \"x\"}]}"),
	 ":3:58: unknown member 'name'"},
	{ALLOW(",\n\"signatures\": {\"required\": 1, \"groups\": [{\"signers\": [\"a.pem\"]}]}"),
	 ":3:41: each group has 'signers' and 'required' of its own"},
	{ALLOW(",\n\"signatures\": {\"signers\": [\"b.pem\"], \"groups\": [{\"signers\": "
	       "[\"a.pem\"]}]}"),
	 "each group has 'signers' and 'required' of its own"},
	{DENY(",\n\"signatures\": {\"groups\": [{\"signers\": [\"a.pem\"]}]}"),
	 ":3:26: a deny rule matches by any one of its signers"},

	/* programs */
	{ALLOW(",\n\"programs\": {}"), ":3:13: 'programs' is empty"},
	{ALLOW(",\n\"programs\": {\"types\": []}"), ":3:23: the list is empty"},
	{ALLOW(",\n\"programs\": {\"types\": null}"), ":3:23: 'types' is null"},
	{ALLOW(",\n\"programs\": {\"types\": [\"tracepont\"]}"),
	 ":3:24: 'tracepont' is no program type"},
	{ALLOW(",\n\"programs\": {\"types\": [\"struct_ops\"]}"),
	 ":3:24: 'struct_ops' is no program"},
	{ALLOW(",\n\"programs\": {\"attach\": []}"), ":3:24: the list is empty"},
	{ALLOW(",\n\"programs\": {\"attach\": [7]}"), ":3:25: not a string"},
	{ALLOW(",\n\"programs\": {\"attach\": [\"sched/*\"]}"), ":3:25: "},
	{ALLOW(",\n\"programs\": {\"attach\": [\"*:x\"]}"), ":3:25: "},
	{ALLOW(",\n\"programs\": {\"attach\": [\"fentry:**\"]}"), ":3:25: "},

	/* grant, limits, lifetime */
	{DENY(",\n\"effects\": []"), ":3:12: the list is empty"},
	{ALLOW(",\n\"effects\": null"), ":3:12: 'effects' is null"},
	{ALLOW(",\n\"effects\": [\"signals\", \"packets\"]"),
	 ":3:24: 'packets' is no effect: registers"},
	{ALLOW(",\n\"effects\": [1]"), ":3:13: not a string"},
	{ALLOW(",\n\"programs\": {\"effects\": [\"signals\"]}"), "unknown member 'effects'"},
	{DENY(",\n\"tunables\": []"), ":3:13: the list is empty"},
	{ALLOW(",\n\"tunables\": null"), ":3:13: 'tunables' is null"},
	{ALLOW(",\n\"tunables\": \"x\""), ":3:13: 'tunables' must be a list"},
	{ALLOW(",\n\"tunables\": [7]"), ":3:14: not a string"},
	{ALLOW(",\n\"tunables\": [\"x\", \"\"]"), ":3:19: a pattern is not empty"},
	{ALLOW(",\n\"tunables\": [\"min_**\"]"), ":3:14: a pattern is not empty and holds no '**'"},
	{ALLOW(",\n\"tunables\": [\"min-uid\"]"),
	 ":3:14: 'min-uid' matches no tunable: their names are made of letters, digits and '_'"},
	{ALLOW(",\n\"programs\": {\"tunables\": [\"x\"]}"), "unknown member 'tunables'"},
	{DENY(",\n\"grant\": []"), ":3:10: the list is empty"},
	{ALLOW(",\n\"grant\": null"), ":3:10: 'grant' is null"},
	{ALLOW(",\n\"grant\": \"read\""), ":3:10: 'grant' must be a list"},
	{ALLOW(",\n\"grant\": [\"write\"]"), ":3:11: 'write' is no grant"},
	{ALLOW(",\n\"grant\": [\"read_write\"]"), ":3:11: 'read_write' is no grant"},
	{ALLOW(",\n\"limits\": {}"), ":3:11: there is no limit here"},
	{ALLOW(",\n\"limits\": {\"total\": {}}"), ":3:21: there is no limit here"},
	{ALLOW(",\n\"limits\": {\"total\": {\"loads\": 0}}"), ":3:31: 'loads' is 1 to"},
	{ALLOW(",\n\"limits\": {\"total\": {\"total\": {\"loads\": 1}}}"),
	 ":3:31: unknown member 'total'"},
	{ALLOW(",\n\"limits\": {\"total\": null}"), ":3:21: 'total' is null"},
	{ALLOW(",\n\"limits\": {\"instructions\": 0}"), ":3:28: 'instructions' is 1 to"},
	{ALLOW(",\n\"limits\": {\"instructions\": 1000000001}"), ":3:28: 'instructions' is 1 to"},
	{ALLOW(",\n\"limits\": {\"mapMemory\": 4096}"), ":3:25: 'mapMemory' must be a string"},
	{ALLOW(",\n\"limits\": {\"mapMemory\": \"\"}"), ":3:25: '' is no size"},
	{ALLOW(",\n\"limits\": {\"mapMemory\": \"0\"}"), ":3:25: '0' is no size"},
	{ALLOW(",\n\"limits\": {\"mapMemory\": \"016M\"}"), ":3:25: '016M' is no size"},
	{ALLOW(",\n\"limits\": {\"mapMemory\": \"-1M\"}"), ":3:25: '-1M' is no size"},
	{ALLOW(",\n\"limits\": {\"mapMemory\": \"16MB\"}"), ":3:25: '16MB' is no size"},
	{ALLOW(",\n\"limits\": {\"mapMemory\": \"16 M\"}"), ":3:25: '16 M' is no size"},
	{ALLOW(",\n\"limits\": {\"mapMemory\": \"16T\"}"), ":3:25: '16T' is no size"},
	{ALLOW(",\n\"limits\": {\"mapMemory\": \"1025G\"}"), ":3:25: '1025G' is no size"},
	{ALLOW(",\n\"limits\": {\"mapMemory\": \"18446744073709551617\"}"),
	 ":3:25: '18446744073709551617' is no size"},
	{ALLOW(",\n\"limits\": {\"mapMemory\": \"1099511627776G\"}"),
	 ":3:25: '1099511627776G' is no size"},
	{ALLOW(",\n\"limits\": {\"rate\": 10}"), ":3:20: 'rate' must be a string"},
	{ALLOW(",\n\"limits\": {\"rate\": \"10\"}"), ":3:20: '10' is no rate"},
	{ALLOW(",\n\"limits\": {\"rate\": \"0/min\"}"), ":3:20: '0/min' is no rate"},
	{ALLOW(",\n\"limits\": {\"rate\": \"1001/min\"}"), ":3:20: '1001/min' is no rate"},
	{ALLOW(",\n\"limits\": {\"rate\": \"10/m\"}"), ":3:20: '10/m' is no rate"},
	{ALLOW(",\n\"limits\": {\"rate\": \"/min\"}"), ":3:20: '/min' is no rate"},
	{ALLOW(",\n\"limits\": {\"rate\": \"10/min \"}"), ":3:20: '10/min ' is no rate"},
	{ALLOW(",\n\"limits\": {\"loads\": 0}"), ":3:21: 'loads' is 1 to"},
	{ALLOW(",\n\"limits\": {\"loads\": 4294967297}"), ":3:21: 'loads' is 1 to"},
	{ALLOW(",\n\"limits\": {\"loads\": \"4\"}"), ":3:21: 'loads' must be a whole number"},
	{DENY(",\n\"limits\": {\"loads\": 1}"), ":3:11: a deny rule has no limits"},
	{ALLOW(",\n\"lifetime\": []"), ":3:13: the list is empty"},
	{ALLOW(",\n\"lifetime\": null"), ":3:13: 'lifetime' is null"},
	{ALLOW(",\n\"lifetime\": [\"boot\"]"), ":3:14: 'boot' is no lifetime"},

	{ALLOW(",\n\"onRevocation\": \"stop\""), ":3:17: 'stop' is nothing to do"},
	{ALLOW(",\n\"onRevocation\": null"), ":3:17: 'onRevocation' is null"},
	{ALLOW(",\n\"onRevocation\": true"), ":3:17: 'onRevocation' must be a string"},
	{DENY(",\n\"onRevocation\": \"keep\""), ":3:17: a deny rule has no 'onRevocation'"},

	{ALLOW(",\n\"programs\": {\"kfuncs\": []}"), ":3:24: the list is empty"},
	{ALLOW(",\n\"programs\": {\"kfuncs\": \"bpf_x\"}"), ":3:24: 'kfuncs' must be a list"},
	{ALLOW(",\n\"programs\": {\"kfuncs\": [7]}"), ":3:25: not a string"},
	{ALLOW(",\n\"programs\": {\"kfuncs\": [\"bpf_x\", \"\"]}"),
	 ":3:34: a pattern is not empty and holds no '**'"},
	{ALLOW(",\n\"programs\": {\"kfuncs\": [\"bpf_**\"]}"),
	 ":3:25: a pattern is not empty and holds no '**'"},
	{ALLOW(",\n\"programs\": {\"kfuncs\": [\"bpf-x\"]}"),
	 ":3:25: 'bpf-x' matches no kernel function"},

	/* units and helpers */
	{SUBJECTS("allow", "{\"units\": []}"), ":3:11: the list is empty"},
	{SUBJECTS("allow", "{\"units\": [1]}"), ":3:12: not a string"},
	{SUBJECTS("allow", "{\"units\": [\"ci\"]}"),
	 ":3:12: 'ci' is no pattern of system services"},
	{SUBJECTS("allow", "{\"units\": [\".service\"]}"), ":3:12: '.service' is no pattern"},
	{SUBJECTS("allow", "{\"units\": [\"ci.socket\"]}"), ":3:12: 'ci.socket' is no pattern"},
	{SUBJECTS("allow", "{\"units\": [\"a/b.service\"]}"), ":3:12: 'a/b.service' is no pattern"},
	{SUBJECTS("allow", "{\"units\": [\"**.service\"]}"), ":3:12: '**.service' is no pattern"},
	{SUBJECTS("deny", "{\"units\": [\"user@1000.service\"]}"),
	 ":3:12: 'user@1000.service': what users run by managers of their own"},
	{ALLOW(",\n\"programs\": {\"helpers\": []}"), ":3:25: the list is empty"},
	{ALLOW(",\n\"programs\": {\"helpers\": [7]}"), ":3:26: not a string"},
	{ALLOW(",\n\"programs\": {\"helpers\": [\"bpf_probe_reed\"]}"),
	 ":3:26: 'bpf_probe_reed' matches no helper"},
	{ALLOW(",\n\"programs\": {\"helpers\": [\"\"]}"),
	 ":3:26: a pattern is not empty and holds no"},
	{ALLOW(",\n\"programs\": {\"helpers\": [\"bpf_**\"]}"),
	 ":3:26: a pattern is not empty and holds no '**'"},
	{DENY(",\n\"programs\": {\"helpers\": [\"bpf_probe_read\"]}"),
	 ":3:25: a deny rule cannot know the helpers before the load"},
};

static void test_refused(void **state)
{
	struct fixture *f = *state;
	const char *path = test_path(f->etc, "50-x.json");
	_cleanup_free_ char *file = strdup(path);
	const struct peer root = {.uid = 0};
	const struct manifest manifest = {.name = file};
	const struct request request = {.peer = &root, .manifest = &manifest};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_policy_ struct policy *policy = NULL;
		_cleanup_decision_ struct decision decision = {};
		_cleanup_error_ struct error error = ERROR_INIT;

		test_file_write(file, refused[i].text);
		policy = read_etc(f);
		if (!policy->deny_all)
			fail_msg("accepted: %s", refused[i].text);
		if (strncmp(policy->reason, file, strlen(file)) != 0 ||
		    !strstr(policy->reason, refused[i].reason))
			fail_msg("%s\ngives %s\nnot %s", refused[i].text, policy->reason,
				 refused[i].reason);
		assert_int_equal(policy->n_rules, 0);
		assert_int_equal(policy_authorise(policy, &request, &decision, &error), -EACCES);
		assert_non_null(strstr(error_message(&error), policy->reason));
	}
}

/* A user who is not root learns that the policy is broken, not what is in it. */
static void test_broken_is_private(void **state)
{
	struct fixture *f = *state;
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_decision_ struct decision decision = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	const struct peer user = {.uid = 1000};
	const struct request request = {.peer = &user};

	test_file_write(test_path(f->etc, "50-x.json"), SUBJECTS("allow", "{\"users\": [\"7\"]}"));
	policy = read_etc(f);
	assert_int_equal(policy_authorise(policy, &request, &decision, &error), -EACCES);
	assert_int_equal(error.code, ERROR_DENIED);
	assert_non_null(strstr(error_message(&error), "the policy cannot be used"));
	assert_null(strstr(error_message(&error), "50-x.json"));
}

static void test_too_large(void **state)
{
	struct fixture *f = *state;
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_free_ char *text = malloc(256 * 1024 + 64);

	memset(text, ' ', 256 * 1024 + 64);
	strcpy(text + 256 * 1024 + 1, "{\"rules\": []}");
	test_file_write(test_path(f->etc, "50-x.json"), text);
	policy = read_etc(f);
	assert_true(policy->deny_all);
	assert_non_null(strstr(policy->reason, "larger than"));
}

static void test_too_many_entries(void **state)
{
	struct fixture *f = *state;
	_cleanup_policy_ struct policy *policy = NULL;
	char text[4096] = "{\"rules\": [{\"name\": \"r\", \"effect\": \"allow\", \"subjects\": "
			  "{\"users\": [0";

	for (unsigned i = 0; i < 256; i++)
		strcat(text, ",1");
	strcat(text, "]}}]}");
	test_file_write(test_path(f->etc, "50-x.json"), text);
	policy = read_etc(f);
	assert_true(policy->deny_all);
	assert_non_null(strstr(policy->reason, "more than 256 entries"));
}

/* What a load by the rule is to be kept with. */
static void check_decision(const char *more, unsigned required, bool keep)
{
	const struct peer root = {.uid = 0};
	const struct manifest manifest = {.name = (char *)"x"};
	const struct trusted_key a = {.digest = {1}, .file = (char *)"a.pem"};
	const struct trusted_key b = {.digest = {2}, .file = (char *)"b.pem"};
	const struct trusted_key *signers[] = {&a, &b};
	const struct request request = {
		.peer = &root, .manifest = &manifest, .n_signers = 2, .signers = signers};
	_cleanup_decision_ struct decision decision = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	struct policy policy = {};
	char text[512];

	snprintf(text, sizeof(text), ALLOW("%s"), more);
	assert_int_equal(
		policy_parse("f", text, strlen(text), &policy.rules, &policy.n_rules, &error), 0);
	if (policy_authorise(&policy, &request, &decision, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_int_equal(decision.required, required);
	assert_int_equal(decision.signers, strstr(more, "b.pem") ? 2 : 3);
	assert_int_equal(decision.keep_revoked, keep);
	policy_rules_free(policy.rules, policy.n_rules);
}

static void test_decision(void **state)
{
	check_decision("", 1, false);
	check_decision(", \"onRevocation\": \"unload\"", 1, false);
	check_decision(", \"onRevocation\": \"keep\"", 1, true);
	check_decision(", \"signatures\": {\"required\": 2}", 2, false);
	check_decision(", \"signatures\": {\"signers\": [\"b.pem\"]}", 1, false);
}

#define with_folders(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_folders(test_refused),	 with_folders(test_broken_is_private),
		with_folders(test_too_large),	 with_folders(test_too_many_entries),
		cmocka_unit_test(test_decision),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
