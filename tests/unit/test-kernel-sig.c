/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernel signatures and raw signatures, as bpfctl sign makes them. */

#include "check.h"

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/wait.h>

#include "file.h"
#include "kernel-sig.h"
#include "raw-sig.h"
#include "testkeys.h"

struct fixture {
	uint8_t *file;
	struct bundle bundle;
	EVP_PKEY *key;
	struct certificate certificate;
	char *folder;
};

static void certificate_of(X509 *x509, struct certificate *ret)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const char *reason = NULL;
	char *text;
	long size;

	assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
	size = BIO_get_mem_data(bio, &text);
	assert_int_equal(certificate_parse(text, size, ret, &reason), 0);
	BIO_free(bio);
}

static struct fixture *fixture_new(enum test_key kind)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error error = ERROR_INIT;
	size_t size;
	X509 *x509;

	test_bundle_new(NULL, &f->file, &size);
	assert_int_equal(bundle_open(f->file, size, &f->bundle, &error), 0);
	f->key = test_key_new(kind);
	x509 = test_cert_new(f->key, NULL);
	f->folder = test_folder_new();
	test_key_write(f->key, test_path(f->folder, "key"));
	test_cert_write(x509, test_path(f->folder, "cert"));
	certificate_of(x509, &f->certificate);
	X509_free(x509);
	return f;
}

static void fixture_free(struct fixture *f)
{
	bundle_done(&f->bundle);
	certificate_done(&f->certificate);
	EVP_PKEY_free(f->key);
	test_folder_remove(f->folder);
	free(f->file);
	free(f);
}

/* The bytes that @contract covers, into the folder's file "data". */
static void write_covered(const struct fixture *f, enum contract contract)
{
	struct blob loader = bundle_find(&f->bundle, BUNDLE_LOADER, 0)->content;
	struct blob metadata = bundle_find(&f->bundle, BUNDLE_METADATA, 0)->content;
	FILE *file = fopen(test_path(f->folder, "data"), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(loader.data, 1, loader.size, file), loader.size);
	if (contract == CONTRACT_V2)
		assert_int_equal(fwrite(metadata.data, 1, metadata.size, file), metadata.size);
	assert_int_equal(fclose(file), 0);
}

