/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys, certificates and CMS signatures, all made here and now. Whatever fails ends the group. */
#pragma once

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "util.h"

struct bytes {
	uint8_t *data;
	size_t size;
};
void bytes_add(struct bytes *bytes, const void *data, size_t size);
void bytes_free(struct bytes *bytes);
#define _cleanup_bytes_ _cleanup_(bytes_free)

struct signer {
	EVP_PKEY *key;
	X509 *certificate;
	struct bytes der; /* the certificate */
};

/* What differs from an end-entity certificate that signs itself and is valid now. */
struct certificate_how {
	const struct signer *issuer;
	bool ca, past, no_key_id;
	/* Makes it longer by so many bytes and a few. */
	unsigned comment;
};
/* @key becomes the signer's. */
struct signer *signer_make(const char *name, EVP_PKEY *key, const struct certificate_how *how);
/* From PEM files; NULL if they cannot be read. */
struct signer *signer_read(const char *key_file, const char *certificate_file);
EVP_PKEY *key_rsa(unsigned bits);
EVP_PKEY *key_ec(const char *curve);
EVP_PKEY *key_ed25519(void);

/* What differs from what bpftool -S does: detached, SHA-256, by key identifier, no attributes, no
 * certificates. */
struct sign_how {
	const EVP_MD *md;
	const struct signer *second;
	const struct signer *with_certificate;
	bool no_signer, attached, issuer_and_serial, attributes, pss;
};
struct bytes sign(const struct signer *signer, const void *data, size_t size,
		  const struct sign_how *how);
