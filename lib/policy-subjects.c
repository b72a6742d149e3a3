/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <grp.h>
#include <pwd.h>

#include "policy-rule.h"

/* What systemd takes in names of units. */
#define UNIT_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"

/* Entries of a name service can be long; a group with thousands of members is. */
#define LOOKUP_BUFFER_MAX (16u * 1024 * 1024)

static int add_uids(const struct policy_text *text, struct policy_rule *rule, uint32_t first,
		    uint32_t last)
{
	struct policy_range *uids;

	uids = reallocarray(rule->uids, rule->n_uids + 1, sizeof(*uids));
	if (!uids)
		return policy_out_of_memory(text);
	rule->uids = uids;
	uids[rule->n_uids++] = (struct policy_range){first, last};
	return 0;
}

static int add_gid(const struct policy_text *text, struct policy_rule *rule, uint32_t gid)
{
	uint32_t *gids;

	gids = reallocarray(rule->gids, rule->n_gids + 1, sizeof(*gids));
	if (!gids)
		return policy_out_of_memory(text);
	rule->gids = gids;
	gids[rule->n_gids++] = gid;
	return 0;
}

/* 0 and the id, -ENOENT for a name that does not exist, another errno if that cannot be known. */
static int lookup_user(const char *name, char *buffer, size_t size, uint32_t *ret)
{
	struct passwd entry, *found = NULL;
	int r = getpwnam_r(name, &entry, buffer, size, &found);

	if (found)
		*ret = entry.pw_uid;
	return found ? 0 : -(r ?: ENOENT);
}

static int lookup_group(const char *name, char *buffer, size_t size, uint32_t *ret)
{
	struct group entry, *found = NULL;
	int r = getgrnam_r(name, &entry, buffer, size, &found);

	if (found)
		*ret = entry.gr_gid;
	return found ? 0 : -(r ?: ENOENT);
}

static int lookup(int (*by_name)(const char *, char *, size_t, uint32_t *), const char *name,
		  uint32_t *ret)
{
	for (size_t size = 4096; size <= LOOKUP_BUFFER_MAX; size *= 4) {
		_cleanup_free_ char *buffer = malloc(size);
		int r;

		if (!buffer)
			return -ENOMEM;
		r = by_name(name, buffer, size, ret);
		if (r != -ERANGE)
			return r;
	}
	return -ERANGE;
}

/* -ENOENT. The name is kept for those who look for mistakes. */
static int name_nobody(const struct policy_text *text, const char *what, const char *name,
		       struct policy_rule *rule)
{
	char who[256];
	int r;

	snprintf(who, sizeof(who), "%s '%s'", what, name);
	r = policy_add_string(text, &rule->unknown, who);
	return r < 0 ? r : -ENOENT;
}

/*
 * A name that does not exist: an allow rule then allows nobody by it, which is safe. A deny rule
 * would silently stop to deny, so there it is an error.
 */
static int resolve(const struct policy_text *text, const struct policy_path *path, const char *name,
		   const char *what, struct policy_rule *rule, uint32_t *ret)
{
	int r;

	if (!*name || name[strspn(name, "0123456789")] == '\0')
		return policy_refuse(text, path,
				     "'%s' is no name of a %s; an id is a number without quotes",
				     name, what);
	r = lookup(streq(what, "user") ? lookup_user : lookup_group, name, ret);
	if (r == 0)
		return 0;
	if (r == -ENOMEM)
		return policy_out_of_memory(text);
	if (!rule->deny)
		return name_nobody(text, what, name, rule);
	if (r == -ENOENT)
		return policy_refuse(text, path,
				     "there is no %s '%s': a deny rule must not name nobody", what,
				     name);
	return policy_refuse(text, path, "the %s '%s' cannot be looked up: %s", what, name,
			     strerror(-r));
}

static int parse_id(const struct policy_text *text, const struct policy_path *path,
		    struct json_object *item, const char *what, struct policy_rule *rule,
		    uint32_t *ret)
{
	if (json_object_is_type(item, json_type_string))
		return resolve(text, path, json_object_get_string(item), what, rule, ret);
	if (!json_object_is_type(item, json_type_int))
		return policy_refuse(text, path, "a %s is a name or a number", what);
	if (json_object_get_int64(item) < 0 || json_object_get_int64(item) > POLICY_UID_MAX)
		return policy_refuse(text, path, "not an id: 0 to %u", POLICY_UID_MAX);
	*ret = (uint32_t)json_object_get_int64(item);
	return 0;
}

