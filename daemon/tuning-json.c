/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tuning-json.h"

#include "json.h"

/* They are quoted in refusals, which go to the journal. */
#define NAME_MAX_SIZE  128
#define VALUE_MAX_SIZE 64

static int read_setting(struct json_object *item, struct setting *ret)
{
	const char *setting = NULL, *value = NULL, *name;
	const struct json_member members[] = {
		{"name", JSON_STRING, true, &setting},
		{"value", JSON_STRING, true, &value},
		{},
	};

	if (!json_object_is_type(item, json_type_object) || json_dispatch(item, members, &name) < 0)
		return -EINVAL;
	if (strlen(setting) > NAME_MAX_SIZE || strlen(value) > VALUE_MAX_SIZE)
		return -E2BIG;
	ret->name = strdup(setting);
	ret->value = strdup(value);
	return ret->name && ret->value ? 0 : -ENOMEM;
}

int settings_from_json(struct json_object *array, struct setting **ret, unsigned *ret_n)
{
	size_t n = array ? json_object_array_length(array) : 0;
	struct setting *settings;
	int r = 0;

	if (n > MANIFEST_TUNABLES_MAX)
		return -E2BIG;
	settings = calloc(n + 1, sizeof(*settings));
	if (!settings)
		return -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++)
		r = read_setting(json_object_array_get_idx(array, i), &settings[i]);
	if (r < 0) {
		settings_free(settings, (unsigned)n);
		return r;
	}
	*ret = settings;
	*ret_n = (unsigned)n;
	return 0;
}

static int add_value(struct json_object *object, const char *name, enum tunable_type type,
		     uint64_t value)
{
	char text[TUNABLE_TEXT_SIZE];

	tunable_format(type, value, text);
	return json_add_string(object, name, text);
}

static int add_setting(struct json_object *object, const struct manifest_tunable *t, uint64_t value)
{
	int r = json_add_string(object, "name", t->name);

	return r < 0 ? r : add_value(object, "value", t->type, value);
}

static int add_tunable(struct json_object *object, const struct manifest_tunable *t, uint64_t value,
		       bool set)
{
	int r;

	r = add_setting(object, t, value);
	if (r == 0)
		r = json_add_string(object, "type", tunable_type_name(t->type));
	if (r == 0)
		r = add_value(object, "default", t->type, t->initial);
	if (r == 0)
		r = add_value(object, "min", t->type, t->min);
	if (r == 0)
		r = add_value(object, "max", t->type, t->max);
	return r < 0 ? r : json_add(object, "set", json_object_new_boolean(set));
}

static int to_json(const struct manifest *manifest, const struct tuning *tuning, bool all,
		   struct json_object **ret)
{
	_cleanup_json_ struct json_object *array = json_object_new_array();
	int r = array ? 0 : -ENOMEM;

	for (unsigned i = 0; i < manifest->n_tunables && r == 0; i++) {
		const struct manifest_tunable *t = &manifest->tunables[i];
		bool set = tuning->set >> i & 1;
		struct json_object *object;

		if (!all && !set)
			continue;
		object = json_object_new_object();
		if (!object || json_object_array_add(array, object) < 0) {
			json_object_put(object);
			return -ENOMEM;
		}
		r = all ? add_tunable(object, t, tuning->values[i], set)
			: add_setting(object, t, tuning->values[i]);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(array);
	return 0;
}

int settings_to_json(const struct manifest *manifest, const struct tuning *tuning,
		     struct json_object **ret)
{
	return to_json(manifest, tuning, false, ret);
}

int tuning_to_json(const struct manifest *manifest, const struct tuning *tuning,
		   struct json_object **ret)
{
	return to_json(manifest, tuning, true, ret);
}
