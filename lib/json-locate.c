/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json-scan.h"

/* Steps into the array at the scanner: to the element that @path ("[N]...") names. */
static int enter_element(struct json_scanner *s, const char **path)
{
	char *end;
	unsigned long index;

	if (json_scan_peek(s) != '[' || (*path)[1] < '0' || (*path)[1] > '9')
		return -ENOENT;
	index = strtoul(*path + 1, &end, 10);
	if (*end != ']')
		return -ENOENT;
	*path = end + 1;
	s->at++;
	while (json_scan_peek(s) != ']') {
		if (index-- == 0)
			return 0;
		if (json_scan_value(s) < 0)
			return -ENOENT;
		if (json_scan_peek(s) == ',')
			s->at++;
	}
	return -ENOENT;
}

/* A name in a path is written as it is; in the text it may have escapes. */
static bool name_is(struct json_span name, const char *wanted, size_t size)
{
	return json_span_equal(name,
			       (struct json_span){.text = wanted, .size = size, .plain = true});
}

/* Steps into the object at the scanner: to the value of the member that @path begins with. */
static int enter_member(struct json_scanner *s, const char **path)
{
	size_t size = strcspn(*path, ".[");
	struct json_span name;

	if (json_scan_peek(s) != '{')
		return -ENOENT;
	s->at++;
	while (json_scan_peek(s) != '}') {
		if (json_scan_string(s, &name) < 0 || json_scan_peek(s) != ':')
			return -ENOENT;
		s->at++;
		if (name_is(name, *path, size)) {
			*path += size;
			return 0;
		}
		if (json_scan_value(s) < 0)
			return -ENOENT;
		if (json_scan_peek(s) == ',')
			s->at++;
	}
	return -ENOENT;
}

/* From the begin of the text to the value behind @path. */
static int locate(struct json_scanner *s, const char *path)
{
	bool first = true;

	for (; *path; first = false) {
		int r;

		if (*path == '[') {
			r = enter_element(s, &path);
		} else {
			if (!first && *path++ != '.')
				return -ENOENT;
			r = enter_member(s, &path);
		}
		if (r < 0)
			return r;
	}
	return json_scan_peek(s) < 0 ? -ENOENT : 0;
}

int json_locate(const char *text, size_t size, const char *path, struct json_position *ret_position)
{
	struct json_scanner s = {.text = text, .size = size};
	int r = locate(&s, path);

	if (r < 0)
		return r;
	*ret_position = json_position_at(text, s.at);
	return 0;
}

int json_walk_list(const char *text, size_t size, const char *path, struct json_walk *ret)
{
	struct json_scanner s = {.text = text, .size = size};
	int r = locate(&s, path);

	if (r < 0)
		return r;
	if (json_scan_peek(&s) != '[')
		return -ENOENT;
	*ret = (struct json_walk){text, size, s.at + 1, json_position_at(text, s.at + 1)};
	return 0;
}

int json_walk_next(struct json_walk *walk, struct json_position *ret_position)
{
	struct json_scanner s = {.text = walk->text, .size = walk->size, .at = walk->at};
	struct json_position position = walk->position;
	size_t start;
	int c = json_scan_peek(&s);

	if (c < 0 || c == ']')
		return -ENOENT;
	start = s.at;
	json_position_count(&position, walk->text + walk->at, start - walk->at);
	if (json_scan_value(&s) < 0)
		return -ENOENT;
	if (json_scan_peek(&s) == ',')
		s.at++;
	*ret_position = position;
	json_position_count(&position, walk->text + start, s.at - start);
	walk->at = s.at;
	walk->position = position;
	return 0;
}
