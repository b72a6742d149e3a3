/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl load: a load that stays until it is unloaded. */
#include "load.h"
#include "verbs.h"

enum {
	OPTION_ATTACH = 1,
	OPTION_SET,
};

static const struct option options[] = {
	{"attach", required_argument, NULL, OPTION_ATTACH},
	{"set", required_argument, NULL, OPTION_SET},
	{},
};

static int load_persistent(struct context *ctx, const char *path, const struct load_wish *wish,
			   struct error *error)
{
	_cleanup_connection_ struct connection connection = {.fd = -1};
	_cleanup_memory_ struct bundle_memory memory = {.fd = -1};
	_cleanup_json_ struct json_object *load = NULL;
	int r;

	r = bundle_memory_read(path, &memory, error);
	if (r < 0)
		return r;
	r = connection_open(ctx->socket, &connection, error);
	if (r < 0)
		return r;
	r = load_call(&connection, &memory, wish, &load, NULL, error);
	if (r < 0)
		return r;

	if (ctx->json != JSON_MODE_OFF)
		output_json(ctx, load);
	else
		output_line(stdout, "%s", member_string(load, "id"));
	return 0;
}

int verb_load(struct context *ctx, int argc, char **argv)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_wish_ struct load_wish wish = {};
	int c, r;

	load_wish_init(&wish, "persistent");
	while ((c = verb_option(ctx, argc, argv, "", options)) > 0) {
		r = c == OPTION_ATTACH ? attach_option(wish.attach, optarg, &error)
				       : set_option(wish.set, optarg, &error);
		if (r < 0)
			return output_error(ctx, &error);
	}
	if (c < 0)
		return ctx->exit_status;
	if (argc - optind != 1)
		return verb_usage(ctx, "exactly one bundle is needed");

	if (load_persistent(ctx, argv[optind], &wish, &error) < 0)
		return output_error(ctx, &error);
	return EXIT_SUCCESS;
}