static int run_in(const char *folder, const char *command)
{
	_cleanup_free_ char *line = NULL;
	int status;

	assert_true(asprintf(&line, "cd '%s' && %s 2>stderr", folder, command) > 0);
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* RSA signatures are deterministic: the same bytes as the tool that kernel-facts.md names. */
static void test_same_as_openssl(void **state)
{
	struct fixture *f = fixture_new(TEST_RSA_2048);

	for (int c = CONTRACT_V1; c <= CONTRACT_V2; c++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		_cleanup_free_ uint8_t *sig = NULL;
		_cleanup_free_ char *expected = NULL;
		size_t size, expected_size;

		assert_int_equal(kernel_sig_make(&f->bundle, 0, c, &f->certificate, f->key, &sig,
						 &size, &error),
				 0);
		write_covered(f, c);
		assert_int_equal(run_in(f->folder,
					"openssl cms -sign -binary -noattr -nocerts -keyid "
					"-md sha256 -outform DER -in data -signer cert -inkey key "
					"-out sig"),
				 0);
		assert_int_equal(file_read(test_path(f->folder, "sig"), 8192, &expected,
					   &expected_size, &error),
				 0);
		assert_int_equal(size, expected_size);
		assert_memory_equal(sig, expected, size);
	}
	fixture_free(f);
}

static void check_round_trip(enum test_key kind)
{
	struct fixture *f = fixture_new(kind), *other = fixture_new(kind);

	for (int c = CONTRACT_V1; c <= CONTRACT_V2; c++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		_cleanup_free_ uint8_t *bytes = NULL;
		struct bundle_kernel_sig sig = {.contract = c};

		assert_int_equal(kernel_sig_make(&f->bundle, 0, c, &f->certificate, f->key, &bytes,
						 &sig.pkcs7.size, &error),
				 0);
		sig.pkcs7.data = bytes;
		assert_int_equal(kernel_sig_verify(&f->bundle, &sig, &f->certificate), 0);
		assert_int_equal(kernel_sig_verify(&f->bundle, &sig, &other->certificate),
				 -EKEYREJECTED);

		/* It covers what the other contract's does not, or less. */
		sig.contract = c == CONTRACT_V1 ? CONTRACT_V2 : CONTRACT_V1;
		assert_int_equal(kernel_sig_verify(&f->bundle, &sig, &f->certificate),
				 -EKEYREJECTED);
		sig.contract = c;

		/* The signature value is last in the DER. */
		bytes[sig.pkcs7.size - 1] ^= 1;
		assert_true(kernel_sig_verify(&f->bundle, &sig, &f->certificate) < 0);
		bytes[sig.pkcs7.size - 1] ^= 1;

		sig.pkcs7.size--;
		assert_int_equal(kernel_sig_verify(&f->bundle, &sig, &f->certificate), -EBADMSG);
		sig.pkcs7.size = 0;
		assert_int_equal(kernel_sig_verify(&f->bundle, &sig, &f->certificate), -EBADMSG);
	}
	fixture_free(f);
	fixture_free(other);
}

static void test_round_trip(void **state)
{
	check_round_trip(TEST_RSA_2048);
	check_round_trip(TEST_P256);
	check_round_trip(TEST_P384);
}

/* The kernel would find the key by its identifier, and there is none. */
static void test_no_key_id(void **state)
{
	struct fixture *f = fixture_new(TEST_P256);
	X509 *x509 = test_cert_new(f->key, &(struct test_cert){.no_key_id = true});
	_cleanup_certificate_ struct certificate certificate = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ uint8_t *sig = NULL;
	size_t size;

	certificate_of(x509, &certificate);
	X509_free(x509);
	assert_false(certificate.has_key_id);
	assert_true(kernel_sig_make(&f->bundle, 0, CONTRACT_V1, &certificate, f->key, &sig, &size,
				    &error) < 0);
	check_error(&error, ERROR_FAILED, "cannot make the kernel's signature");
	assert_null(sig);
	fixture_free(f);
}

/* A content inside, or bytes behind, is not what a kernel takes. */
static void test_other_forms(void **state)
{
	struct fixture *f = fixture_new(TEST_P256);
	struct bundle_kernel_sig sig = {.contract = CONTRACT_V1};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ uint8_t *bytes = NULL, *longer = NULL;
	_cleanup_free_ char *attached = NULL;

	write_covered(f, CONTRACT_V1);
	assert_int_equal(
		run_in(f->folder,
		       "openssl cms -sign -binary -nodetach -noattr -nocerts -keyid "
		       "-md sha256 -outform DER -in data -signer cert -inkey key -out sig"),
		0);
	assert_int_equal(
		file_read(test_path(f->folder, "sig"), 8192, &attached, &sig.pkcs7.size, &error),
		0);
	sig.pkcs7.data = (uint8_t *)attached;
	assert_int_equal(kernel_sig_verify(&f->bundle, &sig, &f->certificate), -EBADMSG);

	assert_int_equal(kernel_sig_make(&f->bundle, 0, CONTRACT_V1, &f->certificate, f->key,
					 &bytes, &sig.pkcs7.size, &error),
			 0);
	longer = calloc(1, sig.pkcs7.size + 1);
	memcpy(longer, bytes, sig.pkcs7.size);
	sig.pkcs7 = (struct blob){longer, sig.pkcs7.size + 1};
	assert_int_equal(kernel_sig_verify(&f->bundle, &sig, &f->certificate), -EBADMSG);
	fixture_free(f);
}

/* The plain signature out of what openssl makes, and into what it makes. */
static void test_unwrap(void **state)
{
	static const struct {
		const char *options;
		const char *reason;
	} cases[] = {
		{"-noattr -nocerts -keyid", NULL},
		{"-noattr", NULL}, /* with a certificate, which stays behind */
		{"-nocerts -keyid", "signed attributes"},
		{"-noattr -nocerts -keyid -signer cert -inkey key", "with one signature"},
	};
	struct fixture *f = fixture_new(TEST_RSA_2048);
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ uint8_t *own = NULL;
	size_t own_size;

	assert_int_equal(kernel_sig_make(&f->bundle, 0, CONTRACT_V2, &f->certificate, f->key, &own,
					 &own_size, &error),
			 0);
	write_covered(f, CONTRACT_V2);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *command = NULL, *pkcs7 = NULL;
		_cleanup_free_ uint8_t *plain = NULL, *again = NULL;
		size_t size, plain_size, again_size;
		const char *reason = NULL;

		assert_true(asprintf(&command,
				     "openssl cms -sign -binary -md sha256 -outform DER -in data "
				     "-signer cert -inkey key -out sig %s",
				     cases[i].options) > 0);
		assert_int_equal(run_in(f->folder, command), 0);
		assert_int_equal(
			file_read(test_path(f->folder, "sig"), 65536, &pkcs7, &size, &error), 0);
		if (cases[i].reason) {
			assert_int_equal(kernel_sig_unwrap((struct blob){(uint8_t *)pkcs7, size},
							   &plain, &plain_size, &reason),
					 -EBADMSG);
			assert_non_null(strstr(reason, cases[i].reason));
			continue;
		}
		assert_int_equal(kernel_sig_unwrap((struct blob){(uint8_t *)pkcs7, size}, &plain,
						   &plain_size, &reason),
				 0);
		assert_int_equal(kernel_sig_wrap(&f->certificate, (struct blob){plain, plain_size},
						 &again, &again_size, &error),
				 0);
		assert_int_equal(again_size, own_size);
		assert_memory_equal(again, own, own_size);
		assert_int_equal(kernel_sig_unwrap((struct blob){(uint8_t *)pkcs7, size - 1},
						   &plain, &plain_size, &reason),
				 -EBADMSG);
	}
	fixture_free(f);
}

