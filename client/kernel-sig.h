/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's signatures: detached PKCS#7 (CMS) in DER, SHA-256, no certificates, no signed
 * attributes, the signer named by its subjectKeyIdentifier. The same bytes as
 * "openssl cms -sign -binary -noattr -nocerts -keyid -md sha256 -outform DER" gives; what they
 * must cover is in bundle.h, how the kernel reads them in its crypto/asymmetric_keys/pkcs7_*.c.
 *
 * Without signed attributes the signature inside is a plain one over the covered bytes: it can be
 * made anywhere, and put into its PKCS#7 afterwards.
 */
#pragma once

#include "bundle.h"
#include "certificate.h"

/* The bytes that a signature for @contract covers; malloced. -ENOMEM, -EINVAL: no such payload. */
int kernel_sig_covered(const struct bundle *bundle, unsigned payload, enum contract contract,
		       uint8_t **ret, size_t *ret_size);

/* The PKCS#7 with the plain signature @sig (raw_sig_make(), RAW_SIG_KERNEL) in it. *ret is
 * malloced, at most BUNDLE_KERNEL_SIG_MAX bytes. The certificate needs a subjectKeyIdentifier and a
 * key that signer_algorithm_in_kernel(). */
int kernel_sig_wrap(const struct certificate *certificate, struct blob sig, uint8_t **ret,
		    size_t *ret_size, struct error *error);

/* The plain signature out of a PKCS#7 of another tool; malloced. -EBADMSG and *ret_reason (static
 * text) where there is none that would be right in a PKCS#7 of ours. -ENOMEM. */
int kernel_sig_unwrap(struct blob pkcs7, uint8_t **ret, size_t *ret_size, const char **ret_reason);

/* Covered bytes, plain signature and PKCS#7 in one. */
int kernel_sig_make(const struct bundle *bundle, unsigned payload, enum contract contract,
		    const struct certificate *certificate, EVP_PKEY *key, uint8_t **ret,
		    size_t *ret_size, struct error *error);

/*
 * Does @sig verify with @certificate over the payload's bytes? Parses PKCS#7: only to be called
 * once the raw signature over the record is verified. 0, or -EBADMSG (not such a PKCS#7),
 * -EKEYREJECTED.
 */
int kernel_sig_verify(const struct bundle *bundle, const struct bundle_kernel_sig *sig,
		      const struct certificate *certificate);
