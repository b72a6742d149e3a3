/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authorise.h"

#include "policy-match.h"
#include "quota.h"

#define REASONS_MAX 8

void decision_done(struct decision *decision)
{
	free(decision->rule);
	free(decision->source);
	for (unsigned i = 0; i < decision->n_kfuncs; i++)
		free(decision->kfuncs[i]);
	free(decision->kfuncs);
	for (unsigned i = 0; i < decision->n_helpers; i++)
		free(decision->helpers[i]);
	free(decision->helpers);
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
		json_array_add(refusals->reasons, json_object_new_string(text));
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

static int copy_strings(const struct policy_strings *strings, unsigned *ret_n, char ***ret)
{
	*ret = calloc(strings->n ?: 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (; *ret_n < strings->n; ++*ret_n) {
		(*ret)[*ret_n] = strdup(strings->items[*ret_n]);
		if (!(*ret)[*ret_n])
			return -ENOMEM;
	}
	return 0;
}

static int copy_calls(const struct policy_rule *rule, struct decision *ret)
{
	int r;

	r = copy_strings(&rule->kfuncs, &ret->n_kfuncs, &ret->kfuncs);
	return r < 0 ? r : copy_strings(&rule->helpers, &ret->n_helpers, &ret->helpers);
}

/* The first match has decided. */
static int decide(const struct policy_rule *rule, const struct request *request,
		  struct decision *ret, struct error *error)
{
	const struct quota quota = {rule->name, rule->source, request->peer->uid, false};
	struct decision decision;
	int r;

	if (rule->deny) {
		error_set(error, -EACCES, ERROR_DENIED, STEP_AUTHORISE,
			  "denied by the rule '%s' (%s)", rule->name, rule->source);
		add_rule_fields(error, rule);
		return -EACCES;
	}
	r = quota_loads(&quota, rule->limits.loads, request->n_loads, error);
	if (r < 0)
		return r;
	decision = (struct decision){
		.rule = strdup(rule->name),
		.source = strdup(rule->source),
		.required = policy_rule_required(rule),
		.signers = policy_rule_signers(rule, request),
		.keep_revoked = rule->keep_revoked,
		.limits = rule->limits,
		.total = rule->total,
	};
	if (!decision.rule || !decision.source || copy_calls(rule, &decision) < 0) {
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

/*
 * The first rule that matches, or NULL. @each hears of every rule up to it; @mismatch is NULL where
 * it matches, and says nothing where the rule does not name the subject.
 */
typedef void (*rule_fn)(const struct policy_rule *rule, bool names,
			const struct policy_mismatch *mismatch, void *userdata);

static const struct policy_rule *first_match(const struct policy *policy,
					     const struct request *request, rule_fn each,
					     void *userdata)
{
	for (unsigned i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		struct policy_mismatch mismatch = {};
		bool names = policy_rule_names(rule, request->peer);
		bool matches = names && policy_rule_matches(rule, request, &mismatch);

		each(rule, names, matches ? NULL : &mismatch, userdata);
		if (matches)
			return rule;
	}
	return NULL;
}

/* A deny rule that did not match is no reason for a denial. */
static void note_refusal(const struct policy_rule *rule, bool names,
			 const struct policy_mismatch *mismatch, void *userdata)
{
	if (names && mismatch && !rule->deny)
		add_refusal(userdata, rule, mismatch);
}

int policy_authorise(const struct policy *policy, const struct request *request,
		     struct decision *ret, struct error *error)
{
	const struct policy_rule *rule;
	struct refusals refusals = {};
	int r;

	r = check_usable(policy, request, error);
	if (r < 0)
		return r;
	rule = first_match(policy, request, note_refusal, &refusals);
	r = rule ? decide(rule, request, ret, error) : deny_by_default(&refusals, request, error);
	json_object_put(refusals.reasons);
	return r;
}

struct listener {
	const struct request *request;
	void (*each)(const struct verdict *verdict, void *userdata);
	void *userdata;
};

static void tell(const struct policy_rule *rule, bool names, const struct policy_mismatch *mismatch,
		 void *userdata)
{
	const struct listener *listener = userdata;
	char nobody[64];
	struct verdict verdict = {rule->name, rule->source, rule->deny, names, NULL};

	snprintf(nobody, sizeof(nobody), "it does not name uid %u or its groups",
		 listener->request->peer->uid);
	if (!names)
		verdict.reason = nobody;
	else if (mismatch)
		verdict.reason = mismatch->reason;
	listener->each(&verdict, listener->userdata);
}

void policy_explain(const struct policy *policy, const struct request *request,
		    void (*each)(const struct verdict *verdict, void *userdata), void *userdata)
{
	struct listener listener = {request, each, userdata};

	if (check_usable(policy, request, NULL) == 0)
		first_match(policy, request, tell, &listener);
}
