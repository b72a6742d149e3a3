/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trusted keys: the certificates of /etc/bpfgate/keys.d, read once into an immutable snapshot.
 * A reload makes a new snapshot; loads under way keep theirs (reference count, atomic).
 */
#pragma once

#include "bundle.h"

enum key_state {
	KEY_TRUSTED,
	KEY_EXPIRED,
	KEY_NOT_YET_VALID,
	KEY_AUTHORITY, /* signs nothing itself, but vouches for certificates beside it */
	KEY_REVOKED,   /* the certificate, by its issuer: see reason */
	KEY_UNUSABLE,  /* usage, algorithm, size, does not parse, not root's alone: see reason */
};

struct trusted_key {
	char *file;    /* name inside the folder, "release-2026.pem" */
	char *subject; /* one line, RFC 2253 */
	char *reason;  /* for KEY_UNUSABLE, KEY_REVOKED */
	uint8_t digest[DIGEST_SIZE];
	enum signer_algorithm algorithm;
	/* CLOCK_REALTIME, seconds; of all that it hangs on, and the file that sets the limit, or
	 * NULL for the certificate itself */
	int64_t not_before, not_after;
	char *before_file, *after_file;
	bool usable;
	bool revoked;	     /* and then not usable */
	bool authority;	     /* and then not usable */
	bool misnamed_list;  /* and then not usable */
	bool kernel_rejects; /* no keyring of ours has it: set when the snapshot is made */
	X509 *x509;	     /* only while they are read */
	EVP_PKEY *key;
	struct blob der; /* the certificate, for the kernel's keyring; owned */
};

struct trust {
	unsigned refs;
	unsigned n_keys;
	struct trusted_key *keys; /* sorted by file name */
};

/*
 * Reads every *.pem of @dir (each file one certificate), and every *.crl, by which authorities
 * among them revoke (chain.h), up to OWNED_FILES_MAX of each. A file that cannot be used is kept
 * with its reason and never trusted; a folder that is missing gives an empty snapshot. Files, the
 * folder and its parents must be root's (or, for tests with another @owner, that uid's) and
 * writable by nobody else. A negative errno only for lack of memory and the like.
 */
int trust_read(const char *dir, uid_t owner, struct trust **ret, struct error *error);
struct trust *trust_ref(struct trust *trust);
void trust_unref(struct trust *trust);
static inline void trust_unrefp(struct trust **t)
{
	trust_unref(*t);
}
#define _cleanup_trust_ _cleanup_(trust_unrefp)

/* The state at @now (seconds of CLOCK_REALTIME). */
enum key_state trusted_key_state(const struct trusted_key *key, int64_t now);
const char *key_state_name(enum key_state state); /* "trusted", "expired", "not_yet_valid", ... */
const struct trusted_key *trust_find(const struct trust *trust,
				     const uint8_t digest[static DIGEST_SIZE]);
