/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is revoked: the drop-ins of /etc/bpfgate/revoked.d, read once into an immutable, reference
 * counted snapshot. Format: bpfgate-revoked(5). A file that cannot be used might have held any
 * revocation, so then nothing may be loaded.
 */
#pragma once

#include "bundle.h"

#define REVOCATION_FILE_MAX  (256u * 1024)
#define REVOCATIONS_FILE_MAX 1024u  /* of one file */
#define REVOCATIONS_MAX	     16384u /* of all files */

enum revocation_kind {
	REVOKED_KEY,	  /* whatever the key signs */
	REVOKED_BUNDLE,	  /* one bundle, whoever signed it */
	REVOKED_RELEASES, /* what one key signed of one name, up to a sequence */
};

struct revocation {
	enum revocation_kind kind;
	uint8_t digest[DIGEST_SIZE]; /* of the key, the bundle, or the signer's key */
	char *name;		     /* REVOKED_RELEASES: of the bundle; else NULL */
	uint64_t sequence;	     /* REVOKED_RELEASES: this one and all before it */
	char *reason;		     /* for the journal, or NULL */
	char *source;		     /* "/etc/bpfgate/revoked.d/10-x.json:3" */
};

struct revocations {
	unsigned refs;
	bool deny_all; /* a file could not be used: reason says which, where and why */
	char *reason;
	unsigned n_files;
	unsigned n;
	struct revocation *items; /* sorted by kind, digest, name; the highest sequence first */
};

/*
 * Reads every *.json of @dir. A folder that is missing revokes nothing. Any file that is
 * unreadable, does not parse, or is not @owner's alone makes a snapshot with deny_all and the
 * reason "FILE:LINE:COLUMN: ...". A negative errno only for lack of memory.
 */
int revocations_read(const char *dir, uid_t owner, struct revocations **ret, struct error *error);
struct revocations *revocations_ref(struct revocations *revocations);
void revocations_unref(struct revocations *revocations);
void revocations_clear(struct revocations *revocations); /* no items any more */
static inline void revocations_unrefp(struct revocations **r)
{
	revocations_unref(*r);
}
#define _cleanup_revocations_ _cleanup_(revocations_unrefp)

/* The entry that revokes it, or NULL. @r may be NULL: nothing is revoked. */
const struct revocation *revocations_find_key(const struct revocations *r,
					      const uint8_t digest[static DIGEST_SIZE]);
const struct revocation *revocations_find_bundle(const struct revocations *r,
						 const uint8_t digest[static DIGEST_SIZE]);
/* The bundle @name with @sequence, as the key @signer signed it. */
const struct revocation *revocations_find_release(const struct revocations *r,
						  const uint8_t signer[static DIGEST_SIZE],
						  const char *name, uint64_t sequence);

/* What speaks against a signature by @signer on that release: either of them. */
const struct revocation *revocations_find_signature(const struct revocations *r,
						    const uint8_t signer[static DIGEST_SIZE],
						    const char *name, uint64_t sequence);

/* By what is revoked: kind, digest, name; not how far. */
int revocation_compare(const struct revocation *a, const struct revocation *b);

/* Does @r hold one that revokes the same, wherever it is written? */
bool revocations_have(const struct revocations *r, const struct revocation *revocation);

/* "the key sha256:...", "the bundle sha256:...", "execwatch up to sequence 3 by the key sha256:..."
 */
#define REVOCATION_TEXT_SIZE 512
void revocation_format(const struct revocation *revocation, char text[static REVOCATION_TEXT_SIZE]);

/* -EACCES and ERROR_DENIED at @step where deny_all says so; the reason is for uid 0 alone. */
int revocations_check(const struct revocations *r, uid_t uid, enum step step, struct error *error);
