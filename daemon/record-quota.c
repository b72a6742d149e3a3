/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What users and rules have of the table, and the limits of it. */
#include <time.h>

#include "quota.h"
#include "record-table.h"

#define USEC_PER_SEC UINT64_C(1000000)

/* The rule that a load is counted at: the one that allowed it. */
static const char *rule_of(const struct load *load)
{
	return load->rule ?: "";
}

static const char *source_of(const struct load *load)
{
	return load->rule_source ?: "";
}

/* ---- charges ---- */

void table_count_locked(struct table *table, const struct load *load, int by)
{
	account_of_user(&table->accounts, load->uid, false)->n_loads += by;
	account_of_rule(&table->accounts, rule_of(load), source_of(load), false)->n_loads += by;
}

int table_charge_locked(struct table *table, struct load *load)
{
	struct account *user, *rule;

	if (load->charged)
		return 0;
	user = account_of_user(&table->accounts, load->uid, true);
	rule = account_of_rule(&table->accounts, rule_of(load), source_of(load), true);
	if (!user || !rule) {
		account_put_user(&table->accounts, load->uid);
		account_put_rule(&table->accounts, rule_of(load), source_of(load));
		return -ENOMEM;
	}
	account_add(user, &load->usage);
	account_add(rule, &load->usage);
	load->charged = true;
	return 0;
}

void table_uncharge_locked(struct table *table, struct load *load)
{
	if (!load->charged)
		return;
	load->charged = false;
	account_sub(account_of_user(&table->accounts, load->uid, false), &load->usage);
	account_sub(account_of_rule(&table->accounts, rule_of(load), source_of(load), false),
		    &load->usage);
	account_put_user(&table->accounts, load->uid);
	account_put_rule(&table->accounts, rule_of(load), source_of(load));
}

static int check_usage(struct table *table, const struct load *load,
		       const struct policy_limits *limits, const struct policy_limits *total,
		       struct error *error)
{
	const struct account *user = account_of_user(&table->accounts, load->uid, false);
	const struct account *rule =
		account_of_rule(&table->accounts, rule_of(load), source_of(load), false);
	struct quota quota = {rule_of(load), source_of(load), load->uid, false};
	const struct usage nothing = {};
	struct usage used;
	int r;

	used = user ? account_usage(user) : nothing;
	r = quota_usage(&quota, limits, &used, &load->usage, error);
	if (r < 0)
		return r;
	quota.total = true;
	used = rule ? account_usage(rule) : nothing;
	return quota_usage(&quota, total, &used, &load->usage, error);
}

int table_charge(struct table *table, struct load *load, const struct policy_limits *limits,
		 const struct policy_limits *total, struct error *error)
{
	int r;

	pthread_mutex_lock(&table->lock);
	r = check_usage(table, load, limits, total, error);
	if (r == 0 && table_charge_locked(table, load) < 0)
		r = error_set(error, -ENOMEM, ERROR_FAILED, STEP_ATTEST, "out of memory");
	pthread_mutex_unlock(&table->lock);
	return r;
}

void table_uncharge(struct table *table, struct load *load)
{
	pthread_mutex_lock(&table->lock);
	if (!load->listed)
		table_uncharge_locked(table, load);
	pthread_mutex_unlock(&table->lock);
}

/* ---- rates ---- */

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

static int take_rate(struct table *table, const struct quota *quota, const struct policy_rate *rate,
		     struct error *error)
{
	const struct rate_key key = {quota->rule, quota->source, quota->total, quota->uid};
	uint64_t wait = 0;
	int r;

	if (rate->loads == 0)
		return 0;
	r = rate_take(&table->rates, &key, rate, now_usec(), &wait);
	if (r == -EDQUOT)
		return quota_rate_exceeded(quota, rate, (wait + USEC_PER_SEC - 1) / USEC_PER_SEC,
					   error);
	return r < 0 ? error_set(error, r, ERROR_FAILED, STEP_AUTHORISE, "out of memory") : 0;
}

static int take_rates(struct table *table, const struct quota *user,
		      const struct policy_limits *limits, const struct quota *all,
		      const struct policy_limits *total, struct error *error)
{
	const struct rate_key key = {user->rule, user->source, false, user->uid};
	int r;

	r = take_rate(table, user, &limits->rate, error);
	if (r < 0)
		return r;
	r = take_rate(table, all, &total->rate, error);
	if (r < 0 && limits->rate.loads)
		rate_give_back(&table->rates, &key);
	return r;
}

/* ---- places ---- */

