/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>

#include "policy-rule.h"

struct policy_path policy_path_member(const struct policy_path *path, const char *name)
{
	struct policy_path at;
	int n;

	n = snprintf(at.text, sizeof(at.text), "%s%s%s", path->text, *path->text ? "." : "", name);
	/* Too long to be looked up (only the name of an unknown member can be): where it is. */
	return n < (int)sizeof(at.text) ? at : *path;
}

struct policy_path policy_path_item(const struct policy_path *path, unsigned index)
{
	struct policy_path at;
	int n;

	n = snprintf(at.text, sizeof(at.text), "%s[%u]", path->text, index);
	return n < (int)sizeof(at.text) ? at : *path;
}

/* Shortens the path by its last part, until there is something at it. */
static struct json_position locate(const struct policy_text *text, struct policy_path path)
{
	struct json_position position = {1, 1};

	while (json_locate(text->text, text->size, path.text, &position) < 0 && *path.text) {
		char *member = strrchr(path.text, '.'), *item = strrchr(path.text, '[');
		char *cut = member > item ? member : item;

		*(cut ?: path.text) = '\0';
	}
	return position;
}

int policy_refuse(const struct policy_text *text, const struct policy_path *path,
		  const char *format, ...)
{
	struct json_position position = locate(text, *path);
	_cleanup_free_ char *message = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&message, format, ap);
	va_end(ap);
	if (n < 0) {
		message = NULL;
		return policy_out_of_memory(text);
	}
	return policy_fail_at(text, -EINVAL, position, message);
}

int policy_fail_at(const struct policy_text *text, int r, struct json_position position,
		   const char *message)
{
	error_set(text->error, r, ERROR_FAILED, STEP_NONE, "%s:%u:%u: %s", text->file,
		  position.line, position.column, message);
	error_field_string(text->error, "file", text->file);
	error_field(text->error, "line", json_object_new_int64(position.line));
	error_field(text->error, "column", json_object_new_int64(position.column));
	return r;
}

void policy_walk(const struct policy_text *text, const struct policy_path *path,
		 struct json_walk *ret)
{
	*ret = (struct json_walk){.position = {1, 1}};
	json_walk_list(text->text, text->size, path->text, ret);
}

int policy_next_source(const struct policy_text *text, struct json_walk *walk, char **ret)
{
	struct json_position position = {1, 1};
	char *source;

	json_walk_next(walk, &position);
	if (asprintf(&source, "%s:%u", text->file, position.line) < 0)
		return policy_out_of_memory(text);
	*ret = source;
	return 0;
}

int policy_out_of_memory(const struct policy_text *text)
{
	return error_set(text->error, -ENOMEM, ERROR_FAILED, STEP_NONE, "%s: out of memory",
			 text->file);
}

static const char *kind_name(const struct json_member *members, const char *name)
{
	while (members->name && !streq(members->name, name))
		members++;
	switch (members->kind) {
	case JSON_STRING:
		return "a string";
	case JSON_U64:
		return "a whole number";
	case JSON_ARRAY:
		return "a list";
	case JSON_OBJECT:
		return "an object";
	default:
		return "something else";
	}
}

static int refuse_nulls(const struct policy_text *text, const struct policy_path *path,
			struct json_object *object)
{
	json_object_object_foreach (object, name, value) {
		struct policy_path at = policy_path_member(path, name);

		if (!value)
			return policy_refuse(text, &at, "'%s' is null: leave it out", name);
	}
	return 0;
}

int policy_dispatch(const struct policy_text *text, const struct policy_path *path,
		    struct json_object *object, const struct json_member *members)
{
	const char *name = "";
	struct policy_path at;
	int r;

	r = refuse_nulls(text, path, object);
	if (r < 0)
		return r;
	r = json_dispatch(object, members, &name);
	if (r == 0)
		return 0;
	at = policy_path_member(path, name);
	if (r == -ENODATA)
		return policy_refuse(text, path, "'%s' is missing", name);
	if (r == -EINVAL)
		return policy_refuse(text, &at, "'%s' must be %s", name, kind_name(members, name));
	if (r != -ENOENT)
		return policy_out_of_memory(text);
	return policy_refuse(text, &at, "unknown member '%s'", name);
}

int policy_each_item(const struct policy_text *text, const struct policy_path *path,
		     struct json_object *list, struct policy_rule *rule, policy_item_fn each)
{
	size_t n = json_object_array_length(list);

	if (n == 0)
		return policy_refuse(text, path,
				     "the list is empty: leave it out, or name what it "
				     "is for");
	if (n > POLICY_LIST_MAX)
		return policy_refuse(text, path, "the list has more than %u entries",
				     POLICY_LIST_MAX);
	for (unsigned i = 0; i < n; i++) {
		struct policy_path at = policy_path_item(path, i);
		int r = each(text, &at, json_object_array_get_idx(list, i), rule);

		if (r < 0)
			return r;
	}
	return 0;
}

int policy_item_string(const struct policy_text *text, const struct policy_path *path,
		       struct json_object *item, const char **ret)
{
	if (!json_object_is_type(item, json_type_string))
		return policy_refuse(text, path, "not a string");
	*ret = json_object_get_string(item);
	return 0;
}

int policy_add_string(const struct policy_text *text, struct policy_strings *strings,
		      const char *item)
{
	char **items, *copy;

	items = reallocarray(strings->items, strings->n + 1, sizeof(*items));
	if (!items)
		return policy_out_of_memory(text);
	strings->items = items;
	copy = strdup(item);
	if (!copy)
		return policy_out_of_memory(text);
	items[strings->n++] = copy;
	return 0;
}
