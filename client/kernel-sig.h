/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's signatures: detached PKCS#7 (CMS) in DER, SHA-256, no certificates, no signed
 * attributes, the signer named by its subjectKeyIdentifier. The same bytes as
 * "openssl cms -sign -binary -noattr -nocerts -keyid -md sha256 -outform DER" gives; what they
 * must cover is in bundle.h, how the kernel reads them in its crypto/asymmetric_keys/pkcs7_*.c.
 */
#pragma once

#include "bundle.h"
#include "certificate.h"

/* *ret is malloced, at most BUNDLE_KERNEL_SIG_MAX bytes. The certificate needs a
 * subjectKeyIdentifier and a key that signer_algorithm_in_kernel(). */
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
