/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The frame of bpfctl: what every verb gets, and the verbs themselves. main.c has the table, verb.c
 * what they share; a verb lives in client/verb-NAME.c.
 */
#pragma once

#include <getopt.h>

#include "error.h"
#include "output.h"

#define BPFCTL_SOCKET "/run/bpfgate/org.bpfgate.Gate"

/* bpfctl's exit statuses are those of error_exit_status(). */
#define EXIT_USAGE 2

struct verb;

struct context {
	enum json_mode json;
	const char *socket;	 /* --socket, $BPFGATE_SOCKET or BPFCTL_SOCKET */
	const struct verb *verb; /* the one that runs */
	int exit_status;	 /* set by verb_option() when it returns a negative number */
};

/*
 * A verb is called with argv[0] its own name, reads its options with verb_option(), prints its
 * result on stdout (as JSON unless ctx->json is JSON_OFF), and returns the exit status. For a
 * failure that is "return output_error(ctx, &error)".
 */
struct verb {
	const char *name;
	int (*run)(struct context *ctx, int argc, char **argv);
	const char *arguments; /* for the usage line: "BUNDLE [--keys DIR]" */
	const char *summary;   /* one line */
	const char *options;   /* lines for --help, each with a newline, or NULL */
};

/*
 * getopt_long() for verbs; options and operands may be mixed. The options that every verb has
 * (--json, --socket, --help) are dealt with here, so @options (ends with a zeroed entry) and
 * @short_options hold only the verb's own, whose values must be in 1..999.
 *
 *   while ((c = verb_option(ctx, argc, argv, "o:", options)) > 0) { ...optarg... }
 *   if (c < 0)
 *           return ctx->exit_status;
 *
 * Returns an option's value, 0 at the end (optind is the first operand then), or a negative number
 * when the verb is to return ctx->exit_status at once (--help, or a usage error, already printed).
 */
int verb_option(struct context *ctx, int argc, char **argv, const char *short_options,
		const struct option *options);

/* Reads the options before the verb into @ctx. Returns 0 when optind is at the verb,
 * VERB_GLOBAL_HELP or VERB_GLOBAL_VERSION when that was asked for, or a negative number for a usage
 * error, already printed. */
enum { VERB_GLOBAL_HELP = 1, VERB_GLOBAL_VERSION };
int verb_global_options(struct context *ctx, int argc, char **argv);

/* Prints a usage error (what is wrong, and how to see the usage) and returns EXIT_USAGE. */
int verb_usage(struct context *ctx, const char *format, ...) _printf_(2, 3);

/* A verb without options and operands of its own: calls @method and prints its reply, as JSON or by
 * @print, which may fail. */
int verb_ask(struct context *ctx, int argc, char **argv, const char *method,
	     int (*print)(struct json_object *reply, struct error *error));

int verb_build(struct context *ctx, int argc, char **argv);
int verb_explain(struct context *ctx, int argc, char **argv);
int verb_floor(struct context *ctx, int argc, char **argv);
int verb_gate(struct context *ctx, int argc, char **argv);
int verb_inspect(struct context *ctx, int argc, char **argv);
int verb_keygen(struct context *ctx, int argc, char **argv);
int verb_list(struct context *ctx, int argc, char **argv);
int verb_load(struct context *ctx, int argc, char **argv);
int verb_policy(struct context *ctx, int argc, char **argv);
int verb_reload(struct context *ctx, int argc, char **argv);
int verb_run(struct context *ctx, int argc, char **argv);
int verb_show(struct context *ctx, int argc, char **argv);
int verb_sign(struct context *ctx, int argc, char **argv);
int verb_status(struct context *ctx, int argc, char **argv);
int verb_unload(struct context *ctx, int argc, char **argv);
int verb_verify(struct context *ctx, int argc, char **argv);
