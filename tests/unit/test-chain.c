/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authorities of keys.d: which leaf certificates they vouch for, and which not any more. */
#include "check.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "keys.h"
#include "testkeys.h"
#include "trust.h"

#define CA	  .constraints = "critical,CA:TRUE", .key_usage = "critical,keyCertSign,cRLSign"
#define CA_PATH_0 .constraints = "critical,CA:TRUE,pathlen:0", .key_usage = "critical,keyCertSign"

static EVP_PKEY *root_key, *middle_key, *leaf_key, *other_key;

struct fixture {
	char *folder;
	X509 *root, *middle, *leaf; /* root issued middle, middle issued leaf */
};

static int make_keys(void **state)
{
	root_key = test_key_new(TEST_P384);
	middle_key = test_key_new(TEST_P256);
	leaf_key = test_key_new(TEST_P256);
	other_key = test_key_new(TEST_ED25519);
	return 0;
}

static int free_keys(void **state)
{
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(middle_key);
	EVP_PKEY_free(leaf_key);
	EVP_PKEY_free(other_key);
	return 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->folder = test_folder_new();
	f->root = test_cert_new(root_key, &(struct test_cert){.name = "root", CA});
	f->middle = test_cert_new(middle_key, &(struct test_cert){.name = "middle",
								  CA,
								  .issuer = f->root,
								  .issuer_key = root_key});
	f->leaf = test_cert_new(
		leaf_key,
		&(struct test_cert){.name = "leaf", .issuer = f->middle, .issuer_key = middle_key});
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	X509_free(f->root);
	X509_free(f->middle);
	X509_free(f->leaf);
	test_folder_remove(f->folder);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *name, X509 *cert)
{
	test_cert_write(cert, test_path(f->folder, name));
}

static void put_all(struct fixture *f)
{
	put(f, "root.pem", f->root);
	put(f, "middle.pem", f->middle);
	put(f, "leaf.pem", f->leaf);
}

static struct trust *read_trust(struct fixture *f)
{
	struct trust *trust = NULL;

