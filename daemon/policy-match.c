/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does a rule match a request? Each condition asks for one thing in two ways: of an allow rule all
 * programs, targets and maps must fit, of a deny rule one is enough. A condition that was left out
 * holds, but the two that are never open: what an allow rule does not grant, and lifetimes.
 */
#include <stdarg.h>

#include "feature.h"
#include "policy-rule.h"

/* Bytes of a name from manifest or request in a reason. */
#define NAME_SHOWN 96

static _printf_(2, 3) bool differs(struct policy_mismatch *mismatch, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(mismatch->reason, sizeof(mismatch->reason), format, ap);
	va_end(ap);
	return false;
}

bool policy_rule_names(const struct policy_rule *rule, const struct peer *peer)
{
	if (peer->uid == POLICY_UID_NOBODY || peer->uid > POLICY_UID_MAX)
		return false;
	for (unsigned i = 0; i < rule->n_uids; i++)
		if (peer->uid >= rule->uids[i].first && peer->uid <= rule->uids[i].last)
			return true;
	for (unsigned i = 0; i < rule->n_gids; i++)
		if (peer_in_group(peer, rule->gids[i]))
			return true;
	return false;
}

static bool match_bundle(const struct policy_rule *rule, const struct request *request,
			 struct policy_mismatch *mismatch)
{
	for (unsigned i = 0; i < rule->bundles.n; i++)
		if (pattern_match(rule->bundles.items[i], request->manifest->name))
			return true;
	return rule->bundles.n == 0 ||
	       differs(mismatch, "the bundle '%.*s' is none of the rule's bundles", NAME_SHOWN,
		       request->manifest->name);
}

static bool is_signer(const struct policy_rule *rule, const struct trusted_key *key)
{
	for (unsigned i = 0; i < rule->n_signers; i++) {
		const struct policy_signer *signer = &rule->signers[i];

		if (signer->file ? streq(signer->file, key->file)
				 : memcmp(signer->digest, key->digest, DIGEST_SIZE) == 0)
			return true;
	}
	return rule->n_signers == 0;
}

uint32_t policy_rule_signers(const struct policy_rule *rule, const struct request *request)
{
	uint32_t signers = 0;

	for (unsigned i = 0; i < request->n_signers; i++) {
		bool again = false;

		for (unsigned j = 0; j < i; j++)
			again |= memcmp(request->signers[i]->digest, request->signers[j]->digest,
					DIGEST_SIZE) == 0;
		if (!again && is_signer(rule, request->signers[i]))
			signers |= 1u << i;
	}
	return signers;
}

static bool match_signers(const struct policy_rule *rule, const struct request *request,
			  struct policy_mismatch *mismatch)
{
	unsigned n = (unsigned)__builtin_popcount(policy_rule_signers(rule, request));

	if (rule->deny)
		return rule->n_signers == 0 || n > 0;
	return n >= rule->required ||
	       differs(mismatch, "the bundle has %u of %u required signatures by %s", n,
		       rule->required, rule->n_signers ? "the rule's signers" : "trusted keys");
}

static bool type_fits(const struct policy_rule *rule, enum bpf_prog_type type)
{
	for (unsigned i = 0; i < rule->n_types; i++)
		if (rule->types[i] == type)
			return true;
	return false;
}

static bool match_types(const struct policy_rule *rule, const struct request *request,
			struct policy_mismatch *mismatch)
{
	const struct manifest *manifest = request->manifest;

	if (rule->n_types == 0)
		return true;
	for (unsigned i = 0; i < manifest->n_programs; i++) {
		const struct manifest_program *program = &manifest->programs[i];

		if (type_fits(rule, program->type) == rule->deny)
			return rule->deny ||
			       differs(mismatch,
				       "the program '%.*s' is of type '%s', which is none of the "
				       "rule's types",
				       NAME_SHOWN, program->name,
				       program_type_name(program->type) ?: "unknown");
	}
	return !rule->deny;
}

static bool target_fits(const struct policy_rule *rule, const struct target *target)
{
	for (unsigned i = 0; i < rule->attach.n; i++)
		if (rule->deny ? target_match(rule->attach.items[i], target->text)
			       : target_covered(rule->attach.items[i], target))
			return true;
	return false;
}

