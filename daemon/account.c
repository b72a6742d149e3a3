/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "account.h"

/* ---- rules ---- */

/* "FILE:LINE" without the line. */
static size_t file_size(const char *source)
{
	const char *colon = strrchr(source, ':');

	return colon ? (size_t)(colon - source) : strlen(source);
}

int rule_id_set(struct rule_id *id, const char *name, const char *source)
{
	struct rule_id copy = {strdup(name), strndup(source, file_size(source))};

	if (!copy.name || !copy.file) {
		rule_id_done(&copy);
		return -ENOMEM;
	}
	*id = copy;
	return 0;
}

bool rule_id_is(const struct rule_id *id, const char *name, const char *source)
{
	size_t size = file_size(source);

	return streq(id->name, name) && strlen(id->file) == size &&
	       memcmp(id->file, source, size) == 0;
}

void rule_id_done(struct rule_id *id)
{
	free(id->name);
	free(id->file);
	*id = (struct rule_id){};
}

static uint32_t hash(uint32_t value, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		value = (value ^ (uint8_t)text[i]) * 16777619u;
	return value;
}

/* ---- accounts ---- */

static struct account **user_bucket(struct accounts *accounts, uid_t uid)
{
	return &accounts->users[uid % ACCOUNT_BUCKETS];
}

static struct account **rule_bucket(struct accounts *accounts, const char *name, const char *source)
{
	uint32_t value = hash(2166136261u, name, strlen(name) + 1);

	value = hash(value, source, file_size(source));
	return &accounts->rules[value % ACCOUNT_BUCKETS];
}

static struct account **find_user(struct accounts *accounts, uid_t uid)
{
	struct account **at = user_bucket(accounts, uid);

	while (*at && (*at)->uid != uid)
		at = &(*at)->next;
	return at;
}

static struct account **find_rule(struct accounts *accounts, const char *name, const char *source)
{
	struct account **at = rule_bucket(accounts, name, source);

	while (*at && !rule_id_is(&(*at)->id, name, source))
		at = &(*at)->next;
	return at;
}

struct account *account_of_user(struct accounts *accounts, uid_t uid, bool make)
{
	struct account **at = find_user(accounts, uid);

	if (*at || !make)
		return *at;
	*at = calloc(1, sizeof(**at));
	if (*at)
		(*at)->uid = uid;
	return *at;
}

struct account *account_of_rule(struct accounts *accounts, const char *name, const char *source,
				bool make)
{
	struct account **at = find_rule(accounts, name, source);
	struct account *account;

	if (*at || !make)
		return *at;
	account = calloc(1, sizeof(*account));
	if (!account || rule_id_set(&account->id, name, source) < 0) {
		free(account);
		return NULL;
	}
	*at = account;
	return account;
}

static bool is_empty(const struct account *account)
{
	return account->n_loads == 0 && account->n_reserved == 0 && account->n_charged == 0;
}

static void account_free(struct account *account)
{
	rule_id_done(&account->id);
	free(account);
}

static void put(struct account **at)
{
	struct account *account = *at;

	if (!account || !is_empty(account))
		return;
	*at = account->next;
	account_free(account);
}

void account_put_user(struct accounts *accounts, uid_t uid)
{
	put(find_user(accounts, uid));
}

void account_put_rule(struct accounts *accounts, const char *name, const char *source)
{
	put(find_rule(accounts, name, source));
}

static void bucket_free(struct account *account)
{
	while (account) {
		struct account *next = account->next;

		account_free(account);
		account = next;
	}
}

void accounts_done(struct accounts *accounts)
{
	for (unsigned i = 0; i < ACCOUNT_BUCKETS; i++) {
		bucket_free(accounts->users[i]);
		bucket_free(accounts->rules[i]);
	}
}

/* ---- sums ---- */

void account_add(struct account *account, const struct usage *usage)
{
	account->n_charged++;
	if (usage->map_memory == USAGE_UNKNOWN)
		account->n_memory++;
	else
		account->known.map_memory += usage->map_memory;
	if (usage->instructions == USAGE_UNKNOWN)
		account->n_instructions++;
	else
		account->known.instructions += usage->instructions;
}

void account_sub(struct account *account, const struct usage *usage)
{
	account->n_charged--;
	if (usage->map_memory == USAGE_UNKNOWN)
		account->n_memory--;
	else
		account->known.map_memory -= usage->map_memory;
	if (usage->instructions == USAGE_UNKNOWN)
		account->n_instructions--;
	else
		account->known.instructions -= usage->instructions;
}

struct usage account_usage(const struct account *account)
{
	return (struct usage){
		.map_memory = account->n_memory ? USAGE_UNKNOWN : account->known.map_memory,
		.instructions =
			account->n_instructions ? USAGE_UNKNOWN : account->known.instructions,
	};
}
