/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parsers and readers without memory: whichever allocation fails, they say so or go on without, and
 * what they call a success is one.
 */
#include "check.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "authenticate.h"
#include "authorise.h"
#include "fail-alloc.h"
#include "loader-verdict.h"
#include "manifest-text.h"
#include "policy-rule.h"
#include "testkeys.h"

static struct error error;

/* A failure has an error, and an error a text. */
static void check_failure(int r)
{
	hold(r <= 0);
	hold((r < 0) == (error.code != ERROR_NONE));
	hold(r == 0 || *error_message(&error));
	error_done(&error);
	error = ERROR_INIT;
}

static void try(const char *name, int (*run)(void), void (*check)(int r))
{
	const struct attempt attempt = {.name = name, .run = run, .check = check};

	assert_true(fail_alloc_all(&attempt));
}

/* ---- texts ---- */

static const char policy_text[] =
	"{\"rules\": [{\"name\": \"no\", \"effect\": \"deny\", \"subjects\": {\"groups\": [7]},"
	" \"bundles\": [\"exec*\"], \"signatures\": {\"signers\": [\"a.pem\"]}},"
	" {\"name\": \"yes\", \"effect\": \"allow\", \"subjects\": {\"users\": [1000, 1001], "
	"\"uids\": [\"2000-2999\"], \"units\": [\"ci@*.service\"]}, \"bundles\": [\"execwatch\", "
	"\"net-*\"], \"signatures\": {\"groups\": [{\"signers\": [\"a.pem\", \"b.pem\"]}]}, "
	"\"programs\": {\"types\": [\"tracepoint\"], \"attach\": [\"tracepoint:sched/*\"], "
	"\"kfuncs\": [\"bpf_task_work_*\"], \"helpers\": [\"bpf_get_*\"]}, \"grant\": "
	"[\"events\"], "
	"\"tunables\": [\"min_*\"], \"limits\": {\"loads\": 4, \"rate\": \"10/min\"}, "
	"\"lifetime\": [\"session\"]}]}";

static struct json_object *object;

static int run_json(void)
{
	const char *reason = NULL;

	return json_parse(policy_text, sizeof(policy_text) - 1, sizeof(policy_text), &object, NULL,
			  &reason);
}

static void check_json(int r)
{
	static char *expected;

	hold(r == 0 || r == -ENOMEM);
	if (r < 0) {
		hold(!object);
		return;
	}
	expected = expected ?: strdup(json_object_to_json_string(object));
	hold(streq(json_object_to_json_string(object), expected));
	json_object_put(TAKE_PTR(object));
}

static void test_json(void **state)
{
	struct json_object *good = json_tokener_parse(policy_text);

	/* what it has to be, if it is a success */
	assert_int_equal(run_json(), 0);
	assert_true(json_object_equal(object, good));
	check_json(0);
	json_object_put(good);
	try("JSON", run_json, check_json);
}

static struct manifest *manifest;

static int run_manifest(void)
{
	return manifest_parse(manifest_example, strlen(manifest_example), &manifest, &error);
}

static void check_manifest(int r)
{
	_cleanup_free_ char *text = NULL;
	size_t size;

	check_failure(r);
	if (r < 0) {
		hold(!manifest);
		return;
	}
	hold((manifest_format(manifest, &text, &size)) == 0);
	hold(streq(text, manifest_example));
	manifest_free(TAKE_PTR(manifest));
}

static char *text;

static int run_format(void)
{
	size_t size;

	return manifest_format(manifest, &text, &size);
}

static void check_format(int r)
{
	hold(r == 0 || r == -ENOMEM);
	if (r == 0)
		hold(streq(text, manifest_example));
	free(TAKE_PTR(text));
}

static void test_manifest_text(void **state)
{
	try("manifest", run_manifest, check_manifest);
	assert_int_equal(run_manifest(), 0);
	try("manifest's text", run_format, check_format);
	manifest_free(TAKE_PTR(manifest));
}

/* ---- policy ---- */

static struct policy policy = {.refs = 1};

static int run_policy(void)
{
	return policy_parse("/x/50.json", policy_text, sizeof(policy_text) - 1, &policy.rules,
			    &policy.n_rules, &error);
}

