/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A reload, and what it makes of the loads there are. */
#include "record-maker.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "stage.h"
#include "testkeys.h"

static EVP_PKEY *key_a, *key_b;

struct fixture {
	struct record_fixture *record;
	char *folder, *keys, *revoked, *policy, *store;
	const char *policy_dirs[2];
	struct gate gate;
};

static void write_in(const char *folder, const char *name, const char *text)
{
	test_file_write(test_path(folder, name), text);
}

static void trust_key(struct fixture *f, const char *name, EVP_PKEY *key,
		      const struct test_cert *options)
{
	X509 *cert = test_cert_new(key, options);

	test_cert_write(cert, test_path(f->keys, name));
	X509_free(cert);
}

static char *make_folder(struct fixture *f, const char *name)
{
	char *path = strdup(test_path(f->folder, name));

	assert_int_equal(mkdir(path, 0755), 0);
	return path;
}

static int make_keys(void **state)
{
	key_a = test_key_new(TEST_P256);
	key_b = test_key_new(TEST_ED25519);
	return 0;
}

static int free_keys(void **state)
{
	EVP_PKEY_free(key_a);
	EVP_PKEY_free(key_b);
	return 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	void *record = NULL;

	f->folder = test_folder_new();
	f->keys = make_folder(f, "keys");
	f->revoked = make_folder(f, "revoked");
	f->policy = make_folder(f, "policy");
	f->store = make_folder(f, "store");
	chmod(f->store, 0700);
	f->policy_dirs[0] = f->policy;
	trust_key(f, "a.pem", key_a, &(struct test_cert){.name = "a"});
	trust_key(f, "b.pem", key_b, &(struct test_cert){.name = "b"});
	write_in(f->policy, "p.json", "{ \"rules\": [] }");
	if (record_setup(&record) != 0)
		return -1;
	f->record = record;
	f->gate.configuration = (struct configuration){
		.keys_dir = f->keys,
		.revoked_dir = f->revoked,
		.policy_dirs = f->policy_dirs,
		.floors = {.dir = f->store},
		.owner = getuid(),
	};
	f->gate.table = f->record->table;
	pthread_mutex_init(&f->gate.lock, NULL);
	pthread_mutex_init(&f->gate.reloading, NULL);
	assert_int_equal(snapshot_read(&f->gate.configuration, NULL, &f->gate.snapshot, NULL), 0);
	assert_int_equal(floors_new(&f->gate.configuration.floors, &f->gate.floors), 0);
	assert_int_equal(floors_retry(f->gate.floors, NULL), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *record = f->record;

	snapshot_unref(f->gate.snapshot);
	floors_free(f->gate.floors);
	test_folder_remove(f->folder);
	free(f->keys);
	free(f->revoked);
	free(f->policy);
	free(f->store);
	free(f);
	return record_teardown(&record);
}

static const char *digest_of(EVP_PKEY *key)
{
	static char text[4][DIGEST_TEXT_SIZE];
	static unsigned next;
	uint8_t digest[DIGEST_SIZE];
	char *at = text[next++ % 4];

	assert_int_equal(key_digest(key, digest), 0);
	digest_format(digest, at);
	return at;
}

/* A load of the bundle "example" with sequence 1, signed by both keys, in the table: its id. */
static const char *add_load(struct fixture *f, unsigned required, uint32_t counted, bool keep)
{
	struct load *load = load_make(1000, 1);
	static char id[LOAD_ID_SIZE];

	strcpy(load->signers[0], digest_of(key_a));
	strcpy(load->signers[1], digest_of(key_b));
	load->required = required;
	load->counted = counted;
	load->keep_revoked = keep;
	assert_int_equal(table_add(f->gate.table, load, NULL), 0);
	strcpy(id, load->id);
	load_unref(load);
	return id;
}

static bool is_there(struct fixture *f, const char *id)
{
	struct load *load = NULL;
	int r = table_find(f->gate.table, id, 0, &load, NULL);

	load_unref(load);
	return r == 0;
}

static void revoke_entry(struct fixture *f, const char *format, ...) _printf_(2, 3);
static void revoke_entry(struct fixture *f, const char *format, ...)
{
	char entry[512], text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(entry, sizeof(entry), format, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "{ \"revocations\": [\n%s ] }", entry);
	write_in(f->revoked, "x.json", text);
}

static void reload(struct fixture *f, unsigned unloaded, unsigned kept, unsigned untrusted)
{
	_cleanup_examination_ struct examination examination = {};
	_cleanup_error_ struct error error = ERROR_INIT;

	if (gate_reload(&f->gate, &examination, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_int_equal(examination.unloaded.n, unloaded);
	assert_int_equal(examination.n_kept, kept);
	assert_int_equal(examination.n_untrusted, untrusted);
}

static void reload_fails(struct fixture *f, const char *part)
{
	_cleanup_examination_ struct examination examination = {};
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_true(gate_reload(&f->gate, &examination, &error) < 0);
	check_error(&error, ERROR_FAILED, part);
}

static void test_good(void **state)
{
	struct fixture *f = *state;
	const char *id = add_load(f, 2, 3, false);

	reload(f, 0, 0, 0);
	assert_true(is_there(f, id));
}

static void test_key(void **state)
{
	struct fixture *f = *state;
	const char *id = add_load(f, 1, 1, false);
	unsigned before = count_fds();

	revoke_entry(f, "{ \"key\": \"%s\" }", digest_of(key_a));
	reload(f, 1, 0, 0);
	assert_false(is_there(f, id));
	/* two programs, a map, three links */
	assert_int_equal(count_fds(), before - 6);
}

static void test_keep(void **state)
{
	struct fixture *f = *state;
	const char *id = add_load(f, 1, 1, true);

	revoke_entry(f, "{ \"key\": \"%s\" }", digest_of(key_a));
	reload(f, 0, 1, 0);
	assert_true(is_there(f, id));
}

/* A load that follows the first bundle, in the table. */
static const char *add_follower(struct fixture *f, const char *digest)
{
	struct load *load = load_make(1000, 2);
	static char id[LOAD_ID_SIZE];

	strcpy(load->signers[0], digest_of(key_a));
	strcpy(load->signers[1], digest_of(key_b));
	load->keep_revoked = true;
	digest_format((const uint8_t[DIGEST_SIZE]){9}, load->digest);
	load->manifest->after = calloc(1, sizeof(char *));
	load->manifest->after[load->manifest->n_after++] = strdup(digest);
	assert_int_equal(table_add(f->gate.table, load, NULL), 0);
	strcpy(id, load->id);
	load_unref(load);
	return id;
}

/* With what it follows goes a load, whatever its own rule says of revocation. */
static void test_dependents(void **state)
{
	_cleanup_examination_ struct examination examination = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	struct fixture *f = *state;
	const char *id = add_load(f, 1, 1, false), *follower;
	struct load *load = NULL;

	assert_int_equal(table_find(f->gate.table, id, 0, &load, NULL), 0);
	follower = add_follower(f, load->digest);
	revoke_entry(f, "{ \"key\": \"%s\" }", digest_of(key_a));
	assert_int_equal(gate_reload(&f->gate, &examination, &error), 0);
	assert_false(is_there(f, id));
	assert_false(is_there(f, follower));
	assert_int_equal(examination.unloaded.n, 1);
	assert_string_equal(examination.unloaded.items[0].id, id);
	assert_int_equal(examination.dependents.n, 1);
	assert_string_equal(examination.dependents.items[0].id, follower);
	/* revoked as well, but it had gone before it was looked at */
	assert_int_equal(examination.n_kept, 0);
	load_unref(load);
}

/* What is revoked and kept is nothing to build on, and what was built on it stays. */
static void test_kept_base(void **state)
{
	_cleanup_error_ struct error good = ERROR_INIT, missing = ERROR_INIT, revoked = ERROR_INIT;
	struct fixture *f = *state;
	struct load *base = NULL, *load = NULL;
	const char *follower;

	assert_int_equal(table_find(f->gate.table, add_load(f, 1, 1, true), 0, &base, NULL), 0);
	follower = add_follower(f, base->digest);
	assert_int_equal(table_find(f->gate.table, follower, 0, &load, NULL), 0);
	assert_int_equal(stage_check(&f->gate, f->gate.snapshot, load->manifest, load->uid, &good),
			 0);
	revoke_entry(f, "{ \"bundle\": \"%s\" }", base->digest);
	reload(f, 0, 1, 0);
	assert_true(is_there(f, follower));
	assert_int_equal(
		stage_check(&f->gate, f->gate.snapshot, load->manifest, load->uid, &revoked),
		-ENOENT);
	check_error(&revoked, ERROR_NO_BASE, ", which is loaded and no longer trusted: load that");
	assert_int_equal(revoked.step, STEP_AUTHORISE);
	load->uid = 1001;
	assert_int_equal(
		stage_check(&f->gate, f->gate.snapshot, load->manifest, load->uid, &missing),
		-ENOENT);
	check_error(&missing, ERROR_NO_BASE, ", which is not loaded: load that first");
	load->uid = 1000;
	load_unref(load);
	load_unref(base);
}

/* What counts is how many of those whom the rule counted are left. */
static void test_several_signers(void **state)
{
	struct fixture *f = *state;
	const char *id = add_load(f, 1, 3, false);

	revoke_entry(f, "{ \"key\": \"%s\" }", digest_of(key_a));
	reload(f, 0, 0, 0);
	assert_true(is_there(f, id));
	add_load(f, 2, 3, false);
	reload(f, 1, 0, 0);
	/* b signed, but the rule did not ask for it */
	add_load(f, 1, 1, false);
	reload(f, 1, 0, 0);
	/* and a revoked key that did not count is none of its business */
	add_load(f, 1, 2, false);
	reload(f, 0, 0, 0);
	assert_int_equal(table_count_all(f->gate.table), 2);
}

static void test_bundle(void **state)
{
	struct fixture *f = *state;
	char digest[DIGEST_TEXT_SIZE];

	digest_format((const uint8_t[DIGEST_SIZE]){1, 2, 4}, digest);
	add_load(f, 1, 3, false);
	revoke_entry(f, "{ \"bundle\": \"%s\" }", digest);
	reload(f, 0, 0, 0);
	digest_format((const uint8_t[DIGEST_SIZE]){1, 2, 3}, digest);
	revoke_entry(f, "{ \"bundle\": \"%s\" }", digest);
	reload(f, 1, 0, 0);
}

static void test_releases(void **state)
{
	struct fixture *f = *state;

	add_load(f, 1, 1, false);
	revoke_entry(f, "{ \"name\": \"other\", \"signer\": \"%s\", \"sequence\": 1 }",
		     digest_of(key_a));
	reload(f, 0, 0, 0);
	revoke_entry(f, "{ \"name\": \"example\", \"signer\": \"%s\", \"sequence\": 1 }",
		     digest_of(key_b));
	reload(f, 0, 0, 0);
	revoke_entry(f, "{ \"name\": \"example\", \"signer\": \"%s\", \"sequence\": 1 }",
		     digest_of(key_a));
	reload(f, 1, 0, 0);
}

/* To take a key away is no revocation; to revoke it needs no certificate any more. */
static void test_key_taken_away(void **state)
{
	struct fixture *f = *state;
	const char *id = add_load(f, 1, 1, false);

	unlink(test_path(f->keys, "a.pem"));
	reload(f, 0, 0, 1);
	assert_true(is_there(f, id));
	revoke_entry(f, "{ \"key\": \"%s\" }", digest_of(key_a));
	reload(f, 1, 0, 0);
	assert_false(is_there(f, id));
}

/* One signer was taken away, the other revoked: nobody is left who vouches for it. */
static void test_away_and_revoked(void **state)
{
	struct fixture *f = *state;

	add_load(f, 1, 3, false);
	unlink(test_path(f->keys, "a.pem"));
	reload(f, 0, 0, 0);
	revoke_entry(f, "{ \"key\": \"%s\" }", digest_of(key_b));
	reload(f, 1, 0, 0);
}

/* A fleet must not stop at notAfter. */
static void test_expired(void **state)
{
	struct fixture *f = *state;
	const char *id = add_load(f, 2, 3, false);

	trust_key(f, "a.pem", key_a, &(struct test_cert){.not_before = 1000, .not_after = 2000});
	trust_key(f, "b.pem", key_b,
		  &(struct test_cert){.not_before = 4000000000, .not_after = 4000001000});
	reload(f, 0, 0, 0);
	assert_true(is_there(f, id));
}

static void test_bad_policy(void **state)
{
	struct fixture *f = *state;
	const struct policy *before = f->gate.snapshot->policy;

	write_in(f->policy, "p.json", "{ \"rules\": [\n x ] }");
	unlink(test_path(f->keys, "b.pem"));
	reload_fails(f, "The new policy cannot be used, the previous one stays: ");
	assert_ptr_equal(f->gate.snapshot->policy, before);
	assert_non_null(strstr(f->gate.snapshot->stale_reason, "p.json:2:2: "));
	/* but a key that is not there is not trusted on */
	assert_int_equal(f->gate.snapshot->trust->n_keys, 1);
	/* again, and the same one stays */
	reload_fails(f, "the previous one stays");
	assert_ptr_equal(f->gate.snapshot->policy, before);
	write_in(f->policy, "p.json", "{ \"rules\": [] }");
	reload(f, 0, 0, 0);
	assert_null(f->gate.snapshot->stale_reason);
}

static void test_bad_revocations(void **state)
{
	struct fixture *f = *state;

	revoke_entry(f, "{ \"key\": \"%s\" }", digest_of(key_a));
	reload(f, 0, 0, 0);
	revoke_entry(f, "{ \"kye\": \"%s\" }", digest_of(key_a));
	add_load(f, 1, 1, false);
	reload_fails(f, "the previous revocations stay: ");
	assert_non_null(strstr(f->gate.snapshot->stale_reason, "x.json:2:10: unknown member"));
	/* those before go on, for what is loaded meanwhile too */
	assert_int_equal(table_count_all(f->gate.table), 0);
	assert_false(f->gate.snapshot->revocations->deny_all);
}

/* With nothing good before it, a bad file denies; and both mistakes are said. */
static void test_bad_from_the_start(void **state)
{
	struct fixture *f = *state;

	revoke_entry(f, "x");
	write_in(f->policy, "p.json", "x");
	snapshot_unref(f->gate.snapshot);
	assert_int_equal(snapshot_read(&f->gate.configuration, NULL, &f->gate.snapshot, NULL), 0);
	assert_true(f->gate.snapshot->revocations->deny_all);
	assert_true(f->gate.snapshot->policy->deny_all);
	reload_fails(f, "All loads are denied, as before: ");
	write_in(f->policy, "p.json", "{ \"rules\": [] }");
	reload_fails(f, "x.json:2:");
	revoke_entry(f, "{ \"key\": \"%s\" }", digest_of(key_a));
	reload(f, 0, 0, 0);
	write_in(f->policy, "p.json", "x");
	revoke_entry(f, "x");
	reload_fails(f, "previous one stays");
	assert_non_null(strstr(f->gate.snapshot->stale_reason, "the previous revocations stay"));
}

/* A load on its way while its key is revoked: the reload cannot see it, so it sees the reload. */
static void test_added_meanwhile(void **state)
{
	struct fixture *f = *state;
	_cleanup_snapshot_ struct snapshot *begun = gate_snapshot(&f->gate);
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load *load = NULL;
	const char *id;

	revoke_entry(f, "{ \"key\": \"%s\" }", digest_of(key_a));
	reload(f, 0, 0, 0);
	id = add_load(f, 1, 2, false);
	assert_int_equal(table_find(f->gate.table, id, 0, &load, NULL), 0);
	assert_int_equal(examine_added(&f->gate, begun, load, &error), 0);
	load_unref(load);
	id = add_load(f, 1, 1, false);
	assert_int_equal(table_find(f->gate.table, id, 0, &load, NULL), 0);
	assert_int_equal(examine_added(&f->gate, begun, load, &error), -EKEYREVOKED);
	check_error(&error, ERROR_REVOKED, "the key 'a.pem' is revoked by ");
	assert_int_equal(error.step, STEP_RECORD);
	assert_false(is_there(f, id));
	load_unref(load);
}

#define with_gate(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_gate(test_good),
		with_gate(test_key),
		with_gate(test_keep),
		with_gate(test_dependents),
		with_gate(test_kept_base),
		with_gate(test_several_signers),
		with_gate(test_bundle),
		with_gate(test_releases),
		with_gate(test_key_taken_away),
		with_gate(test_away_and_revoked),
		with_gate(test_expired),
		with_gate(test_bad_policy),
		with_gate(test_bad_revocations),
		with_gate(test_bad_from_the_start),
		with_gate(test_added_meanwhile),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
