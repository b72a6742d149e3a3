/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who was allowed what, and who was refused: one entry each in the journal, with fields to search
 * by (journalctl BPFGATE_UID=1000), or a line on stderr where that is not the journal. Never
 * blocks: journal.h.
 */
#pragma once

#include "enforce.h"
#include "floor.h"
#include "peer.h"
#include "record.h"
#include "revocation.h"

/* The first entry: sd-journal opens its socket with it, and keeps that. */
void audit_started(void);

void audit_loaded(const struct peer *peer, const struct load *load);
/* @uid is the owner; @by: who asked for it, or NULL. */
void audit_unloaded(uid_t uid, const char *id, const char *why, const struct peer *by);
/* What was revoked: an entry of revoked.d, or a certificate by its issuer (key->reason says how).
 */
void audit_revocation(const struct revocation *revocation);
void audit_revoked_key(const struct trusted_key *key);

/* What became of a load that @why speaks against. */
enum audit_outcome {
	AUDIT_UNLOADED,
	AUDIT_KEPT,	 /* revoked, and its rule keeps it */
	AUDIT_UNTRUSTED, /* not revoked; its keys are not trusted any more */
};
void audit_examined(const struct load *load, const struct error *why, enum audit_outcome outcome);

void audit_floors_reset(const struct peer *peer);
/* @floor as it is now, 0: it is gone. */
void audit_floor(const struct peer *peer, const struct floor *floor, uint64_t previous);

/* @peer NULL: by a signal. @error empty: all is well. */
void audit_reloaded(const struct peer *peer, const struct error *error);
/* Like all that anybody can cause, only so often: audit-limit.h. */
void audit_connection_refused(uid_t uid, const struct error *error);
/* @what: "load", "unload", ...; @id of the load it was about, or NULL. */
void audit_refused(const struct peer *peer, const char *what, const char *id,
		   const struct error *error);

/* ---- the gate ---- */

void audit_gate(const struct peer *peer, enum gate_mode before, enum gate_mode mode);
/* Before it is done. A negative errno where there is no journal to tell: then it must not be. */
int audit_break_glass(void);
/* @left_out: events of this user and kind that had no entry of their own. */
void audit_gate_event(const struct gate_event *event, const char *unit, uint64_t left_out);
