/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parameters that Load and Explain have in common. */
#pragma once

#include "method.h"

struct load_parameters {
	uint64_t fd_index;
	const char *lifetime;
	struct json_object *attach, *set;
};

/* Of a list of members for call_parameters(). */
#define LOAD_PARAMETERS(p)                                       \
	{"bundleFileDescriptor", JSON_U64, true, &(p).fd_index}, \
		{"lifetime", JSON_STRING, false, &(p).lifetime}, \
		{"attach", JSON_ARRAY, false, &(p).attach},      \
	{                                                        \
		"set", JSON_ARRAY, false, &(p).set               \
	}

/*
 * Fills a zeroed request, all but the peer. NULL, or the name of the parameter that is wrong; what
 * @request has then is still for road_request_done().
 */
const char *load_request_fill(struct call *call, const struct load_parameters *parameters,
			      struct road_request *request);