static bool match_targets(const struct policy_rule *rule, const struct request *request,
			  struct policy_mismatch *mismatch)
{
	if (rule->attach.n == 0)
		return true;
	for (unsigned i = 0; i < request->n_attachments; i++) {
		const struct attachment *a = &request->attachments[i];

		if (target_fits(rule, &a->target) == rule->deny)
			return rule->deny ||
			       differs(mismatch,
				       "the target '%.*s' of the program '%.*s' fits none of the "
				       "rule's attach patterns",
				       NAME_SHOWN, a->target.text, NAME_SHOWN,
				       request->manifest->programs[a->program].name);
	}
	return !rule->deny;
}

/* The first of the feature's functions that a pattern of the rule matches, or NULL. */
static const char *feature_fits(const struct policy_rule *rule, enum feature feature)
{
	char old[KFUNC_NAME_MAX];

	for (const char *const *kfunc = feature_kfuncs(feature); *kfunc; kfunc++)
		for (unsigned i = 0; i < rule->kfuncs.n; i++)
			if (pattern_match(rule->kfuncs.items[i], *kfunc) ||
			    pattern_match(rule->kfuncs.items[i], kfunc_old_name(*kfunc, old)))
				return *kfunc;
	return NULL;
}

/*
 * Which kernel functions the programs call shows only when they are loaded. Here the features count
 * that the manifest requires: nobody who is granted no function of one needs to come that far.
 */
static bool match_kfuncs(const struct policy_rule *rule, const struct request *request,
			 struct policy_mismatch *mismatch)
{
	const struct manifest *manifest = request->manifest;
	enum feature feature;

	if (rule->deny && rule->kfuncs.n == 0)
		return true;
	for (unsigned i = 0; i < manifest->n_requires; i++) {
		/* One that is not known is refused before it is loaded. */
		if (feature_from_name(manifest->requires[i], &feature) < 0)
			continue;
		if (rule->deny == (feature_fits(rule, feature) != NULL))
			return rule->deny ||
			       differs(mismatch,
				       "the bundle requires '%s', and the rule's kfuncs name none "
				       "of its kernel functions, such as %s",
				       manifest->requires[i], feature_kfuncs(feature)[0]);
	}
	return !rule->deny;
}

static bool match_grants(const struct policy_rule *rule, const struct request *request,
			 struct policy_mismatch *mismatch)
{
	const struct manifest *manifest = request->manifest;

	if (rule->deny && rule->grants == 0)
		return true;
	for (unsigned i = 0; i < manifest->n_maps; i++) {
		const struct manifest_map *map = &manifest->maps[i];
		bool fits = rule->grants & (1u << map->grant);

		if (rule->deny && fits)
			return true;
		if (!rule->deny && !fits && map->grant != GRANT_NONE)
			return differs(mismatch,
				       "the map '%.*s' is to be granted as '%s', which the rule "
				       "does not grant",
				       NAME_SHOWN, map->name, map_grant_name(map->grant));
	}
	return !rule->deny;
}

static bool match_lifetime(const struct policy_rule *rule, const struct request *request,
			   struct policy_mismatch *mismatch)
{
	if (rule->deny && rule->lifetimes == 0)
		return true;
	return rule->lifetimes & (1u << request->lifetime) ||
	       differs(mismatch, "the lifetime '%s' is none of the rule's",
		       lifetime_name(request->lifetime));
}

bool policy_rule_matches(const struct policy_rule *rule, const struct request *request,
			 struct policy_mismatch *ret_mismatch)
{
	static bool (*const conditions[])(const struct policy_rule *, const struct request *,
					  struct policy_mismatch *) = {
		match_bundle, match_signers, match_types,    match_targets,
		match_kfuncs, match_grants,  match_lifetime,
	};
	struct policy_mismatch mismatch = {};

	for (; mismatch.passed < ARRAY_SIZE(conditions); mismatch.passed++) {
		if (!conditions[mismatch.passed](rule, request, &mismatch)) {
			*ret_mismatch = mismatch;
			return false;
		}
	}
	return true;
}
