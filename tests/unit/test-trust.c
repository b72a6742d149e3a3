/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trusted keys: which certificates are taken, and the reason for each that is not. */
#include "check.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "testkeys.h"
#include "trust.h"

static int setup(void **state)
{
	*state = test_folder_new();
	return 0;
}

static int teardown(void **state)
{
	test_folder_remove(*state);
	return 0;
}

static void add_cert(const char *folder, const char *name, EVP_PKEY *key,
		     const struct test_cert *options)
{
	X509 *cert = test_cert_new(key, options);

	test_cert_write(cert, test_path(folder, name));
	X509_free(cert);
}

static void add_new(const char *folder, const char *name, enum test_key kind,
		    const struct test_cert *options)
{
	EVP_PKEY *key = test_key_new(kind);

	add_cert(folder, name, key, options);
	EVP_PKEY_free(key);
}

static struct trust *read_trust(const char *folder)
{
	struct trust *trust = NULL;

	assert_int_equal(trust_read(folder, getuid(), &trust, NULL), 0);
	return trust;
}

static const struct trusted_key *find_file(const struct trust *trust, const char *name)
{
	for (unsigned i = 0; i < trust->n_keys; i++)
		if (streq(trust->keys[i].file, name))
			return &trust->keys[i];
	fail_msg("%s was not read", name);
	return NULL;
}

static void assert_unusable(const struct trust *trust, const char *name, const char *reason)
{
	const struct trusted_key *key = find_file(trust, name);

	assert_int_equal(trusted_key_state(key, TEST_NOW), KEY_UNUSABLE);
	assert_non_null(key->reason);
	if (!strstr(key->reason, reason))
		fail_msg("%s: '%s' is not in '%s'", name, reason, key->reason);
}

/* Reads the folder with one more file in it, which must be unusable for @reason. */
static void assert_file_unusable(const char *folder, const char *name, const char *reason)
{
	_cleanup_trust_ struct trust *trust = read_trust(folder);

	assert_unusable(trust, name, reason);
}

static void test_kinds(void **state)
{
	const char *folder = *state;
	_cleanup_trust_ struct trust *trust = NULL;
	static const struct {
		enum test_key kind;
		const char *name;
		enum signer_algorithm algorithm;
	} kinds[] = {
		{TEST_ED25519, "ed25519.pem", SIGNER_ED25519},
		{TEST_P256, "p256.pem", SIGNER_ECDSA_P256_SHA256},
		{TEST_P384, "p384.pem", SIGNER_ECDSA_P384_SHA384},
		{TEST_RSA_PSS, "pss.pem", SIGNER_RSA_PSS_SHA256},
		{TEST_RSA_2048, "rsa.pem", SIGNER_RSA_PKCS1_SHA256},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		add_new(folder, kinds[i].name, kinds[i].kind,
			&(struct test_cert){.name = kinds[i].name});
	trust = read_trust(folder);
	assert_int_equal(trust->n_keys, ARRAY_SIZE(kinds));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct trusted_key *key = &trust->keys[i];

		assert_string_equal(key->file, kinds[i].name);
		if (key->reason)
			fail_msg("%s: %s", key->file, key->reason);
		assert_int_equal(trusted_key_state(key, TEST_NOW), KEY_TRUSTED);
		assert_int_equal(key->algorithm, kinds[i].algorithm);
		assert_non_null(strstr(key->subject, kinds[i].name));
		assert_ptr_equal(trust_find(trust, key->digest), key);
		assert_true(key->der.size > 100 && key->der.data[0] == 0x30);
	}
}

static void test_dates(void **state)
{
	const char *folder = *state;
	_cleanup_trust_ struct trust *trust = NULL;
	const struct trusted_key *key;

	add_new(folder, "a.pem", TEST_P256,
		&(struct test_cert){.not_before = TEST_NOW, .not_after = TEST_NOW + 10});
	trust = read_trust(folder);
	key = &trust->keys[0];
	assert_int_equal(key->not_before, TEST_NOW);
	assert_int_equal(key->not_after, TEST_NOW + 10);
	assert_int_equal(trusted_key_state(key, TEST_NOW - 1), KEY_NOT_YET_VALID);
	assert_int_equal(trusted_key_state(key, TEST_NOW), KEY_TRUSTED);
	assert_int_equal(trusted_key_state(key, TEST_NOW + 10), KEY_TRUSTED);
	assert_int_equal(trusted_key_state(key, TEST_NOW + 11), KEY_EXPIRED);
	assert_string_equal(key_state_name(KEY_TRUSTED), "trusted");
	assert_string_equal(key_state_name(KEY_EXPIRED), "expired");
	assert_string_equal(key_state_name(KEY_NOT_YET_VALID), "not_yet_valid");
	assert_string_equal(key_state_name(KEY_UNUSABLE), "unusable");
}

