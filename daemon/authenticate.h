/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Step "authenticate": trusted key -> signer record -> bundle digest -> section table -> sections.
 * Nothing of the bundle but header, table and record bounds is interpreted before that. Then, and
 * only then, the manifest is parsed.
 */
#pragma once

#include "floor.h"
#include "revocation.h"
#include "trust.h"

struct authentic {
	struct bundle bundle; /* borrows the sealed memory */
	struct manifest *manifest;
	unsigned n_signers; /* distinct trusted keys whose records verify, >= 1 */
	struct {
		const struct trusted_key *key;	    /* borrowed from the snapshot */
		const struct bundle_signer *record; /* borrowed from the bundle */
	} signers[BUNDLE_SIGNERS_MAX];
};

/* By what a signature counts; borrowed. */
struct authority {
	const struct trust *trust;
	const struct revocations *revocations; /* NULL: nothing is revoked */
};

/*
 * @data must be sealed and outlive *ret, as must what @by has. A record by an unknown key is
 * ignored; one by a known key that does not verify, is revoked, expired or not yet valid is an
 * error when no other trusted signer is left (a record that does not verify: always).
 * ERROR_MALFORMED, ERROR_NOT_AUTHENTIC, ERROR_REVOKED, ERROR_BAD_MANIFEST, all at
 * STEP_AUTHENTICATE; the message names signer, key file and what an administrator or publisher can
 * do. A manifest that does not fit the sections (another number of payloads) is
 * ERROR_BAD_MANIFEST.
 */
int authenticate(const void *data, size_t size, const struct authority *by, int64_t now,
		 struct authentic *ret, struct error *error);
void authentic_done(struct authentic *authentic);
#define _cleanup_authentic_ _cleanup_(authentic_done)

/* As the rollback floors see it: @manifest is that of @authentic, or was. Borrowed. */
void authentic_release(const struct authentic *authentic, const struct manifest *manifest,
		       struct release *ret);

/* A kernel signature for @contract by any of the verified signers whose key the kernel can use. */
const struct bundle_kernel_sig *authentic_kernel_sig(const struct authentic *authentic,
						     unsigned payload, enum contract contract);
