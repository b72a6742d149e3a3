/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <limits.h>

#include "json-scan.h"

/* Everything that json-c would let pass. */
static int check(struct json_scanner *s, size_t size_max)
{
	size_t valid;
	int r;

	if (s->size > size_max || s->size > INT_MAX) {
		s->reason = "too large";
		return -E2BIG;
	}
	valid = utf8_scan(s->text, s->size);
	if (valid < s->size) {
		s->at = valid;
		s->reason = s->text[valid] ? "not valid UTF-8" : "NUL byte";
		return s->text[valid] ? -EILSEQ : -EINVAL;
	}
	r = json_scan_value(s);
	if (r < 0)
		return r;
	if (json_scan_peek(s) >= 0) {
		s->reason = "nothing may follow the value";
		return -EINVAL;
	}
	return 0;
}

int json_parse(const char *text, size_t size, size_t size_max, struct json_object **ret_object,
	       struct json_position *ret_position, const char **ret_reason)
{
	/* json-c takes up to 800 bytes for the two of "{}" */
	struct json_scanner s = {
		.text = text, .size = size, .values_max = JSON_VALUES_MIN + size_max / 16};
	int r;

	r = check(&s, size_max);
	if (r == 0) {
		s.at = 0;
		s.reason = "out of memory";
		r = json_build(text, size, ret_object);
	}
	if (r < 0) {
		if (ret_position)
			*ret_position = json_position_at(text, s.at);
		if (ret_reason)
			*ret_reason = s.reason;
	}
	return r;
}

static bool kind_fits(struct json_object *value, enum json_kind kind)
{
	switch (kind) {
	case JSON_STRING:
		return json_object_is_type(value, json_type_string);
	case JSON_BOOL:
		return json_object_is_type(value, json_type_boolean);
	case JSON_U64:
		return json_object_is_type(value, json_type_int) &&
		       json_object_get_int64(value) >= 0;
	case JSON_S64:
		return json_object_is_type(value, json_type_int) &&
		       (json_object_get_int64(value) < 0 ||
			json_object_get_uint64(value) <= INT64_MAX);
	case JSON_ARRAY:
		return json_object_is_type(value, json_type_array);
	case JSON_OBJECT:
		return json_object_is_type(value, json_type_object);
	case JSON_ANY:
		return true;
	}
	return false;
}

static void store(struct json_object *value, enum json_kind kind, void *out)
{
	switch (kind) {
	case JSON_STRING:
		*(const char **)out = json_object_get_string(value);
		break;
	case JSON_BOOL:
		*(bool *)out = json_object_get_boolean(value);
		break;
	case JSON_U64:
		*(uint64_t *)out = json_object_get_uint64(value);
		break;
	case JSON_S64:
		*(int64_t *)out = json_object_get_int64(value);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
	case JSON_ANY:
		*(struct json_object **)out = value;
		break;
	}
}

static const struct json_member *find_member(const struct json_member *members, const char *name)
{
	for (; members->name; members++)
		if (streq(members->name, name))
			return members;
	return NULL;
}

/* The value of a member, or NULL where it is absent or null. */
static struct json_object *get(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (object)
		json_object_object_get_ex(object, name, &value);
	return value;
}

int json_dispatch(struct json_object *object, const struct json_member *members,
		  const char **ret_name)
{
	if (object) {
		json_object_object_foreach (object, name, value) {
			const struct json_member *m = find_member(members, name);

			if (!m || (value && !kind_fits(value, m->kind))) {
				*ret_name = name;
				return m ? -EINVAL : -ENOENT;
			}
		}
	}
	for (const struct json_member *m = members; m->name; m++) {
		if (m->required && !get(object, m->name)) {
			*ret_name = m->name;
			return -ENODATA;
		}
	}
	for (const struct json_member *m = members; m->name; m++) {
		struct json_object *value = get(object, m->name);

		if (value)
			store(value, m->kind, m->out);
	}
	return 0;
}

int json_add(struct json_object *object, const char *name, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (!object || json_object_object_add(object, name, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

int json_array_add(struct json_object *array, struct json_object *value)
{
	if (value && array && json_object_array_add(array, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

int json_add_string(struct json_object *object, const char *name, const char *value)
{
	return json_add(object, name, json_object_new_string(value));
}

int json_add_u64(struct json_object *object, const char *name, uint64_t value)
{
	return json_add(object, name, json_object_new_uint64(value));
}

const char *json_serialize(struct json_object *object, int flags, size_t *ret_size)
{
	const char *text;

	errno = 0;
	text = json_object_to_json_string_length(object, flags, ret_size);
	return errno == ENOMEM || errno == EFBIG ? NULL : text;
}
