/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>

#include "output.h"
#include "verbs.h"

int json_mode_from_name(const char *name, enum json_mode *ret)
{
	static const char *const names[] = {
		[JSON_MODE_OFF] = "off",
		[JSON_MODE_PRETTY] = "pretty",
		[JSON_MODE_SHORT] = "short",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (streq(names[i], name)) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

/* The character at @text and its length; length 0 where there is no valid UTF-8. */
static size_t decode(const char *text, size_t size, uint32_t *ret)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t length;
	uint32_t c;

	if (p[0] < 0x80)
		length = 1, c = p[0];
	else if (p[0] >= 0xc2 && p[0] < 0xe0)
		length = 2, c = p[0] & 0x1f;
	else if ((p[0] & 0xf0) == 0xe0)
		length = 3, c = p[0] & 0x0f;
	else if (p[0] >= 0xf0 && p[0] < 0xf5)
		length = 4, c = p[0] & 0x07;
	else
		return 0;
	if (length > size)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if ((length == 3 && c < 0x800) || (length == 4 && c < 0x10000) || c > 0x10ffff ||
	    (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return length;
}

/* Characters that change what the ones around them look like, or that a terminal obeys. */
static bool is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || /* C0, DEL, C1, Arabic mark */
	       (c >= 0x200b && c <= 0x200f) ||			     /* zero width, marks */
	       (c >= 0x2028 && c <= 0x202e) ||			     /* separators, embeddings */
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||	     /* isolates, joiners, BOM */
	       (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

static void put_character(FILE *f, uint32_t c)
{
	if (c == '\n')
		fputs("\\n", f);
	else if (c == '\t')
		fputs("\\t", f);
	else if (c < 0x100)
		fprintf(f, "\\x%02x", c);
	else if (c < 0x10000)
		fprintf(f, "\\u%04x", c);
	else
		fprintf(f, "\\U%08x", c);
}

static void put_escaped(FILE *f, const char *text, size_t size)
{
	for (size_t i = 0; i < size;) {
		uint32_t c;
		size_t length = decode(text + i, size - i, &c);

		if (length == 0) {
			fprintf(f, "\\x%02x", (unsigned char)text[i++]);
			continue;
		}
		if (c == '\\')
			fputs("\\\\", f);
		else if (is_unsafe(c))
			put_character(f, c);
		else
			fwrite(text + i, 1, length, f);
		i += length;
	}
}

char *output_escape(const char *text, size_t size)
{
	char *buffer = NULL;
	size_t length;
	FILE *f = open_memstream(&buffer, &length);

	if (!f)
		return NULL;
	put_escaped(f, text, size);
	if (fclose(f) != 0) {
		free(buffer);
		return NULL;
	}
	return buffer;
}

void output_text(FILE *f, const char *text)
{
	if (!text)
		text = "-";
	put_escaped(f, text, strlen(text));
}

static _printf_(2, 0) void output_vline(FILE *f, const char *format, va_list ap)
{
	_cleanup_free_ char *text = NULL;

	if (vasprintf(&text, format, ap) < 0) {
		text = NULL;
		fputs("(out of memory)\n", f);
		return;
	}
	put_escaped(f, text, strlen(text));
	fputc('\n', f);
}

void output_line(FILE *f, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	output_vline(f, format, ap);
	va_end(ap);
}

void output_note(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("bpfctl: ", stderr);
	output_vline(stderr, format, ap);
	va_end(ap);
}

/* ---- JSON ---- */

/* All that is not ASCII stands inside a string of @text, so \u escapes are right everywhere. A line
 * break is json-c's own: inside strings it has escaped them. */
static void put_json(FILE *f, const char *text, size_t size)
{
	for (size_t i = 0; i < size;) {
		uint32_t c;
		size_t length = decode(text + i, size - i, &c);

		if (length == 0) {
			fputs("\\ufffd", f);
			i++;
			continue;
		}
		if (!is_unsafe(c) || c == '\n')
			fwrite(text + i, 1, length, f);
		else if (c < 0x10000)
			fprintf(f, "\\u%04x", c);
		else
			fprintf(f, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
				0xdc00 + (c & 0x3ff));
		i += length;
	}
}

static const char *json_text(struct json_object *object, enum json_mode mode, size_t *ret_size)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;

	if (mode == JSON_MODE_PRETTY)
		flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
	return json_object_to_json_string_length(object, flags, ret_size);
}

char *output_json_text(struct json_object *object, enum json_mode mode)
{
	char *buffer = NULL;
	const char *text;
	size_t size;
	FILE *f;

	text = json_text(object, mode, &size);
	if (!text)
		return NULL;
	f = open_memstream(&buffer, &(size_t){0});
	if (!f)
		return NULL;
	put_json(f, text, size);
	if (fclose(f) != 0) {
		free(buffer);
		return NULL;
	}
	return buffer;
}

void output_json(const struct context *ctx, struct json_object *object)
{
	_cleanup_free_ char *text = output_json_text(object, ctx->json);

	if (text)
		puts(text);
	else
		output_note("out of memory");
}

/* ---- errors ---- */

/* Errors of the client itself are no Varlink errors of the daemon. */
static const char *error_name(enum error_code code)
{
	if (code == ERROR_USAGE)
		return "bpfctl.Usage";
	if (code == ERROR_NO_DAEMON)
		return "bpfctl.NoDaemon";
	return error_code_name(code);
}

static struct json_object *error_object(const struct error *error)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();

	if (!object || json_add_string(object, "error", error_name(error->code)) < 0 ||
	    json_add_string(object, "message", error_message(error)) < 0)
		return NULL;
	if (error->step != STEP_NONE && json_add_string(object, "step", step_name(error->step)) < 0)
		return NULL;
	if (error->errnum && json_add_u64(object, "errno", error->errnum) < 0)
		return NULL;
	if (error->fields) {
		json_object_object_foreach (error->fields, name, value) {
			if (json_add(object, name, json_object_get(value)) < 0)
				return NULL;
		}
	}
	return TAKE_PTR(object);
}

static void print_log(const char *log)
{
	for (const char *end; *log; log = *end ? end + 1 : end) {
		end = strchrnul(log, '\n');
		fputs("  ", stderr);
		put_escaped(stderr, log, end - log);
		fputc('\n', stderr);
	}
}

/* Why each rule that names the user did not let the load pass. */
static void print_reasons(struct json_object *reasons)
{
	for (size_t i = 0; i < json_object_array_length(reasons); i++) {
		const char *reason = json_object_get_string(json_object_array_get_idx(reasons, i));

		fputs("  rule ", stderr);
		output_text(stderr, reason);
		fputc('\n', stderr);
	}
}

int output_error(const struct context *ctx, const struct error *error)
{
	struct json_object *log, *reasons;

	if (ctx->json != JSON_MODE_OFF) {
		_cleanup_json_ struct json_object *object = error_object(error);

		if (object)
			output_json(ctx, object);
		else
			output_note("out of memory");
		return error_exit_status(error->code);
	}

	fflush(stdout);
	if (error->step != STEP_NONE)
		output_note("refused at step %s: %s", step_name(error->step), error_message(error));
	else
		output_note("%s", error_message(error));
	if (error->fields && json_object_object_get_ex(error->fields, "log", &log) &&
	    json_object_is_type(log, json_type_string))
		print_log(json_object_get_string(log));
	if (error->fields && json_object_object_get_ex(error->fields, "reasons", &reasons) &&
	    json_object_is_type(reasons, json_type_array))
		print_reasons(reasons);
	return error_exit_status(error->code);
}
