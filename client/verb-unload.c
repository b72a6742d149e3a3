/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl unload: detach and unload; goes on with the rest where one cannot be unloaded. */
#include "load.h"
#include "verbs.h"

int verb_unload(struct context *ctx, int argc, char **argv)
{
	_cleanup_connection_ struct connection connection = {.fd = -1};
	_cleanup_error_ struct error error = ERROR_INIT;
	int c, status = EXIT_SUCCESS;

	while ((c = verb_option(ctx, argc, argv, "", NULL)) > 0)
		;
	if (c < 0)
		return ctx->exit_status;
	if (argc == optind)
		return verb_usage(ctx, "at least one id is needed; \"bpfctl list\" shows them");

	if (connection_open(ctx->socket, &connection, &error) < 0)
		return output_error(ctx, &error);
	for (int i = optind; i < argc; i++) {
		_cleanup_error_ struct error failed = ERROR_INIT;

		if (unload_call(&connection, argv[i], &failed) < 0)
			status = output_error(ctx, &failed);
		if (connection.failed)
			break;
	}
	return status;
}
