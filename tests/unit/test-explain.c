/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is said of a load without loading: the road as far as the policy. */
#include "check.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "explain.h"
#include "json.h"
#include "policy-rule.h"
#include "testkeys.h"

#define TARGET "tracepoint:sched/sched_process_exec"

static const char rules[] =
	"{\"rules\": [\n"
	"{\"name\": \"others\", \"effect\": \"allow\", \"subjects\": {\"uids\": [\"7\"]}},\n"
	"{\"name\": \"no xdp\", \"effect\": \"deny\", \"subjects\": {\"uids\": [\"1000\"]},\n"
	"  \"programs\": {\"types\": [\"xdp\"]}},\n"
	"{\"name\": \"stays\", \"effect\": \"allow\", \"subjects\": {\"uids\": [\"1000\"]},\n"
	"  \"grant\": [\"events\"], \"lifetime\": [\"persistent\"]},\n"
	"{\"name\": \"goes\", \"effect\": \"allow\", \"subjects\": {\"uids\": [\"1000\", \"0\"]},\n"
	"  \"grant\": [\"events\"],\n"
	"  \"limits\": {\"loads\": 3, \"mapMemory\": \"1M\", \"total\": {\"rate\": \"5/min\"}}},\n"
	"{\"name\": \"never asked\", \"effect\": \"deny\", \"subjects\": {\"uids\": "
	"[\"1000\"]}}]}";

struct fixture {
	char *folder;
	EVP_PKEY *key;
	uint8_t *bundle;
	size_t size;
	struct gate gate;
};

static void make_bundle(struct fixture *f, const char *manifest)
{
	free(f->bundle);
	test_bundle_new(manifest, &f->bundle, &f->size);
	test_bundle_sign(&f->bundle, &f->size, f->key, true);
}

/* As gate_setup() does it, without a kernel. */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *dirs[2] = {};
	X509 *cert;

	f->key = test_key_new(TEST_P256);
	cert = test_cert_new(f->key, NULL);

	f->folder = test_folder_new();
	dirs[0] = f->folder;
	test_cert_write(cert, test_path(f->folder, "a.pem"));
	test_file_write(test_path(f->folder, "50-x.json"), rules);
	make_bundle(f, NULL);
	pthread_mutex_init(&f->gate.lock, NULL);
	f->gate.snapshot = calloc(1, sizeof(*f->gate.snapshot));
	f->gate.snapshot->refs = 1;
	f->gate.snapshot->keyring = KEYRING_NONE;
	f->gate.daemon_only = true;
	assert_int_equal(trust_read(f->folder, getuid(), &f->gate.snapshot->trust, NULL), 0);
	assert_int_equal(policy_read(dirs, getuid(), &f->gate.snapshot->policy, NULL), 0);
	assert_false(f->gate.snapshot->policy->deny_all);
	assert_int_equal(table_new(test_path(f->folder, "state"), &f->gate.table, NULL), 0);
	assert_int_equal(floors_new(&(struct floor_places){.dir = test_path(f->folder, "store")},
				    &f->gate.floors),
			 0);
	assert_int_equal(floors_retry(f->gate.floors, NULL), 0);
	X509_free(cert);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	gate_done(&f->gate);
	test_folder_remove(f->folder);
	EVP_PKEY_free(f->key);
	free(f->bundle);
	free(f);
	return 0;
}

struct ask {
	uid_t asker, uid;
	enum lifetime lifetime;
	const char *target; /* NULL: the default */
	bool altered;
};

static int ask(struct fixture *f, const struct ask *ask, struct json_object **ret,
	       struct error *error)
{
	struct road_request request = {
		.peer = {.uid = ask->asker, .same_netns = true},
		.fd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING),
		.lifetime = ask->lifetime,
		.deadline_usec = 5 * 1000 * 1000,
	};
	int r;

	f->bundle[f->size / 2] ^= ask->altered;
	assert_int_equal(write(request.fd, f->bundle, f->size), f->size);
	if (ask->target) {
		request.wanted = calloc(1, sizeof(*request.wanted));
		request.n_wanted = 1;
		request.wanted[0].program = strdup("on_exec");
		request.wanted[0].target = strdup(ask->target);
	}
	r = explain(&f->gate, &request, ask->uid, ret, error);
	road_request_done(&request);
	return r;
}

static const char *text(struct json_object *object, const char *name)
{
	struct json_object *value = json_object_object_get(object, name);

	return value ? json_object_get_string(value) : "";
}

