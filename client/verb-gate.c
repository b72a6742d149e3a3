/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl gate: who besides the daemon may load programs. */
#include "load.h"
#include "verbs.h"

/* "bpftrace (a.service, uid 0): load of kprobe: 3 refused, 0 would have been" */
static void print_program(struct json_object *program)
{
	const char *unit = member_string(program, "unit"), *type = member_string(program, "type");

	output_line(stdout, "  %s (%s%suid %llu): %s%s%s: %llu refused, %llu would have been",
		    member_string(program, "program") ?: "-", unit ?: "", unit ? ", " : "",
		    (unsigned long long)member_u64(program, "uid"),
		    member_string(program, "reason") ?: "-", type ? " of " : "", type ?: "",
		    (unsigned long long)member_u64(program, "refused"),
		    (unsigned long long)member_u64(program, "wouldBeRefused"));
}

static void print_programs(struct json_object *reply)
{
	struct json_object *programs = member_array(reply, "programs");

	for (size_t i = 0; programs && i < json_object_array_length(programs); i++)
		print_program(json_object_array_get_idx(programs, i));
	if (member_u64(reply, "unlisted"))
		output_note("%llu of them were by further programs, for which there was no room",
			    (unsigned long long)member_u64(reply, "unlisted"));
}

static void print_gate(struct json_object *reply)
{
	struct json_object *counts = member_array(reply, "counts");

	output_line(stdout, "%s", member_string(reply, "mode") ?: "-");
	if (!member_bool(reply, "securityModule"))
		output_note("this kernel does not call BPF security modules: see bpfgated(8)");
	for (size_t i = 0; counts && i < json_object_array_length(counts); i++) {
		struct json_object *count = json_object_array_get_idx(counts, i);
		uint64_t refused = member_u64(count, "refused");
		uint64_t would = member_u64(count, "wouldBeRefused");

		if (refused || would)
			output_line(stdout, "%s: %llu refused, %llu would have been",
				    member_string(count, "reason") ?: "-",
				    (unsigned long long)refused, (unsigned long long)would);
	}
	print_programs(reply);
	if (member_u64(reply, "lost"))
		output_note("%llu of them are not in the journal",
			    (unsigned long long)member_u64(reply, "lost"));
}

static int call(struct context *ctx, const char *mode, struct json_object **ret_reply,
		struct error *error)
{
	_cleanup_connection_ struct connection connection = {.fd = -1};
	_cleanup_json_ struct json_object *parameters = json_object_new_object();
	int r;

	if (!parameters || (mode && json_add_string(parameters, "mode", mode) < 0))
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	r = connection_open(ctx->socket, &connection, error);
	return r < 0 ? r
		     : connection_call(&connection, "Gate", parameters, NULL, 0, ret_reply, NULL,
				       error);
}

int verb_gate(struct context *ctx, int argc, char **argv)
{
	_cleanup_json_ struct json_object *reply = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	const char *mode;
	int c;

	while ((c = verb_option(ctx, argc, argv, "", NULL)) > 0)
		;
	if (c < 0)
		return ctx->exit_status;
	mode = argc > optind ? argv[optind] : NULL;
	if (argc > optind + 1 ||
	    (mode && !streq(mode, "off") && !streq(mode, "audit") && !streq(mode, "enforce")))
		return verb_usage(ctx, "give nothing, or one of off, audit and enforce");
	if (call(ctx, mode, &reply, &error) < 0)
		return output_error(ctx, &error);
	if (ctx->json != JSON_MODE_OFF)
		output_json(ctx, reply);
	else
		print_gate(reply);
	return EXIT_SUCCESS;
}
