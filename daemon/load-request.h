/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parameters that Load and Explain have in common. */
#pragma once

#include "method.h"

/*
 * Fills a zeroed request with .fd = -1, all but the peer. NULL, or the name of the parameter that
 * is wrong; what @request has then is still for road_request_done().
 */
const char *load_request_fill(struct call *call, struct road_request *request, uint64_t fd_index,
			      const char *lifetime, struct json_object *attach,
			      struct json_object *set);
