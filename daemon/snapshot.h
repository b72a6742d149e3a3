/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys, policy, revocations and keyring as they were read at one time: never changed, only
 * replaced. A load under way keeps the one it began with; the last to let go takes the keyring
 * away.
 */
#pragma once

#include "floor.h"
#include "loader.h"
#include "policy.h"
#include "revocation.h"
#include "trust.h"

struct snapshot {
	unsigned refs; /* atomic */
	struct trust *trust;
	struct policy *policy;
	struct revocations *revocations;
	int32_t keyring;	     /* KEYRING_NONE: none */
	struct snapshot *keyring_of; /* a reference: whose keyring that is; NULL: its own */
	char *keyring_reason;	     /* why there is none */
	uint64_t read_usec;	     /* CLOCK_REALTIME */
	char *stale_reason; /* what could not be read, so that the previous one is in force */
};

/* Where it is read from; the members live as long as the daemon. */
struct configuration {
	const char *keys_dir;		/* /etc/bpfgate/keys.d */
	const char *revoked_dir;	/* /etc/bpfgate/revoked.d */
	const char *const *policy_dirs; /* /etc/bpfgate/policy.d, /usr/lib/bpfgate/policy.d */
	struct floor_places floors;	/* not read anew */
	const char *memory_groups;	/* MEMORY_GROUPS */
	uid_t owner;			/* whose it must be: 0 but in tests */
	const int32_t *keyring;		/* one of the kernel's own (loader.h); NULL: of keys_dir */
	bool want_keyring;		/* the kernel verifies signatures */
};

/*
 * Reads all of it and makes the keyring. Where policy or revocations cannot be used, those of
 * @previous (may be NULL) go on, and stale_reason says so; without usable ones there, all loads are
 * denied. Keys are never taken over: one that was removed must not be trusted on. But the kernel's
 * keyring is, where a new one cannot be made for lack of keys: the daemon checks signatures by the
 * keys that there are now in any case. A negative errno only for lack of memory.
 */
int snapshot_read(const struct configuration *from, struct snapshot *previous,
		  struct snapshot **ret, struct error *error);

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot);
static inline void snapshot_unrefp(struct snapshot **s)
{
	snapshot_unref(*s);
}
#define _cleanup_snapshot_ _cleanup_(snapshot_unrefp)