/* ECDSA as DER, and as r and s; whatever else there is stays as it is. */
static void check_pair(enum test_key kind, enum signer_algorithm algorithm, size_t number)
{
	static const uint8_t message[] = "message";
	const struct blob m = {message, sizeof(message)};
	EVP_PKEY *key = test_key_new(kind);

	for (int i = 0; i < 40; i++) { /* numbers with leading zeros, too */
		_cleanup_free_ uint8_t *der = NULL, *same = NULL, *back = NULL, *pair = NULL;
		size_t der_size, same_size, back_size, at = 2;
		_cleanup_error_ struct error error = ERROR_INIT;

		assert_int_equal(
			raw_sig_make(key, algorithm, RAW_SIG_RECORD, m, &der, &der_size, &error),
			0);
		assert_int_equal(raw_sig_normalise(algorithm, (struct blob){der, der_size}, &same,
						   &same_size),
				 0);
		assert_int_equal(same_size, der_size);
		assert_memory_equal(same, der, der_size);

		pair = calloc(2, number);
		for (int j = 0; j < 2; j++) {
			size_t n = der[at + 1], skip = n > number ? n - number : 0;

			memcpy(pair + j * number + (number - (n - skip)), der + at + 2 + skip,
			       n - skip);
			at += 2 + n;
		}
		assert_int_equal(raw_sig_normalise(algorithm, (struct blob){pair, 2 * number},
						   &back, &back_size),
				 0);
		assert_int_equal(back_size, der_size);
		assert_memory_equal(back, der, der_size);
		assert_int_equal(raw_sig_verify(key, algorithm, RAW_SIG_RECORD, m,
						(struct blob){back, back_size}),
				 0);
		/* Another hash, for P-384 alone. */
		assert_int_equal(raw_sig_verify(key, algorithm, RAW_SIG_KERNEL, m,
						(struct blob){back, back_size}),
				 algorithm == SIGNER_ECDSA_P384_SHA384 ? -EKEYREJECTED : 0);
		back[back_size - 1] ^= 1;
		assert_true(raw_sig_verify(key, algorithm, RAW_SIG_RECORD, m,
					   (struct blob){back, back_size}) < 0);
	}
	EVP_PKEY_free(key);
}

