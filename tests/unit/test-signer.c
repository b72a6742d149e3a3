/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "bundle-maker.h"
#include "check.h"

static const enum signer_algorithm algorithms[] = {
	SIGNER_RSA_PKCS1_SHA256,  SIGNER_RSA_PSS_SHA256, SIGNER_ECDSA_P256_SHA256,
	SIGNER_ECDSA_P384_SHA384, SIGNER_ED25519,
};

/* What a verifier does with a file: 0 only when every link of the chain holds. */
static int verify_file(const uint8_t *file, size_t size, EVP_PKEY *key)
{
	_cleanup_bundle_ struct bundle b = {};
	int r;

	r = bundle_open(file, size, &b, NULL);
	if (r < 0)
		return r;
	if (b.n_signers < 1)
		return -ENOKEY;
	for (unsigned i = 0; i < b.n_signers; i++) {
		r = signer_verify(&b, &b.signers[i], key);
		if (r < 0)
			return r;
	}
	return bundle_check_sections(&b, NULL);
}

/* The trust anchor of the product: no byte of a signed bundle can change unnoticed. */
static void every_byte_counts(void **state)
{
	static const uint8_t flips[] = {1, 2, 4, 8, 16, 32, 64, 128, 255};

	for (size_t a = 0; a < ARRAY_SIZE(algorithms); a++) {
		EVP_PKEY *key = make_key(algorithms[a]);
		_cleanup_free_ uint8_t *file = NULL;
		size_t size;

		file = make_bundle(&size);
		sign_bundle(&file, &size, key, algorithms[a]);
		assert_int_equal(verify_file(file, size, key), 0);
		for (size_t i = 0; i < size; i++) {
			for (size_t f = 0; f < ARRAY_SIZE(flips); f++) {
				file[i] ^= flips[f];
				if (verify_file(file, size, key) == 0)
					fail_msg("%s: offset %zu ^ %#x is accepted",
						 signer_algorithm_name(algorithms[a]), i, flips[f]);
				file[i] ^= flips[f];
			}
		}
		assert_int_equal(verify_file(file, size, key), 0);
		EVP_PKEY_free(key);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

static void truncated_or_longer_is_refused(void **state)
{
	EVP_PKEY *key = make_key(SIGNER_ED25519);
	_cleanup_free_ uint8_t *file = NULL;
	size_t size;

	file = make_bundle(&size);
	sign_bundle(&file, &size, key, SIGNER_ED25519);
	for (size_t n = 0; n < size; n++) {
		uint8_t *part = malloc(n);

		memcpy(part, file, n);
		assert_true(verify_file(part, n, key) < 0);
		free(part);
	}
	file = realloc(file, size + 1);
	file[size] = 0;
	assert_int_equal(verify_file(file, size + 1, key), -EBADMSG);
	EVP_PKEY_free(key);
}

static void a_signer_more_changes_nothing_before(void **state)
{
	EVP_PKEY *one = make_key(SIGNER_ED25519), *two = make_key(SIGNER_ECDSA_P256_SHA256);
	_cleanup_free_ uint8_t *file = NULL, *before = NULL;
	struct bundle b, c;
	size_t size, size_before;

	file = make_bundle(&size);
	sign_bundle(&file, &size, one, SIGNER_ED25519);
	before = malloc(size);
	memcpy(before, file, size);
	size_before = size;
	sign_bundle(&file, &size, two, SIGNER_ECDSA_P256_SHA256);
	assert_memory_equal(file, before, size_before);

	assert_int_equal(bundle_open(before, size_before, &b, NULL), 0);
	assert_int_equal(bundle_open(file, size, &c, NULL), 0);
	assert_memory_equal(b.digest, c.digest, DIGEST_SIZE);
	assert_int_equal(c.n_signers, 2);
	assert_int_equal(signer_verify(&c, &c.signers[0], one), 0);
	assert_int_equal(signer_verify(&c, &c.signers[1], two), 0);
	assert_int_equal(signer_verify(&c, &c.signers[0], two), -EKEYREJECTED);
	bundle_done(&b);
	bundle_done(&c);
	EVP_PKEY_free(one);
	EVP_PKEY_free(two);
}

/* A record moved to another bundle, also one that differs in a section only, is worth nothing. */
static void record_belongs_to_its_bundle(void **state)
{
	const struct bundle_payload payload = {.loader = BLOB("\x85loader-0 16byte"),
					       .metadata = BLOB("metadata-013")};
	_cleanup_free_ uint8_t *file = NULL, *other = NULL;
	EVP_PKEY *key = make_key(SIGNER_ED25519);
	size_t size, other_size;
	struct bundle a, b;

	file = make_bundle(&size);
	sign_bundle(&file, &size, key, SIGNER_ED25519);
	assert_int_equal(
		bundle_make(BLOB("{manifest}"), BLOB("s"), &payload, 1, &other, &other_size, NULL),
		0);
	assert_int_equal(bundle_open(file, size, &a, NULL), 0);
	assert_int_equal(bundle_append_signer(&other, &other_size, a.signers[0].body,
					      a.signers[0].raw_sig, NULL),
			 0);
	assert_int_equal(bundle_open(other, other_size, &b, NULL), 0);
	assert_int_equal(signer_verify(&a, &a.signers[0], key), 0);
	assert_int_equal(signer_verify(&b, &b.signers[0], key), -EKEYREJECTED);
	bundle_done(&a);
	bundle_done(&b);
	EVP_PKEY_free(key);
}

/* A record by @key that claims @algorithm but was made with @made_with. */
static int verify_claim(EVP_PKEY *key, enum signer_algorithm algorithm,
			enum signer_algorithm made_with)
{
	_cleanup_free_ uint8_t *file = NULL, *body = NULL, *message = NULL, *raw = NULL;
	size_t size, body_size, message_size, raw_size;
	uint8_t digest[DIGEST_SIZE];
	struct bundle b;
	int r;

	file = make_bundle(&size);
	assert_int_equal(key_digest(key, digest), 0);
	assert_int_equal(signer_body(algorithm, digest, NULL, 0, &body, &body_size, NULL), 0);
	assert_int_equal(bundle_open(file, size, &b, NULL), 0);
	assert_int_equal(
		signer_message(b.digest, (struct blob){body, body_size}, &message, &message_size),
		0);
	bundle_done(&b);
	raw = make_raw_sig(key, made_with, message, message_size, &raw_size);
	assert_int_equal(bundle_append_signer(&file, &size, (struct blob){body, body_size},
					      (struct blob){raw, raw_size}, NULL),
			 0);
	assert_int_equal(bundle_open(file, size, &b, NULL), 0);
	r = signer_verify(&b, &b.signers[0], key);
	bundle_done(&b);
	return r;
}

static void algorithm_must_fit_the_key(void **state)
{
	for (size_t k = 0; k < ARRAY_SIZE(algorithms); k++) {
		EVP_PKEY *key = make_key(algorithms[k]);

		for (size_t a = 0; a < ARRAY_SIZE(algorithms); a++) {
			bool rsa_with_pss = algorithms[k] == SIGNER_RSA_PKCS1_SHA256 &&
					    algorithms[a] == SIGNER_RSA_PSS_SHA256;

			if (algorithms[a] == algorithms[k] || rsa_with_pss)
				assert_int_equal(verify_claim(key, algorithms[a], algorithms[a]),
						 0);
			else
				assert_int_equal(verify_claim(key, algorithms[a], algorithms[k]),
						 -EKEYREJECTED);
		}
		/* The right key, but the other padding than the record says. */
		if (algorithms[k] == SIGNER_RSA_PKCS1_SHA256)
			assert_int_equal(
				verify_claim(key, SIGNER_RSA_PSS_SHA256, SIGNER_RSA_PKCS1_SHA256),
				-EKEYREJECTED);
		EVP_PKEY_free(key);
	}
}

static void key_algorithms(void **state)
{
	enum signer_algorithm algorithm;

	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		EVP_PKEY *key = make_key(algorithms[i]);

		assert_int_equal(key_algorithm(key, &algorithm), 0);
		assert_int_equal(algorithm, algorithms[i]);
		assert_non_null(signer_algorithm_name(algorithm));
		EVP_PKEY_free(key);
	}
	assert_null(signer_algorithm_name(0));
	assert_null(signer_algorithm_name(6));
	assert_null(signer_algorithm_name(-1));
}

static void refuse_key(EVP_PKEY *key, enum signer_algorithm nearest)
{
	enum signer_algorithm algorithm = 77;

	assert_non_null(key);
	assert_int_equal(key_algorithm(key, &algorithm), -EOPNOTSUPP);
	assert_int_equal(algorithm, 77);
	/* Even a good signature by such a key is none. */
	if (nearest)
		assert_int_equal(verify_claim(key, nearest, nearest), -EKEYREJECTED);
	EVP_PKEY_free(key);
	assert_int_equal(ERR_peek_error(), 0);
}

static void weak_and_odd_keys_are_refused(void **state)
{
	refuse_key(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), SIGNER_RSA_PKCS1_SHA256);
	refuse_key(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2040), SIGNER_RSA_PSS_SHA256);
	refuse_key(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"), SIGNER_ECDSA_P256_SHA256);
	refuse_key(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521"), SIGNER_ECDSA_P384_SHA384);
	refuse_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), 0);
	refuse_key(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), 0);
}