	assert_int_equal(trust_read(f->folder, getuid(), &trust, NULL), 0);
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

/* The daemon's state of a file, and that bpfctl verify sees no other. */
static void check_state(struct fixture *f, const char *name, enum key_state state,
			const char *reason)
{
	_cleanup_trust_ struct trust *trust = read_trust(f);
	const struct trusted_key *key = find_file(trust, name);
	_cleanup_keys_ struct keys keys = {};
	bool usable = state == KEY_TRUSTED || state == KEY_EXPIRED || state == KEY_NOT_YET_VALID;

	if (trusted_key_state(key, TEST_NOW) != state)
		fail_msg("%s is %s: %s", name, key_state_name(trusted_key_state(key, TEST_NOW)),
			 key->reason ?: "");
	if (reason && (!key->reason || !strstr(key->reason, reason)))
		fail_msg("%s: '%s' is not in '%s'", name, reason, key->reason ?: "");
	assert_int_equal(keys_read(f->folder, &keys, NULL), 0);
	for (size_t i = 0; i < keys.n; i++) {
		if (!streq(keys.files[i].file, name))
			continue;
		assert_int_equal(!keys.files[i].reason, usable);
		if (usable) {
			assert_int_equal(keys.files[i].certificate.not_after, key->not_after);
			assert_int_equal(keys.files[i].certificate.not_before, key->not_before);
		} else if (reason && key->revoked) {
			assert_string_equal(keys.files[i].reason, key->reason);
		}
	}
}

static void test_good(void **state)
{
	struct fixture *f = *state;

	put_all(f);
	check_state(f, "leaf.pem", KEY_TRUSTED, NULL);
	check_state(f, "middle.pem", KEY_AUTHORITY, NULL);
	check_state(f, "root.pem", KEY_AUTHORITY, NULL);
}

/* An authority alone vouches for nothing, and its own key signs nothing. */
static void test_authority_alone(void **state)
{
	struct fixture *f = *state;
	_cleanup_trust_ struct trust *trust = NULL;
	uint8_t digest[DIGEST_SIZE];

	put(f, "root.pem", f->root);
	trust = read_trust(f);
	assert_int_equal(trust->n_keys, 1);
	assert_false(trust->keys[0].usable);
	assert_int_equal(key_digest(leaf_key, digest), 0);
	assert_null(trust_find(trust, digest));
}

/* Whoever put it there trusts it: without its issuer a leaf stands by itself. */
static void test_without_issuer(void **state)
{
	struct fixture *f = *state;

	put(f, "leaf.pem", f->leaf);
	check_state(f, "leaf.pem", KEY_TRUSTED, NULL);
	put(f, "root.pem", f->root);
	check_state(f, "leaf.pem", KEY_TRUSTED, NULL);
	/* but an authority whose own issuer is missing is no end of a chain */
	unlink(test_path(f->folder, "root.pem"));
	put(f, "middle.pem", f->middle);
	check_state(f, "leaf.pem", KEY_UNUSABLE,
		    "it does not verify under its issuer 'middle.pem'");
}

static void test_forged(void **state)
{
	struct fixture *f = *state;
	X509 *forged = test_cert_new(leaf_key, &(struct test_cert){.name = "forged",
								   .issuer = f->middle,
								   .issuer_key = other_key});

	put_all(f);
	put(f, "forged.pem", forged);
	check_state(f, "forged.pem", KEY_UNUSABLE,
		    "it does not verify under its issuer 'middle.pem'");
	X509_free(forged);
}

/* What the authority itself may not do. */
static void test_constraints(void **state)
{
	struct fixture *f = *state;
	X509 *flat, *below, *leaf;

	flat = test_cert_new(root_key, &(struct test_cert){.name = "flat", CA_PATH_0});
	below = test_cert_new(
		middle_key,
		&(struct test_cert){.name = "below", CA, .issuer = flat, .issuer_key = root_key});
	leaf = test_cert_new(
		leaf_key,
		&(struct test_cert){.name = "leaf", .issuer = below, .issuer_key = middle_key});
	put(f, "flat.pem", flat);
	put(f, "below.pem", below);
	put(f, "leaf.pem", leaf);
	check_state(f, "leaf.pem", KEY_UNUSABLE, "path length constraint exceeded");
	X509_free(flat);
	X509_free(below);
	X509_free(leaf);
}

static void test_usage(void **state)
{
	struct fixture *f = *state;
	X509 *leaf = test_cert_new(leaf_key, &(struct test_cert){.name = "leaf",
								 .key_usage = "keyEncipherment",
								 .issuer = f->middle,
								 .issuer_key = middle_key});

	put_all(f);
	put(f, "leaf.pem", leaf);
	check_state(f, "leaf.pem", KEY_UNUSABLE, "its keyUsage does not name digitalSignature");
	X509_free(leaf);
}

/* Signed by itself it stands by itself, whatever lies beside it. */
static void test_self_signed(void **state)
{
	struct fixture *f = *state;
	X509 *own = test_cert_new(leaf_key, &(struct test_cert){.name = "middle"});

	put(f, "root.pem", f->root);
	put(f, "middle.pem", f->middle);
	put(f, "own.pem", own);
	test_file_write(test_path(f->folder, "bad.crl"), "x");
	check_state(f, "own.pem", KEY_TRUSTED, NULL);
	X509_free(own);
}

static void test_revoked(void **state)
{
	struct fixture *f = *state;
	const char *path;

	put_all(f);
	path = strdup(test_path(f->folder, "m.crl"));
	test_crl_write(f->middle, middle_key, NULL, 0, 0, path);
	check_state(f, "leaf.pem", KEY_TRUSTED, NULL);
	test_crl_write(f->middle, middle_key, f->leaf, 0, 0, path);
	check_state(f, "leaf.pem", KEY_REVOKED, "its issuer has revoked it (m.crl)");
	/* the younger of two lists counts */
	test_crl_write(f->middle, middle_key, NULL, TEST_NOW - TEST_DAY, 0,
		       test_path(f->folder, "young.crl"));
	check_state(f, "leaf.pem", KEY_TRUSTED, NULL);
	unlink(test_path(f->folder, "young.crl"));
	unlink(path);
	test_crl_write(f->root, root_key, f->middle, 0, 0, test_path(f->folder, "r.crl"));
	check_state(f, "leaf.pem", KEY_REVOKED,
		    "the authority 'middle.pem' above it is revoked (r.crl)");
	free((char *)(uintptr_t)path);
}

static void test_bad_lists(void **state)
{
	struct fixture *f = *state;

	put_all(f);
	/* by another key than the authority's */
	test_crl_write(f->middle, other_key, NULL, 0, 0, test_path(f->folder, "m.crl"));
	check_state(f, "leaf.pem", KEY_UNUSABLE, "CRL signature failure");
	test_file_write(test_path(f->folder, "m.crl"), "no list");
	check_state(f, "leaf.pem", KEY_UNUSABLE,
		    "its issuer may have revoked it, but 'm.crl' cannot be used");
	check_state(f, "m.crl", KEY_UNUSABLE, "there is no PEM revocation list in it");
	test_crl_write(f->middle, middle_key, NULL, 0, 0, test_path(f->folder, "m.crl"));
	chmod(test_path(f->folder, "m.crl"), 0666);
	{
		_cleanup_trust_ struct trust *trust = read_trust(f);

		assert_false(find_file(trust, "leaf.pem")->usable);
		assert_non_null(strstr(find_file(trust, "m.crl")->reason, "writable by others"));
	}
	chmod(test_path(f->folder, "m.crl"), 0644);
	check_state(f, "leaf.pem", KEY_TRUSTED, NULL);
	/* to take the authority away does not undo what it revoked */
	unlink(test_path(f->folder, "middle.pem"));
	check_state(f, "leaf.pem", KEY_UNUSABLE,
		    "its issuer has a revocation list here ('m.crl'), but no certificate");
}

/* An issuer that cannot be used, or is no longer there, frees nobody of what it stood under. */
static void test_issuer_spoilt(void **state)
{
	struct fixture *f = *state;
	X509 *bare =
		test_cert_new(middle_key, &(struct test_cert){.name = "middle",
							      .constraints = "critical,CA:TRUE",
							      .issuer = f->root,
							      .issuer_key = root_key});

	put_all(f);
	chmod(test_path(f->folder, "middle.pem"), 0664);
	{
		/* bpfctl verify asks nothing of the files' modes */
		_cleanup_trust_ struct trust *trust = read_trust(f);

		assert_false(find_file(trust, "leaf.pem")->usable);
		assert_string_equal(
			find_file(trust, "leaf.pem")->reason,
			"its issuer is not here, or is 'middle.pem', which cannot be used");
	}
	chmod(test_path(f->folder, "middle.pem"), 0644);
	check_state(f, "leaf.pem", KEY_TRUSTED, NULL);
	put(f, "middle.pem", bare);
	check_state(f, "leaf.pem", KEY_UNUSABLE, "its issuer 'middle.pem' cannot be used");
	test_file_write(test_path(f->folder, "middle.pem"), "no certificate");
	check_state(f, "leaf.pem", KEY_UNUSABLE, "or is 'middle.pem', which cannot be used");
	unlink(test_path(f->folder, "middle.pem"));
	check_state(f, "leaf.pem", KEY_TRUSTED, NULL);
	/* the root may have revoked what is missing */
	test_crl_write(f->root, root_key, f->middle, 0, 0, test_path(f->folder, "r.crl"));
	check_state(f, "leaf.pem", KEY_UNUSABLE,
		    "may be revoked by one of the lists that are ('r.crl'): put the issuer's "
		    "certificate beside it");
	X509_free(bare);
}

/* OpenSSL's manual writes revocation lists into files of that name. */
static void test_misnamed_list(void **state)
{
	struct fixture *f = *state;

	put_all(f);
	test_crl_write(f->middle, middle_key, f->leaf, 0, 0, test_path(f->folder, "crl.pem"));
	check_state(f, "crl.pem", KEY_UNUSABLE,
		    "it is a revocation list: its name must end in .crl");
	check_state(f, "leaf.pem", KEY_UNUSABLE,
		    "its issuer may have revoked it, but 'crl.pem' cannot be used");
}

/* All that it hangs on must be valid when something is loaded. */
static void test_dates(void **state)
{
	struct fixture *f = *state;
	X509 *root = test_cert_new(root_key, &(struct test_cert){.name = "root",
								 CA,
								 .not_before = TEST_NOW - 10,
								 .not_after = TEST_NOW + 10});
	_cleanup_trust_ struct trust *trust = NULL;
	const struct trusted_key *key;

	put_all(f);
	put(f, "root.pem", root);
	test_crl_write(f->middle, middle_key, NULL, TEST_NOW - 20, TEST_NOW + 5,
		       test_path(f->folder, "m.crl"));
	trust = read_trust(f);
	key = find_file(trust, "leaf.pem");
	if (!key->usable)
		fail_msg("%s", key->reason);
	assert_int_equal(key->not_before, TEST_NOW - 10);
	assert_string_equal(key->before_file, "root.pem");
	assert_int_equal(key->not_after, TEST_NOW + 5);
	assert_string_equal(key->after_file, "m.crl");
	assert_int_equal(trusted_key_state(key, TEST_NOW), KEY_TRUSTED);
	assert_int_equal(trusted_key_state(key, TEST_NOW + 6), KEY_EXPIRED);
	assert_int_equal(trusted_key_state(key, TEST_NOW - 11), KEY_NOT_YET_VALID);
	check_state(f, "leaf.pem", KEY_TRUSTED, NULL);
	X509_free(root);
}

/* An authority with a new key has its old name: the list by the new key says nothing of the old
 * one's. */
static void test_renewed_authority(void **state)
{
	struct fixture *f = *state;
	X509 *renewed = test_cert_new(other_key, &(struct test_cert){.name = "root", CA});
	_cleanup_trust_ struct trust *trust = NULL;
	const struct trusted_key *key;

	put_all(f);
	put(f, "root-2.pem", renewed);
	test_crl_write(f->root, root_key, NULL, TEST_NOW - TEST_DAY, TEST_NOW + 5,
		       test_path(f->folder, "old.crl"));
	test_crl_write(renewed, other_key, NULL, TEST_NOW - 10, TEST_NOW + TEST_DAY,
		       test_path(f->folder, "new.crl"));
	trust = read_trust(f);
	key = find_file(trust, "leaf.pem");
	if (!key->usable)
		fail_msg("%s", key->reason);
	assert_string_equal(key->after_file, "old.crl");
	assert_int_equal(key->not_after, TEST_NOW + 5);
	X509_free(renewed);
}

/* A revoked certificate does not keep its key's good one out, whatever the names. */
static void test_other_certificate(void **state)
{
	struct fixture *f = *state;
	X509 *own = test_cert_new(leaf_key, &(struct test_cert){.name = "own"});

	put_all(f);
	put(f, "own.pem", own);
	test_crl_write(f->middle, middle_key, f->leaf, 0, 0, test_path(f->folder, "m.crl"));
	check_state(f, "leaf.pem", KEY_REVOKED, NULL);
	check_state(f, "own.pem", KEY_TRUSTED, NULL);
	X509_free(own);
}

#define with_folder(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_folder(test_good),
		with_folder(test_authority_alone),
		with_folder(test_without_issuer),
		with_folder(test_forged),
		with_folder(test_constraints),
		with_folder(test_usage),
		with_folder(test_self_signed),
		with_folder(test_revoked),
		with_folder(test_bad_lists),
		with_folder(test_issuer_spoilt),
		with_folder(test_misnamed_list),
		with_folder(test_dates),
		with_folder(test_renewed_authority),
		with_folder(test_other_certificate),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
