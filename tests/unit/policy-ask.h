/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests for the tests of what rules decide. */
#pragma once

#include "authorise.h"

#define TP    BPF_PROG_TYPE_TRACEPOINT
#define TRACE BPF_PROG_TYPE_TRACING
#define XDP   BPF_PROG_TYPE_XDP

/* Bits of the signers of a request: keys a.pem, b.pem, c.pem with digests of 0x0a.., 0x0b.., 0x0c..
 */
#define KEY_A	    1u
#define KEY_B	    2u
#define KEY_C	    4u
#define KEY_B_TWICE 8u	/* the same digest under another name */
#define KEY_NONE    16u /* no signer at all */
#define HEX32(x)    x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x
#define SHA_B	    "sha256:" HEX32("0b")

/* A request; what is zero is as in the plainest one: uid 1000 without further groups, bundle
 * execwatch signed by a.pem, a tracepoint program at sched/sched_process_exec, a map not granted,
 * a session. */
struct ask {
	bool root;
	uid_t uid;
	gid_t groups[3];
	const char *unit; /* "?": cannot be told */
	const char *bundle;
	unsigned keys;
	enum bpf_prog_type types[2];
	const char *targets[2];
	bool no_target;
	enum map_grant grants[2];
	const char *requires[2];
	uint32_t effects;
	const char *tunables[2]; /* that are set */
	enum lifetime lifetime;
	unsigned n_loads;
};

struct row {
	const char *title;
	const char *subjects; /* NULL: {"uids": ["1000"]} */
	const char *members;  /* of the rule, from ", " on; NULL: none */
	struct ask ask;
	const char *refusal; /* in the message; NULL: the rule matches */
};

/* The whole of @text as a policy; fails the test where it does not parse. */
struct policy *ask_policy(const char *text);

int ask_decide(const struct policy *policy, const struct ask *ask, struct decision *decision,
	       struct error *error);

#define ALL_EFFECTS                                                                        \
	", \"effects\": [\"registers\", \"return-values\", \"user-memory\", \"signals\", " \
	"\"kernel-objects\"]"
#define ALL_GRANTS ", \"grant\": [\"read\", \"events\", \"read-write\"]"

#define ALLOW_ALL                                                                         \
	"{\"name\": \"all\", \"effect\": \"allow\", \"subjects\": {\"uids\": [\"1000\"]}" \
	", \"lifetime\": [\"session\", \"persistent\"]"                                   \
	", \"programs\": {\"kfuncs\": [\"*\"]}" ALL_EFFECTS ALL_GRANTS "}"
