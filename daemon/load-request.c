/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "load-request.h"

#include <limits.h>

#include "tuning-json.h"

#define WANTED_NAME_MAX	  256
#define WANTED_TARGET_MAX (PATH_MAX + 512) /* uprobe: a path and a symbol */

static int parse_wanted(struct json_object *item, struct wanted *ret)
{
	const char *program = NULL, *target = NULL, *name;
	const struct json_member members[] = {
		{"program", JSON_STRING, true, &program},
		{"target", JSON_STRING, true, &target},
		{},
	};

	if (!json_object_is_type(item, json_type_object) || json_dispatch(item, members, &name) < 0)
		return -EINVAL;
	/* they are quoted in refusals, which go to the journal */
	if (strlen(program) > WANTED_NAME_MAX || strlen(target) > WANTED_TARGET_MAX)
		return -E2BIG;
	ret->program = strdup(program);
	ret->target = strdup(target);
	return ret->program && ret->target ? 0 : -ENOMEM;
}

static int parse_attach(struct json_object *attach, struct road_request *request)
{
	size_t n = attach ? json_object_array_length(attach) : 0;
	int r = 0;

	if (n > LOAD_ATTACHMENTS_MAX)
		return -E2BIG;
	request->wanted = calloc(n + 1, sizeof(*request->wanted));
	if (!request->wanted)
		return -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++) {
		request->n_wanted++;
		r = parse_wanted(json_object_array_get_idx(attach, i), &request->wanted[i]);
	}
	return r;
}

const char *load_request_fill(struct call *call, const struct load_parameters *parameters,
			      struct road_request *request)
{
	request->fd = -1;
	/* exactly the one that is named: nothing is accepted that nobody asked for */
	if (call->fds.n != 1)
		return "bundleFileDescriptor";
	request->fd = fd_set_take(&call->fds, parameters->fd_index);
	if (request->fd < 0)
		return "bundleFileDescriptor";
	request->deadline_usec = SEAL_DEADLINE_USEC;
	request->lifetime = LIFETIME_SESSION;
	if (parameters->lifetime &&
	    lifetime_from_name(parameters->lifetime, &request->lifetime) < 0)
		return "lifetime";
	if (parse_attach(parameters->attach, request) < 0)
		return "attach";
	if (settings_from_json(parameters->set, &request->settings, &request->n_settings) < 0)
		return "set";
	return NULL;
}
