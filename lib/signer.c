/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "bundle-wire.h"

#define RSA_BITS_MIN  2048
#define RSA_BITS_MAX  8192
#define PSS_SALT_SIZE 32

static const char message_domain[] = "\xff"
				     "bpfgate-signer-v1"; /* with its NUL */

static const struct {
	const char *name;
	const char *md; /* NULL: the algorithm hashes by itself */
} algorithms[] = {
	[SIGNER_RSA_PKCS1_SHA256] = {"rsa-pkcs1-sha256", "SHA256"},
	[SIGNER_RSA_PSS_SHA256] = {"rsa-pss-sha256", "SHA256"},
	[SIGNER_ECDSA_P256_SHA256] = {"ecdsa-p256-sha256", "SHA256"},
	[SIGNER_ECDSA_P384_SHA384] = {"ecdsa-p384-sha384", "SHA384"},
	[SIGNER_ED25519] = {"ed25519", NULL},
};

const char *signer_algorithm_name(enum signer_algorithm algorithm)
{
	return (unsigned)algorithm < ARRAY_SIZE(algorithms) ? algorithms[algorithm].name : NULL;
}

int key_digest(EVP_PKEY *key, uint8_t ret[static DIGEST_SIZE])
{
	uint8_t *der = NULL;
	int size, r;

	ERR_set_mark();
	size = i2d_PUBKEY(key, &der);
	ERR_pop_to_mark();
	if (size <= 0)
		return -EIO;
	r = sha256(der, size, ret);
	OPENSSL_free(der);
	return r;
}

static int ec_algorithm(EVP_PKEY *key, enum signer_algorithm *ret)
{
	char group[64];
	int is_explicit = 0;

	/* Explicit parameters can describe a curve that only looks like a well-known one. */
	if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
				   &is_explicit) == 1 &&
	    is_explicit)
		return -EOPNOTSUPP;
	if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1)
		return -EOPNOTSUPP;

	if (streq(group, "prime256v1") || streq(group, "P-256"))
		*ret = SIGNER_ECDSA_P256_SHA256;
	else if (streq(group, "secp384r1") || streq(group, "P-384"))
		*ret = SIGNER_ECDSA_P384_SHA384;
	else
		return -EOPNOTSUPP;
	return 0;
}

static int find_algorithm(EVP_PKEY *key, enum signer_algorithm *ret)
{
	bool pss = EVP_PKEY_is_a(key, "RSA-PSS");

	if (pss || EVP_PKEY_is_a(key, "RSA")) {
		int bits = EVP_PKEY_get_bits(key);

		if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
			return -EOPNOTSUPP;
		*ret = pss ? SIGNER_RSA_PSS_SHA256 : SIGNER_RSA_PKCS1_SHA256;
		return 0;
	}
	if (EVP_PKEY_is_a(key, "EC"))
		return ec_algorithm(key, ret);
	if (EVP_PKEY_is_a(key, "ED25519")) {
		*ret = SIGNER_ED25519;
		return 0;
	}
	return -EOPNOTSUPP;
}

int key_algorithm(EVP_PKEY *key, enum signer_algorithm *ret)
{
	int r;

	ERR_set_mark();
	r = find_algorithm(key, ret);
	ERR_pop_to_mark();
	return r;
}

/* The algorithm is part of what is signed, so a plain RSA key may be used with either padding. */
static bool key_fits(EVP_PKEY *key, enum signer_algorithm algorithm)
{
	enum signer_algorithm own;

	if (find_algorithm(key, &own) < 0)
		return false;
	return algorithm == own ||
	       (algorithm == SIGNER_RSA_PSS_SHA256 && own == SIGNER_RSA_PKCS1_SHA256);
}

int signer_message(const uint8_t bundle_digest[static DIGEST_SIZE], struct blob body, uint8_t **ret,
		   size_t *ret_size)
{
	size_t fixed = sizeof(message_domain) + DIGEST_SIZE + 8;
	uint8_t *message, *p;

	if (body.size > SIGNER_BODY_MAX)
		return -EMSGSIZE;
	message = p = malloc(fixed + body.size);
	if (!message)
		return -ENOMEM;

	p = store_bytes(p, message_domain, sizeof(message_domain));
	p = store_bytes(p, bundle_digest, DIGEST_SIZE);
	p = store_le64(p, body.size);
	store_bytes(p, body.data, body.size);
	*ret = message;
	*ret_size = fixed + body.size;
	return 0;
}

static int set_padding(EVP_PKEY_CTX *ctx, enum signer_algorithm algorithm)
{
	switch (algorithm) {
	case SIGNER_RSA_PKCS1_SHA256:
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 ? 0 : -EIO;
	case SIGNER_RSA_PSS_SHA256:
		if (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) != 1 ||
		    EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, "SHA256", NULL) != 1 ||
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, PSS_SALT_SIZE) != 1)
			return -EIO;
		return 0;
	default:
		return 0;
	}
}

static int verify(EVP_PKEY *key, enum signer_algorithm algorithm, struct blob sig,
		  const uint8_t *message, size_t size)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx; /* belongs to ctx */
	int r;

	if (!ctx)
		return -ENOMEM;
	if (EVP_DigestVerifyInit_ex(ctx, &key_ctx, algorithms[algorithm].md, NULL, NULL, key,
				    NULL) != 1)
		r = -EIO;
	else
		r = set_padding(key_ctx, algorithm);
	/* 0 and all negative results alike: only 1 means that the signature is good. */
	if (r == 0 && EVP_DigestVerify(ctx, sig.data, sig.size, message, size) != 1)
		r = -EKEYREJECTED;

	EVP_MD_CTX_free(ctx);
	return r;
}

static int verify_record(const struct bundle *bundle, const struct bundle_signer *signer,
			 EVP_PKEY *key)
{
	_cleanup_free_ uint8_t *message = NULL;
	uint8_t digest[DIGEST_SIZE];
	size_t size;
	int r;

	r = key_digest(key, digest);
	if (r < 0)
		return r;
	if (memcmp(digest, signer->key_digest, DIGEST_SIZE) != 0 ||
	    !signer_algorithm_name(signer->algorithm) || !key_fits(key, signer->algorithm))
		return -EKEYREJECTED;

	r = signer_message(bundle->digest, signer->body, &message, &size);
	if (r < 0)
		return r;
	return verify(key, signer->algorithm, signer->raw_sig, message, size);
}

int signer_verify(const struct bundle *bundle, const struct bundle_signer *signer, EVP_PKEY *key)
{
	int r;

	/* What OpenSSL has to say stays out of this thread's error queue: it is no one's else. */
	ERR_set_mark();
	r = verify_record(bundle, signer, key);
	ERR_pop_to_mark();
	return r;
}
