/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy-table.h"

#include "check.h"

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	return value;
}

static const char *item(struct json_object *array, size_t i)
{
	return array && i < json_object_array_length(array)
		       ? json_object_get_string(json_object_array_get_idx(array, i))
		       : NULL;
}

static unsigned read_keys(struct json_object *array)
{
	static const char *const names[] = {"a", "b", "c", "b2"};
	unsigned keys = 0;

	for (size_t i = 0; item(array, i); i++)
		for (unsigned k = 0; k < ARRAY_SIZE(names); k++)
			if (streq(item(array, i), names[k]))
				keys |= 1u << k;
	return keys ?: KEY_NONE;
}

static void read_lists(struct json_object *object, struct ask *ask)
{
	struct json_object *groups = member(object, "groups");
	enum effect effect;

	for (size_t i = 0; groups && i < json_object_array_length(groups); i++)
		ask->groups[i] = (gid_t)json_object_get_int64(json_object_array_get_idx(groups, i));
	for (size_t i = 0; i < 2; i++) {
		const char *type = item(member(object, "types"), i);
		const char *grant = item(member(object, "grants"), i);

		if (type)
			assert_int_equal(program_type_from_name(type, &ask->types[i]), 0);
		if (grant)
			assert_int_equal(map_grant_from_name(grant, &ask->grants[i]), 0);
		ask->targets[i] = item(member(object, "targets"), i);
		ask->tunables[i] = item(member(object, "tunables"), i);
		ask->requires[i] = item(member(object, "requires"), i);
		if (item(member(object, "effects"), i)) {
			assert_int_equal(
				effect_from_name(item(member(object, "effects"), i), &effect), 0);
			ask->effects |= 1u << effect;
		}
	}
}

static void read_ask(struct json_object *object, struct ask *ret)
{
	static const char *const known[] = {"uid",	 "groups", "bundle",   "keys",	 "types",
					    "targets",	 "grants", "requires", "loads",	 "lifetime",
					    "no target", "unit",   "tunables", "effects"};
	struct ask ask = {};

	json_object_object_foreach (object, name, value) {
		unsigned i = 0;

		while (i < ARRAY_SIZE(known) && !streq(known[i], name))
			i++;
		if (i == ARRAY_SIZE(known) || !value)
			fail_msg("the table has a '%s'", name);
	}
	ask.uid = (uid_t)json_object_get_int64(member(object, "uid"));
	ask.root = member(object, "uid") && ask.uid == 0;
	ask.unit = json_object_get_string(member(object, "unit"));
	ask.bundle = json_object_get_string(member(object, "bundle"));
	if (member(object, "keys"))
		ask.keys = read_keys(member(object, "keys"));
	ask.n_loads = (unsigned)json_object_get_int64(member(object, "loads"));
	ask.no_target = json_object_get_boolean(member(object, "no target"));
	if (member(object, "lifetime"))
		assert_int_equal(
			lifetime_from_name(json_object_get_string(member(object, "lifetime")),
					   &ask.lifetime),
			0);
	read_lists(object, &ask);
	*ret = ask;
}

/* Sets what is at "programs.types" of the first rule. */
static void change_rule(struct json_object *rules, const char *path, struct json_object *value)
{
	struct json_object *object = json_object_array_get_idx(rules, 0);
	const char *dot = strchr(path, '.');

	if (dot) {
		_cleanup_free_ char *name = strndup(path, (size_t)(dot - path));

		object = member(object, name);
		path = dot + 1;
		assert_non_null(object);
	}
	if (json_object_equal(member(object, path), value))
		fail_msg("%s is no change", path);
	json_object_object_del(object, path);
	if (value)
		json_object_object_add(object, path, json_object_get(value));
}

/* The one member of @change is all that differs. */
static void apply(struct json_object *change, struct json_object *rules, struct json_object *ask)
{
	assert_int_equal(json_object_object_length(change), 1);
	json_object_object_foreach (change, name, value) {
		if (strncmp(name, "rule:", 5) == 0) {
			change_rule(rules, name + 5, value);
			continue;
		}
		if (json_object_equal(member(ask, name), value))
			fail_msg("%s is no change", name);
		json_object_object_del(ask, name);
		json_object_object_add(ask, name, json_object_get(value));
	}
}

static struct json_object *copy(struct json_object *object)
{
	struct json_object *twin = NULL;

	if (!object)
		return json_object_new_object();
	assert_int_equal(json_object_deep_copy(object, &twin, NULL), 0);
	return twin;
}

static void each_denied(struct json_object *test, struct json_object *denied,
			void (*fn)(const struct table_row *, void *), void *userdata)
{
	_cleanup_json_ struct json_object *rules = copy(member(test, "rules"));
	_cleanup_json_ struct json_object *ask = copy(member(test, "ask"));
	struct table_row row = {
		.title = json_object_get_string(member(test, "title")),
		.rules = rules,
		.change = json_object_array_get_idx(denied, 0),
		.reason = item(denied, 1),
	};

	assert_non_null(row.reason);
	apply(row.change, rules, ask);
	read_ask(ask, &row.ask);
	fn(&row, userdata);
}

static unsigned each_of_case(struct json_object *test, void (*fn)(const struct table_row *, void *),
			     void *userdata)
{
	_cleanup_json_ struct json_object *ask = copy(member(test, "ask"));
	struct json_object *denied = member(test, "denied");
	struct table_row row = {
		.title = json_object_get_string(member(test, "title")),
		.rules = member(test, "rules"),
		.rule = json_object_get_string(member(test, "rule")) ?: "r",
	};
	unsigned n = (unsigned)json_object_array_length(denied);

	read_ask(ask, &row.ask);
	fn(&row, userdata);
	for (unsigned i = 0; i < n; i++)
		each_denied(test, json_object_array_get_idx(denied, i), fn, userdata);
	return n + 1;
}

unsigned table_each(void (*fn)(const struct table_row *row, void *userdata), void *userdata)
{
	_cleanup_json_ struct json_object *table = json_object_from_file(POLICY_TABLE);
	unsigned n = 0;

	assert_non_null(table);
	for (size_t i = 0; i < json_object_array_length(table); i++)
		n += each_of_case(json_object_array_get_idx(table, i), fn, userdata);
	return n;
}

char *table_format(struct json_object *rules)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	fputs("{\"rules\": [", f);
	for (size_t i = 0; i < json_object_array_length(rules); i++)
		fprintf(f, "%s\n%s", i ? "," : "",
			json_object_to_json_string_ext(json_object_array_get_idx(rules, i),
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	fputs("]}", f);
	assert_int_equal(fclose(f), 0);
	return text;
}

int table_parse(const char *text, struct policy *ret, struct error *error)
{
	*ret = (struct policy){.refs = 1};
	return policy_parse("FILE", text, strlen(text), &ret->rules, &ret->n_rules, error);
}

void table_policy_done(struct policy *policy)
{
	policy_rules_free(policy->rules, policy->n_rules);
	*policy = (struct policy){};
}
