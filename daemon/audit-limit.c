/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit-limit.h"

static bool is_over(const struct refusal_slot *slot, uint64_t now)
{
	return now - slot->begin_usec >= REFUSAL_USEC;
}

static struct refusal_slot *find_slot(struct refusal_limits *limits, uid_t uid, uint64_t now)
{
	struct refusal_slot *unused = NULL;

	if (uid == 0)
		return &limits->root;
	if (uid == REFUSAL_OTHERS)
		return &limits->others;
	for (unsigned i = 0; i < REFUSAL_SLOTS; i++) {
		struct refusal_slot *slot = &limits->slots[i];

		if (slot->begin_usec && slot->uid == uid)
			return slot;
		/* what is left out of somebody's is said before he goes */
		if (!unused && (!slot->begin_usec || (is_over(slot, now) && !slot->left_out)))
			unused = slot;
	}
	if (!unused)
		return &limits->others;
	*unused = (struct refusal_slot){.uid = uid};
	return unused;
}

static void begin_anew(struct refusal_slot *slot, uint64_t now)
{
	if (slot->begin_usec && !is_over(slot, now))
		return;
	slot->begin_usec = now;
	slot->n = 0;
}

bool refusal_take(struct refusal_limits *limits, uid_t uid, uint64_t now, uint64_t *ret_left_out)
{
	struct refusal_slot *slot = find_slot(limits, uid, now);
	bool first;

	begin_anew(slot, now);
	begin_anew(&limits->all, now);
	first = slot->n < REFUSAL_FIRST;
	if (slot->n >= REFUSAL_ENTRIES || (!first && limits->all.n >= REFUSAL_ALL)) {
		slot->left_out++;
		return false;
	}
	slot->n++;
	limits->all.n += !first;
	*ret_left_out = slot->left_out;
	slot->left_out = 0;
	return true;
}

/* The one that is due first; NULL: nothing is left out. */
static struct refusal_slot *first_due(struct refusal_limits *limits)
{
	struct refusal_slot *first = NULL, *more[] = {&limits->root, &limits->others};

	for (unsigned i = 0; i < REFUSAL_SLOTS + ARRAY_SIZE(more); i++) {
		struct refusal_slot *slot =
			i < REFUSAL_SLOTS ? &limits->slots[i] : more[i - REFUSAL_SLOTS];

		if (slot->left_out && (!first || slot->begin_usec < first->begin_usec))
			first = slot;
	}
	return first;
}

bool refusal_summary(struct refusal_limits *limits, uint64_t now, uid_t *ret_uid,
		     uint64_t *ret_left_out)
{
	struct refusal_slot *slot = first_due(limits);

	if (!slot || !is_over(slot, now))
		return false;
	*ret_uid = slot == &limits->others ? REFUSAL_OTHERS : slot->uid;
	*ret_left_out = slot->left_out;
	/* the summary is an entry, too: whoever is refused without end has one in each while */
	slot->left_out = 0;
	slot->begin_usec = now;
	slot->n = 1;
	return true;
}

uint64_t refusal_due(const struct refusal_limits *limits)
{
	const struct refusal_slot *slot = first_due((struct refusal_limits *)limits);

	return slot ? slot->begin_usec + REFUSAL_USEC : 0;
}
