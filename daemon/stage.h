/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Staged loading: a bundle that follows others, and what becomes of it when they go. */
#pragma once

#include "gate.h"

/*
 * Are the bundles that @manifest follows loaded, for user @uid (record.h), and are they still good
 * by
 * @snapshot? ERROR_NO_BASE at STEP_AUTHORISE, field "digest".
 */
int stage_check(struct gate *gate, const struct snapshot *snapshot, const struct manifest *manifest,
		uid_t uid, struct error *error);

/*
 * table_remove_all(), for a load that goes whoever needs it: each dependent that goes with it gets
 * an entry in the journal. *ret (may be NULL) is filled on failure, too.
 */
int stage_take_down(struct table *table, const char *id, uid_t uid, struct removal *ret,
		    struct error *error);
