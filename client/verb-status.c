/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl status: the daemon, the kernel's contract and features, keys, policy. */
#include <time.h>

#include "load.h"
#include "verbs.h"

static void print_field(const char *name, const char *value)
{
	printf("%12s: ", name);
	output_line(stdout, "%s", value ?: "-");
}

static void print_contract(struct json_object *status)
{
	const char *contract = member_string(status, "contract");
	const char *reason = member_string(status, "contractReason");

	printf("%12s: ", "Kernel");
	output_line(stdout, "%s", member_string(status, "kernel") ?: "-");
	printf("%12s: ", "Contract");
	if (contract && !streq(contract, "none"))
		output_line(stdout, "%s: the kernel verifies signatures", contract);
	else
		output_line(stdout, "none: %s", reason ?: "the kernel does not verify signatures");
	if (member_bool(status, "unsafeDaemonOnly"))
		print_field("UNSAFE",
			    "signatures are checked by the daemon alone, not by the kernel");
}

static void print_features(struct json_object *features)
{
	for (size_t i = 0; features && i < json_object_array_length(features); i++) {
		struct json_object *feature = json_object_array_get_idx(features, i);
		const char *reason = member_string(feature, "reason");

		printf("%12s: ", "Feature");
		output_line(stdout, "%s: %s%s%s", member_string(feature, "name") ?: "-",
			    member_bool(feature, "present") ? "the kernel has it"
							    : "this kernel does not have it",
			    reason ? ": " : "", reason ?: "");
	}
}

static void print_date(uint64_t usec, char *ret, size_t size)
{
	time_t seconds = usec / 1000000;
	struct tm tm;

	snprintf(ret, size, "-");
	if (localtime_r(&seconds, &tm))
		strftime(ret, size, "%F", &tm);
}

static void print_keys(struct json_object *keys)
{
	size_t n = keys ? json_object_array_length(keys) : 0;

	if (n == 0)
		print_field("Key", "none: no bundle can be loaded");
	for (size_t i = 0; i < n; i++) {
		struct json_object *key = json_object_array_get_idx(keys, i);
		const char *reason = member_string(key, "reason");
		char from[32], to[32];

		print_date(member_u64(key, "notBeforeUSec"), from, sizeof(from));
		print_date(member_u64(key, "notAfterUSec"), to, sizeof(to));
		printf("%12s: ", "Key");
		output_line(stdout, "%s: %s%s%s", member_string(key, "file") ?: "-",
			    member_string(key, "state") ?: "-", reason ? ": " : "", reason ?: "");
		printf("%14s", "");
		output_line(stdout, "%s, %s, %s to %s", member_string(key, "subject") ?: "-",
			    member_string(key, "algorithm") ?: "-", from, to);
		printf("%14s", "");
		output_line(stdout, "%s", member_string(key, "digest") ?: "-");
	}
}

static void print_policy(struct json_object *policy)
{
	struct json_object *files = member_array(policy, "files");

	printf("%12s: ", "Policy");
	if (member_bool(policy, "denyAll"))
		output_line(stdout, "DENIES ALL LOADS: %s", member_string(policy, "reason") ?: "-");
	else
		output_line(stdout, "%llu rules", (unsigned long long)member_u64(policy, "rules"));
	for (size_t i = 0; files && i < json_object_array_length(files); i++) {
		printf("%14s", "");
		output_line(stdout, "%s",
			    json_object_get_string(json_object_array_get_idx(files, i)));
	}
}

static void print_revocations(struct json_object *revocations)
{
	printf("%12s: ", "Revoked");
	if (member_bool(revocations, "denyAll"))
		output_line(stdout, "UNKNOWN, DENIES ALL LOADS: %s",
			    member_string(revocations, "reason") ?: "-");
	else
		output_line(stdout, "%llu keys, %llu bundles, %llu ranges of releases",
			    (unsigned long long)member_u64(revocations, "keys"),
			    (unsigned long long)member_u64(revocations, "bundles"),
			    (unsigned long long)member_u64(revocations, "releases"));
}

/* How many there are is root's to know: bpfctl floor list. */
static void print_floors(struct json_object *floors)
{
	const char *reason = member_string(floors, "reason");
	bool denies = member_bool(floors, "denyAll");

	if (!denies && !reason)
		return;
	printf("%12s: ", "Floors");
	output_line(stdout, "%s: %s", denies ? "UNKNOWN, DENY ALL LOADS" : "LOST", reason ?: "-");
}

static void print_configuration(struct json_object *configuration)
{
	const char *failure = member_string(configuration, "failure");
	time_t seconds = member_u64(configuration, "readAtUSec") / 1000000;
	char text[64] = "-";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%F %T", &tm);
	print_field("Read at", text);
	if (failure)
		print_field("OUTDATED", failure);
}

static void print_unknown(uint64_t n)
{
	if (n == 0)
		return;
	printf("%12s: ", "Unknown");
	output_line(stdout, "%llu of the loads: bpfgated cannot look at what an earlier one left",
		    (unsigned long long)n);
}

static int print_status(struct json_object *status, struct error *error)
{
	char loads[24], keyring[48];

	snprintf(loads, sizeof(loads), "%llu", (unsigned long long)member_u64(status, "loads"));
	snprintf(keyring, sizeof(keyring), "%.16s %llu",
		 member_string(status, "keyringName") ?: "-",
		 (unsigned long long)member_u64(status, "keyring"));
	print_field("bpfgated", member_string(status, "version"));
	print_contract(status);
	print_features(member_array(status, "features"));
	print_field("Keyring", keyring);
	print_keys(member_array(status, "keys"));
	print_policy(member_object(status, "policy"));
	print_revocations(member_object(status, "revocations"));
	print_floors(member_object(status, "floors"));
	print_configuration(member_object(status, "configuration"));
	print_field("Gate", member_string(status, "gate"));
	print_field("Loads", loads);
	print_unknown(member_u64(status, "unknown"));
	return 0;
}

int verb_status(struct context *ctx, int argc, char **argv)
{
	return verb_ask(ctx, argc, argv, "Status", print_status);
}
