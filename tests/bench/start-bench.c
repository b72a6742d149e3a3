/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a large configuration costs at the start and at each decision: start-bench RULES
 * CERTIFICATES makes both in a folder of its own, reads them as the daemon does, and prints a
 * table.
 */
#include "check.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <time.h>

#include "authorise.h"
#include "loader.h"
#include "testkeys.h"

#define RULES_PER_FILE 500

/* Both clocks: on a busy machine only the processor's says what the work costs. */
struct watch {
	double wall, processor;
};

static double clock_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct watch watch_start(void)
{
	return (struct watch){clock_ms(CLOCK_MONOTONIC), clock_ms(CLOCK_PROCESS_CPUTIME_ID)};
}

static void watch_stop(struct watch start, const char *what, unsigned n)
{
	struct watch end = watch_start();

	printf("| %u %s | %.1f | %.1f |\n", n, what, end.processor - start.processor,
	       end.wall - start.wall);
}

static void write_rules(FILE *f, unsigned first, unsigned n)
{
	fputs("{\"rules\": [\n", f);
	for (unsigned i = first; i < first + n; i++)
		fprintf(f,
			"%s  {\n    \"name\": \"rule %u\",\n    \"effect\": \"allow\",\n"
			"    \"subjects\": {\"users\": [\"root\", %u], \"groups\": [\"root\"]},\n"
			"    \"bundles\": [\"tool-%u-*\"],\n"
			"    \"signatures\": {\"signers\": [\"c%u.pem\"]},\n"
			"    \"programs\": {\"types\": [\"tracepoint\"], \"attach\": "
			"[\"tracepoint:sched/*\"]},\n"
			"    \"grant\": [\"read\"],\n    \"limits\": {\"loads\": 4}\n  }",
			i == first ? "" : ",\n", i, 1000 + i, i, i);
	fputs("\n]}\n", f);
}

static void make_rules(const char *folder, unsigned n)
{
	char name[32];

	for (unsigned i = 0; i < n; i += RULES_PER_FILE) {
		char *text = NULL;
		size_t size = 0;
		FILE *f = open_memstream(&text, &size);

		write_rules(f, i, n - i < RULES_PER_FILE ? n - i : RULES_PER_FILE);
		fclose(f);
		snprintf(name, sizeof(name), "%05u.json", i);
		test_file_write(test_path(folder, name), text);
		free(text);
	}
}

/* Half of them by an authority, which is there as well. */
static void make_certificates(const char *folder, unsigned n)
{
	const struct test_cert ca = {.name = "ca",
				     .constraints = "critical,CA:TRUE",
				     .key_usage = "critical,keyCertSign,cRLSign"};
	EVP_PKEY *ca_key = test_key_new(TEST_P256);
	X509 *ca_cert = test_cert_new(ca_key, &ca);
	char name[32];

	test_cert_write(ca_cert, test_path(folder, "0-ca.pem"));
	test_crl_write(ca_cert, ca_key, NULL, 0, 0, test_path(folder, "0-ca.crl"));
	for (unsigned i = 1; i < n; i++) {
		struct test_cert options = {.name = name};
		EVP_PKEY *key = test_key_new(TEST_P256);
		X509 *cert;

		snprintf(name, sizeof(name), "c%u", i);
		if (i % 2) {
			options.issuer = ca_cert;
			options.issuer_key = ca_key;
		}
		cert = test_cert_new(key, &options);
		strcat(name, ".pem");
		test_cert_write(cert, test_path(folder, name));
		X509_free(cert);
		EVP_PKEY_free(key);
	}
	X509_free(ca_cert);
	EVP_PKEY_free(ca_key);
}

static void bench_policy(const char *folder)
{
	const char *const dirs[] = {folder, NULL};
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_decision_ struct decision decision = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	char bundle[] = "other";
	struct manifest manifest = {.name = bundle};
	const struct peer peer = {.uid = 0, .unit_known = true};
	static const struct trusted_key key = {.usable = true};
	static const struct trusted_key *const keys[] = {&key};
	const struct request request = {
		.peer = &peer, .manifest = &manifest, .n_signers = 1, .signers = keys};
	struct watch start = watch_start();

	assert_int_equal(policy_read(dirs, getuid(), &policy, NULL), 0);
	watch_stop(start, "rules: read", policy->n_rules);
	if (policy->deny_all)
		fail_msg("%s", policy->reason);
	start = watch_start();
	assert_int_equal(policy_authorise(policy, &request, &decision, &error), -EACCES);
	watch_stop(start, "rules: decide (each names the user, none fits)", policy->n_rules);
}

/* The kernel's share is the add_key(2) of each certificate. */
static void bench_keyring(const struct trust *trust)
{
	struct blob *certificates = calloc(trust->n_keys, sizeof(*certificates));
	int *rejected = calloc(trust->n_keys, sizeof(*rejected)), r;
	unsigned n = 0;
	int32_t ring;
	struct watch start;

	for (unsigned i = 0; i < trust->n_keys; i++)
		if (trust->keys[i].usable)
			certificates[n++] = trust->keys[i].der;
	keyring_setup();
	start = watch_start();
	r = keyring_make(certificates, n, rejected, &ring, NULL);
	if (r == 0) {
		watch_stop(start, "keys: put into the kernel's keyring", n);
		keyring_drop(ring);
	} else {
		printf("no keyring here: %s\n", strerror(-r));
	}
	free(certificates);
	free(rejected);
}

int main(int argc, char **argv)
{
	unsigned n_rules = argc > 1 ? (unsigned)atoi(argv[1]) : 5000;
	unsigned n_certificates = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
	char *rules = test_folder_new(), *keys = test_folder_new();
	struct trust *trust = NULL;
	struct watch start;

	make_rules(rules, n_rules);
	make_certificates(keys, n_certificates);
	puts("| | processor ms | wall ms |\n|---|---:|---:|");
	bench_policy(rules);
	start = watch_start();
	assert_int_equal(trust_read(keys, getuid(), &trust, NULL), 0);
	watch_stop(start, "certificates (P-256): read and check", n_certificates);
	bench_keyring(trust);
	trust_unref(trust);
	test_folder_remove(rules);
	test_folder_remove(keys);
	return 0;
}
