/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl load: a load that stays until it is unloaded. */
#include "load.h"
#include "verbs.h"

enum {
	OPTION_ATTACH = 1,
};

static const struct option options[] = {
	{"attach", required_argument, NULL, OPTION_ATTACH},
	{},
};

static int load_persistent(struct context *ctx, const char *path, struct json_object *attach,
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
	r = load_call(&connection, &memory, "persistent", attach, &load, NULL, error);
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
	_cleanup_json_ struct json_object *attach = json_object_new_array();
	_cleanup_error_ struct error error = ERROR_INIT;
	int c;

	while ((c = verb_option(ctx, argc, argv, "", options)) > 0)
		if (c == OPTION_ATTACH && attach_option(attach, optarg, &error) < 0)
			return output_error(ctx, &error);
	if (c < 0)
		return ctx->exit_status;
	if (argc - optind != 1)
		return verb_usage(ctx, "exactly one bundle is needed");

	if (load_persistent(ctx, argv[optind], attach, &error) < 0)
		return output_error(ctx, &error);
	return EXIT_SUCCESS;
}