static void test_usage(void **state)
{
	static const struct {
		const char *name;
		struct test_cert cert;
		const char *reason; /* NULL: usable */
	} rows[] = {
		{"a.pem", {.key_usage = "digitalSignature"}, NULL},
		{"b.pem", {.key_usage = "digitalSignature,keyEncipherment"}, NULL},
		{"c.pem", {.key_usage = "keyEncipherment"}, "keyUsage"},
		{"d.pem", {.key_usage = ""}, "keyUsage"},
		{"e.pem", {.extended_key_usage = "codeSigning"}, NULL},
		{"f.pem", {.extended_key_usage = "serverAuth,codeSigning"}, NULL},
		{"g.pem", {.extended_key_usage = "serverAuth"}, "codeSigning"},
		{"h.pem", {.extended_key_usage = "anyExtendedKeyUsage"}, "codeSigning"},
		{"i.pem", {.constraints = ""}, NULL},
		{"j.pem", {.constraints = "critical,CA:TRUE"}, "certificate authority"},
		{"k.pem",
		 {.constraints = "CA:TRUE", .key_usage = "digitalSignature,cRLSign"},
		 "certificate authority"},
		{"l.pem", {.no_key_id = true}, "subjectKeyIdentifier"},
	};
	const char *folder = *state;
	_cleanup_trust_ struct trust *trust = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		add_new(folder, rows[i].name, TEST_P256, &rows[i].cert);
	trust = read_trust(folder);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct trusted_key *key = find_file(trust, rows[i].name);

		print_message("%s\n", rows[i].name);
		if (rows[i].reason) {
			assert_unusable(trust, rows[i].name, rows[i].reason);
			/* Known by its digest, for messages, but never trusted. */
			assert_ptr_equal(trust_find(trust, key->digest), key);
		} else {
			assert_int_equal(trusted_key_state(key, TEST_NOW), KEY_TRUSTED);
		}
	}
}

static void test_weak_keys(void **state)
{
	const char *folder = *state;
	_cleanup_trust_ struct trust *trust = NULL;

	add_new(folder, "p521.pem", TEST_P521, NULL);
	add_new(folder, "rsa1024.pem", TEST_RSA_1024, NULL);
	trust = read_trust(folder);
	assert_unusable(trust, "p521.pem", "its key is of no kind that bpfgate takes");
	assert_unusable(trust, "rsa1024.pem", "its RSA key has less than 2048");
}

static void append_file(const char *to, const char *from)
{
	_cleanup_fclose_ FILE *out = fopen(to, "ae"), *in = fopen(from, "re");
	char buffer[8192];
	size_t n;

	n = fread(buffer, 1, sizeof(buffer), in);
	assert_true(n > 0 && fwrite(buffer, 1, n, out) == n);
}

static void test_content(void **state)
{
	const char *folder = *state;
	const char *path = test_path(folder, "x.pem");
	EVP_PKEY *key = test_key_new(TEST_P256);

	test_file_write(path, "");
	assert_file_unusable(folder, "x.pem", "no PEM certificate");
	test_file_write(path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_file_unusable(folder, "x.pem", "does not parse");
	test_key_write(key, path);
	chmod(path, 0644);
	assert_file_unusable(folder, "x.pem", "private key");
	add_cert(folder, "x.pem", key, NULL);
	add_cert(folder, "second", key, NULL);
	append_file(path, test_path(folder, "second"));
	assert_file_unusable(folder, "x.pem", "more than one PEM object");
	EVP_PKEY_free(key);
}

static void test_text_around(void **state)
{
	const char *folder = *state;
	_cleanup_trust_ struct trust *trust = NULL;

	add_new(folder, "cert", TEST_P256, NULL);
	test_file_write(test_path(folder, "x.pem"), "The release key of 2026\n");
	append_file(test_path(folder, "x.pem"), test_path(folder, "cert"));
	trust = read_trust(folder);
	assert_int_equal(trust->n_keys, 1);
	assert_int_equal(trusted_key_state(&trust->keys[0], TEST_NOW), KEY_TRUSTED);
}

static void test_too_large(void **state)
{
	const char *folder = *state;
	_cleanup_free_ char *text = malloc(65 * 1024 + 1);

	memset(text, '\n', 65 * 1024);
	text[65 * 1024] = '\0';
	test_file_write(test_path(folder, "x.pem"), text);
	assert_file_unusable(folder, "x.pem", "larger than");
}

/* One key under two names is still one signer. */
static void test_duplicate(void **state)
{
	const char *folder = *state;
	_cleanup_trust_ struct trust *trust = NULL;
	EVP_PKEY *key = test_key_new(TEST_P256);

	add_cert(folder, "b.pem", key, NULL);
	add_cert(folder, "a.pem", key, NULL);
	trust = read_trust(folder);
	assert_int_equal(trust->n_keys, 2);
	assert_int_equal(trusted_key_state(find_file(trust, "a.pem"), TEST_NOW), KEY_TRUSTED);
	assert_unusable(trust, "b.pem", "the same key as 'a.pem'");
	assert_string_equal(trust_find(trust, trust->keys[1].digest)->file, "a.pem");
	EVP_PKEY_free(key);
}

/* A certificate that cannot be used does not keep the same key's good one out. */
static void test_duplicate_of_unusable(void **state)
{
	const char *folder = *state;
	_cleanup_trust_ struct trust *trust = NULL;
	EVP_PKEY *key = test_key_new(TEST_P256);

	add_cert(folder, "a.pem", key, &(struct test_cert){.key_usage = ""});
	add_cert(folder, "b.pem", key, NULL);
	trust = read_trust(folder);
	assert_unusable(trust, "a.pem", "keyUsage");
	assert_int_equal(trusted_key_state(find_file(trust, "b.pem"), TEST_NOW), KEY_TRUSTED);
	assert_string_equal(trust_find(trust, trust->keys[0].digest)->file, "b.pem");
	EVP_PKEY_free(key);
}

/* As many keys as there may be files: a fleet that signs per machine or per developer has hundreds.
 */
static void test_many(void **state)
{
	const char *folder = *state;
	_cleanup_trust_ struct trust *trust = NULL;
	char name[32];

	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "%03u.pem", i);
		add_new(folder, name, TEST_ED25519, NULL);
	}
	trust = read_trust(folder);
	assert_int_equal(trust->n_keys, 300);
	for (unsigned i = 0; i < trust->n_keys; i++)
		if (!trust->keys[i].usable)
			fail_msg("%s: %s", trust->keys[i].file, trust->keys[i].reason);
}

