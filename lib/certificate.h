/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One certificate of a signer: X.509 in PEM, its key, and whether bpfgate may use it. Used by the
 * daemon for /etc/bpfgate/keys.d and by bpfctl to sign and verify, so that both mean the same by
 * "usable". Never used on bytes of a bundle.
 */
#pragma once

#include <openssl/types.h>

#include "bundle.h"

#define CERTIFICATE_FILE_MAX (64u * 1024)

/* All of it owned: certificate_done(). */
struct certificate {
	char *subject;		     /* one line, RFC 2253 */
	uint8_t digest[DIGEST_SIZE]; /* of the SubjectPublicKeyInfo */
	enum signer_algorithm algorithm;
	int64_t not_before, not_after; /* CLOCK_REALTIME, seconds */
	bool has_key_id;    /* a subjectKeyIdentifier; kernel signatures name the key by it */
	bool authority;	    /* it may issue certificates; and then there is a reason, too */
	const char *reason; /* why the key must not be used (static text), or NULL */
	X509 *x509;
	EVP_PKEY *key;
	uint8_t *der;
	size_t der_size;
};

/*
 * @pem must hold exactly one certificate (text around it is allowed, another PEM object is not).
 * 0 with ret->reason NULL: fit for use, its dates apart. 0 with a reason: a certificate, but its
 * key may not be used (keyUsage without digitalSignature or none at all, extendedKeyUsage without
 * codeSigning, a CA, an unknown critical extension, an algorithm or size that signer_verify() does
 * not take); algorithm and digest may then be 0. -EBADMSG and *ret_reason (static text): not one
 * certificate. -ENOMEM.
 */
int certificate_parse(const char *pem, size_t size, struct certificate *ret,
		      const char **ret_reason);
void certificate_done(struct certificate *certificate);
#define _cleanup_certificate_ _cleanup_(certificate_done)

/* Can the kernel verify PKCS#7 by keys of this kind? (RSA with PKCS#1 v1.5, ECDSA P-256/P-384) */
bool signer_algorithm_in_kernel(enum signer_algorithm algorithm);
