/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which signature of a bundle this kernel will check. */
#pragma once

#include "authenticate.h"
#include "gate.h"

/*
 * Of @payload, by a signer whose key @snapshot's keyring has; borrowed from @authentic. Left alone
 * where the daemon alone checks (gate->daemon_only). At STEP_LOAD: ERROR_CANNOT_VERIFY where the
 * kernel checks nothing or has no keyring, ERROR_NOT_AUTHENTIC where no trusted signer brought one
 * for it.
 */
int signature_choose(const struct gate *gate, const struct snapshot *snapshot,
		     const struct authentic *authentic, unsigned payload, struct blob *ret,
		     struct error *error);
