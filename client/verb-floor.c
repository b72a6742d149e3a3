/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl floor: the lowest sequence that may be loaded of each name and signer. */
#include "load.h"
#include "verbs.h"

static void print_floors(struct json_object *floors)
{
	size_t n = floors ? json_object_array_length(floors) : 0;

	if (n == 0)
		output_note("no floors");
	for (size_t i = 0; i < n; i++) {
		struct json_object *floor = json_object_array_get_idx(floors, i);

		output_line(stdout, "%s %s %llu", member_string(floor, "name") ?: "-",
			    member_string(floor, "signer") ?: "-",
			    (unsigned long long)member_u64(floor, "sequence"));
	}
}

static int floor_list(struct context *ctx)
{
	_cleanup_connection_ struct connection connection = {.fd = -1};
	_cleanup_json_ struct json_object *reply = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;

	if (connection_open(ctx->socket, &connection, &error) < 0 ||
	    connection_call(&connection, "ListFloors", NULL, NULL, 0, &reply, NULL, &error) < 0)
		return output_error(ctx, &error);
	if (ctx->json != JSON_MODE_OFF)
		output_json(ctx, reply);
	else
		print_floors(member_array(reply, "floors"));
	return EXIT_SUCCESS;
}

static int parse_sequence(const char *text, uint64_t *ret)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno || *end || *ret > INT64_MAX ? -EINVAL : 0;
}

static int set_call(struct context *ctx, char **argv, uint64_t sequence,
		    struct json_object **ret_reply, struct error *error)
{
	_cleanup_connection_ struct connection connection = {.fd = -1};
	_cleanup_json_ struct json_object *parameters = json_object_new_object();
	int r;

	if (!parameters || json_add_string(parameters, "name", argv[0]) < 0 ||
	    json_add_string(parameters, "signer", argv[1]) < 0 ||
	    json_add_u64(parameters, "sequence", sequence) < 0)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	r = connection_open(ctx->socket, &connection, error);
	return r < 0 ? r
		     : connection_call(&connection, "SetFloor", parameters, NULL, 0, ret_reply,
				       NULL, error);
}

static int floor_set(struct context *ctx, char **argv)
{
	_cleanup_json_ struct json_object *reply = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	uint64_t sequence;

	if (parse_sequence(argv[2], &sequence) < 0)
		return verb_usage(ctx, "%s: must be a number from 0 to 9223372036854775807",
				  argv[2]);
	if (set_call(ctx, argv, sequence, &reply, &error) < 0)
		return output_error(ctx, &error);
	if (ctx->json != JSON_MODE_OFF)
		output_json(ctx, reply);
	else
		output_line(stdout, "%s: %llu, before %llu", argv[0], (unsigned long long)sequence,
			    (unsigned long long)member_u64(reply, "previous"));
	return EXIT_SUCCESS;
}

static int floor_reset(struct context *ctx)
{
	_cleanup_connection_ struct connection connection = {.fd = -1};
	_cleanup_json_ struct json_object *reply = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;

	if (connection_open(ctx->socket, &connection, &error) < 0 ||
	    connection_call(&connection, "ResetFloors", NULL, NULL, 0, &reply, NULL, &error) < 0)
		return output_error(ctx, &error);
	if (ctx->json != JSON_MODE_OFF)
		output_json(ctx, reply);
	return EXIT_SUCCESS;
}

int verb_floor(struct context *ctx, int argc, char **argv)
{
	int c;

	while ((c = verb_option(ctx, argc, argv, "", NULL)) > 0)
		;
	if (c < 0)
		return ctx->exit_status;
	argc -= optind;
	argv += optind;
	if (argc == 1 && streq(argv[0], "list"))
		return floor_list(ctx);
	if (argc == 1 && streq(argv[0], "reset"))
		return floor_reset(ctx);
	if (argc == 4 && streq(argv[0], "set"))
		return floor_set(ctx, argv + 1);
	return verb_usage(ctx, "give \"list\", \"reset\", or \"set\" with a name, a signer and a "
			       "sequence");
}
