/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the whole daemon shares: the configuration as it was read last, the kernel as it was found,
 * and the table of loads.
 */
#pragma once

#include <pthread.h>

#include "record.h"
#include "trust.h"

/*
 * Keys, policy and keyring as they were read at one time: never changed, only replaced. A load
 * under way keeps the one it began with; the last to let go takes the keyring away.
 */
struct snapshot {
	unsigned refs; /* atomic */
	struct trust *trust;
	struct policy *policy;
	int32_t keyring;      /* 0: none */
	char *keyring_reason; /* why there is none */
};

struct gate {
	const char *keys_dir;		/* /etc/bpfgate/keys.d */
	const char *const *policy_dirs; /* /etc/bpfgate/policy.d, /usr/lib/bpfgate/policy.d */
	uid_t owner;			/* whose the configuration must be: 0 but in tests */
	bool daemon_only; /* configuration switch: load where the kernel cannot verify */
	struct kernel_probe probe;
	struct table *table;

	pthread_mutex_t lock; /* guards the pointer below */
	struct snapshot *snapshot;
};

/*
 * Probes the kernel, reads keys and policy, makes the keyring, takes up the loads that an earlier
 * daemon left in @state_dir. The members above the table are set by the caller before. What cannot
 * be used (a policy file, a key, a keyring) refuses loads and shows in Status; only what the daemon
 * cannot live without is an error.
 */
int gate_setup(struct gate *gate, const char *state_dir, struct error *error);

/*
 * Reads keys and policy anew. A policy with a file that cannot be used is an error, and the
 * previous policy stays; the keys are taken anyway, for one that was removed must not be trusted
 * on.
 */
int gate_reload(struct gate *gate, struct error *error);

void gate_done(struct gate *gate);

struct snapshot *gate_snapshot(struct gate *gate); /* a reference */
void snapshot_unref(struct snapshot *snapshot);
static inline void snapshot_unrefp(struct snapshot **s)
{
	snapshot_unref(*s);
}
#define _cleanup_snapshot_ _cleanup_(snapshot_unrefp)