static void check_policy(int r)
{
	check_failure(r);
	if (r == 0) {
		const struct policy_rule *no = &policy.rules[0], *yes = &policy.rules[1];

		hold((policy.n_rules) == 2);
		hold(no->deny && no->n_gids == 1 && no->bundles.n == 1 && no->n_groups == 1);
		hold(streq(no->source, "/x/50.json:1"));
		hold(!yes->deny && yes->n_uids == 3 && yes->units.n == 1);
		hold(yes->bundles.n == 2 && yes->n_groups == 1 && yes->attach.n == 1);
		hold(yes->groups[0].n_signers == 2 && yes->helpers.n == 1);
		policy_rules_free(policy.rules, policy.n_rules);
	}
	policy.rules = NULL;
	policy.n_rules = 0;
}

static struct decision decision;
static uid_t asker;

static int run_decision(void)
{
	static char name[] = "execwatch", program[] = "p", file[] = "a.pem";
	static struct manifest_program programs[] = {
		{.name = program, .type = BPF_PROG_TYPE_TRACEPOINT}};
	static const struct manifest m = {.name = name, .n_programs = 1, .programs = programs};
	static const struct trusted_key key = {.file = file, .usable = true};
	static const struct trusted_key *const keys[] = {&key};
	const struct peer peer = {.uid = asker, .unit_known = true};
	const struct request request = {.peer = &peer,
					.manifest = &m,
					.n_signers = 1,
					.signers = keys,
					.lifetime = asker == 1001 ? LIFETIME_PERSISTENT
								  : LIFETIME_SESSION};

	return policy_authorise(&policy, &request, &decision, &error);
}

static void check_decision(int r)
{
	check_failure(r);
	hold(r == (asker == 1000 ? 0 : -EACCES) || r == -ENOMEM);
	if (r == 0)
		hold(streq(decision.rule, "yes"));
	decision_done(&decision);
}

static void test_policy(void **state)
{
	try("policy", run_policy, check_policy);
	assert_int_equal(run_policy(), 0);
	for (asker = 1000; asker < 1003; asker++)
		try("decision", run_decision, check_decision);
	check_policy(0);
}

/* ---- folders ---- */

static char *folder;
static struct policy *read_back;

static int run_policy_read(void)
{
	const char *const dirs[] = {folder, NULL};

	return policy_read(dirs, getuid(), &read_back, &error);
}

static void check_policy_read(int r)
{
	check_failure(r);
	if (r < 0)
		return;
	/* nothing was skipped, or all is denied */
	hold(read_back->deny_all || read_back->n_rules == 4);
	policy_unref(TAKE_PTR(read_back));
}

static void test_policy_folder(void **state)
{
	folder = test_folder_new();
	test_file_write(test_path(folder, "10.json"), policy_text);
	test_file_write(test_path(folder, "20.json"), policy_text);
	try("policy's folder", run_policy_read, check_policy_read);
	test_folder_remove(TAKE_PTR(folder));
}

static struct revocations *revocations;

static int run_revocations(void)
{
	return revocations_read(folder, getuid(), &revocations, &error);
}

static void check_revocations(int r)
{
	check_failure(r);
	if (r < 0)
		return;
	hold(revocations->deny_all || revocations->n == 3);
	revocations_unref(TAKE_PTR(revocations));
}

static void test_revocations(void **state)
{
#define DIGEST "\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
	folder = test_folder_new();
	test_file_write(test_path(folder, "10.json"),
			"{\"revocations\": [{\"key\": " DIGEST
			", \"reason\": \"lost\"}, {\"bundle\": " DIGEST
			"}, {\"name\": \"x\", \"signer\": " DIGEST ", \"sequence\": 3}]}");
	try("revocations", run_revocations, check_revocations);
	test_folder_remove(TAKE_PTR(folder));
}

static struct trust *trust;

static int run_trust(void)
{
	return trust_read(folder, getuid(), &trust, &error);
}

static unsigned count_usable(const struct trust *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->n_keys; i++)
		n += t->keys[i].usable;
	return n;
}

/* Here three cannot be used: two are revoked by their authority, the third is that. */
static void check_trust(int r)
{
	check_failure(r);
	if (r < 0)
		return;
	hold(count_usable(trust) <= 1);
	trust_unref(TAKE_PTR(trust));
}

