/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The objects of a text that json.c has found valid. Not by json-c's own parser: that of 0.16 does
 * not look at what strdup(3) gives for a member's name, and dies where there is no memory; and it
 * takes a string as it is when its buffer could not grow (json_tokener.c).
 */
#include "json-scan.h"

static int build_value(struct json_scanner *s, struct json_object **ret);

/* Past @c, which is there. */
static void skip(struct json_scanner *s, int c)
{
	if (json_scan_peek(s) == c)
		s->at++;
}

static int build_text(struct json_scanner *s, char **ret, size_t *ret_size)
{
	struct json_span span;
	char *text;
	int r;

	r = json_scan_string(s, &span);
	if (r < 0)
		return r;
	text = malloc(span.size + 1);
	if (!text)
		return -ENOMEM;
	*ret_size = json_span_decode(span, text);
	text[*ret_size] = '\0';
	*ret = text;
	return 0;
}

static int build_member(struct json_scanner *s, struct json_object *object)
{
	_cleanup_json_ struct json_object *value = NULL;
	_cleanup_free_ char *name = NULL;
	size_t size;
	int r;

	r = build_text(s, &name, &size);
	if (r < 0)
		return r;
	skip(s, ':');
	r = build_value(s, &value);
	if (r < 0)
		return r;
	/* none of this name is there: duplicates were refused */
	if (json_object_object_add_ex(object, name, value, JSON_C_OBJECT_ADD_KEY_IS_NEW) < 0)
		return -ENOMEM;
	TAKE_PTR(value);
	return 0;
}

static int build_entry(struct json_scanner *s, struct json_object *array)
{
	struct json_object *value;
	int r = build_value(s, &value);

	if (r < 0)
		return r;
	if (json_object_array_add(array, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

/* All that is between the brackets, by @each. */
static int build_all(struct json_scanner *s, int close, struct json_object *container,
		     int (*each)(struct json_scanner *s, struct json_object *container),
		     struct json_object **ret)
{
	_cleanup_json_ struct json_object *owned = container;
	int r = 0;

	if (!container)
		return -ENOMEM;
	s->at++;
	while (r == 0 && json_scan_peek(s) != close) {
		r = each(s, container);
		skip(s, ',');
	}
	if (r < 0)
		return r;
	s->at++;
	*ret = TAKE_PTR(owned);
	return 0;
}

static int build_string(struct json_scanner *s, struct json_object **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r;

	r = build_text(s, &text, &size);
	if (r < 0)
		return r;
	*ret = json_object_new_string_len(text, (int)size);
	return *ret ? 0 : -ENOMEM;
}

static int build_number(struct json_scanner *s, struct json_object **ret)
{
	char text[JSON_NUMBER_MAX + 1] = {};
	size_t start = s->at;
	uint64_t value;
	int r;

	r = json_scan_value(s);
	if (r < 0)
		return r;
	memcpy(text, s->text + start, s->at - start);
	if (strpbrk(text, ".eE")) {
		*ret = json_object_new_double_s(strtod(text, NULL), text);
	} else if (*text == '-') {
		*ret = json_object_new_int64(strtoll(text, NULL, 10));
	} else {
		value = strtoull(text, NULL, 10);
		*ret = value > INT64_MAX ? json_object_new_uint64(value)
					 : json_object_new_int64((int64_t)value);
	}
	return *ret ? 0 : -ENOMEM;
}

static int build_literal(struct json_scanner *s, int first, struct json_object **ret)
{
	int r = json_scan_value(s);

	if (r < 0)
		return r;
	*ret = first == 'n' ? NULL : json_object_new_boolean(first == 't');
	return *ret || first == 'n' ? 0 : -ENOMEM;
}

/* As deep as json_scan_value() has let pass. */
static int build_value(struct json_scanner *s, struct json_object **ret)
{
	int c = json_scan_peek(s);

	switch (c) {
	case '{':
		return build_all(s, '}', json_object_new_object(), build_member, ret);
	case '[':
		return build_all(s, ']', json_object_new_array(), build_entry, ret);
	case '"':
		return build_string(s, ret);
	case '-':
	case '0' ... '9':
		return build_number(s, ret);
	default:
		return build_literal(s, c, ret);
	}
}

int json_build(const char *text, size_t size, struct json_object **ret)
{
	struct json_scanner s = {.text = text, .size = size};

	return build_value(&s, ret);
}
