/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "users.h"

struct user {
	struct user *next;
	uid_t uid;
	unsigned slots[_USER_SLOT_MAX];
};

static struct user **find(struct users *users, uid_t uid)
{
	struct user **u = &users->first;

	while (*u && (*u)->uid != uid)
		u = &(*u)->next;
	return u;
}

static bool is_idle(const struct user *user)
{
	for (unsigned i = 0; i < _USER_SLOT_MAX; i++)
		if (user->slots[i])
			return false;
	return true;
}

int users_charge(struct users *users, uid_t uid, enum user_slot slot, unsigned max)
{
	struct user *user = *find(users, uid);

	if (max == 0 || (user && user->slots[slot] >= max))
		return -EDQUOT;
	if (!user) {
		user = calloc(1, sizeof(*user));
		if (!user)
			return -ENOMEM;
		user->uid = uid;
		user->next = users->first;
		users->first = user;
	}
	user->slots[slot]++;
	return 0;
}

struct user *users_find(const struct users *users, uid_t uid)
{
	return *find((struct users *)users, uid);
}

unsigned user_count(const struct user *user, enum user_slot slot)
{
	return user ? user->slots[slot] : 0;
}

void users_release(struct users *users, uid_t uid, enum user_slot slot)
{
	struct user **u = find(users, uid), *user = *u;

	user->slots[slot]--;
	if (is_idle(user)) {
		*u = user->next;
		free(user);
	}
}
