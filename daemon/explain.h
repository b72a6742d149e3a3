/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The road as far as "authorise", told instead of gone: what the policy says of a load, and why,
 * without loading anything. The bundle is sealed and authenticated as for a load.
 */
#pragma once

#include "road.h"

/*
 * *ret: the parameters of Explain's reply. @uid: of whom; another than the asker's is for root to
 * ask about only, and his groups are then those of the user database. What a load would be refused
 * for before the policy is asked (not authentic, a wrong target) is the same error here, but for
 * revocation: that is told beside what the policy says, as are floors and missing features.
 */
int explain(struct gate *gate, struct road_request *request, uid_t uid, struct json_object **ret,
	    struct error *error);
