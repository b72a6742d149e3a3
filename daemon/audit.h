/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who was allowed what, and who was refused: one entry each in the journal, with fields to search
 * by (journalctl BPFGATE_UID=1000), or a line on stderr where that is not the journal.
 */
#pragma once

#include "peer.h"
#include "record.h"

/* The first entry: sd-journal opens its socket with it, and keeps that. */
void audit_started(void);

void audit_loaded(const struct peer *peer, const struct load *load);
void audit_unloaded(uid_t uid, const char *id, const char *why);
/* @what: "load", "unload", ...; @id of the load it was about, or NULL. */
void audit_refused(const struct peer *peer, const char *what, const char *id,
		   const struct error *error);
