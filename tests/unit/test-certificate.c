/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One certificate (lib/certificate.c), and folders of them as the client reads them. */

#include "check.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "file.h"
#include "keys.h"
#include "testkeys.h"

static char *pem_of(EVP_PKEY *key, const struct test_cert *options)
{
	X509 *x509 = test_cert_new(key, options);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text, *copy;
	long size;

	assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
	size = BIO_get_mem_data(bio, &text);
	copy = strndup(text, size);
	BIO_free(bio);
	X509_free(x509);
	return copy;
}

static void test_good(void **state)
{
	static const struct {
		enum test_key kind;
		enum signer_algorithm algorithm;
		bool in_kernel;
	} kinds[] = {
		{TEST_RSA_2048, SIGNER_RSA_PKCS1_SHA256, true},
		{TEST_RSA_PSS, SIGNER_RSA_PSS_SHA256, false},
		{TEST_P256, SIGNER_ECDSA_P256_SHA256, true},
		{TEST_P384, SIGNER_ECDSA_P384_SHA384, true},
		{TEST_ED25519, SIGNER_ED25519, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		EVP_PKEY *key = test_key_new(kinds[i].kind);
		_cleanup_free_ char *pem = pem_of(key, NULL);
		_cleanup_certificate_ struct certificate c = {};
		uint8_t digest[DIGEST_SIZE];
		const char *reason = NULL;

		assert_int_equal(certificate_parse(pem, strlen(pem), &c, &reason), 0);
		assert_null(c.reason);
		assert_string_equal(c.subject, "CN=test");
		assert_int_equal(c.algorithm, kinds[i].algorithm);
		assert_int_equal(c.not_before, TEST_NOW - 365 * TEST_DAY);
		assert_int_equal(c.not_after, TEST_NOW + 365 * TEST_DAY);
		assert_true(c.has_key_id);
		assert_int_equal(key_digest(key, digest), 0);
		assert_memory_equal(c.digest, digest, DIGEST_SIZE);
		assert_int_equal(signer_algorithm_in_kernel(c.algorithm), kinds[i].in_kernel);
		assert_int_equal(EVP_PKEY_eq(c.key, key), 1);
		EVP_PKEY_free(key);
	}
}

static void test_usage(void **state)
{
	static const struct {
		enum test_key kind;
		struct test_cert options;
		const char *reason; /* NULL: fit for use */
	} cases[] = {
		{TEST_P256, {.extended_key_usage = "codeSigning"}, NULL},
		{TEST_P256, {.extended_key_usage = "emailProtection,codeSigning"}, NULL},
		{TEST_P256, {.constraints = ""}, NULL},
		{TEST_P256, {.no_key_id = true}, NULL},
		{TEST_P256, {.key_usage = "digitalSignature,keyEncipherment"}, NULL},
		{TEST_P256, {.key_usage = ""}, "digitalSignature"},
		{TEST_P256, {.key_usage = "critical,keyEncipherment"}, "digitalSignature"},
		{TEST_P256, {.extended_key_usage = "serverAuth"}, "codeSigning"},
		{TEST_P256, {.extended_key_usage = "anyExtendedKeyUsage"}, "codeSigning"},
		{TEST_P256,
		 {.constraints = "critical,CA:TRUE", .key_usage = "digitalSignature,keyCertSign"},
		 "certificate authority"},
		{TEST_RSA_1024, {}, "less than 2048"},
		{TEST_P521, {}, "no kind that bpfgate takes"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		EVP_PKEY *key = test_key_new(cases[i].kind);
		_cleanup_free_ char *pem = pem_of(key, &cases[i].options);
		_cleanup_certificate_ struct certificate c = {};
		const char *reason = NULL;

		assert_int_equal(certificate_parse(pem, strlen(pem), &c, &reason), 0);
		if (!cases[i].reason)
			assert_null(c.reason);
		else if (!c.reason || !strstr(c.reason, cases[i].reason))
			fail_msg("case %zu: \"%s\" instead of \"%s\"", i, c.reason ?: "usable",
				 cases[i].reason);
		EVP_PKEY_free(key);
	}
}

static void check_refused(const char *text, size_t size, const char *expected)
{
	struct certificate c = {};
	const char *reason = "";

	assert_int_equal(certificate_parse(text, size, &c, &reason), -EBADMSG);
	assert_null(c.x509);
	if (!strstr(reason, expected))
		fail_msg("\"%s\" instead of \"%s\"", reason, expected);
}

static void test_not_one_certificate(void **state)
{
	EVP_PKEY *key = test_key_new(TEST_P256);
	_cleanup_free_ char *pem = pem_of(key, NULL), *two = NULL, *broken = NULL, *large = NULL;
	char *folder = test_folder_new(), *text;
	struct error error = ERROR_INIT;
	size_t size;

	check_refused("", 0, "no PEM certificate");
	check_refused("hello\n", 6, "no PEM certificate");
	check_refused(pem, strlen(pem) / 2, "no PEM certificate");

	assert_true(asprintf(&two, "%s%s", pem, pem) > 0);
	check_refused(two, strlen(two), "more than one PEM object");

	test_key_write(key, test_path(folder, "key"));
	assert_int_equal(file_read(test_path(folder, "key"), 10000, &text, &size, &error), 0);
	check_refused(text, size, "a private key");
	free(text);

	/* Valid base64 of something else. */
	broken = strdup("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	check_refused(broken, strlen(broken), "does not parse");

	large = calloc(1, CERTIFICATE_FILE_MAX + 1);
	check_refused(large, CERTIFICATE_FILE_MAX + 1, "larger than 64 KiB");
	EVP_PKEY_free(key);
	test_folder_remove(folder);
}

static void write_cert(const char *folder, const char *name, EVP_PKEY *key,
		       const struct test_cert *options)
{
	X509 *x509 = test_cert_new(key, options);

	test_cert_write(x509, test_path(folder, name));
	X509_free(x509);
}

static void test_folder(void **state)
{
	EVP_PKEY *good = test_key_new(TEST_P256), *bad = test_key_new(TEST_P256);
	char *folder = test_folder_new();
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_keys_ struct keys keys = {};
	uint8_t digest[DIGEST_SIZE];

	write_cert(folder, "b.pem", good, NULL);
	write_cert(folder, "c.pem", bad, &(struct test_cert){.key_usage = ""});
	write_cert(folder, ".hidden.pem", bad, NULL);
	write_cert(folder, "d.crt", bad, NULL);
	test_file_write(test_path(folder, "a.pem"), "nothing\n");
	assert_int_equal(mkdir(test_path(folder, "e.pem"), 0755), 0);

	assert_int_equal(keys_read(folder, &keys, &error), 0);
	assert_int_equal(keys.n, 4);
	assert_string_equal(keys.files[0].file, "a.pem");
	assert_non_null(strstr(keys.files[0].reason, "no PEM certificate"));
	assert_string_equal(keys.files[1].file, "b.pem");
	assert_null(keys.files[1].reason);
	assert_non_null(strstr(keys.files[2].reason, "digitalSignature"));
	assert_string_equal(keys.files[3].reason, "it cannot be read");

	assert_int_equal(key_digest(good, digest), 0);
	assert_ptr_equal(keys_find(&keys, digest), &keys.files[1]);
	assert_int_equal(key_digest(bad, digest), 0);
	assert_null(keys_find(&keys, digest));
	EVP_PKEY_free(good);
	EVP_PKEY_free(bad);
	test_folder_remove(folder);
}

static void test_no_folder(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct keys keys = {};

	assert_int_equal(keys_read("/nonexistent", &keys, &error), -ENOENT);
	check_error(&error, ERROR_FAILED, "/nonexistent: cannot read the trusted keys");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_not_one_certificate),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
