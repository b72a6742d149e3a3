/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "load.h"
#include "verbs.h"

int verb_ask(struct context *ctx, int argc, char **argv, const char *method,
	     int (*print)(struct json_object *reply, struct error *error))
{
	_cleanup_connection_ struct connection connection = {.fd = -1};
	_cleanup_json_ struct json_object *reply = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	int c;

	while ((c = verb_option(ctx, argc, argv, "", NULL)) > 0)
		;
	if (c < 0)
		return ctx->exit_status;
	if (argc != optind)
		return verb_usage(ctx, "it takes no arguments");

	if (connection_open(ctx->socket, &connection, &error) < 0 ||
	    connection_call(&connection, method, NULL, NULL, 0, &reply, NULL, &error) < 0)
		return output_error(ctx, &error);
	if (ctx->json != JSON_MODE_OFF)
		output_json(ctx, reply);
	else if (print(reply, &error) < 0)
		return output_error(ctx, &error);
	return EXIT_SUCCESS;
}
