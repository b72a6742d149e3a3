/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bundle-maker.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "check.h"

uint8_t *make_bundle(size_t *ret_size)
{
	const struct bundle_payload payloads[] = {
		{.loader = BLOB("\x85loader-0 16byte"),
		 .metadata = BLOB("metadata-012"),
		 .btf = BLOB("btf-0")},
		{.loader = BLOB("\x95loader1"), .metadata = BLOB("md1")},
	};
	uint8_t *file;

	assert_int_equal(bundle_make(BLOB("{manifest}"), BLOB("source, 20 bytes ..\n"), payloads, 2,
				     &file, ret_size, NULL),
			 0);
	return file;
}

EVP_PKEY *make_key(enum signer_algorithm algorithm)
{
	EVP_PKEY *key = NULL;

	switch (algorithm) {
	case SIGNER_RSA_PKCS1_SHA256:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
		break;
	case SIGNER_RSA_PSS_SHA256: {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);

		assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
		assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
		EVP_PKEY_CTX_free(ctx);
		break;
	}
	case SIGNER_ECDSA_P256_SHA256:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
		break;
	case SIGNER_ECDSA_P384_SHA384:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
		break;
	case SIGNER_ED25519:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	}
	assert_non_null(key);
	return key;
}

uint8_t *make_raw_sig(EVP_PKEY *key, enum signer_algorithm algorithm, const uint8_t *message,
		      size_t size, size_t *ret_size)
{
	const char *md = algorithm == SIGNER_ED25519		 ? NULL
			 : algorithm == SIGNER_ECDSA_P384_SHA384 ? "SHA384"
								 : "SHA256";
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx;
	uint8_t *sig;

	assert_int_equal(EVP_DigestSignInit_ex(ctx, &key_ctx, md, NULL, NULL, key, NULL), 1);
	if (algorithm == SIGNER_RSA_PSS_SHA256) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, 32), 1);
	}
	assert_int_equal(EVP_DigestSign(ctx, NULL, ret_size, message, size), 1);
	sig = malloc(*ret_size);
	assert_int_equal(EVP_DigestSign(ctx, sig, ret_size, message, size), 1);
	EVP_MD_CTX_free(ctx);
	return sig;
}

void sign_bundle(uint8_t **file, size_t *size, EVP_PKEY *key, enum signer_algorithm algorithm)
{
	const struct bundle_kernel_sig sigs[] = {
		{0, CONTRACT_V1, BLOB("kernel signature v1")},
		{0, CONTRACT_V2, BLOB("kernel signature v2, a bit longer")},
	};
	_cleanup_free_ uint8_t *body = NULL, *message = NULL, *raw = NULL;
	size_t body_size, message_size, raw_size;
	uint8_t digest[DIGEST_SIZE];
	struct bundle b;

	assert_int_equal(key_digest(key, digest), 0);
	assert_int_equal(signer_body(algorithm, digest, sigs, 2, &body, &body_size, NULL), 0);
	assert_int_equal(bundle_open(*file, *size, &b, NULL), 0);
	assert_int_equal(
		signer_message(b.digest, (struct blob){body, body_size}, &message, &message_size),
		0);
	bundle_done(&b);
	raw = make_raw_sig(key, algorithm, message, message_size, &raw_size);
	assert_int_equal(bundle_append_signer(file, size, (struct blob){body, body_size},
					      (struct blob){raw, raw_size}, NULL),
			 0);
}