/* Rule number @i of the answer; @end of its reason, or of its source where it decides. */
static void check_rule(struct json_object *reply, unsigned i, const char *name, const char *effect,
		       const char *reason)
{
	struct json_object *rule =
		json_object_array_get_idx(json_object_object_get(reply, "rules"), i);

	assert_string_equal(text(rule, "rule"), name);
	assert_string_equal(text(rule, "effect"), effect);
	assert_string_equal(text(rule, "reason"), reason);
	assert_string_equal(text(rule, "matches"), *reason ? "false" : "true");
	assert_non_null(strstr(text(rule, "ruleSource"), "/50-x.json:"));
}

static unsigned count_rules(struct json_object *reply)
{
	return (unsigned)json_object_array_length(json_object_object_get(reply, "rules"));
}

static void test_allowed(void **state)
{
	_cleanup_json_ struct json_object *reply = NULL;

	assert_int_equal(ask(*state, &(struct ask){.asker = 1000, .uid = 1000}, &reply, NULL), 0);
	assert_string_equal(text(reply, "allowed"), "true");
	assert_non_null(strstr(text(reply, "message"), "allowed by the rule 'goes' ("));
	assert_string_equal(text(reply, "name"), "execwatch");
	assert_string_equal(text(reply, "uid"), "1000");
	assert_string_equal(text(reply, "lifetime"), "session");
	assert_non_null(strstr(text(reply, "attachments"), "sched_process_exec"));
	assert_int_equal(json_object_array_length(json_object_object_get(reply, "signers")), 1);
	assert_int_equal(count_rules(reply), 3);
	check_rule(reply, 0, "no xdp", "deny", "no program is of one of the rule's types");
	check_rule(reply, 1, "stays", "allow", "the lifetime 'session' is none of the rule's");
	check_rule(reply, 2, "goes", "allow", "");
}

static void test_denied(void **state)
{
	_cleanup_json_ struct json_object *reply = NULL;

	assert_int_equal(ask(*state, &(struct ask){.asker = 1001, .uid = 1001}, &reply, NULL), 0);
	assert_string_equal(text(reply, "allowed"), "false");
	assert_non_null(strstr(text(reply, "message"), "no rule of the policy names uid 1001"));
	/* there are rules, but none is about him */
	assert_int_equal(count_rules(reply), 0);
}

/* What the rule allows, and what there is of it. */
static void test_limits(void **state)
{
	struct fixture *f = *state;
	_cleanup_json_ struct json_object *reply = NULL;
	const char *names[] = {"loads", "mapMemory", "total.rate"};
	const char *allowed[] = {"3", "1048576", "5"}, *used[] = {"1", "0", "0"};
	struct json_object *limits;
	unsigned n;

	/* one that is being made counts */
	assert_int_equal(table_reserve(f->gate.table, 1000, &n), 0);
	assert_int_equal(ask(f, &(struct ask){.asker = 1000, .uid = 1000}, &reply, NULL), 0);
	limits = json_object_object_get(reply, "limits");
	assert_int_equal(json_object_array_length(limits), 3);
	for (unsigned i = 0; i < 3; i++) {
		struct json_object *limit = json_object_array_get_idx(limits, i);

		assert_string_equal(text(limit, "limit"), names[i]);
		assert_string_equal(text(limit, "allowed"), allowed[i]);
		assert_string_equal(text(limit, "used"), used[i]);
	}
	table_release(f->gate.table, 1000);
}

/* Explaining begins nothing: no rate is used up. */
static void test_takes_nothing(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 7; i++) {
		_cleanup_json_ struct json_object *reply = NULL;

		assert_int_equal(ask(f, &(struct ask){.asker = 1000, .uid = 1000}, &reply, NULL),
				 0);
		assert_string_equal(text(reply, "allowed"), "true");
	}
	assert_int_equal(table_count_all(f->gate.table), 0);
	assert_int_equal(table_count(f->gate.table, 1000), 0);
}

/* Root asks for others, and sees what is not about them as well. */
static void test_root_asks(void **state)
{
	_cleanup_json_ struct json_object *reply = NULL;
	const struct ask persistent = {.asker = 0, .uid = 1000, .lifetime = LIFETIME_PERSISTENT};

	assert_int_equal(ask(*state, &persistent, &reply, NULL), 0);
	assert_non_null(strstr(text(reply, "message"), "allowed by the rule 'stays' ("));
	assert_string_equal(text(reply, "uid"), "1000");
	assert_int_equal(count_rules(reply), 3);
	check_rule(reply, 0, "others", "allow", "it does not name uid 1000 or its groups");
	check_rule(reply, 2, "stays", "allow", "");
}

static void test_not_of_others(void **state)
{
	_cleanup_json_ struct json_object *reply = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_int_equal(ask(*state, &(struct ask){.asker = 1001, .uid = 1000}, &reply, &error),
			 -EACCES);
	check_error(&error, ERROR_DENIED, "Only root may ask");
	assert_int_equal(error.step, STEP_REQUEST);
	assert_null(reply);
}

