/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "raw-sig.h"

static void mdctxp(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static const EVP_MD *digest_of(enum signer_algorithm algorithm)
{
	switch (algorithm) {
	case SIGNER_ED25519:
		return NULL; /* pure: hashes by itself */
	case SIGNER_ECDSA_P384_SHA384:
		return EVP_sha384();
	default:
		return EVP_sha256();
	}
}

static int prepare(EVP_MD_CTX *ctx, EVP_PKEY *key, enum signer_algorithm algorithm)
{
	EVP_PKEY_CTX *pkey_ctx;

	if (EVP_DigestSignInit(ctx, &pkey_ctx, digest_of(algorithm), NULL, key) != 1)
		return -EIO;
	if (algorithm == SIGNER_RSA_PKCS1_SHA256 &&
	    EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PADDING) != 1)
		return -EIO;
	if (algorithm == SIGNER_RSA_PSS_SHA256 &&
	    (EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING) != 1 ||
	     EVP_PKEY_CTX_set_rsa_mgf1_md(pkey_ctx, EVP_sha256()) != 1 ||
	     EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, 32) != 1))
		return -EIO;
	return 0;
}

int raw_sig_make(EVP_PKEY *key, enum signer_algorithm algorithm, struct blob message, uint8_t **ret,
		 size_t *ret_size, struct error *error)
{
	_cleanup_(mdctxp) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t buffer[BUNDLE_RAW_SIG_MAX];
	size_t size = sizeof(buffer);
	const char *reason;

	if (!ctx)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	if (prepare(ctx, key, algorithm) < 0 ||
	    EVP_DigestSign(ctx, buffer, &size, message.data, message.size) != 1) {
		reason = ERR_reason_error_string(ERR_peek_last_error());
		error_set(error, -EIO, ERROR_FAILED, STEP_NONE, "cannot sign with this key: %s",
			  reason ? reason : "OpenSSL gives no reason");
		ERR_clear_error();
		return -EIO;
	}
	*ret = malloc(size);
	if (!*ret)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	memcpy(*ret, buffer, size);
	*ret_size = size;
	return 0;
}
