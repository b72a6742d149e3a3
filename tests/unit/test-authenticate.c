/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a trusted key to an authentic bundle, and every way it can fail to be one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "authenticate.h"
#include "testkeys.h"

/* Keys are costly to make: one set for all tests. */
static EVP_PKEY *keys[TEST_ED25519 + 1], *other;

struct fixture {
	char *folder;
	struct trust *trust;
	uint8_t *bundle;
	size_t size;
};

static int make_keys(void **state)
{
	static const enum test_key kinds[] = {TEST_RSA_2048, TEST_RSA_PSS, TEST_P256, TEST_P384,
					      TEST_ED25519};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		keys[kinds[i]] = test_key_new(kinds[i]);
	other = test_key_new(TEST_P256);
	return 0;
}

static int free_keys(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		EVP_PKEY_free(keys[i]);
	EVP_PKEY_free(other);
	return 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->folder = test_folder_new();
	test_bundle_new(NULL, &f->bundle, &f->size);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	trust_unref(f->trust);
	test_folder_remove(f->folder);
	free(f->bundle);
	free(f);
	return 0;
}

static void trust_key(struct fixture *f, const char *name, EVP_PKEY *key,
		      const struct test_cert *options)
{
	X509 *cert = test_cert_new(key, options);

	test_cert_write(cert, test_path(f->folder, name));
	X509_free(cert);
	trust_unref(f->trust);
	f->trust = NULL;
	assert_int_equal(trust_read(f->folder, getuid(), &f->trust, NULL), 0);
}

static void sign(struct fixture *f, EVP_PKEY *key)
{
	test_bundle_sign(&f->bundle, &f->size, key, true);
}

static void assert_authentic(struct fixture *f, unsigned n_signers)
{
	_cleanup_authentic_ struct authentic a = {};
	_cleanup_error_ struct error error = ERROR_INIT;

	if (authenticate(f->bundle, f->size, &(struct authority){f->trust, NULL}, TEST_NOW, &a,
			 &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_int_equal(a.n_signers, n_signers);
	assert_string_equal(a.manifest->name, "execwatch");
	for (unsigned i = 0; i < n_signers; i++)
		assert_memory_equal(a.signers[i].key->digest, a.signers[i].record->key_digest,
				    DIGEST_SIZE);
}

static void assert_refused(struct fixture *f, enum error_code code, const char *reason)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct authentic a, untouched;

	memset(&a, 0x5a, sizeof(a));
	memset(&untouched, 0x5a, sizeof(untouched));
	assert_true(authenticate(f->bundle, f->size, &(struct authority){f->trust, NULL}, TEST_NOW,
				 &a, &error) < 0);
	assert_memory_equal(&a, &untouched, sizeof(a));
	assert_int_equal(error.step, STEP_AUTHENTICATE);
	if (!strstr(error_message(&error), reason))
		fail_msg("'%s' is not in '%s'", reason, error_message(&error));
	assert_int_equal(error.code, code);
	if (code == ERROR_NOT_AUTHENTIC)
		assert_non_null(json_object_object_get(error.fields, "digest"));
}

static void test_algorithms(void **state)
{
	static const enum test_key kinds[] = {TEST_RSA_2048, TEST_RSA_PSS, TEST_P256, TEST_P384,
					      TEST_ED25519};
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		char name[16];

		snprintf(name, sizeof(name), "%u.pem", i);
		trust_key(f, name, keys[kinds[i]], NULL);
		sign(f, keys[kinds[i]]);
		assert_authentic(f, i + 1);
	}
}

static void test_unsigned(void **state)
{
	struct fixture *f = *state;

	trust_key(f, "a.pem", keys[TEST_P256], NULL);
	assert_refused(f, ERROR_NOT_AUTHENTIC, "no signature: the bundle has no signer record");
}

static void test_untrusted(void **state)
{
	char text[DIGEST_TEXT_SIZE];
	uint8_t digest[DIGEST_SIZE];
	struct fixture *f = *state;

	trust_key(f, "a.pem", keys[TEST_P256], NULL);
	sign(f, other);
	key_digest(other, digest);
	digest_format(digest, text);
	assert_refused(f, ERROR_NOT_AUTHENTIC, text);
	assert_refused(f, ERROR_NOT_AUTHENTIC, "/etc/bpfgate/keys.d");
}

