/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy-rule.h"

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
