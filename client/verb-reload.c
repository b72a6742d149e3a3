/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl reload: the daemon reads keys, policy and revocations again. */
#include "load.h"
#include "verbs.h"

static int print_reload(struct json_object *reply, struct error *error)
{
	struct json_object *unloaded = member_array(reply, "unloaded");
	struct json_object *dependents = member_array(reply, "dependents");
	uint64_t kept = member_u64(reply, "kept"), untrusted = member_u64(reply, "untrusted");

	for (size_t i = 0; unloaded && i < json_object_array_length(unloaded); i++)
		output_line(stdout, "%s: revoked, and unloaded",
			    json_object_get_string(json_object_array_get_idx(unloaded, i)));
	for (size_t i = 0; dependents && i < json_object_array_length(dependents); i++)
		output_line(stdout, "%s: follows one that is revoked, and is unloaded",
			    json_object_get_string(json_object_array_get_idx(dependents, i)));
	if (kept)
		output_note("%llu loads are revoked and go on, as their rules say; the journal "
			    "names them",
			    (unsigned long long)kept);
	if (untrusted)
		output_note("%llu loads go on although their key is no longer trusted; the journal "
			    "names them",
			    (unsigned long long)untrusted);
	return 0;
}

int verb_reload(struct context *ctx, int argc, char **argv)
{
	return verb_ask(ctx, argc, argv, "Reload", print_reload);
}
