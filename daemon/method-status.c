/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include "front.h"
#include "service.h"

static int add_string(struct json_object *object, const char *name, const char *value)
{
	return value ? json_add(object, name, json_object_new_string(value)) : 0;
}

static int add_time(struct json_object *object, const char *name, int64_t seconds)
{
	int64_t usec;

	if (__builtin_mul_overflow(seconds, (int64_t)1000000, &usec))
		usec = seconds < 0 ? INT64_MIN : INT64_MAX;
	return json_add(object, name, json_object_new_int64(usec));
}

/* Of one whose dates are wrong: the file whose dates they are, where it is not its own. */
static const char *key_reason(const struct trusted_key *key, enum key_state state)
{
	if (state == KEY_EXPIRED)
		return key->after_file;
	return state == KEY_NOT_YET_VALID ? key->before_file : key->reason;
}

static struct json_object *key_to_json(const struct snapshot *snapshot,
				       const struct trusted_key *key)
{
	const struct revocation *revoked =
		key->key ? revocations_find_key(snapshot->revocations, key->digest) : NULL;
	enum key_state state = revoked ? KEY_REVOKED : trusted_key_state(key, time(NULL));
	struct json_object *object = json_object_new_object();
	char digest[DIGEST_TEXT_SIZE];

	digest_format(key->digest, digest);
	add_string(object, "file", key->file);
	add_string(object, "digest", digest);
	add_string(object, "subject", key->subject ?: "");
	add_string(object, "algorithm", key->usable ? signer_algorithm_name(key->algorithm) : "");
	add_time(object, "notBeforeUSec", key->not_before);
	add_time(object, "notAfterUSec", key->not_after);
	add_string(object, "state", key_state_name(state));
	add_string(object, "reason", revoked ? revoked->source : key_reason(key, state));
	return object;
}

/* What is wrong with a file of root's is for root; others hear that something is. */
static const char for_root[] = "a file cannot be used; the journal says which and why";

static struct json_object *policy_to_json(const struct policy *policy, uid_t uid)
{
	struct json_object *object = json_object_new_object(), *files = json_object_new_array();

	for (unsigned i = 0; i < policy->n_files; i++)
		json_array_add(files, json_object_new_string(policy->files[i]));
	json_add(object, "files", files);
	json_add(object, "rules", json_object_new_uint64(policy->n_rules));
	json_add(object, "denyAll", json_object_new_boolean(policy->deny_all));
	if (policy->deny_all)
		add_string(object, "reason", uid == 0 ? policy->reason : for_root);
	return object;
}

static struct json_object *revocations_to_json(const struct revocations *revocations, uid_t uid)
{
	struct json_object *object = json_object_new_object();
	unsigned n[REVOKED_RELEASES + 1] = {};

	for (unsigned i = 0; i < revocations->n; i++)
		n[revocations->items[i].kind]++;
	json_add_u64(object, "files", revocations->n_files);
	json_add_u64(object, "keys", n[REVOKED_KEY]);
	json_add_u64(object, "bundles", n[REVOKED_BUNDLE]);
	json_add_u64(object, "releases", n[REVOKED_RELEASES]);
	json_add(object, "denyAll", json_object_new_boolean(revocations->deny_all));
	if (revocations->deny_all)
		add_string(object, "reason", uid == 0 ? revocations->reason : for_root);
	return object;
}

static struct json_object *floors_to_json(struct floors *floors, uid_t uid)
{
	struct json_object *object = json_object_new_object();
	_cleanup_free_ char *reason = NULL;
	bool denies, something = floors_reason(floors, &denies, &reason) < 0 || reason;

	json_add(object, "denyAll", json_object_new_boolean(denies));
	if (something)
		add_string(object, "reason", uid == 0 && reason ? reason : for_root);
	return object;
}

/* When it was read, and what is older than that because it could not be. */
static struct json_object *reload_to_json(const struct snapshot *snapshot, uid_t uid)
{
	struct json_object *object = json_object_new_object();

	json_add_u64(object, "readAtUSec", snapshot->read_usec);
	if (snapshot->stale_reason)
		add_string(object, "failure", uid == 0 ? snapshot->stale_reason : for_root);
	return object;
}

static void add_kernel(struct json_object *object, const struct gate *gate,
		       const struct snapshot *snapshot)
{
	static const char *const contracts[] = {"none", "v1", "v2"};
	const struct kernel_probe *probe = &gate->probe;

	add_string(object, "kernel", probe->release);
	add_string(object, "contract", contracts[probe->contract]);
	if (probe->contract == CONTRACT_NONE)
		add_string(object, "contractReason", probe->reason);
	else
		add_string(object, "contractReason", snapshot->keyring_reason);
	json_add(object, "unsafeDaemonOnly", json_object_new_boolean(gate->daemon_only));
	if (snapshot->keyring != KEYRING_NONE)
		json_add(object, "keyring", json_object_new_int(snapshot->keyring));
	add_string(object, "keyringName", keyring_name(snapshot->keyring));
}

static struct json_object *features_to_json(void)
{
	struct json_object *features = json_object_new_array(), *object;

	for (enum feature f = 0; f < _FEATURE_MAX; f++) {
		object = json_object_new_object();
		add_string(object, "name", feature_name(f));
		json_add(object, "present", json_object_new_boolean(kernel_has(f)));
		if (!kernel_has(f))
			add_string(object, "reason", feature_kernels(f));
		json_array_add(features, object);
	}
	return features;
}

void method_status(struct call *call)
{
	_cleanup_snapshot_ struct snapshot *snapshot = NULL;
	struct gate *gate = call->front->gate;
	struct json_object *parameters, *keys;

	if (!call_parameters(call, (const struct json_member[]){{}}))
		return;
	snapshot = gate_snapshot(gate);
	parameters = json_object_new_object();
	keys = json_object_new_array();
	add_string(parameters, "version", BPFGATE_VERSION);
	add_kernel(parameters, gate, snapshot);
	json_add(parameters, "features", features_to_json());
	for (unsigned i = 0; i < snapshot->trust->n_keys; i++)
		json_array_add(keys, key_to_json(snapshot, &snapshot->trust->keys[i]));
	json_add(parameters, "keys", keys);
	json_add(parameters, "policy", policy_to_json(snapshot->policy, call->uid));
	json_add(parameters, "revocations", revocations_to_json(snapshot->revocations, call->uid));
	json_add(parameters, "floors", floors_to_json(gate->floors, call->uid));
	json_add(parameters, "configuration", reload_to_json(snapshot, call->uid));
	add_string(parameters, "gate", gate_mode_name(enforce_mode()));
	json_add(parameters, "loads", json_object_new_uint64(table_count_all(gate->table)));
	json_add(parameters, "unknown", json_object_new_uint64(table_count_unknown(gate->table)));
	json_add(parameters, "uid", json_object_new_uint64(call->uid));
	call_reply(call, parameters, NULL, 0);
}