static void test_not_authentic(void **state)
{
	_cleanup_json_ struct json_object *reply = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	const struct ask altered = {.asker = 1000, .uid = 1000, .altered = true};

	assert_true(ask(*state, &altered, &reply, &error) < 0);
	assert_int_equal(error.step, STEP_AUTHENTICATE);
	assert_null(reply);
}

static void test_wrong_target(void **state)
{
	_cleanup_json_ struct json_object *reply = NULL, *good = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	const struct ask wrong = {.asker = 1000, .uid = 1000, .target = "tracepoint:a/b"};
	const struct ask right = {.asker = 1000, .uid = 1000, .target = TARGET};

	assert_true(ask(*state, &wrong, &reply, &error) < 0);
	check_error(&error, ERROR_BAD_TARGET, "does not let program on_exec be attached");
	assert_int_equal(ask(*state, &right, &good, NULL), 0);
	assert_string_equal(text(good, "allowed"), "true");
}

/* What a broken policy says is root's to know. */
static void test_broken_policy(void **state)
{
	struct fixture *f = *state;
	_cleanup_json_ struct json_object *reply = NULL;
	const char *const dirs[] = {f->folder, NULL};

	test_file_write(test_path(f->folder, "60-y.json"), "{");
	policy_unref(f->gate.snapshot->policy);
	assert_int_equal(policy_read(dirs, getuid(), &f->gate.snapshot->policy, NULL), 0);
	assert_int_equal(ask(f, &(struct ask){.asker = 1000, .uid = 1000}, &reply, NULL), 0);
	assert_string_equal(text(reply, "allowed"), "false");
	assert_non_null(strstr(text(reply, "message"), "the policy cannot be used"));
	assert_null(strstr(text(reply, "message"), "60-y.json"));
	assert_int_equal(count_rules(reply), 0);
}

/* ---- what refuses besides the rules ---- */

/* The only refusal of @ask's answer, and whether the rules allow it. */
static void check_refusal(struct fixture *f, uid_t uid, bool allows, const char *error,
			  const char *step, const char *message)
{
	const struct ask alice = {.asker = uid, .uid = uid};
	_cleanup_json_ struct json_object *reply = NULL;
	struct json_object *refusals, *refusal;

	assert_int_equal(ask(f, &alice, &reply, NULL), 0);
	assert_string_equal(text(reply, "allowed"), "false");
	assert_string_equal(text(reply, "ruleAllows"), allows ? "true" : "false");
	if (allows)
		assert_non_null(
			strstr(text(reply, "message"), ") allows it, but it would be refused"));
	refusals = json_object_object_get(reply, "refusals");
	assert_int_equal(json_object_array_length(refusals), 1);
	refusal = json_object_array_get_idx(refusals, 0);
	assert_string_equal(text(refusal, "error"), error);
	assert_string_equal(text(refusal, "step"), step);
	if (!strstr(text(refusal, "message"), message))
		fail_msg("%s", text(refusal, "message"));
}

static void test_rollback(void **state)
{
	struct fixture *f = *state;
	_cleanup_json_ struct json_object *reply = NULL;
	uint8_t digest[DIGEST_SIZE];
	uint64_t previous;

	assert_int_equal(key_digest(f->key, digest), 0);
	assert_int_equal(floors_set(f->gate.floors, "execwatch", digest, 2, &previous, NULL), 0);
	check_refusal(f, 1000, true, "org.bpfgate.Gate.Rollback", "authorise",
		      "execwatch has sequence 1, and the floor for the key 'a.pem' is 2");
	/* what is root's to know is told to nobody whom no rule lets load */
	assert_int_equal(ask(f, &(struct ask){.asker = 77, .uid = 77}, &reply, NULL), 0);
	assert_int_equal(json_object_array_length(json_object_object_get(reply, "refusals")), 0);
}

static void test_loads_limit(void **state)
{
	struct fixture *f = *state;
	_cleanup_json_ struct json_object *reply = NULL;
	struct json_object *limits;
	unsigned n;

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(table_reserve(f->gate.table, 1000, &n), 0);
	check_refusal(f, 1000, true, "org.bpfgate.Gate.Denied", "authorise",
		      "allows uid 1000 3 loads at a time, and there are 3; unload one first");
	/* which of them it is shows among all of them */
	assert_int_equal(ask(f, &(struct ask){.asker = 1000, .uid = 1000}, &reply, NULL), 0);
	limits = json_object_object_get(reply, "limits");
	assert_int_equal(json_object_array_length(limits), 3);
	assert_string_equal(text(json_object_array_get_idx(limits, 0), "used"), "3");
	for (unsigned i = 0; i < 3; i++)
		table_release(f->gate.table, 1000);
}

