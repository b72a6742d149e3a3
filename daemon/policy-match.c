/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does a rule match a request? Each condition asks for one thing in two ways: of an allow rule all
 * programs, targets and maps must fit, of a deny rule one is enough. A condition that was left out
 * holds, but those that are never open: what an allow rule does not grant, tunables, lifetimes.
 */
#include "policy-match.h"

#include <stdarg.h>

#include "feature.h"

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
	/* Who might be in a unit is not allowed what it is, and is denied what it is. */
	if (!peer->unit_known)
		return rule->deny && rule->units.n > 0;
	for (unsigned i = 0; i < rule->units.n && peer->unit[0]; i++)
		if (pattern_match(rule->units.items[i], peer->unit))
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

static bool is_signer(const struct policy_group *group, const struct trusted_key *key)
{
	for (unsigned i = 0; i < group->n_signers; i++) {
		const struct policy_signer *signer = &group->signers[i];

		if (signer->file ? streq(signer->file, key->file)
				 : memcmp(signer->digest, key->digest, DIGEST_SIZE) == 0)
			return true;
	}
	return group->n_signers == 0;
}

/* The signatures that a rule asks for as seats, one for each, and the keys that could take them. */
struct seating {
	unsigned n_keys, n_seats;
	const struct trusted_key *keys[BUNDLE_SIGNERS_MAX]; /* distinct */
	unsigned places[BUNDLE_SIGNERS_MAX]; /* of a key among the request's signers */
	unsigned groups[BUNDLE_SIGNERS_MAX]; /* that a seat belongs to */
	int seats[BUNDLE_SIGNERS_MAX];	     /* that a key has; -1: none */
	bool tried[BUNDLE_SIGNERS_MAX];
};

static void add_key(struct seating *s, const struct trusted_key *key, unsigned place)
{
	for (unsigned i = 0; i < s->n_keys; i++)
		if (memcmp(s->keys[i]->digest, key->digest, DIGEST_SIZE) == 0)
			return;
	if (s->n_keys == BUNDLE_SIGNERS_MAX)
		return;
	s->seats[s->n_keys] = -1;
	s->places[s->n_keys] = place;
	s->keys[s->n_keys++] = key;
}

/*
 * Finds a key for the seat, where need be one that gives up another seat for which a further key is
 * found. Who has a seat keeps it or gets another, so the order of keys and groups does not matter.
 */
static bool take_seat(const struct policy_rule *rule, struct seating *s, unsigned seat)
{
	for (unsigned i = 0; i < s->n_keys; i++) {
		if (s->tried[i] || !is_signer(&rule->groups[s->groups[seat]], s->keys[i]))
			continue;
		s->tried[i] = true;
		if (s->seats[i] < 0 || take_seat(rule, s, (unsigned)s->seats[i])) {
			s->seats[i] = (int)seat;
			return true;
		}
	}
	return false;
}

static bool too_few(const struct policy_rule *rule, unsigned index, unsigned n,
		    struct policy_mismatch *mismatch)
{
	const struct policy_group *group = &rule->groups[index];

	if (rule->n_groups > 1)
		return differs(mismatch,
			       "the bundle has %u of %u required signatures by signers of the "
			       "rule's group %u, and a key counts for one group only",
			       n, group->required, index + 1);
	return differs(mismatch, "the bundle has %u of %u required signatures by %s", n,
		       group->required, group->n_signers ? "the rule's signers" : "trusted keys");
}

static bool match_groups(const struct policy_rule *rule, struct seating *s,
			 struct policy_mismatch *mismatch)
{
	for (unsigned i = 0; i < rule->n_groups; i++) {
		for (unsigned n = 0; n < rule->groups[i].required; n++) {
			memset(s->tried, 0, sizeof(s->tried));
			if (s->n_seats == BUNDLE_SIGNERS_MAX)
				return too_few(rule, i, n, mismatch);
			s->groups[s->n_seats] = i;
			if (!take_seat(rule, s, s->n_seats++))
				return too_few(rule, i, n, mismatch);
		}
	}
	return true;
}