static void write_certificates(void)
{
	const struct test_cert ca = {.name = "ca",
				     .constraints = "critical,CA:TRUE",
				     .key_usage = "critical,keyCertSign,cRLSign"};
	EVP_PKEY *ca_key = test_key_new(TEST_P256), *key = test_key_new(TEST_ED25519);
	X509 *ca_cert = test_cert_new(ca_key, &ca);
	const struct test_cert by_ca = {.name = "x", .issuer = ca_cert, .issuer_key = ca_key};
	X509 *cert = test_cert_new(key, &by_ca);

	test_cert_write(ca_cert, test_path(folder, "ca.pem"));
	test_cert_write(cert, test_path(folder, "revoked.pem"));
	test_crl_write(ca_cert, ca_key, cert, 0, 0, test_path(folder, "ca.crl"));
	X509_free(cert);
	EVP_PKEY_free(key);
	key = test_key_new(TEST_P256);
	cert = test_cert_new(key, NULL);
	test_cert_write(cert, test_path(folder, "good.pem"));
	X509_free(cert);
	EVP_PKEY_free(key);
	X509_free(ca_cert);
	EVP_PKEY_free(ca_key);
}

static void test_trust(void **state)
{
	folder = test_folder_new();
	write_certificates();
	assert_int_equal(run_trust(), 0);
	assert_int_equal(count_usable(trust), 1);
	check_trust(0);
	try("certificates", run_trust, check_trust);
	test_folder_remove(TAKE_PTR(folder));
}

/* ---- bundles ---- */

static uint8_t *bundle;
static size_t bundle_size;
static struct authentic authentic;

static int run_authenticate(void)
{
	const struct authority by = {trust, NULL};

	return authenticate(bundle, bundle_size, &by, TEST_NOW, &authentic, &error);
}

static void check_authenticate(int r)
{
	check_failure(r);
	if (r < 0)
		return;
	hold((authentic.n_signers) == 1);
	hold(streq(authentic.manifest->name, "execwatch"));
	authentic_done(&authentic);
}

static void test_authenticate(void **state)
{
	static char file[] = "a.pem";
	EVP_PKEY *key = test_key_new(TEST_P256), *other = test_key_new(TEST_ED25519);
	struct trusted_key trusted = {.file = file,
				      .usable = true,
				      .key = key,
				      .algorithm = SIGNER_ECDSA_P256_SHA256,
				      .not_after = INT64_MAX};
	struct trust all = {.refs = 1, .n_keys = 1, .keys = &trusted};

	assert_int_equal(key_digest(key, trusted.digest), 0);
	test_bundle_new(NULL, &bundle, &bundle_size);
	test_bundle_sign(&bundle, &bundle_size, other, true);
	test_bundle_sign(&bundle, &bundle_size, key, true);
	trust = &all;
	assert_int_equal(run_authenticate(), 0);
	check_authenticate(0);
	try("bundle", run_authenticate, check_authenticate);
	/* of a bundle that is not authentic no failure makes one that is */
	bundle[bundle_size - 1] ^= 1;
	assert_true(run_authenticate() < 0);
	check_authenticate(-1);
	try("bundle that is not authentic", run_authenticate, check_failure);
	free(TAKE_PTR(bundle));
	trust = NULL;
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

static struct loader_asm loader;

static int run_loader(void)
{
	return verdict(&loader, NULL, &error);
}

static void test_loader(void **state)
{
	uint32_t key = 0;
	uint64_t value = 7;
	size_t at_key, at_value;

	asm_start(&loader, 1);
	asm_make_map(&loader, "made");
	asm_check(&loader);
	at_key = asm_data(&loader, &key, sizeof(key));
	at_value = asm_data(&loader, &value, sizeof(value));
	asm_opening(&loader, BPF_REG_3, 0);
	asm_copy(&loader, BPF_FUNC_copy_from_user, at_value, sizeof(value));
	asm_update(&loader, BPF_REG_7, at_key, at_value);
	asm_make_program(&loader, "made");
	asm_check(&loader);
	asm_return(&loader, 0);
	assert_int_equal(run_loader(), 0);
	try("loader", run_loader, check_failure);
	/* nor does it let one pass */
	loader.insns[3].dst_reg = 15;
	assert_int_equal(run_loader(), -EPERM);
	check_failure(-EPERM);
	try("loader that is refused", run_loader, check_failure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),	     cmocka_unit_test(test_manifest_text),
		cmocka_unit_test(test_policy),	     cmocka_unit_test(test_policy_folder),
		cmocka_unit_test(test_revocations),  cmocka_unit_test(test_trust),
		cmocka_unit_test(test_authenticate), cmocka_unit_test(test_loader),
	};

	fail_alloc_setup();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
