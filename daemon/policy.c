/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy.h"

#include "policy-rule.h"

#define REASONS_MAX 8

static const char *const lifetime_names[_LIFETIME_MAX] = {
	[LIFETIME_SESSION] = "session",
	[LIFETIME_PERSISTENT] = "persistent",
};

const char *lifetime_name(enum lifetime lifetime)
{
	return (unsigned)lifetime < _LIFETIME_MAX ? lifetime_names[lifetime] : NULL;
}

int lifetime_from_name(const char *name, enum lifetime *ret)
{
	for (unsigned i = 0; i < _LIFETIME_MAX; i++) {
		if (streq(lifetime_names[i], name)) {
			*ret = (enum lifetime)i;
			return 0;
		}
	}
	return -EINVAL;
}

struct policy *policy_ref(struct policy *policy)
{
	if (policy)
		__atomic_add_fetch(&policy->refs, 1, __ATOMIC_RELAXED);
	return policy;
}

void policy_unref(struct policy *policy)
{
	if (!policy || __atomic_sub_fetch(&policy->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	free(policy->reason);
	for (unsigned i = 0; i < policy->n_files; i++)
		free(policy->files[i]);
	free(policy->files);
	policy_rules_free(policy->rules, policy->n_rules);
	free(policy);
}

void decision_done(struct decision *decision)
{
	free(decision->rule);
	free(decision->source);
	for (unsigned i = 0; i < decision->n_kfuncs; i++)
		free(decision->kfuncs[i]);
	free(decision->kfuncs);
	*decision = (struct decision){};
}

static void add_rule_fields(struct error *error, const struct policy_rule *rule)
{
	error_field_string(error, "rule", rule->name);
	error_field_string(error, "ruleSource", rule->source);
}

/* What rules that name this subject, and no others, have to say. */
struct refusals {
	struct json_object *reasons; /* "'NAME' (FILE:LINE): REASON", or NULL */
	unsigned n;
	const struct policy_rule *nearest; /* most conditions held; the first of several */
	struct policy_mismatch mismatch;
};

static void add_refusal(struct refusals *refusals, const struct policy_rule *rule,
			const struct policy_mismatch *mismatch)
{
	char text[1024];

	if (!refusals->nearest || mismatch->passed > refusals->mismatch.passed) {
		refusals->nearest = rule;
		refusals->mismatch = *mismatch;
	}
	if (refusals->n++ >= REASONS_MAX)
		return;
	snprintf(text, sizeof(text), "'%s' (%s): %s", rule->name, rule->source, mismatch->reason);
	if (!refusals->reasons)
		refusals->reasons = json_object_new_array();
	if (refusals->reasons)
		json_object_array_add(refusals->reasons, json_object_new_string(text));
}

static int deny_by_default(struct refusals *refusals, const struct request *request,
			   struct error *error)
{
	if (!refusals->nearest)
		return error_set(error, -EACCES, ERROR_DENIED, STEP_AUTHORISE,
				 "no rule of the policy names uid %u or its groups; an "
				 "administrator can add one to /etc/bpfgate/policy.d",
				 request->peer->uid);
	error_set(error, -EACCES, ERROR_DENIED, STEP_AUTHORISE,
		  "no rule of the policy allows it to uid %u; the nearest is '%s' (%s): %s",
		  request->peer->uid, refusals->nearest->name, refusals->nearest->source,
		  refusals->mismatch.reason);
	if (refusals->reasons)
		error_field(error, "reasons", TAKE_PTR(refusals->reasons));
	return -EACCES;
}

static int copy_kfuncs(const struct policy_rule *rule, struct decision *ret)
{
	ret->kfuncs = calloc(rule->kfuncs.n ?: 1, sizeof(*ret->kfuncs));
	if (!ret->kfuncs)
		return -ENOMEM;
	for (unsigned i = 0; i < rule->kfuncs.n; i++) {
		ret->kfuncs[i] = strdup(rule->kfuncs.items[i]);
		if (!ret->kfuncs[i])
			return -ENOMEM;
		ret->n_kfuncs++;
	}
	return 0;
}

/* The first match has decided. */
static int decide(const struct policy_rule *rule, const struct request *request,
		  struct decision *ret, struct error *error)
{
	struct decision decision;

	if (rule->deny) {
		error_set(error, -EACCES, ERROR_DENIED, STEP_AUTHORISE,
			  "denied by the rule '%s' (%s)", rule->name, rule->source);
		add_rule_fields(error, rule);
		return -EACCES;
	}
	if (rule->max_loads && request->n_loads >= rule->max_loads) {
		error_set(error, -EACCES, ERROR_DENIED, STEP_AUTHORISE,
			  "the rule '%s' (%s) allows %u loads at a time and uid %u has %u; unload "
			  "one first",
			  rule->name, rule->source, rule->max_loads, request->peer->uid,
			  request->n_loads);
		add_rule_fields(error, rule);
		return -EACCES;
	}
	decision = (struct decision){
		.rule = strdup(rule->name),
		.source = strdup(rule->source),
		.required = rule->required,
		.signers = policy_rule_signers(rule, request),
		.keep_revoked = rule->keep_revoked,
	};
	if (!decision.rule || !decision.source || copy_kfuncs(rule, &decision) < 0) {
		decision_done(&decision);
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_AUTHORISE, "out of memory");
	}
	*ret = decision;
	return 0;
}

/* Refusals that no rule has a part in. */
static int check_usable(const struct policy *policy, const struct request *request,
			struct error *error)
{
	/* The reason may quote a file that is root's alone. */
	if (policy->deny_all && request->peer->uid == 0)
		return error_set(error, -EACCES, ERROR_DENIED, STEP_AUTHORISE,
				 "the policy cannot be used, so nothing is allowed: %s",
				 policy->reason);
	if (policy->deny_all)
		return error_set(error, -EACCES, ERROR_DENIED, STEP_AUTHORISE,
				 "the policy cannot be used, so nothing is allowed; an "
				 "administrator finds the reason in the journal of bpfgated");
	if (request->peer->uid == POLICY_UID_NOBODY || request->peer->uid > POLICY_UID_MAX)
		return error_set(error, -EACCES, ERROR_DENIED, STEP_AUTHORISE,
				 "uid %u stands for everybody without a uid of his own and is "
				 "never allowed anything",
				 request->peer->uid);
	return 0;
}

int policy_authorise(const struct policy *policy, const struct request *request,
		     struct decision *ret, struct error *error)
{
	struct policy_mismatch mismatch;
	struct refusals refusals = {};
	int r;

	r = check_usable(policy, request, error);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (!policy_rule_names(rule, request->peer))
			continue;
		if (policy_rule_matches(rule, request, &mismatch)) {
			json_object_put(refusals.reasons);
			return decide(rule, request, ret, error);
		}
		if (!rule->deny)
			add_refusal(&refusals, rule, &mismatch);
	}
	r = deny_by_default(&refusals, request, error);
	json_object_put(refusals.reasons);
	return r;
}