static bool match_signers(const struct policy_rule *rule, const struct request *request,
			  struct policy_mismatch *mismatch)
{
	struct seating seating = {};

	for (unsigned i = 0; i < request->n_signers; i++)
		add_key(&seating, request->signers[i], i);
	if (!rule->deny)
		return match_groups(rule, &seating, mismatch);
	for (unsigned i = 0; i < seating.n_keys && rule->n_groups; i++)
		if (is_signer(&rule->groups[0], seating.keys[i]))
			return true;
	return rule->n_groups == 0 ||
	       differs(mismatch, "none of the rule's signers has signed the bundle");
}

unsigned policy_rule_required(const struct policy_rule *rule)
{
	unsigned required = 0;

	for (unsigned i = 0; i < rule->n_groups; i++)
		required += rule->groups[i].required;
	return required;
}

/*
 * With several groups, who has a seat: a count of all who could have one would not say that each
 * group is satisfied still when one of them is gone.
 */
uint32_t policy_rule_signers(const struct policy_rule *rule, const struct request *request)
{
	struct policy_mismatch mismatch;
	struct seating seating = {};
	uint32_t signers = 0;

	for (unsigned i = 0; i < request->n_signers; i++)
		add_key(&seating, request->signers[i], i);
	match_groups(rule, &seating, &mismatch);
	for (unsigned i = 0; i < seating.n_keys; i++)
		if (rule->n_groups > 1 ? seating.seats[i] >= 0
				       : is_signer(&rule->groups[0], seating.keys[i]))
			signers |= 1u << seating.places[i];
	return signers;
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
	return !rule->deny || differs(mismatch, "no program is of one of the rule's types");
}

static bool target_fits(const struct policy_rule *rule, const struct target *target)
{
	for (unsigned i = 0; i < rule->attach.n; i++)
		if (rule->deny ? target_touched(rule->attach.items[i], target)
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
	return !rule->deny || differs(mismatch, "no target fits one of the rule's attach patterns");
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
	return !rule->deny || differs(mismatch, "the bundle requires no feature whose kernel "
						"functions the rule's kfuncs name");
}

/*
 * Which effects the programs have shows when they are loaded. Here those count that the manifest
 * declares; a program with another one is not loaded.
 */
static bool match_effects(const struct policy_rule *rule, const struct request *request,
			  struct policy_mismatch *mismatch)
{
	uint32_t effects = request->manifest->effects;

	if (rule->deny)
		return rule->effects == 0 || effects & rule->effects ||
		       differs(mismatch, "the bundle has none of the rule's effects");
	effects &= ~rule->effects;
	return effects == 0 || differs(mismatch,
				       "the bundle's programs can change '%s', and the rule's "
				       "effects do not name it",
				       effect_name(effects_first(effects)));
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
	return !rule->deny ||
	       differs(mismatch, "no map is to be granted in one of the rule's ways");
}

/* The first tunable that was set and that the rule names (@named) or does not name, or NULL. */
static const char *find_tunable(const struct policy_rule *rule, const struct request *request,
				bool named)
{
	const struct manifest *manifest = request->manifest;

	for (unsigned i = 0; i < manifest->n_tunables; i++) {
		bool fits = false;

		if (!(request->tunables_set & UINT64_C(1) << i))
			continue;
		for (unsigned k = 0; k < rule->tunables.n && !fits; k++)
			fits = pattern_match(rule->tunables.items[k], manifest->tunables[i].name);
		if (fits == named)
			return manifest->tunables[i].name;
	}
	return NULL;
}

static bool match_tunables(const struct policy_rule *rule, const struct request *request,
			   struct policy_mismatch *mismatch)
{
	const char *name;

	if (rule->deny)
		return rule->tunables.n == 0 || find_tunable(rule, request, true) ||
		       differs(mismatch, "no tunable is set that the rule's tunables name");
	name = find_tunable(rule, request, false);
	return !name ||
	       differs(mismatch, "the tunable '%.*s' is set, which the rule's tunables do not name",
		       NAME_SHOWN, name);
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
		match_bundle,  match_signers, match_types,    match_targets,  match_kfuncs,
		match_effects, match_grants,  match_tunables, match_lifetime,
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
