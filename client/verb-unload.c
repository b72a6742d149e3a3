/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl unload: detach and unload; goes on with the rest where one cannot be unloaded. */
#include "load.h"
#include "verbs.h"

enum {
	OPTION_WITH_DEPENDENTS = 1,
};

static const struct option options[] = {
	{"with-dependents", no_argument, NULL, OPTION_WITH_DEPENDENTS},
	{},
};

/* What went besides, which nobody has named. */
static void report(const struct context *ctx, struct json_object *reply)
{
	struct json_object *dependents = member_array(reply, "dependents");
	uint64_t others = member_u64(reply, "otherDependents");
	const char *id = member_string(reply, "id") ?: "-";

	if (ctx->json != JSON_MODE_OFF) {
		output_json(ctx, reply);
		return;
	}
	for (size_t i = 0; dependents && i < json_object_array_length(dependents); i++)
		output_line(stdout, "%s: unloaded with %s",
			    json_object_get_string(json_object_array_get_idx(dependents, i)), id);
	if (others > 0)
		output_line(stdout, "%llu loads of other users: unloaded with %s",
			    (unsigned long long)others, id);
}

/* Was @id, or one that begins so, among the dependents of one named before it? @replies: to all of
 * those. */
static bool is_gone(struct json_object *replies, const char *id)
{
	for (size_t i = 0; i < json_object_array_length(replies); i++) {
		struct json_object *ids =
			member_array(json_object_array_get_idx(replies, i), "dependents");

		for (size_t k = 0; ids && k < json_object_array_length(ids); k++)
			if (strncmp(json_object_get_string(json_object_array_get_idx(ids, k)), id,
				    strlen(id)) == 0)
				return true;
	}
	return false;
}

static int unload(struct context *ctx, struct connection *connection, const char *id,
		  bool with_dependents, struct json_object *replies)
{
	_cleanup_json_ struct json_object *reply = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;

	if (*id && is_gone(replies, id))
		return EXIT_SUCCESS;
	if (unload_call(connection, id, with_dependents, &reply, &error) < 0)
		return output_error(ctx, &error);
	if (with_dependents)
		report(ctx, reply);
	json_object_array_add(replies, TAKE_PTR(reply));
	return EXIT_SUCCESS;
}

int verb_unload(struct context *ctx, int argc, char **argv)
{
	_cleanup_connection_ struct connection connection = {.fd = -1};
	_cleanup_json_ struct json_object *replies = json_object_new_array();
	_cleanup_error_ struct error error = ERROR_INIT;
	int c, r, status = EXIT_SUCCESS;
	bool with_dependents = false;

	while ((c = verb_option(ctx, argc, argv, "", options)) > 0)
		with_dependents = true;
	if (c < 0)
		return ctx->exit_status;
	if (argc == optind)
		return verb_usage(ctx,
				  "at least one id or name is needed; \"bpfctl list\" shows them");

	if (connection_open(ctx->socket, &connection, &error) < 0)
		return output_error(ctx, &error);
	for (int i = optind; i < argc; i++) {
		r = unload(ctx, &connection, argv[i], with_dependents, replies);
		status = r != EXIT_SUCCESS ? r : status;
		if (connection.failed)
			break;
	}
	return status;
}