static void test_pair(void **state)
{
	_cleanup_free_ uint8_t *same = NULL, *none = NULL;
	uint8_t zeros[64] = {};
	size_t size;

	check_pair(TEST_P256, SIGNER_ECDSA_P256_SHA256, 32);
	check_pair(TEST_P384, SIGNER_ECDSA_P384_SHA384, 48);
	assert_int_equal(raw_sig_normalise(SIGNER_ED25519, (struct blob){zeros, 64}, &same, &size),
			 0);
	assert_int_equal(size, 64);
	assert_memory_equal(same, zeros, 64);
	assert_int_equal(
		raw_sig_normalise(SIGNER_RSA_PKCS1_SHA256, (struct blob){NULL, 0}, &none, &size),
		0);
	assert_int_equal(size, 0);
}

/* A whole record with each kind of key, through lib/signer.c. */
static void check_raw(enum test_key kind)
{
	_cleanup_free_ uint8_t *file = NULL, *body = NULL, *message = NULL, *raw = NULL;
	size_t size, body_size, message_size, raw_size;
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_bundle_ struct bundle bundle = {}, signed_bundle = {};
	EVP_PKEY *key = test_key_new(kind), *other = test_key_new(kind);
	enum signer_algorithm algorithm;
	uint8_t digest[DIGEST_SIZE];

	test_bundle_new(NULL, &file, &size);
	assert_int_equal(bundle_open(file, size, &bundle, &error), 0);
	assert_int_equal(key_algorithm(key, &algorithm), 0);
	assert_int_equal(key_digest(key, digest), 0);
	assert_int_equal(signer_body(algorithm, digest, NULL, 0, &body, &body_size, &error), 0);
	assert_int_equal(signer_message(bundle.digest, (struct blob){body, body_size}, &message,
					&message_size),
			 0);
	assert_int_equal(raw_sig_make(key, algorithm, RAW_SIG_RECORD,
				      (struct blob){message, message_size}, &raw, &raw_size,
				      &error),
			 0);
	assert_int_equal(bundle_append_signer(&file, &size, (struct blob){body, body_size},
					      (struct blob){raw, raw_size}, &error),
			 0);
	assert_int_equal(bundle_open(file, size, &signed_bundle, &error), 0);
	assert_int_equal(signer_verify(&signed_bundle, &signed_bundle.signers[0], key), 0);
	assert_int_equal(signer_verify(&signed_bundle, &signed_bundle.signers[0], other),
			 -EKEYREJECTED);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

static void test_raw(void **state)
{
	check_raw(TEST_RSA_2048);
	check_raw(TEST_RSA_PSS);
	check_raw(TEST_P256);
	check_raw(TEST_P384);
	check_raw(TEST_ED25519);
}

/* A key of another kind than the algorithm. */
static void test_raw_misfit(void **state)
{
	EVP_PKEY *key = test_key_new(TEST_ED25519);
	_cleanup_error_ struct error error = ERROR_INIT;
	uint8_t *raw = NULL;
	size_t size;

	assert_true(raw_sig_make(key, SIGNER_RSA_PKCS1_SHA256, RAW_SIG_RECORD,
				 (struct blob){(const uint8_t *)"x", 1}, &raw, &size, &error) < 0);
	check_error(&error, ERROR_FAILED, "cannot sign with this key");
	assert_null(raw);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_openssl),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_no_key_id),
		cmocka_unit_test(test_other_forms),
		cmocka_unit_test(test_unwrap),
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_raw_misfit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