static int parse_user(const struct policy_text *text, const struct policy_path *path,
		      struct json_object *item, struct policy_rule *rule)
{
	uint32_t uid;
	int r;

	r = parse_id(text, path, item, "user", rule, &uid);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : add_uids(text, rule, uid, uid);
}

static int parse_group(const struct policy_text *text, const struct policy_path *path,
		       struct json_object *item, struct policy_rule *rule)
{
	uint32_t gid;
	int r;

	r = parse_id(text, path, item, "group", rule, &gid);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : add_gid(text, rule, gid);
}

/* Digits only, no sign, no leading zero that could mean octal to a reader. */
static int parse_number(const char **text, uint32_t *ret)
{
	uint64_t value = 0;
	const char *p = *text;

	if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > POLICY_UID_MAX)
			return -ERANGE;
	}
	*text = p;
	*ret = (uint32_t)value;
	return 0;
}

static int parse_range(const struct policy_text *text, const struct policy_path *path,
		       struct json_object *item, struct policy_rule *rule)
{
	const char *range, *p;
	uint32_t first, last;
	int r;

	r = policy_item_string(text, path, item, &range);
	if (r < 0)
		return r;
	p = range;
	r = parse_number(&p, &first);
	last = first;
	if (r == 0 && *p == '-') {
		p++;
		r = parse_number(&p, &last);
	}
	if (r < 0 || *p || last < first)
		return policy_refuse(text, path,
				     "'%s' is no range of uids: \"FIRST-LAST\" or \"UID\", 0 to %u",
				     range, POLICY_UID_MAX);
	return add_uids(text, rule, first, last);
}

/* A unit of the system's manager; those of users are not told apart by who started them. */
static int parse_unit(const struct policy_text *text, const struct policy_path *path,
		      struct json_object *item, struct policy_rule *rule)
{
	static const char suffix[] = ".service";
	const char *pattern;
	size_t size;
	int r;

	r = policy_item_string(text, path, item, &pattern);
	if (r < 0)
		return r;
	size = strlen(pattern);
	if (size <= strlen(suffix) || !streq(pattern + size - strlen(suffix), suffix) ||
	    pattern[strspn(pattern, UNIT_CHARACTERS "*")] || strstr(pattern, "**"))
		return policy_refuse(text, path,
				     "'%s' is no pattern of system services, such as "
				     "\"ci@*.service\"",
				     pattern);
	if (strncmp(pattern, "user@", strlen("user@")) == 0)
		return policy_refuse(text, path,
				     "'%s': what users run by managers of their own is no system "
				     "service; name the users",
				     pattern);
	return policy_add_string(text, &rule->units, pattern);
}

int policy_parse_subjects(const struct policy_text *text, const struct policy_path *path,
			  struct json_object *object, struct policy_rule *rule)
{
	struct policy_path users_at = policy_path_member(path, "users");
	struct policy_path groups_at = policy_path_member(path, "groups");
	struct policy_path uids_at = policy_path_member(path, "uids");
	struct policy_path units_at = policy_path_member(path, "units");
	struct json_object *users = NULL, *groups = NULL, *uids = NULL, *units = NULL;
	const struct json_member members[] = {
		{"users", JSON_ARRAY, false, &users},
		{"groups", JSON_ARRAY, false, &groups},
		{"uids", JSON_ARRAY, false, &uids},
		{"units", JSON_ARRAY, false, &units},
		{},
	};
	int r;

	r = policy_dispatch(text, path, object, members);
	if (r < 0)
		return r;
	if (!users && !groups && !uids && !units)
		return policy_refuse(
			text, path,
			"'subjects' names nobody: 'users', 'groups', 'uids' or 'units'");
	if (users)
		r = policy_each_item(text, &users_at, users, rule, parse_user);
	if (r == 0 && groups)
		r = policy_each_item(text, &groups_at, groups, rule, parse_group);
	if (r == 0 && uids)
		r = policy_each_item(text, &uids_at, uids, rule, parse_range);
	if (r == 0 && units)
		r = policy_each_item(text, &units_at, units, rule, parse_unit);
	return r;
}
