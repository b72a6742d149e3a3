/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A record from a source of signatures: what is asked for in which order, and what is refused. */

#include "check.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

#include "sign-record.h"
#include "testkeys.h"

/* Signs, but for what it is told not to; lists what it was asked for. */
struct asked {
	EVP_PKEY *key;
	enum signer_algorithm algorithm;
	unsigned missing; /* bit mask of contracts, bit 0 the record */
	bool wrong;	  /* signs something else */
	char parts[64];
};

struct fixture {
	char *folder;
	const char *path;
	struct certificate certificate;
	struct asked asked;
	struct sign_source source;
};

static int sign(void *arg, const struct sign_part *part, struct blob message, uint8_t **ret,
		size_t *ret_size, struct error *error)
{
	struct asked *a = arg;
	size_t n = strlen(a->parts);

	snprintf(a->parts + n, sizeof(a->parts) - n, "%s%u%d ",
		 part->use == RAW_SIG_KERNEL ? "k" : "r", part->payload, part->contract);
	if (a->missing & 1u << part->contract)
		return -EINPROGRESS;
	if (a->wrong)
		message.size--;
	return raw_sig_make(a->key, a->algorithm, part->use, message, ret, ret_size, error);
}

static void certificate_of(EVP_PKEY *key, const struct test_cert *options, struct certificate *ret)
{
	X509 *x509 = test_cert_new(key, options);
	BIO *bio = BIO_new(BIO_s_mem());
	const char *reason = NULL;
	char *text;
	long size;

	assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
	size = BIO_get_mem_data(bio, &text);
	assert_int_equal(certificate_parse(text, size, ret, &reason), 0);
	BIO_free(bio);
	X509_free(x509);
}

static void write_bundle(const char *path, EVP_PKEY *signer)
{
	_cleanup_free_ uint8_t *file = NULL;
	size_t size;
	FILE *f;

	test_bundle_new(NULL, &file, &size);
	if (signer)
		test_bundle_sign(&file, &size, signer, true);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(file, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static struct fixture *fixture_new(enum test_key kind)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->folder = test_folder_new();
	f->path = test_path(f->folder, "x.bpfb");
	f->asked.key = test_key_new(kind);
	certificate_of(f->asked.key, NULL, &f->certificate);
	f->asked.algorithm = f->certificate.algorithm;
	f->source = (struct sign_source){sign, &f->asked};
	write_bundle(f->path, NULL);
	return f;
}

static void fixture_free(struct fixture *f)
{
	certificate_done(&f->certificate);
	EVP_PKEY_free(f->asked.key);
	test_folder_remove(f->folder);
	free(f);
}

static void check_round(enum test_key kind, const char *parts, unsigned n_sigs)
{
	struct fixture *f = fixture_new(kind);
	_cleanup_bundle_ struct bundle bundle = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_signee_ struct signee s = {};
	_cleanup_free_ uint8_t *file = NULL;
	unsigned n = 4711;
	size_t size;

	assert_int_equal(signee_open(f->path, false, &f->certificate, &s, &error), 0);
	assert_int_equal(sign_record_add(&s, &f->certificate, &f->source, &file, &size, &n, &error),
			 0);
	assert_string_equal(f->asked.parts, parts);
	assert_int_equal(n, n_sigs);
	assert_memory_equal(file, s.file, s.size);
	assert_int_equal(bundle_open(file, size, &bundle, &error), 0);
	assert_int_equal(signer_verify(&bundle, &bundle.signers[0], f->asked.key), 0);
	fixture_free(f);
}

static void test_order(void **state)
{
	check_round(TEST_RSA_2048, "k01 k02 r00 ", 2);
	check_round(TEST_P384, "k01 k02 r00 ", 2);
	check_round(TEST_RSA_PSS, "r00 ", 0);
	check_round(TEST_ED25519, "r00 ", 0);
}

/* All of a round is asked for; the record only over kernel signatures that are there. */
static void test_missing(void **state)
{
	static const struct {
		unsigned missing;
		const char *parts;
	} cases[] = {
		{1u << CONTRACT_V1, "k01 k02 "},
		{1u << CONTRACT_V2, "k01 k02 "},
		{1u << CONTRACT_V1 | 1u << CONTRACT_V2, "k01 k02 "},
		{1u << CONTRACT_NONE, "k01 k02 r00 "},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture *f = fixture_new(TEST_P256);
		_cleanup_error_ struct error error = ERROR_INIT;
		_cleanup_signee_ struct signee s = {};
		uint8_t *file = (uint8_t *)"untouched";
		unsigned n;
		size_t size;

		f->asked.missing = cases[i].missing;
		assert_int_equal(signee_open(f->path, false, &f->certificate, &s, &error), 0);
		assert_int_equal(
			sign_record_add(&s, &f->certificate, &f->source, &file, &size, &n, &error),
			-EINPROGRESS);
		assert_int_equal(error.code, ERROR_NONE);
		assert_string_equal(f->asked.parts, cases[i].parts);
		assert_string_equal((char *)file, "untouched");
		fixture_free(f);
	}
}

/* A source that answers with signatures over something else, or by another key. */
static void test_wrong(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct fixture *f = fixture_new(TEST_P256);
		_cleanup_error_ struct error error = ERROR_INIT;
		_cleanup_signee_ struct signee s = {};
		EVP_PKEY *own = f->asked.key;
		uint8_t *file = NULL;
		unsigned n;
		size_t size;

		if (i == 0)
			f->asked.wrong = true;
		else
			f->asked.key = test_key_new(TEST_P256);
		assert_int_equal(signee_open(f->path, false, &f->certificate, &s, &error), 0);
		assert_true(sign_record_add(&s, &f->certificate, &f->source, &file, &size, &n,
					    &error) < 0);
		check_error(&error, ERROR_FAILED, "does not verify; nothing was written");
		assert_null(file);
		if (i == 1)
			EVP_PKEY_free(own);
		fixture_free(f);
	}
}

