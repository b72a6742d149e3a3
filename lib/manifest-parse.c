/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manifest-parse.h"

#include <stdarg.h>

#include "text.h"

#define STRING_MAX 4352u /* a target: a path, a symbol */

/* Where the value behind @path begins, or whatever part of the path can be found. */
static struct json_position locate(const struct manifest_parser *p, const char *path)
{
	struct json_position position = {1, 1};
	char part[MANIFEST_PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (;;) {
		size_t n = strlen(part);

		if (json_locate(p->text, p->size, part, &position) == 0 || n == 0)
			return position;
		while (n > 0 && part[n - 1] != '.' && part[n - 1] != '[')
			n--;
		part[n > 0 ? n - 1 : 0] = '\0';
	}
}

int manifest_bad(const struct manifest_parser *p, const char *path, const char *format, ...)
{
	struct json_position position = locate(p, path);
	_cleanup_free_ char *what = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&what, format, ap);
	va_end(ap);
	if (n < 0) {
		what = NULL;
		return manifest_no_memory(p);
	}
	return error_set(p->error, -EBADMSG, ERROR_BAD_MANIFEST, STEP_AUTHENTICATE,
			 "manifest:%u:%u: %s%s%s", position.line, position.column, path,
			 *path ? ": " : "", what);
}

int manifest_no_memory(const struct manifest_parser *p)
{
	return error_set(p->error, -ENOMEM, ERROR_FAILED, STEP_AUTHENTICATE, "out of memory");
}

void manifest_path(char *ret, const char *path, const char *member)
{
	char joined[MANIFEST_PATH_MAX];

	/* Cut parts: both together fit, and a path that was cut is only a worse message. */
	snprintf(joined, sizeof(joined), "%.300s%s%.200s", path, *path ? "." : "", member);
	memcpy(ret, joined, sizeof(joined));
}

static const char *kind_name(enum json_kind kind)
{
	switch (kind) {
	case JSON_STRING:
		return "a string";
	case JSON_BOOL:
		return "true or false";
	case JSON_U64:
		return "an integer that is not negative";
	case JSON_S64:
		return "an integer";
	case JSON_ARRAY:
		return "an array";
	case JSON_OBJECT:
		return "an object";
	case JSON_ANY:
		break;
	}
	return "a value";
}

int manifest_dispatch(const struct manifest_parser *p, const char *path, struct json_object *object,
		      const struct json_member *members)
{
	char where[MANIFEST_PATH_MAX];
	const char *name = "";
	int r;

	if (!json_object_is_type(object, json_type_object))
		return manifest_bad(p, path, "must be an object");

	r = json_dispatch(object, members, &name);
	if (r == 0)
		return 0;
	if (r == -ENODATA)
		return manifest_bad(p, path, "member \"%s\" is missing", name);
	manifest_path(where, path, name);
	if (r == -EINVAL) {
		while (members->name && !streq(members->name, name))
			members++;
		return manifest_bad(p, where, "must be %s", kind_name(members->kind));
	}
	return manifest_bad(p, where, "unknown member");
}

int manifest_text(const struct manifest_parser *p, const char *path, const char *member,
		  const char *value, size_t max, char **ret)
{
	char where[MANIFEST_PATH_MAX];
	size_t size;

	if (!value)
		return 0;

	manifest_path(where, path, member);
	size = strlen(value);
	if (size < 1 || size > max)
		return manifest_bad(p, where, "has %zu bytes, must be 1 to %zu", size, max);
	if (!text_printable(value, size))
		return manifest_bad(p, where, "holds control characters");
	*ret = strdup(value);
	return *ret ? 0 : manifest_no_memory(p);
}

static int take_string(const struct manifest_parser *p, const char *path,
		       struct json_object *element, char **list, unsigned n)
{
	const char *text = json_object_get_string(element);
	char where[MANIFEST_PATH_MAX + 16];
	size_t size;

	snprintf(where, sizeof(where), "%s[%u]", path, n);
	if (!json_object_is_type(element, json_type_string))
		return manifest_bad(p, where, "must be a string");
	size = strlen(text);
	if (size < 1 || size > STRING_MAX)
		return manifest_bad(p, where, "has %zu bytes, must be 1 to %u", size, STRING_MAX);
	if (!text_printable(text, size))
		return manifest_bad(p, where, "holds control characters");
	for (unsigned i = 0; i < n; i++)
		if (streq(list[i], text))
			return manifest_bad(p, where, "is there twice");
	list[n] = strdup(text);
	return list[n] ? 0 : manifest_no_memory(p);
}

int manifest_strings(const struct manifest_parser *p, const char *path, const char *member,
		     struct json_object *array, unsigned min, unsigned max, char ***ret,
		     unsigned *ret_n)
{
	size_t n = array ? json_object_array_length(array) : 0;
	char where[MANIFEST_PATH_MAX];
	int r;

	manifest_path(where, path, member);
	if (n < min || n > max)
		return manifest_bad(p, where, "has %zu elements, must be %u to %u", n, min, max);
	if (n == 0)
		return 0;

	*ret = calloc(n, sizeof(**ret));
	if (!*ret)
		return manifest_no_memory(p);
	for (*ret_n = 0; *ret_n < n; (*ret_n)++) {
		r = take_string(p, where, json_object_array_get_idx(array, *ret_n), *ret, *ret_n);
		if (r < 0)
			return r;
	}
	return 0;
}

bool manifest_identifier(const char *text, size_t size)
{
	if (size < 1 || size > MANIFEST_IDENTIFIER_MAX)
		return false;
	for (size_t i = 0; i < size; i++) {
		bool letter = (text[i] >= 'a' && text[i] <= 'z') ||
			      (text[i] >= 'A' && text[i] <= 'Z') || text[i] == '_';

		if (!letter && (i == 0 || text[i] < '0' || text[i] > '9'))
			return false;
	}
	return true;
}