/* P-256 spelled out as numbers: whoever may choose them can choose others. */
static void explicit_curve_is_refused(void **state)
{
	EVP_PKEY *key = make_key(SIGNER_ECDSA_P256_SHA256), *read;
	uint8_t *der = NULL;
	const uint8_t *p;
	int size;

	assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
							OSSL_PKEY_EC_ENCODING_EXPLICIT),
			 1);
	size = i2d_PUBKEY(key, &der);
	assert_true(size > 200);
	p = der;
	read = d2i_PUBKEY(NULL, &p, size);
	refuse_key(read, 0);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
}

static void message_is_as_documented(void **state)
{
	const uint8_t digest[DIGEST_SIZE] = {1, 2, 3};
	_cleanup_free_ uint8_t *message = NULL;
	uint8_t expected[19 + 32 + 8 + 4] = "\xff"
					    "bpfgate-signer-v1";
	struct blob huge = {digest, 16 * 1024 * 1024};
	size_t size;

	memcpy(expected + 19, digest, DIGEST_SIZE);
	expected[51] = 4;
	memcpy(expected + 59, "body", 4);
	assert_int_equal(signer_message(digest, BLOB("body"), &message, &size), 0);
	assert_int_equal(size, sizeof(expected));
	assert_memory_equal(message, expected, size);
	assert_int_equal(signer_message(digest, huge, &message, &size), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(truncated_or_longer_is_refused),
		cmocka_unit_test(a_signer_more_changes_nothing_before),
		cmocka_unit_test(record_belongs_to_its_bundle),
		cmocka_unit_test(algorithm_must_fit_the_key),
		cmocka_unit_test(key_algorithms),
		cmocka_unit_test(weak_and_odd_keys_are_refused),
		cmocka_unit_test(explicit_curve_is_refused),
		cmocka_unit_test(message_is_as_documented),
	};

	return cmocka_run_group_tests_name("signer", tests, NULL, NULL);
}