static void test_files(void **state)
{
	const char *folder = *state;
	_cleanup_trust_ struct trust *trust = NULL;

	add_new(folder, "good.pem", TEST_P256, NULL);
	add_new(folder, "open.pem", TEST_P256, NULL);
	chmod(test_path(folder, "open.pem"), 0666);
	add_new(folder, "ignored.crt", TEST_P256, NULL);
	add_new(folder, ".hidden.pem", TEST_P256, NULL);
	assert_int_equal(mkdir(test_path(folder, "folder.pem"), 0755), 0);
	assert_int_equal(mkfifo(test_path(folder, "fifo.pem"), 0644), 0);
	assert_int_equal(symlink("good.pem", test_path(folder, "link.pem")), 0);
	assert_int_equal(symlink("/dev/null", test_path(folder, "masked.pem")), 0);
	trust = read_trust(folder);
	assert_int_equal(trust->n_keys, 5);
	assert_int_equal(trusted_key_state(find_file(trust, "good.pem"), TEST_NOW), KEY_TRUSTED);
	assert_unusable(trust, "open.pem", "writable by others");
	assert_unusable(trust, "folder.pem", "not a regular file");
	assert_unusable(trust, "fifo.pem", "not a regular file");
	assert_unusable(trust, "link.pem", "symbolic link");
}

static void test_owner(void **state)
{
	const char *folder = *state;

	if (getuid() != 0)
		skip_as("it needs root");
	add_new(folder, "x.pem", TEST_P256, NULL);
	assert_int_equal(chown(test_path(folder, "x.pem"), 1000, 0), 0);
	assert_file_unusable(folder, "x.pem", "belongs to uid 1000");
}

static void test_folder(void **state)
{
	const char *folder = *state;
	_cleanup_trust_ struct trust *missing = NULL, *open = NULL;
	const uint8_t zero[DIGEST_SIZE] = {};

	missing = read_trust("/no-such-folder-of-bpfgate/keys.d");
	assert_int_equal(missing->n_keys, 0);
	assert_null(trust_find(missing, zero));
	add_new(folder, "x.pem", TEST_P256, NULL);
	chmod(folder, 0777);
	open = read_trust(folder);
	assert_int_equal(open->n_keys, 1);
	assert_unusable(open, folder, "writable by others");
	/* An entry without a key has no digest to be found by. */
	assert_null(trust_find(open, zero));
}

static void test_references(void **state)
{
	struct trust *trust = read_trust(*state);

	assert_ptr_equal(trust_ref(trust), trust);
	trust_unref(trust);
	assert_int_equal(trust->refs, 1);
	trust_unref(trust);
	trust_unref(NULL);
}

#define with_folder(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_folder(test_kinds),
		with_folder(test_dates),
		with_folder(test_usage),
		with_folder(test_weak_keys),
		with_folder(test_content),
		with_folder(test_text_around),
		with_folder(test_too_large),
		with_folder(test_duplicate),
		with_folder(test_duplicate_of_unusable),
		with_folder(test_many),
		with_folder(test_files),
		with_folder(test_owner),
		with_folder(test_folder),
		with_folder(test_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