static void test_no_keys(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(trust_read(f->folder, getuid(), &f->trust, NULL), 0);
	sign(f, other);
	assert_refused(f, ERROR_NOT_AUTHENTIC, "which is no trusted key");
}

static void test_untrusted_beside_trusted(void **state)
{
	struct fixture *f = *state;

	trust_key(f, "a.pem", keys[TEST_P256], NULL);
	sign(f, other);
	sign(f, keys[TEST_P256]);
	assert_authentic(f, 1);
}

static void test_expired(void **state)
{
	struct fixture *f = *state;

	trust_key(f, "old.pem", keys[TEST_P256],
		  &(struct test_cert){.not_after = TEST_NOW - TEST_DAY});
	sign(f, keys[TEST_P256]);
	assert_refused(f, ERROR_NOT_AUTHENTIC, "the key 'old.pem' expired on 2026-05-31");
	/* Another signer is enough. */
	trust_key(f, "new.pem", keys[TEST_P384], NULL);
	sign(f, keys[TEST_P384]);
	assert_authentic(f, 1);
}

static void test_not_yet_valid(void **state)
{
	struct fixture *f = *state;

	trust_key(f, "new.pem", keys[TEST_P256],
		  &(struct test_cert){.not_before = TEST_NOW + TEST_DAY});
	sign(f, keys[TEST_P256]);
	assert_refused(f, ERROR_NOT_AUTHENTIC, "the key 'new.pem' is not valid before 2026-06-02");
}

static void test_unusable(void **state)
{
	struct fixture *f = *state;

	trust_key(f, "tls.pem", keys[TEST_P256],
		  &(struct test_cert){.extended_key_usage = "serverAuth"});
	sign(f, keys[TEST_P256]);
	assert_refused(f, ERROR_NOT_AUTHENTIC, "the key 'tls.pem' cannot be used");
	assert_refused(f, ERROR_NOT_AUTHENTIC, "codeSigning");
}

/* Overwrites the raw signature of the last record, which ends the file. */
static void break_last_signature(struct fixture *f)
{
	f->bundle[f->size - 5] ^= 1;
}

static void test_bad_signature(void **state)
{
	struct fixture *f = *state;

	trust_key(f, "a.pem", keys[TEST_ED25519], NULL);
	sign(f, keys[TEST_ED25519]);
	break_last_signature(f);
	assert_refused(f, ERROR_NOT_AUTHENTIC, "the signature by the key 'a.pem' does not verify");
}

/* One bad signature by a trusted key is not outweighed by a good one. */
static void test_bad_beside_good(void **state)
{
	struct fixture *f = *state;

	trust_key(f, "a.pem", keys[TEST_P256], NULL);
	trust_key(f, "b.pem", keys[TEST_ED25519], NULL);
	sign(f, keys[TEST_P256]);
	sign(f, keys[TEST_ED25519]);
	assert_authentic(f, 2);
	break_last_signature(f);
	assert_refused(f, ERROR_NOT_AUTHENTIC, "the key 'b.pem' does not verify");
}

/* Nor is one by a key that has expired: it still shows that the bundle was changed. */
static void test_bad_expired_beside_good(void **state)
{
	struct fixture *f = *state;

	trust_key(f, "a.pem", keys[TEST_P256], NULL);
	trust_key(f, "b.pem", keys[TEST_ED25519],
		  &(struct test_cert){.not_after = TEST_NOW - TEST_DAY});
	sign(f, keys[TEST_P256]);
	sign(f, keys[TEST_ED25519]);
	assert_authentic(f, 1);
	break_last_signature(f);
	assert_refused(f, ERROR_NOT_AUTHENTIC, "the key 'b.pem' does not verify");
}

/* A stranger's record may say what it likes. */
static void test_bad_unknown_is_ignored(void **state)
{
	struct fixture *f = *state;

	trust_key(f, "a.pem", keys[TEST_P256], NULL);
	sign(f, keys[TEST_P256]);
	sign(f, keys[TEST_ED25519]);
	break_last_signature(f);
	assert_authentic(f, 1);
}

static const struct {
	enum bundle_section_type type;
	const char *reason;
} sections[] = {
	{BUNDLE_MANIFEST, "manifest"},
	{BUNDLE_LOADER, "loader"},
	{BUNDLE_METADATA, "metadata"},
};

