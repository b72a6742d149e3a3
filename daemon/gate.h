/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the whole daemon shares: the configuration as it was read last, the kernel as it was found,
 * and the table of loads.
 */
#pragma once

#include <pthread.h>

#include "enforce.h"
#include "floor.h"
#include "record.h"
#include "snapshot.h"

struct gate {
	struct configuration configuration; /* want_keyring is gate_setup()'s */
	bool daemon_only; /* configuration switch: load where the kernel cannot verify */
	struct kernel_probe probe;
	struct table *table;
	struct floors *floors;

	pthread_mutex_t reloading; /* one reload at a time */
	pthread_mutex_t lock;	   /* guards the pointer below */
	struct snapshot *snapshot;
};

/*
 * Probes the kernel, reads the configuration, makes the keyring, takes up the loads that an earlier
 * daemon left in @state_dir, but for those that are revoked. configuration and daemon_only are set
 * by the caller before. What cannot be used (a policy file, a key, a keyring) refuses loads and
 * shows in Status; only what the daemon cannot live without is an error.
 */
int gate_setup(struct gate *gate, const char *state_dir, struct error *error);

/* What a look at all loads found; examination_done(). */
struct examination {
	struct removal unloaded;   /* revoked */
	struct removal dependents; /* that followed them */
	unsigned n_kept, n_untrusted;
	unsigned n_failed;  /* revoked, but could not be unloaded */
	unsigned n_unknown; /* of an earlier daemon, and still not to be looked at */
};
void examination_done(struct examination *examination);
#define _cleanup_examination_ _cleanup_(examination_done)

/*
 * Reads the configuration anew: for the loads that begin from now on. Then looks at all loads there
 * are: what is revoked is taken down, or kept where its rule said so. In any thread.
 *
 * A policy or revocations that cannot be used are an error, and the previous ones stay; the rest
 * has been done nevertheless. *ret is filled in any case.
 */
int gate_reload(struct gate *gate, struct examination *ret, struct error *error);

/*
 * Puts a gate up (enforce.h), changes it or takes it away; what is loaded is guarded by it. In any
 * thread. *ret_before: what was in force, also on failure. It waits for reloads and the like:
 * whoever asked may have gone when its turn comes, says @abandoned, and nothing is done.
 */
int gate_enforce(struct gate *gate, enum gate_mode mode, enum gate_mode *ret_before,
		 bool (*abandoned)(const void *userdata), const void *userdata,
		 struct error *error);

void gate_done(struct gate *gate);

struct snapshot *gate_snapshot(struct gate *gate); /* a reference */

/* ---- examine.c ---- */

/* All loads, by @snapshot: see gate_reload(). */
int examine_all(struct gate *gate, const struct snapshot *snapshot, struct examination *ret);

/*
 * A load that was made by @snapshot, and is in the table since a moment ago: was it revoked while
 * it was on its way? Then it is taken out again, and the error is ERROR_REVOKED at STEP_RECORD.
 */
int examine_added(struct gate *gate, const struct snapshot *snapshot, const struct load *load,
		  struct error *error);

/* -EKEYREVOKED and ERROR_REVOKED, -EKEYREJECTED and ERROR_NOT_AUTHENTIC where those whom the
 * load's rule wanted are no longer trusted, or 0. Dates do not matter here. */
int examine_load(const struct snapshot *snapshot, const struct load *load, enum step step,
		 struct error *error);
