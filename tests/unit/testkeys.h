/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys, certificates and small signed bundles for tests, made when the test runs. Whatever fails
 * in here aborts the test: none of it is under test.
 */
#pragma once

#include <openssl/types.h>

#include "bundle.h"

enum test_key {
	TEST_RSA_2048,
	TEST_RSA_1024, /* too small */
	TEST_RSA_PSS,
	TEST_P256,
	TEST_P384,
	TEST_P521, /* a curve that bpfgate does not take */
	TEST_ED25519,
};

/* A fresh key; EVP_PKEY_free(). */
EVP_PKEY *test_key_new(enum test_key kind);

/* 2026-06-01 00:00 UTC, amid the dates of certificates that name none. */
#define TEST_NOW INT64_C(1780272000)
#define TEST_DAY INT64_C(86400)

/* What is left out (0, NULL) is as in a good certificate; "" leaves an extension out. */
struct test_cert {
	const char *name;		/* commonName, "test" */
	int64_t not_before, not_after;	/* TEST_NOW -+ a year */
	const char *key_usage;		/* "critical,digitalSignature" */
	const char *extended_key_usage; /* none; "codeSigning" */
	const char *constraints;	/* "critical,CA:FALSE" */
	bool no_key_id;			/* without subjectKeyIdentifier */
	X509 *issuer;			/* itself */
	EVP_PKEY *issuer_key;
};

/* Self-signed, but where there is an issuer; X509_free(). @options may be NULL. */
X509 *test_cert_new(EVP_PKEY *key, const struct test_cert *options);

/* A revocation list of @issuer that names @revoked (may be NULL), good from @from until @until (0:
 * TEST_NOW -+ a year), as a PEM file of mode 0644. */
void test_crl_write(X509 *issuer, EVP_PKEY *key, X509 *revoked, int64_t from, int64_t until,
		    const char *path);

/* PEM files, mode 0644 and 0600. */
void test_cert_write(X509 *cert, const char *path);
void test_key_write(EVP_PKEY *key, const char *path);
/* Writes any text, mode 0644. */
void test_file_write(const char *path, const char *text);

/* A raw signature as a signer makes it; malloced. */
void test_sign(EVP_PKEY *key, enum signer_algorithm algorithm, const uint8_t *message, size_t size,
	       uint8_t **ret, size_t *ret_size);

/* A manifest that goes with test_bundle_new(): one tracepoint program, one ring buffer. */
extern const char test_manifest[];

/* An unsigned bundle with one payload: @manifest (NULL: test_manifest), a loader of two
 * instructions and 16 bytes of metadata; malloced. */
void test_bundle_new(const char *manifest, uint8_t **ret, size_t *ret_size);

/* Adds a signer record by @key, with dummy kernel signatures for both contracts if @kernel_sigs. */
void test_bundle_sign(uint8_t **bundle, size_t *size, EVP_PKEY *key, bool kernel_sigs);

/* A folder of the test's own, mode 0755, below TMPDIR or /tmp; malloced. */
char *test_folder_new(void);
void test_folder_remove(char *path); /* with all that is in it; frees */
/* "FOLDER/NAME", in one of a few static buffers. */
const char *test_path(const char *folder, const char *name);
