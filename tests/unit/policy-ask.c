/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy-ask.h"
#include "testkeys.h"

struct policy *ask_policy(const char *text)
{
	char *folder = test_folder_new();
	const char *const dirs[] = {folder, NULL};
	struct policy *policy = NULL;

	test_file_write(test_path(folder, "50-x.json"), text);
	assert_int_equal(policy_read(dirs, getuid(), &policy, NULL), 0);
	if (policy->deny_all)
		fail_msg("%s", policy->reason);
	test_folder_remove(folder);
	return policy;
}

static unsigned make_signers(unsigned keys, struct trusted_key *store,
			     const struct trusted_key **signers)
{
	static char files[4][16] = {"a.pem", "b.pem", "c.pem", "b2.pem"};
	static const uint8_t bytes[4] = {0x0a, 0x0b, 0x0c, 0x0b};
	unsigned n = 0;

	for (unsigned i = 0; i < 4; i++) {
		store[i] = (struct trusted_key){.file = files[i], .usable = true};
		memset(store[i].digest, bytes[i], DIGEST_SIZE);
		if (keys & (1u << i))
			signers[n++] = &store[i];
	}
	return n;
}

/* Those that are set, and behind them one that is not. */
static unsigned make_tunables(const struct ask *ask, struct manifest_tunable *ret)
{
	static char other[] = "not_set";
	unsigned n = 0;

	while (n < 2 && ask->tunables[n]) {
		ret[n].name = (char *)(uintptr_t)ask->tunables[n];
		n++;
	}
	ret[n++].name = other;
	return n;
}

int ask_decide(const struct policy *policy, const struct ask *ask, struct decision *decision,
	       struct error *error)
{
	static char names[4][4] = {"p0", "p1", "m0", "m1"};
	gid_t groups[4] = {1000, ask->groups[0] ?: 1000, ask->groups[1] ?: 1000,
			   ask->groups[2] ?: 1000};
	struct peer peer = {
		.uid = ask->root ? 0 : ask->uid ?: 1000, .gid = 5000, .n_groups = 3,
		.groups = groups + 1};
	struct manifest_program programs[2] = {
		{.name = names[0], .type = ask->types[0] ?: TP},
		{.name = names[1], .type = ask->types[1] ?: ask->types[0] ?: TP}};
	struct manifest_map maps[2] = {{.name = names[2], .grant = ask->grants[0]},
				       {.name = names[3], .grant = ask->grants[1]}};
	struct manifest manifest = {.name = (char *)(uintptr_t)(ask->bundle ?: "execwatch"),
				    .n_programs = 2,
				    .programs = programs,
				    .n_maps = 2,
				    .maps = maps,
				    .n_requires = !!ask->requires[0] + !!ask->requires[1],
				    .requires = (char **)(uintptr_t)ask->requires,
				    .effects = ask->effects};
	struct manifest_tunable tunables[3] = {};
	struct attachment attachments[2] = {};
	struct trusted_key store[4];
	const struct trusted_key *signers[4];
	struct request request = {.peer = &peer,
				  .manifest = &manifest,
				  .signers = signers,
				  .attachments = attachments,
				  .lifetime = ask->lifetime,
				  .n_loads = ask->n_loads};
	const char *first = ask->targets[0] ?: "tracepoint:sched/sched_process_exec";
	int r;

	peer.unit_known = !ask->unit || !streq(ask->unit, "?");
	snprintf(peer.unit, sizeof(peer.unit), "%s", peer.unit_known ? ask->unit ?: "" : "");
	/* Nobody is in group 1000 by default: "a gid is no uid" would test nothing. */
	for (unsigned i = 1; i < 4; i++)
		if (!ask->groups[i - 1])
			groups[i] = 5000;
	assert_int_equal(target_parse(first, &attachments[0].target, NULL), 0);
	attachments[1].program = 1;
	assert_int_equal(target_parse(ask->targets[1] ?: first, &attachments[1].target, NULL), 0);
	request.n_attachments = ask->no_target ? 0 : 2;
	manifest.tunables = tunables;
	manifest.n_tunables = make_tunables(ask, tunables);
	request.tunables_set = (UINT64_C(1) << (manifest.n_tunables - 1)) - 1;
	request.n_signers = make_signers(ask->keys ?: KEY_A, store, signers);
	r = policy_authorise(policy, &request, decision, error);
	target_done(&attachments[0].target);
	target_done(&attachments[1].target);
	return r;
}
