/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What refuses a load besides its rule, for explain(). */
#pragma once

#include "road.h"

struct refusal_question {
	struct gate *gate;
	const struct snapshot *snapshot;
	const struct authentic *authentic;
	const struct error *revoked;	 /* of authenticate(), or none */
	const struct decision *decision; /* of the rules; NULL: they do not allow it */
	uid_t subject;			 /* who would load */
	bool tell_all;			 /* also what a load hears only that the rules allow */
};

/*
 * Appends to @array (Explain's refusals) what the road would refuse, in its order: revocation,
 * rollback floors, bundles that are to be loaded before, limits of loads and rate, features that
 * the kernel does not have, signatures that it cannot check. 0 or -ENOMEM.
 */
int explain_refusals(const struct refusal_question *q, struct json_object *array);
