/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A policy's text, and what its rules say to one request. */
#include "authorise.h"
#include "fuzz.h"
#include "policy-rule.h"

static struct target target;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_confine();
	fuzz_require(target_parse("tracepoint:sched/sched_process_exec", &target, NULL) == 0);
	return 0;
}

static void check_rule(const struct policy_rule *rule)
{
	fuzz_require(rule->name && *rule->name);
	fuzz_require(rule->source && strncmp(rule->source, "/x/50.json:", 11) == 0);
	if (rule->deny)
		return;
	fuzz_require(rule->n_groups >= 1);
	for (unsigned i = 0; i < rule->n_groups; i++)
		fuzz_require(rule->groups[i].required >= 1);
	fuzz_require(rule->lifetimes != 0);
	fuzz_require(rule->bundles.n == 0 || rule->groups[0].n_signers > 0);
}

static void ignore(const struct verdict *verdict, void *userdata)
{
	++*(unsigned *)userdata;
}

static void ask(const struct policy *policy)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_decision_ struct decision decision = {};
	static gid_t groups[] = {0, 100, 1000};
	static char name[] = "execwatch", program[] = "on_exec", map[] = "events";
	static char feature[] = "task_work", tunable[] = "min_uid", *features[] = {feature};
	static struct manifest_program programs[] = {
		{.name = program, .type = BPF_PROG_TYPE_TRACEPOINT}};
	static struct manifest_map maps[] = {{.name = map, .grant = GRANT_EVENTS}};
	static struct manifest_tunable tunables[] = {{.name = tunable}};
	static const struct manifest manifest = {.name = name,
						 .n_programs = 1,
						 .programs = programs,
						 .n_maps = 1,
						 .maps = maps,
						 .n_tunables = 1,
						 .tunables = tunables,
						 .n_requires = 1,
						 .requires = features};
	static char file[] = "release.pem";
	static const struct trusted_key key = {.file = file, .usable = true};
	static const struct trusted_key *const keys[] = {&key};
	const struct attachment attachment = {0, target};
	struct peer peer = {.uid = 1000,
			    .gid = 1000,
			    .n_groups = 3,
			    .groups = groups,
			    .unit = "ci@1.service",
			    .unit_known = true};
	struct request request = {.peer = &peer,
				  .manifest = &manifest,
				  .n_signers = 1,
				  .signers = keys,
				  .n_attachments = 1,
				  .attachments = &attachment,
				  .tunables_set = 1};
	unsigned heard = 0;
	int r;

	r = policy_authorise(policy, &request, &decision, &error);
	fuzz_check_error(r, &error);
	policy_explain(policy, &request, ignore, &heard);
	fuzz_require(heard <= policy->n_rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct policy policy = {.refs = 1};
	int r;

	r = policy_parse("/x/50.json", (const char *)data, size, &policy.rules, &policy.n_rules,
			 &error);
	fuzz_check_error(r, &error);
	if (r < 0)
		return 0;
	for (unsigned i = 0; i < policy.n_rules; i++)
		check_rule(&policy.rules[i]);
	ask(&policy);
	policy_rules_free(policy.rules, policy.n_rules);
	return 0;
}