static int admit(struct table *table, const struct quota *user, const struct policy_limits *limits,
		 const struct policy_limits *total, struct error *error)
{
	struct quota all = *user;
	struct account *rule;
	int r;

	all.total = true;
	rule = account_of_rule(&table->accounts, user->rule, user->source, true);
	if (!rule)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_AUTHORISE, "out of memory");
	r = quota_loads(&all, total->loads, rule->n_loads + rule->n_reserved, error);
	if (r == 0)
		r = take_rates(table, user, limits, &all, total, error);
	if (r == 0)
		rule->n_reserved++;
	else
		account_put_rule(&table->accounts, user->rule, user->source);
	return r;
}

/* Gives back what admit() took, as if no load had begun. */
static void unadmit(struct table *table, const struct quota *user,
		    const struct policy_limits *limits, const struct policy_limits *total)
{
	account_of_rule(&table->accounts, user->rule, user->source, false)->n_reserved--;
	account_put_rule(&table->accounts, user->rule, user->source);
	if (limits->rate.loads)
		rate_give_back(&table->rates,
			       &(struct rate_key){user->rule, user->source, false, user->uid});
	if (total->rate.loads)
		rate_give_back(&table->rates,
			       &(struct rate_key){user->rule, user->source, true, user->uid});
}

int table_would_admit(struct table *table, const struct quota *user,
		      const struct policy_limits *limits, const struct policy_limits *total,
		      struct error *error)
{
	int r;

	pthread_mutex_lock(&table->lock);
	r = admit(table, user, limits, total, error);
	if (r == 0)
		unadmit(table, user, limits, total);
	pthread_mutex_unlock(&table->lock);
	return r;
}

int table_admit(struct table *table, const struct load *load, const struct policy_limits *limits,
		const struct policy_limits *total, struct admission *ret, struct error *error)
{
	struct admission admission = {strdup(rule_of(load)), strdup(source_of(load))};
	const struct quota user = {admission.rule, admission.source, load->uid, false};
	int r;

	if (admission.rule && admission.source) {
		pthread_mutex_lock(&table->lock);
		r = admit(table, &user, limits, total, error);
		pthread_mutex_unlock(&table->lock);
	} else {
		r = error_set(error, -ENOMEM, ERROR_FAILED, STEP_AUTHORISE, "out of memory");
	}
	if (r < 0) {
		free(admission.rule);
		free(admission.source);
		return r;
	}
	*ret = admission;
	return 0;
}

void table_leave(struct table *table, struct admission *admission)
{
	struct account *rule;

	if (!admission->rule)
		return;
	pthread_mutex_lock(&table->lock);
	rule = account_of_rule(&table->accounts, admission->rule, admission->source, false);
	if (rule && rule->n_reserved > 0)
		rule->n_reserved--;
	account_put_rule(&table->accounts, admission->rule, admission->source);
	pthread_mutex_unlock(&table->lock);
	free(admission->rule);
	free(admission->source);
	*admission = (struct admission){};
}

int table_reserve(struct table *table, uid_t uid, unsigned *ret)
{
	struct account *user;

	pthread_mutex_lock(&table->lock);
	user = account_of_user(&table->accounts, uid, true);
	if (user)
		*ret = user->n_loads + user->n_reserved++;
	pthread_mutex_unlock(&table->lock);
	return user ? 0 : -ENOMEM;
}

void table_release(struct table *table, uid_t uid)
{
	struct account *user;

	pthread_mutex_lock(&table->lock);
	user = account_of_user(&table->accounts, uid, false);
	if (user && user->n_reserved > 0)
		user->n_reserved--;
	account_put_user(&table->accounts, uid);
	pthread_mutex_unlock(&table->lock);
}

struct holdings table_holdings(struct table *table, uid_t uid, const char *rule, const char *source,
			       bool total)
{
	const struct rate_key key = {rule, source, total, uid};
	struct holdings holdings = {};
	const struct account *account;

	pthread_mutex_lock(&table->lock);
	account = total ? account_of_rule(&table->accounts, rule, source, false)
			: account_of_user(&table->accounts, uid, false);
	if (account) {
		holdings.loads = account->n_loads + account->n_reserved;
		holdings.usage = account_usage(account);
	}
	holdings.begun = rate_count(&table->rates, &key, now_usec());
	pthread_mutex_unlock(&table->lock);
	return holdings;
}

unsigned table_count(struct table *table, uid_t uid)
{
	return table_holdings(table, uid, "", "", false).loads;
}
