/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rate.h"

#include "account.h"

#define USEC_PER_SEC UINT64_C(1000000)

/* The loads of one key, oldest first. */
struct rate_times {
	struct rate_times *next;
	struct rule_id id; /* owned strings */
	uint32_t hash;	   /* of the rule */
	bool total;
	uid_t uid;
	uint64_t length; /* of the time that counts, in microseconds */
	unsigned n, room;
	uint64_t *times;
};

static void times_free(struct rate_times *t)
{
	rule_id_done(&t->id);
	free(t->times);
	free(t);
}

/* Forgets what is over. */
static void expire(struct rate_times *t, uint64_t now)
{
	unsigned old = 0;

	while (old < t->n && now >= t->times[old] + t->length)
		old++;
	t->n -= old;
	if (old > 0)
		memmove(t->times, t->times + old, t->n * sizeof(*t->times));
}

static void sweep(struct rates *rates, uint64_t now)
{
	struct rate_times **at = &rates->first;

	while (*at) {
		struct rate_times *t = *at;

		expire(t, now);
		if (t->n) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		rates->n -= !t->total;
		times_free(t);
	}
}

static struct rate_times *find(const struct rates *rates, const struct rate_key *key)
{
	struct rate_times *t = rates->first;

	while (t && !(t->total == key->total && (key->total || t->uid == key->uid) &&
		      rule_id_is(&t->id, key->rule, key->source)))
		t = t->next;
	return t;
}

static uint32_t hash_text(uint32_t hash, const char *text)
{
	do
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	while (*text++);
	return hash;
}

static bool may_go(const struct rate_times *t)
{
	return !t->total && t->uid != 0;
}

static unsigned count_users(const struct rates *rates, uint32_t hash)
{
	unsigned n = 0;

	for (const struct rate_times *t = rates->first; t; t = t->next)
		n += may_go(t) && t->hash == hash;
	return n;
}

static uint64_t last_time(const struct rate_times *t)
{
	return t->n ? t->times[t->n - 1] : 0;
}

static void free_place(struct rates *rates)
{
	struct rate_times **victim = NULL, *gone;
	unsigned most = 0;

	for (struct rate_times **at = &rates->first; *at; at = &(*at)->next) {
		unsigned n = may_go(*at) ? count_users(rates, (*at)->hash) : 0;

		if (n > most || (n > 0 && n == most && last_time(*at) < last_time(*victim))) {
			most = n;
			victim = at;
		}
	}
	if (!victim)
		return;
	gone = *victim;
	*victim = gone->next;
	rates->n--;
	times_free(gone);
}

static int add(struct rates *rates, const struct rate_key *key, struct rate_times **ret)
{
	struct rate_times *t;

	t = calloc(1, sizeof(*t));
	if (!t || rule_id_set(&t->id, key->rule, key->source) < 0) {
		free(t);
		return -ENOMEM;
	}
	if (!key->total && rates->n >= RATES_MAX)
		free_place(rates);
	t->total = key->total;
	t->uid = key->uid;
	t->hash = hash_text(hash_text(2166136261u, t->id.name), t->id.file);
	t->next = rates->first;
	rates->first = t;
	rates->n += !t->total;
	*ret = t;
	return 0;
}

/* Doubles, up to what a rule can allow. */
static int make_room(struct rate_times *t)
{
	unsigned room = t->room ? MIN(t->room * 2, POLICY_RATE_MAX) : 8;
	uint64_t *times;

	if (t->n < t->room)
		return 0;
	times = t->n < room ? reallocarray(t->times, room, sizeof(*times)) : NULL;
	if (!times)
		return -ENOMEM;
	t->times = times;
	t->room = room;
	return 0;
}

int rate_take(struct rates *rates, const struct rate_key *key, const struct policy_rate *rate,
	      uint64_t now, uint64_t *ret_wait)
{
	struct rate_times *t;
	int r;

	sweep(rates, now);
	t = find(rates, key);
	r = t ? 0 : add(rates, key, &t);
	if (r < 0)
		return r;
	/* A reload may have changed it; what a shorter time has forgotten is not known again. */
	t->length = rate->seconds * USEC_PER_SEC;
	expire(t, now);
	if (t->n >= rate->loads) {
		*ret_wait = t->times[t->n - rate->loads] + t->length - now;
		return -EDQUOT;
	}
	/* One that stays empty goes with the next sweep. */
	r = make_room(t);
	if (r == 0)
		t->times[t->n++] = now;
	return r;
}

unsigned rate_count(const struct rates *rates, const struct rate_key *key, uint64_t now)
{
	const struct rate_times *t = find(rates, key);
	unsigned n = 0;

	for (unsigned i = 0; t && i < t->n; i++)
		n += now < t->times[i] + t->length;
	return n;
}

void rate_give_back(struct rates *rates, const struct rate_key *key)
{
	struct rate_times *t = find(rates, key);

	if (t && t->n)
		t->n--;
}

void rates_done(struct rates *rates)
{
	while (rates->first) {
		struct rate_times *t = rates->first;

		rates->first = t->next;
		times_free(t);
	}
	rates->n = 0;
}
