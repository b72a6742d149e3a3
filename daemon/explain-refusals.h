/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What refuses a load besides its rule, for explain(). */
#pragma once

#include "road.h"

/*
 * Appends to @array (Explain's refusals) what of @authentic the road would refuse, in its order:
 * @revoked, the error of authenticate(), where it is set; rollback floors; features that the kernel
 * does not have. @uid: who asks; others than root hear of floors only where the rules allow,
 * @allowed, for a load would not get there. 0 or -ENOMEM.
 */
int explain_refusals(const struct gate *gate, const struct authentic *authentic,
		     const struct error *revoked, bool allowed, uid_t uid,
		     struct json_object *array);
