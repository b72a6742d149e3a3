/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "btf-print.h"

#include <inttypes.h>

#include "output.h"

struct printer {
	FILE *f;
	unsigned depth;
	bool in_array[BTF_DEPTH_MAX + 1];
	bool first; /* nothing was printed yet since the last bracket */
};

char *hex_number(const uint8_t *data, size_t size)
{
	char *text = malloc(size * 2 + 4);
	size_t fill = 0;

	if (!text)
		return NULL;
	while (size > 1 && data[size - 1] == 0)
		size--;
	fill += sprintf(text, "0x");
	if (size == 0)
		fill += sprintf(text + fill, "0");
	for (size_t i = size; i-- > 0;)
		fill += sprintf(text + fill, i + 1 == size ? "%x" : "%02x", data[i]);
	return text;
}

/* output_escape() leaves quotes alone, but here they delimit. */
static int print_quoted(FILE *f, const char *text, size_t size)
{
	_cleanup_free_ char *escaped = output_escape(text, size);

	if (!escaped)
		return -ENOMEM;
	fputc('"', f);
	for (const char *p = escaped; *p; p++) {
		if (*p == '"')
			fputc('\\', f);
		fputc(*p, f);
	}
	fputc('"', f);
	return 0;
}

static int print_scalar(FILE *f, const struct btf_value *value)
{
	_cleanup_free_ char *hex = NULL;

	switch (value->kind) {
	case BTF_VALUE_UNSIGNED:
		fprintf(f, "%" PRIu64, value->number);
		return 0;
	case BTF_VALUE_SIGNED:
		fprintf(f, "%" PRId64, (int64_t)value->number);
		return 0;
	case BTF_VALUE_BOOL:
		fputs(value->number ? "true" : "false", f);
		return 0;
	case BTF_VALUE_TEXT:
		return print_quoted(f, value->text, value->text_size);
	case BTF_VALUE_NAME:
		output_text(f, value->text);
		return 0;
	case BTF_VALUE_HEX:
		hex = hex_number(value->data, value->text_size);
		if (!hex)
			return -ENOMEM;
		fputs(hex, f);
		return 0;
	default:
		return -EINVAL;
	}
}

static int print_value(void *userdata, const struct btf_value *value)
{
	struct printer *p = userdata;

	if (value->kind == BTF_VALUE_END) {
		p->depth--;
		/* The record itself has no brackets, unless it is an array. */
		if (p->depth > 0 || p->in_array[0])
			fputc(p->in_array[p->depth] ? ']' : '}', p->f);
		p->first = false;
		return 0;
	}

	if (!p->first)
		fputc(' ', p->f);
	if (value->name) {
		output_text(p->f, value->name);
		fputc('=', p->f);
	}
	if (value->kind != BTF_VALUE_STRUCT && value->kind != BTF_VALUE_ARRAY) {
		p->first = false;
		return print_scalar(p->f, value);
	}
	if (p->depth >= ARRAY_SIZE(p->in_array))
		return -E2BIG;
	p->in_array[p->depth] = value->kind == BTF_VALUE_ARRAY;
	if (p->depth > 0 || p->in_array[0])
		fputc(p->in_array[p->depth] ? '[' : '{', p->f);
	p->depth++;
	p->first = true;
	return 0;
}

int btf_print(FILE *f, const struct btf *btf, uint32_t id, struct blob record)
{
	_cleanup_free_ char *text = NULL;
	struct printer printer = {.first = true};
	size_t size;
	int r;

	/* Into memory first: half a record would look like a whole one. */
	printer.f = open_memstream(&text, &size);
	if (!printer.f)
		return -ENOMEM;
	r = btf_walk(btf, id, record, print_value, &printer);
	if (fclose(printer.f) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0)
		return r;
	fwrite(text, 1, size, f);
	return 0;
}