static void test_altered_sections(void **state)
{
	struct fixture *f = *state;

	trust_key(f, "a.pem", keys[TEST_P256], NULL);
	sign(f, keys[TEST_P256]);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		struct bundle b;
		uint8_t *byte;

		assert_int_equal(bundle_open(f->bundle, f->size, &b, NULL), 0);
		byte = f->bundle + (bundle_find(&b, sections[i].type, 0)->content.data - f->bundle);
		bundle_done(&b);
		*byte ^= 1;
		assert_refused(f, ERROR_NOT_AUTHENTIC, sections[i].reason);
		*byte ^= 1;
		assert_authentic(f, 1);
	}
}

/* Each bit of the file is covered by something. */
static void test_every_bit(void **state)
{
	struct fixture *f = *state;

	trust_key(f, "a.pem", keys[TEST_ED25519], NULL);
	sign(f, keys[TEST_ED25519]);
	assert_authentic(f, 1);
	for (size_t i = 0; i < f->size * 8; i++) {
		_cleanup_authentic_ struct authentic a = {};
		_cleanup_error_ struct error error = ERROR_INIT;

		f->bundle[i / 8] ^= 1u << i % 8;
		if (authenticate(f->bundle, f->size, &(struct authority){f->trust, NULL}, TEST_NOW,
				 &a, &error) == 0)
			fail_msg("bit %zu of %zu bytes may change", i, f->size);
		assert_int_equal(error.step, STEP_AUTHENTICATE);
		assert_true(error.code == ERROR_MALFORMED || error.code == ERROR_NOT_AUTHENTIC);
		f->bundle[i / 8] ^= 1u << i % 8;
	}
	assert_authentic(f, 1);
}

static void test_every_truncation(void **state)
{
	struct fixture *f = *state;
	size_t whole, sized;

	sized = f->size;
	trust_key(f, "a.pem", keys[TEST_ED25519], NULL);
	sign(f, keys[TEST_ED25519]);
	whole = f->size;
	for (f->size = 0; f->size < whole; f->size++) {
		/* A copy of this size exactly, so that a sanitizer sees one byte too many. */
		_cleanup_free_ uint8_t *copy = malloc(f->size ?: 1);
		_cleanup_authentic_ struct authentic a = {};
		_cleanup_error_ struct error error = ERROR_INIT;

		memcpy(copy, f->bundle, f->size);
		assert_true(authenticate(copy, f->size, &(struct authority){f->trust, NULL},
					 TEST_NOW, &a, &error) < 0);
		assert_int_equal(error.code,
				 f->size == sized ? ERROR_NOT_AUTHENTIC : ERROR_MALFORMED);
	}
	assert_authentic(f, 1);
}

/* The manifest is looked at after the signature, never before. */
static void test_bad_manifest(void **state)
{
	struct fixture *f = *state;

	free(f->bundle);
	test_bundle_new("{\"name\": \"execwatch\"}", &f->bundle, &f->size);
	trust_key(f, "a.pem", keys[TEST_P256], NULL);
	assert_refused(f, ERROR_NOT_AUTHENTIC, "no signature");
	sign(f, other);
	assert_refused(f, ERROR_NOT_AUTHENTIC, "no trusted key");
	sign(f, keys[TEST_P256]);
	assert_refused(f, ERROR_BAD_MANIFEST, "");
}

static void test_two_payloads(void **state)
{
	static const uint8_t loader[16] = {0xb7}, metadata[8] = {1};
	const struct bundle_payload payloads[2] = {
		{.loader = {loader, 16}, .metadata = {metadata, 8}},
		{.loader = {loader, 16}, .metadata = {metadata, 8}},
	};
	struct fixture *f = *state;

	free(f->bundle);
	assert_int_equal(
		bundle_make((struct blob){(const uint8_t *)test_manifest, strlen(test_manifest)},
			    (struct blob){}, payloads, 2, &f->bundle, &f->size, NULL),
		0);
	trust_key(f, "a.pem", keys[TEST_P256], NULL);
	sign(f, keys[TEST_P256]);
	assert_refused(f, ERROR_BAD_MANIFEST,
		       "the bundle has 2 payloads, and its manifest speaks of 1");
}