static void test_rate_limit(void **state)
{
	struct fixture *f = *state;
	const struct policy_rule *rule = &f->gate.snapshot->policy->rules[3];
	struct load *load = load_new();

	load->uid = 1000;
	load->rule = strdup(rule->name);
	load->rule_source = strdup(rule->source);
	for (unsigned i = 0; i < 5; i++) {
		struct admission admission;

		assert_int_equal(table_admit(f->gate.table, load, &rule->limits, &rule->total,
					     &admission, NULL),
				 0);
		table_leave(f->gate.table, &admission);
	}
	check_refusal(f, 1000, true, "org.bpfgate.Gate.Denied", "authorise",
		      "allows all its users together 5 loads in a minute, and so many have begun");
	load_unref(load);
}

static void test_kernel_signature(void **state)
{
	struct fixture *f = *state;

	f->gate.daemon_only = false;
	snprintf(f->gate.probe.reason, sizeof(f->gate.probe.reason), "it is too old");
	check_refusal(f, 1000, true, "org.bpfgate.Gate.KernelCannotVerify", "load",
		      "does not verify signatures: it is too old");
	f->gate.probe.contract = CONTRACT_V2;
	check_refusal(f, 1000, true, "org.bpfgate.Gate.KernelCannotVerify", "load",
		      "The kernel has no keyring to verify signatures with");
	f->gate.snapshot->keyring = 0; /* builtin */
	f->gate.snapshot->trust->keys[0].kernel_rejects = true;
	check_refusal(f, 1000, true, "org.bpfgate.Gate.NotAuthentic", "load",
		      "No trusted signer brought a signature of payload 0 that this kernel can "
		      "check (contract v2)");
	f->gate.snapshot->keyring = KEYRING_NONE;
}

static void test_requires(void **state)
{
	struct fixture *f = *state;
	static const char none[] = "\"requires\": []";
	const char *at = strstr(test_manifest, none);
	_cleanup_free_ char *manifest = NULL;

	assert_non_null(at);
	assert_true(asprintf(&manifest, "%.*s\"requires\": [\"teleportation\"]%s",
			     (int)(at - test_manifest), test_manifest, at + strlen(none)) > 0);
	make_bundle(f, manifest);
	check_refusal(f, 1000, true, "org.bpfgate.Gate.Failed", "load",
		      "requires \"teleportation\", which this version of bpfgated does not know");
}

/* The key, the bundle, the release; each with what the rules would say were it not for that. */
static void test_revoked(void **state)
{
	struct fixture *f = *state;
	char key[DIGEST_TEXT_SIZE], bundle[DIGEST_TEXT_SIZE];
	uint8_t digest[DIGEST_SIZE];
	struct bundle opened;
	const struct {
		const char *entry, *first, *rest, *message;
	} rows[] = {
		{"key", key, "", "the key 'a.pem' is revoked by "},
		{"bundle", bundle, "", "the bundle is revoked by "},
		{"signer", key, ",\"name\":\"execwatch\",\"sequence\":1", "up to sequence 1"},
	};

	assert_int_equal(key_digest(f->key, digest), 0);
	digest_format(digest, key);
	assert_int_equal(bundle_open(f->bundle, f->size, &opened, NULL), 0);
	digest_format(opened.digest, bundle);
	bundle_done(&opened);
	assert_int_equal(mkdir(test_path(f->folder, "revoked"), 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *content = NULL;

		assert_true(asprintf(&content, "{\"revocations\":[{\"%s\":\"%s\"%s}]}",
				     rows[i].entry, rows[i].first, rows[i].rest) > 0);
		test_file_write(test_path(f->folder, "revoked/x.json"), content);
		revocations_unref(f->gate.snapshot->revocations);
		assert_int_equal(revocations_read(test_path(f->folder, "revoked"), getuid(),
						  &f->gate.snapshot->revocations, NULL),
				 0);
		check_refusal(f, 1000, true, "org.bpfgate.Gate.Revoked", "authenticate",
			      rows[i].message);
		check_refusal(f, 77, false, "org.bpfgate.Gate.Revoked", "authenticate",
			      rows[i].message);
	}
}

#define with_gate(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_gate(test_allowed),	  with_gate(test_denied),
		with_gate(test_root_asks),	  with_gate(test_not_of_others),
		with_gate(test_not_authentic),	  with_gate(test_wrong_target),
		with_gate(test_broken_policy),	  with_gate(test_limits),
		with_gate(test_takes_nothing),	  with_gate(test_rollback),
		with_gate(test_loads_limit),	  with_gate(test_rate_limit),
		with_gate(test_kernel_signature), with_gate(test_requires),
		with_gate(test_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
