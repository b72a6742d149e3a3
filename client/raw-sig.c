/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "raw-sig.h"

static void mdctxp(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void ecdsap(ECDSA_SIG **sig)
{
	ECDSA_SIG_free(*sig);
}

const char *raw_sig_hash(enum signer_algorithm algorithm, enum raw_sig_use use)
{
	switch (algorithm) {
	case SIGNER_ED25519:
		return NULL;
	case SIGNER_ECDSA_P384_SHA384:
		return use == RAW_SIG_KERNEL ? "sha256" : "sha384";
	default:
		return "sha256";
	}
}

static int set_padding(EVP_PKEY_CTX *ctx, enum signer_algorithm algorithm)
{
	if (algorithm == SIGNER_RSA_PKCS1_SHA256 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1)
		return -EIO;
	if (algorithm == SIGNER_RSA_PSS_SHA256 &&
	    (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) != 1 ||
	     EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) != 1 ||
	     EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 32) != 1))
		return -EIO;
	return 0;
}

static int sign(EVP_PKEY *key, enum signer_algorithm algorithm, enum raw_sig_use use,
		struct blob message, uint8_t *buffer, size_t *size)
{
	_cleanup_(mdctxp) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx; /* belongs to ctx */

	if (!ctx ||
	    EVP_DigestSignInit_ex(ctx, &key_ctx, raw_sig_hash(algorithm, use), NULL, NULL, key,
				  NULL) != 1 ||
	    set_padding(key_ctx, algorithm) < 0 ||
	    EVP_DigestSign(ctx, buffer, size, message.data, message.size) != 1)
		return -EIO;
	return 0;
}

int raw_sig_make(EVP_PKEY *key, enum signer_algorithm algorithm, enum raw_sig_use use,
		 struct blob message, uint8_t **ret, size_t *ret_size, struct error *error)
{
	uint8_t buffer[BUNDLE_RAW_SIG_MAX];
	size_t size = sizeof(buffer);
	const char *reason;

	if (sign(key, algorithm, use, message, buffer, &size) < 0) {
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

int raw_sig_verify(EVP_PKEY *key, enum signer_algorithm algorithm, enum raw_sig_use use,
		   struct blob message, struct blob sig)
{
	_cleanup_(mdctxp) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx; /* belongs to ctx */
	int r = 0;

	if (!ctx)
		return -ENOMEM;
	if (EVP_DigestVerifyInit_ex(ctx, &key_ctx, raw_sig_hash(algorithm, use), NULL, NULL, key,
				    NULL) != 1 ||
	    set_padding(key_ctx, algorithm) < 0)
		r = -EIO;
	/* 0 and all negative results alike: only 1 means that the signature is good. */
	else if (EVP_DigestVerify(ctx, sig.data, sig.size, message.data, message.size) != 1)
		r = -EKEYREJECTED;
	ERR_clear_error();
	return r;
}

/* The DER of an ECDSA signature that is r || s; -EINVAL if @sig is DER already, or neither. */
static int der_of(struct blob sig, size_t number_size, uint8_t **ret, size_t *ret_size)
{
	_cleanup_(ecdsap) ECDSA_SIG *pair = NULL;
	const uint8_t *p = sig.data;
	BIGNUM *r, *s;
	uint8_t *der = NULL;
	int size;

	pair = d2i_ECDSA_SIG(NULL, &p, (long)sig.size);
	ERR_clear_error();
	if ((pair && p == sig.data + sig.size) || sig.size != 2 * number_size)
		return -EINVAL;
	ECDSA_SIG_free(pair);

	pair = ECDSA_SIG_new();
	r = BN_bin2bn(sig.data, (int)number_size, NULL);
	s = BN_bin2bn(sig.data + number_size, (int)number_size, NULL);
	if (!pair || !r || !s || ECDSA_SIG_set0(pair, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return -ENOMEM;
	}
	size = i2d_ECDSA_SIG(pair, &der);
	if (size <= 0)
		return -ENOMEM;
	*ret = malloc(size);
	if (*ret)
		memcpy(*ret, der, size);
	OPENSSL_free(der);
	*ret_size = size;
	return *ret ? 0 : -ENOMEM;
}

int raw_sig_normalise(enum signer_algorithm algorithm, struct blob sig, uint8_t **ret,
		      size_t *ret_size)
{
	uint8_t *copy = NULL;
	size_t size = sig.size;
	int r = -EINVAL;

	if (algorithm == SIGNER_ECDSA_P256_SHA256)
		r = der_of(sig, 32, &copy, &size);
	else if (algorithm == SIGNER_ECDSA_P384_SHA384)
		r = der_of(sig, 48, &copy, &size);
	if (r == -EINVAL) {
		copy = malloc(sig.size ? sig.size : 1);
		if (copy && sig.size > 0)
			memcpy(copy, sig.data, sig.size);
		r = copy ? 0 : -ENOMEM;
	}
	if (r < 0)
		return r;
	*ret = copy;
	*ret_size = size;
	return 0;
}