static void test_kernel_sig(void **state)
{
	_cleanup_authentic_ struct authentic a = {}, b = {}, c = {};
	struct fixture *f = *state;
	const struct bundle_kernel_sig *sig;

	/* The kernel knows neither Ed25519 nor PSS keys, whatever their records hold. */
	trust_key(f, "a.pem", keys[TEST_ED25519], NULL);
	trust_key(f, "b.pem", keys[TEST_RSA_PSS], NULL);
	sign(f, keys[TEST_ED25519]);
	sign(f, keys[TEST_RSA_PSS]);
	assert_int_equal(authenticate(f->bundle, f->size, &(struct authority){f->trust, NULL},
				      TEST_NOW, &a, NULL),
			 0);
	assert_null(authentic_kernel_sig(&a, 0, CONTRACT_V1));
	trust_key(f, "c.pem", keys[TEST_P384], NULL);
	test_bundle_sign(&f->bundle, &f->size, other, true);
	test_bundle_sign(&f->bundle, &f->size, keys[TEST_P384], true);
	assert_int_equal(authenticate(f->bundle, f->size, &(struct authority){f->trust, NULL},
				      TEST_NOW, &b, NULL),
			 0);
	assert_int_equal(b.n_signers, 3);
	sig = authentic_kernel_sig(&b, 0, CONTRACT_V2);
	assert_non_null(sig);
	assert_int_equal(sig->contract, CONTRACT_V2);
	/* Of the verified signer, not of the stranger before it. */
	assert_ptr_equal(sig, bundle_find_kernel_sig(b.signers[2].record, 0, CONTRACT_V2));
	assert_null(authentic_kernel_sig(&b, 1, CONTRACT_V2));

	/* A kernel without ECDSA rejects the first certificate; that of the next signer is as good.
	 */
	trust_key(f, "d.pem", keys[TEST_RSA_2048], NULL);
	sign(f, keys[TEST_RSA_2048]);
	for (unsigned i = 0; i < f->trust->n_keys; i++)
		f->trust->keys[i].kernel_rejects = streq(f->trust->keys[i].file, "c.pem");
	assert_int_equal(authenticate(f->bundle, f->size, &(struct authority){f->trust, NULL},
				      TEST_NOW, &c, NULL),
			 0);
	sig = authentic_kernel_sig(&c, 0, CONTRACT_V2);
	assert_non_null(sig);
	assert_ptr_equal(sig, bundle_find_kernel_sig(c.signers[3].record, 0, CONTRACT_V2));
}

/* A key counts once, so its record stands once. */
static void test_same_key_twice(void **state)
{
	struct fixture *f = *state;
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_authentic_ struct authentic a = {};
	size_t plain = f->size, record;

	trust_key(f, "a.pem", keys[TEST_ED25519], NULL);
	sign(f, keys[TEST_ED25519]);
	record = f->size - plain;
	f->bundle = realloc(f->bundle, f->size + record);
	memcpy(f->bundle + f->size, f->bundle + plain, record);
	f->size += record;
	assert_true(authenticate(f->bundle, f->size, &(struct authority){f->trust, NULL}, TEST_NOW,
				 &a, &error) < 0);
	assert_int_equal(error.step, STEP_AUTHENTICATE);
	assert_true(error.code == ERROR_MALFORMED || error.code == ERROR_NOT_AUTHENTIC);
}

static void test_many_untrusted(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(trust_read(f->folder, getuid(), &f->trust, NULL), 0);
	sign(f, other);
	sign(f, keys[TEST_P256]);
	sign(f, keys[TEST_P384]);
	sign(f, keys[TEST_ED25519]);
	sign(f, keys[TEST_RSA_2048]);
	assert_refused(f, ERROR_NOT_AUTHENTIC, "(and 2 more) only");
}

#define with_bundle(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_bundle(test_algorithms),
		with_bundle(test_unsigned),
		with_bundle(test_untrusted),
		with_bundle(test_no_keys),
		with_bundle(test_untrusted_beside_trusted),
		with_bundle(test_expired),
		with_bundle(test_not_yet_valid),
		with_bundle(test_unusable),
		with_bundle(test_bad_signature),
		with_bundle(test_bad_beside_good),
		with_bundle(test_bad_expired_beside_good),
		with_bundle(test_bad_unknown_is_ignored),
		with_bundle(test_altered_sections),
		with_bundle(test_every_bit),
		with_bundle(test_every_truncation),
		with_bundle(test_bad_manifest),
		with_bundle(test_two_payloads),
		with_bundle(test_kernel_sig),
		with_bundle(test_same_key_twice),
		with_bundle(test_many_untrusted),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
