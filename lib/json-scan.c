/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json-scan.h"

#include <math.h>

static int fail(struct json_scanner *s, int r, const char *reason)
{
	s->reason = reason;
	return r;
}

static int current(const struct json_scanner *s)
{
	return s->at < s->size ? (unsigned char)s->text[s->at] : -1;
}

int json_scan_peek(struct json_scanner *s)
{
	int c;

	while ((c = current(s)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		s->at++;
	return c;
}

static int hex_value(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits of a \u escape, or -1. */
static int hex_unit(const char *text, size_t size)
{
	int unit = 0;

	if (size < 4)
		return -1;
	for (unsigned i = 0; i < 4; i++) {
		int digit = hex_value((unsigned char)text[i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/*
 * The character that the escape at @text (behind the backslash) stands for, and in *ret_size how
 * long it is. -1 where it is none; surrogates only as a pair, and no NUL, for strings are C strings
 * from here on.
 */
static long escape_decode(const char *text, size_t size, size_t *ret_size)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *simple = size ? memchr(from, text[0], sizeof(from) - 1) : NULL;
	int high, low;

	if (simple) {
		*ret_size = 1;
		return (unsigned char)to[simple - from];
	}
	if (size < 5 || text[0] != 'u')
		return -1;
	high = hex_unit(text + 1, size - 1);
	if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff))
		return -1;
	if (high < 0xd800 || high > 0xdfff) {
		*ret_size = 5;
		return high;
	}
	if (size < 11 || text[5] != '\\' || text[6] != 'u')
		return -1;
	low = hex_unit(text + 7, size - 7);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	*ret_size = 11;
	return 0x10000 + ((high - 0xd800L) << 10) + (low - 0xdc00);
}

int json_scan_string(struct json_scanner *s, struct json_span *ret)
{
	size_t start, length;
	int c;

	if (json_scan_peek(s) != '"')
		return fail(s, -EINVAL, "a string is expected here");
	start = ++s->at;
	while ((c = current(s)) != '"') {
		if (c < 0)
			return fail(s, -EINVAL, "the string does not end");
		if (c < 0x20)
			return fail(s, -EINVAL, "control character in a string");
		s->at++;
		if (c != '\\')
			continue;
		if (escape_decode(s->text + s->at, s->size - s->at, &length) < 0)
			return fail(s, -EINVAL, "not a valid escape sequence");
		s->at += length;
	}
	*ret = (struct json_span){.text = s->text + start, .size = s->at - start};
	s->at++;
	return 0;
}

/* The next character of a valid string: a UTF-8 sequence as its value, an escape decoded. */
static long span_next(struct json_span *span)
{
	unsigned char c = (unsigned char)span->text[0];
	size_t size = 1;
	long value;

	if (c == '\\' && !span->plain) {
		value = escape_decode(span->text + 1, span->size - 1, &size);
		size++;
	} else if (c < 0x80) {
		value = c;
	} else {
		value = c & (c < 0xe0 ? 0x1f : c < 0xf0 ? 0x0f : 0x07);
		for (; size < span->size && (span->text[size] & 0xc0) == 0x80; size++)
			value = value << 6 | (span->text[size] & 0x3f);
	}
	span->text += size;
	span->size -= size;
	return value;
}

bool json_span_equal(struct json_span a, struct json_span b)
{
	while (a.size && b.size)
		if (span_next(&a) != span_next(&b))
			return false;
	return a.size == b.size;
}

/*
 * Of the characters, however they are written (FNV-1a). Names are compared in full only where this
 * is the same: else a client could have them all begin alike, and keep the daemon busy.
 */
static uint64_t span_hash(struct json_span span)
{
	uint64_t hash = 0xcbf29ce484222325u;

	while (span.size)
		hash = (hash ^ (uint64_t)span_next(&span)) * 0x100000001b3u;
	return hash;
}

static size_t utf8_encode(unsigned long value, char *out)
{
	static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
	size_t more = value < 0x80 ? 0 : value < 0x800 ? 1 : value < 0x10000 ? 2 : 3;

	out[0] = (char)(leads[more] | value >> 6 * more);
	for (size_t i = 1; i <= more; i++)
		out[i] = (char)(0x80 | (value >> 6 * (more - i) & 0x3f));
	return more + 1;
}

/* No escape is shorter than what it stands for. */
size_t json_span_decode(struct json_span span, char *out)
{
	size_t size = 0;

	while (span.size)
		size += utf8_encode((unsigned long)span_next(&span), out + size);
	return size;
}

static unsigned skip_digits(struct json_scanner *s)
{
	unsigned n = 0;

	for (; current(s) >= '0' && current(s) <= '9'; s->at++)
		n++;
	return n;
}

/* json-c clamps what does not fit; here it is an error. @text is a number of valid syntax. */
static bool number_fits(const char *text, bool integer)
{
	char *end;

	errno = 0;
	if (!integer)
		return isfinite(strtod(text, &end));
	if (text[0] == '-')
		strtoll(text, &end, 10);
	else
		strtoull(text, &end, 10);
	return errno == 0;
}

static int scan_number(struct json_scanner *s)
{
	char copy[JSON_NUMBER_MAX + 1] = {};
	size_t start = s->at;
	bool integer = true;
	unsigned digits;

	if (current(s) == '-')
		s->at++;
	digits = current(s) == '0' ? (s->at++, 1) : skip_digits(s);
	if (!digits)
		return fail(s, -EINVAL, "a value is expected here");
	if (current(s) == '.') {
		integer = false;
		s->at++;
		if (!skip_digits(s))
			return fail(s, -EINVAL, "a digit is expected here");
	}
	if (current(s) == 'e' || current(s) == 'E') {
		integer = false;
		s->at++;
		if (current(s) == '+' || current(s) == '-')
			s->at++;
		if (!skip_digits(s))
			return fail(s, -EINVAL, "a digit is expected here");
	}
	if (s->at - start > JSON_NUMBER_MAX)
		return fail(s, -EINVAL, "number too long");
	memcpy(copy, s->text + start, s->at - start);
	if (!number_fits(copy, integer))
		return fail(s, -EINVAL, "number out of range");
	return 0;
}

static int scan_literal(struct json_scanner *s)
{
	static const char *const literals[] = {"true", "false", "null"};

	for (unsigned i = 0; i < ARRAY_SIZE(literals); i++) {
		size_t size = strlen(literals[i]);

		if (s->size - s->at >= size && memcmp(s->text + s->at, literals[i], size) == 0) {
			s->at += size;
			return 0;
		}
	}
	return fail(s, -EINVAL, "a value is expected here");
}

/* A comma (true in *ret) or @close, and past it. */
static int scan_separator(struct json_scanner *s, int close, bool *ret)
{
	int c = json_scan_peek(s);

	if (c != ',' && c != close)
		return fail(s, -EINVAL,
			    close == ']' ? "',' or ']' is expected here"
					 : "',' or '}' is expected here");
	s->at++;
	*ret = c == ',';
	return 0;
}

static int scan_array(struct json_scanner *s)
{
	bool more = true;
	int r;

	s->at++;
	if (json_scan_peek(s) == ']') {
		s->at++;
		return 0;
	}
	while (more) {
		r = json_scan_value(s);
		if (r < 0)
			return r;
		r = scan_separator(s, ']', &more);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A member's name, which none before it may have, and the colon. */
static int scan_name(struct json_scanner *s, struct json_span *names, uint64_t *hashes, unsigned n)
{
	size_t start;
	int r;

	json_scan_peek(s);
	start = s->at;
	r = json_scan_string(s, &names[n]);
	if (r < 0)
		return r;
	hashes[n] = span_hash(names[n]);
	for (unsigned i = 0; i < n; i++) {
		if (hashes[i] == hashes[n] && json_span_equal(names[i], names[n])) {
			s->at = start;
			return fail(s, -EEXIST, "a member of this name was given already");
		}
	}
	if (json_scan_peek(s) != ':')
		return fail(s, -EINVAL, "':' is expected here");
	s->at++;
	return 0;
}

static int scan_object(struct json_scanner *s)
{
	struct json_span names[JSON_MEMBERS_MAX];
	uint64_t hashes[JSON_MEMBERS_MAX];
	bool more = true;
	int r;

	s->at++;
	if (json_scan_peek(s) == '}') {
		s->at++;
		return 0;
	}
	for (unsigned n = 0; more; n++) {
		if (n == JSON_MEMBERS_MAX)
			return fail(s, -E2BIG, "too many members");
		r = scan_name(s, names, hashes, n);
		if (r < 0)
			return r;
		r = json_scan_value(s);
		if (r < 0)
			return r;
		r = scan_separator(s, '}', &more);
		if (r < 0)
			return r;
	}
	return 0;
}

int json_scan_value(struct json_scanner *s)
{
	struct json_span string;
	int c = json_scan_peek(s), r;

	if (++s->values > s->values_max && s->values_max)
		return fail(s, -E2BIG, "too many values");
	switch (c) {
	case '{':
	case '[':
		if (s->depth == JSON_DEPTH_MAX)
			return fail(s, -E2BIG, "nested too deep");
		s->depth++;
		r = c == '{' ? scan_object(s) : scan_array(s);
		s->depth--;
		return r;
	case '"':
		return json_scan_string(s, &string);
	case '-':
	case '0' ... '9':
		return scan_number(s);
	default:
		return scan_literal(s);
	}
}

/* How many bytes the sequence at @text has (Unicode 15, table 3-7), or 0. */
static size_t utf8_sequence(const unsigned char *text, size_t size)
{
	unsigned char lead = text[0], low = 0x80, high = 0xbf;
	size_t n;

	if (lead > 0 && lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	n = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (lead == 0xe0)
		low = 0xa0; /* else overlong */
	else if (lead == 0xed)
		high = 0x9f; /* else a surrogate */
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f; /* else beyond U+10FFFF */
	if (size < n || text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

size_t utf8_scan(const char *text, size_t size)
{
	size_t at = 0, n;

	while (at < size) {
		n = utf8_sequence((const unsigned char *)text + at, size - at);
		if (!n)
			break;
		at += n;
	}
	return at;
}

bool utf8_valid(const char *text, size_t size)
{
	return utf8_scan(text, size) == size;
}

void json_position_count(struct json_position *position, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n') {
			position->line++;
			position->column = 1;
		} else {
			position->column++;
		}
	}
}

struct json_position json_position_at(const char *text, size_t offset)
{
	struct json_position position = {.line = 1, .column = 1};

	json_position_count(&position, text, offset);
	return position;
}