static void refuse_open(const struct fixture *f, bool add, const char *message)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct signee s = {.path = "untouched"};

	assert_true(signee_open(f->path, add, &f->certificate, &s, &error) < 0);
	check_error(&error, ERROR_FAILED, message);
	assert_string_equal(s.path, "untouched");
}

static void test_add(void **state)
{
	struct fixture *f = fixture_new(TEST_P256);
	EVP_PKEY *other = test_key_new(TEST_P256);
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_signee_ struct signee s = {};

	refuse_open(f, true, "is not signed yet");
	write_bundle(f->path, other);
	refuse_open(f, false, "is signed already, by 1: --add");
	assert_int_equal(signee_open(f->path, true, &f->certificate, &s, &error), 0);
	write_bundle(f->path, f->asked.key);
	refuse_open(f, true, "a key signs once");
	refuse_open(f, false, "a key signs once");
	EVP_PKEY_free(other);
	fixture_free(f);
}

static void check_certificate(const struct test_cert *options, const char *refusal)
{
	_cleanup_certificate_ struct certificate certificate = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	EVP_PKEY *key = test_key_new(TEST_P256);

	certificate_of(key, options, &certificate);
	if (refusal) {
		assert_true(sign_check_certificate(&certificate, "c.pem", &error) < 0);
		check_error(&error, ERROR_FAILED, refusal);
	} else
		assert_int_equal(sign_check_certificate(&certificate, "c.pem", &error), 0);
	EVP_PKEY_free(key);
}

static void test_certificate(void **state)
{
	const int64_t now = time(NULL);

	check_certificate(&(struct test_cert){.not_after = now + TEST_DAY}, NULL);
	check_certificate(&(struct test_cert){.not_after = now - TEST_DAY}, "c.pem has expired");
	check_certificate(
		&(struct test_cert){.not_before = now + TEST_DAY, .not_after = now + 2 * TEST_DAY},
		NULL);
	check_certificate(&(struct test_cert){.not_after = now + TEST_DAY, .no_key_id = true},
			  "no subjectKeyIdentifier");
	check_certificate(&(struct test_cert){.not_after = now + TEST_DAY, .key_usage = ""},
			  "does not name digitalSignature");
	check_certificate(&(struct test_cert){.not_after = now + TEST_DAY,
					      .key_usage = "critical,keyEncipherment"},
			  "does not name digitalSignature");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),	    cmocka_unit_test(test_missing),
		cmocka_unit_test(test_wrong),	    cmocka_unit_test(test_add),
		cmocka_unit_test(test_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
