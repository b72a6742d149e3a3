/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which leaf certificates their issuers still stand behind: the authorities and revocation lists
 * that lie beside them in keys.d (RFC 5280, checked by OpenSSL with its strict rules). Used by the
 * daemon and by bpfctl verify, so that both mean the same. Never used on bytes of a bundle.
 *
 * Dates are not judged here, since a clock may be set later than this: they come out as limits.
 */
#pragma once

#include <openssl/types.h>

#include "util.h"

#define CRL_FILE_MAX	(1024u * 1024)
#define CHAIN_LISTS_MAX 64u /* revocation lists */

struct chain;

struct chain *chain_new(void);
void chain_free(struct chain *chain);
static inline void chain_freep(struct chain **chain)
{
	chain_free(*chain);
}
#define _cleanup_chain_ _cleanup_(chain_freep)

/* A certificate with .authority (certificate.h), from @file. -ENOMEM. */
int chain_add_authority(struct chain *chain, X509 *x509, const char *file);

/*
 * A file that cannot be used, from which there is a certificate @x509, or (NULL) not even that: it
 * may be an authority. -ENOMEM.
 */
int chain_add_unusable(struct chain *chain, X509 *x509, const char *file);

/* Is there a revocation list in this text? Then it should have come under the name of one. */
bool chain_is_list(const char *pem, size_t size);
#define CHAIN_MISNAMED_LIST "it is a revocation list: its name must end in .crl"

/*
 * A revocation list in PEM, one and nothing else. -EBADMSG and *ret_reason (static text) where it
 * cannot be used: then nobody knows whose it is, and no certificate that was issued by another than
 * itself is good. The same where the caller cannot read the file: @pem NULL.
 */
int chain_add_list(struct chain *chain, const char *pem, size_t size, const char *file,
		   const char **ret_reason);

struct chain_verdict {
	bool good;
	bool revoked;	  /* not good, because a list says so */
	char reason[512]; /* where it is not good */
	/* When all that it hangs on is valid, and the file of what sets each limit ("": itself). */
	int64_t not_before, not_after;
	char before_file[256], after_file[256];
};

/*
 * A certificate that signed itself stands by itself, as does one whose issuer is not here: unless
 * that may be in an unusable file, or there are lists, by which it may be revoked. One whose issuer
 * is here must verify, up to an authority that signed itself, and be in no list.
 * ret->not_before and .not_after come in as those of @leaf. -ENOMEM.
 */
int chain_check(const struct chain *chain, X509 *leaf, struct chain_verdict *ret);
