/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all verbs of bpfctl share: options and usage errors. */

#include <stdarg.h>

#include "verbs.h"

static void print_verb_usage(const struct verb *verb)
{
	printf("Usage: bpfctl %s%s%s\n%c%s.\n", verb->name, *verb->arguments ? " " : "",
	       verb->arguments, verb->summary[0] & ~0x20, verb->summary + 1);
	printf("\nOptions:\n%s"
	       "  -j, --json[=pretty|short|off]  print JSON\n"
	       "      --socket PATH      the daemon's socket\n"
	       "  -h, --help             this text\n\n"
	       "See bpfctl(1).\n",
	       verb->options ? verb->options : "");
}

int verb_usage(struct context *ctx, const char *format, ...)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);

	error_set(&error, -EINVAL, ERROR_USAGE, STEP_NONE, "%s%s%s; see \"bpfctl%s%s --help\"",
		  ctx->verb ? ctx->verb->name : "", ctx->verb ? ": " : "",
		  text ? text : "wrong usage", ctx->verb ? " " : "",
		  ctx->verb ? ctx->verb->name : "");
	return output_error(ctx, &error);
}

enum {
	OPTION_JSON = 1000,
	OPTION_SOCKET,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option common_options[] = {
	{"json", optional_argument, NULL, OPTION_JSON},
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"help", no_argument, NULL, OPTION_HELP},
};

/* 0: dealt with, 1: the caller's option, negative: a usage error was printed. */
static int common_option(struct context *ctx, int c, char **argv, int before)
{
	switch (c) {
	case 'j':
		ctx->json = JSON_MODE_PRETTY;
		return 0;
	case OPTION_JSON:
		if (!optarg)
			ctx->json = JSON_MODE_PRETTY;
		else if (json_mode_from_name(optarg, &ctx->json) < 0) {
			verb_usage(ctx, "--json=%s: must be pretty, short or off", optarg);
			return -1;
		}
		return 0;
	case OPTION_SOCKET:
		ctx->socket = optarg;
		return 0;
	case ':':
		verb_usage(ctx, "option %s needs a value", argv[before]);
		return -1;
	case '?':
		/* A long option leaves optopt alone or names its value. */
		if (optopt > 0 && optopt < 128)
			verb_usage(ctx, "unknown option -%c", optopt);
		else
			verb_usage(ctx, "unknown, ambiguous or wrongly used option %s",
				   argv[before]);
		return -1;
	default:
		return 1;
	}
}

int verb_option(struct context *ctx, int argc, char **argv, const char *short_options,
		const struct option *options)
{
	struct option all[32] = {};
	char shorts[64];
	size_t n = 0;

	for (; options && options[n].name && n < ARRAY_SIZE(all) - ARRAY_SIZE(common_options) - 1;
	     n++)
		all[n] = options[n];
	memcpy(all + n, common_options, sizeof(common_options));
	snprintf(shorts, sizeof(shorts), ":hj%s", short_options);

	ctx->exit_status = EXIT_USAGE;
	for (;;) {
		int before = optind ? optind : 1;
		int c, r;

		optopt = 0;
		c = getopt_long(argc, argv, shorts, all, NULL);
		if (c < 0)
			return 0;
		if (c == 'h' || c == OPTION_HELP) {
			print_verb_usage(ctx->verb);
			ctx->exit_status = EXIT_SUCCESS;
			return -1;
		}
		/* getopt_long() moves operands behind options: the word it stopped at. */
		if (c == '?' || c == ':')
			before = optind > 1 ? optind - 1 : before;
		r = common_option(ctx, c, argv, before);
		if (r != 0)
			return r < 0 ? -1 : c;
	}
}

int verb_global_options(struct context *ctx, int argc, char **argv)
{
	struct option all[8] = {
		{"version", no_argument, NULL, OPTION_VERSION},
	};

	memcpy(all + 1, common_options, sizeof(common_options));
	for (;;) {
		int before = optind;
		int c, r;

		optopt = 0;
		c = getopt_long(argc, argv, "+:hj", all, NULL);
		if (c < 0)
			return 0;
		if (c == 'h' || c == OPTION_HELP)
			return VERB_GLOBAL_HELP;
		if (c == OPTION_VERSION)
			return VERB_GLOBAL_VERSION;
		r = common_option(ctx, c, argv, before);
		if (r < 0)
			return -1;
	}
}
