/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

/* The length of the UTF-8 sequence that begins @p, and its character; 0 when it is not valid. */
static size_t utf8_decode(const uint8_t *p, size_t size, uint32_t *ret)
{
	uint32_t c, smallest;
	size_t n;

	if (p[0] < 0x80) {
		*ret = p[0];
		return 1;
	} else if ((p[0] & 0xe0) == 0xc0) {
		n = 2, c = p[0] & 0x1f, smallest = 0x80;
	} else if ((p[0] & 0xf0) == 0xe0) {
		n = 3, c = p[0] & 0x0f, smallest = 0x800;
	} else if ((p[0] & 0xf8) == 0xf0) {
		n = 4, c = p[0] & 0x07, smallest = 0x10000;
	} else {
		return 0;
	}

	if (n > size)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < smallest || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;

	*ret = c;
	return n;
}

static bool is_printable(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
		return false;
	if (c == 0x200e || c == 0x200f || c == 0x061c)
		return false;
	if (c >= 0x2028 && c <= 0x202e)
		return false;
	return !(c >= 0x2066 && c <= 0x2069);
}

/* The length of the printable character that begins @p, or 0. */
static size_t printable_at(const uint8_t *p, size_t size)
{
	uint32_t c;
	size_t n = utf8_decode(p, size, &c);

	return n > 0 && is_printable(c) ? n : 0;
}

bool text_printable(const char *text, size_t size)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t n;

	for (size_t i = 0; i < size; i += n) {
		n = printable_at(p + i, size - i);
		if (n == 0)
			return false;
	}
	return true;
}

void text_sanitize(char *text)
{
	size_t size = strlen(text);

	for (size_t i = 0; i < size;) {
		size_t n = printable_at((const uint8_t *)text + i, size - i);

		if (n == 0)
			text[i] = '?';
		i += n ? n : 1;
	}
}
