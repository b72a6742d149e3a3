/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which program goes where: what the client asks for, else the manifest's defaults. What comes out
 * fits the manifest and the client's network namespace; whether it is allowed is for the policy.
 */
#pragma once

#include "authorise.h"
#include "road.h"

/*
 * *ret is a malloced array, attachments_free(). ERROR_BAD_TARGET at STEP_AUTHORISE, with field
 * "target": a program that the manifest does not have, a target that it does not allow or that does
 * not fit the type, the same twice, a network target from another namespace, a program that needs a
 * target and got none, too many.
 */
int wanted_resolve(const struct manifest *manifest, const struct peer *peer,
		   const struct wanted *wanted, unsigned n_wanted, struct attachment **ret,
		   unsigned *ret_n, struct error *error);
void attachments_free(struct attachment *attachments, unsigned n);
