/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What bpfctl prints. Whatever comes from a bundle, an object file or the daemon goes through
 * here, because it may have been made to fool a terminal: control characters (C0, DEL, C1),
 * characters that turn the direction of writing, line separators and bytes that are no UTF-8 are
 * shown as escapes.
 */
#pragma once

#include "error.h"
#include "json.h"

struct context;

enum json_mode {
	JSON_MODE_OFF,
	JSON_MODE_PRETTY, /* indented, for people */
	JSON_MODE_SHORT,  /* one line a value, for programs */
};

/* "pretty", "short", "off"; 0 or -EINVAL. */
int json_mode_from_name(const char *name, enum json_mode *ret);

/* @size bytes, made safe for a terminal: "\xNN" for a byte, "\uNNNN" for a character, "\n", "\t"
 * and "\\" as in C. Malloced; NULL when there is no memory. */
char *output_escape(const char *text, size_t size);

/* Prints @text (NULL: "-") escaped. */
void output_text(FILE *f, const char *text);

/* printf(), the whole text escaped, and a newline behind it. */
void output_line(FILE *f, const char *format, ...) _printf_(2, 3);

/* Prints @object as ctx->json wants it (JSON_MODE_OFF counts as short), with a newline, to stdout.
 * Escapes what is no plain text as \uNNNN, which stays JSON. Does not take ownership. */
void output_json(const struct context *ctx, struct json_object *object);
/* The same as malloced text without newline at the end; NULL when there is no memory. */
char *output_json_text(struct json_object *object, enum json_mode mode);

/*
 * Prints @error, with --json as an object on stdout ({"error": NAME, "message": ..., "step": ...,
 * "errno": ..., and the error's fields}), else as a sentence on stderr ("bpfctl: refused at step
 * authenticate: ..."), a verifier log behind it. Returns the exit status.
 */
int output_error(const struct context *ctx, const struct error *error);

/* Prints "bpfctl: ..." on stderr, escaped; for notes and warnings, whatever --json says. */
void output_note(const char *format, ...) _printf_(1, 2);

/* ---- standard-output.c ---- */

/* Before anything is printed. */
void output_setup(void);
/* Writes out what waits. The errno of the first write that failed since the start, or 0. */
int output_errno(void);
/* The exit status after all is printed: @status, or failure where the output did not reach its
 * file, with a note. A pipe that nobody reads any more is none. */
int output_finish(int status);
