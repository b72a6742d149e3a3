/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Step "record": what is loaded now. The table is in memory, guarded by one lock; persistent loads
 * are also written to the state folder (one JSON file a load: written beside, fsync, rename) and
 * pinned. At start the kernel's objects and the files are compared: what is whole is taken up
 * again, what is proven gone or foreign is removed, and what cannot be looked at stays as it is: it
 * is listed as unknown and tried again at each reload. The journal has a line for each.
 */
#pragma once

#include "authorise.h"
#include "loader.h"
#include "tuning.h"

#define LOAD_ATTACHMENTS_MAX 128

/* Of a load whose record cannot be read: no client has it, so that only root sees such a load. */
#define LOAD_UID_UNKNOWN ((uid_t)-1)

struct load {
	unsigned refs; /* atomic; the table holds one */
	char id[LOAD_ID_SIZE];
	uid_t uid;
	enum lifetime lifetime;
	uint64_t loaded_usec; /* CLOCK_REALTIME */
	char digest[DIGEST_TEXT_SIZE];
	enum contract contract;
	char *rule, *rule_source;
	unsigned n_signers;
	char (*signers)[DIGEST_TEXT_SIZE];
	/* by the rule: at least so many of these signers (bit i: signers[i]) must be good */
	unsigned required;
	uint32_t counted;
	bool keep_revoked; /* by the rule: it goes on when it is revoked */
	struct manifest *manifest;
	struct tuning tuning; /* of its tunables */
	struct loaded objects;
	struct pin_place place; /* where they are pinned; records of version 3 do not say */
	struct program_info programs[MANIFEST_PROGRAMS_MAX];
	struct map_info maps[MANIFEST_MAPS_MAX];
	unsigned n_attachments;		/* <= LOAD_ATTACHMENTS_MAX */
	struct attachment *attachments; /* owned, with their targets */
	struct links links;		/* one or more an attachment */
	struct usage usage;		/* measure(), not written: asked again after a restart */
	unsigned n_descriptors;		/* reserved: descriptors.h */
	unsigned gate_epoch;		/* enforce.h: which gate its objects were made under */
	/* Owned. Why what an earlier daemon left of it cannot be looked at: it may run, but there
	 * are no .objects, the links have no fds, and without a record there is only its .id. NULL:
	 * it is known. Never changes while it is in the table. */
	char *unknown;

	/* the table's own, guarded by its lock */
	struct load *next, *previous; /* in order of age */
	struct load *next_id;	      /* of the same bucket */
	struct load *next_digest;     /* the same, by .digest */
	bool charged;		      /* .usage is part of the sums */
	bool listed;		      /* it is in the table */
	bool leaving;		      /* about to be taken out (record-stage.c) */
	struct load *next_leaving;
};

struct load *load_new(void); /* id drawn at random, all fds -1 */
struct load *load_ref(struct load *load);
void load_unref(struct load *load); /* the last one closes links first, then the rest */
static inline void load_unrefp(struct load **l)
{
	load_unref(*l);
}
#define _cleanup_load_ _cleanup_(load_unrefp)

/* ERROR_ENDED: "load @id has been taken down: ...", for the client whose session it was. @reason:
 * as in LoadEnded of the interface. */
void load_ended(const char *id, const char *reason, struct error *ret, const char *format, ...)
	_printf_(4, 5);

struct table;

/* @state_dir: "/run/bpfgate-state", made 0700 if missing. */
int table_new(const char *state_dir, struct table **ret, struct error *error);
void table_free(struct table *table); /* session loads go, persistent ones stay in the kernel */

/* What has become of what an earlier daemon left. */
struct restoration {
	unsigned n_restored, n_removed;
	unsigned n_unknown; /* now in the table */
};

/* Takes up what an earlier daemon left. */
int table_restore(struct table *table, struct restoration *ret, struct error *error);
/* Tries once more what was unknown then. Any thread, one call at a time. */
int table_restore_unknown(struct table *table, struct restoration *ret, struct error *error);

/* Adds (takes a reference); persistent ones are written and pinned first. ERROR_FAILED, or
 * ERROR_NO_BASE where what it follows has gone meanwhile, at STEP_RECORD, and then nothing is left
 * of it but the caller's reference. */
int table_add(struct table *table, struct load *load, struct error *error);

/* Takes it out and down: links closed, pins and file removed. ERROR_NOT_FOUND where there is none
 * that @uid may see (its own; uid 0: all), ERROR_NEEDED where it has dependents, with their ids. */
int table_remove(struct table *table, const char *id, uid_t uid, struct error *error);

/*
 * Which load @text means to @uid: its id, whole; else the only one whose id begins so, or that has
 * this name. ERROR_NOT_FOUND as above; also where it can be several (-ENOTUNIQ), with their ids.
 */
int table_resolve(struct table *table, const char *text, uid_t uid,
		  char ret_id[static LOAD_ID_SIZE], struct error *error);

/* *ret is a reference. ERROR_NOT_FOUND as above. */
int table_find(struct table *table, const char *id, uid_t uid, struct load **ret,
	       struct error *error);

/* All that @uid may see, oldest first: malloced array of references. */
int table_list(struct table *table, uid_t uid, struct load ***ret, unsigned *ret_n);

/*
 * Counts a load that is being made for @uid, from before it is authorised until it is in the table
 * or has failed (table_release), so that two at once cannot both be the last that a limit allows.
 * *ret: how many this uid has besides, for request.n_loads. -ENOMEM.
 */
int table_reserve(struct table *table, uid_t uid, unsigned *ret);
void table_release(struct table *table, uid_t uid);

/* ---- stages (record-stage.c) ---- */

/*
 * A load whose manifest names bundles in "after" follows them: it is there only while each of them
 * is, as a load of its own user or as anybody's persistent one. A load's dependents are those that
 * could not stay without it, and theirs.
 */

/* Known loads of the bundle @digest that one of @uid can follow: malloced array of references. */
int table_list_bases(struct table *table, const char *digest, uid_t uid, struct load ***ret,
		     unsigned *ret_n);

/* What went with a load: owned, removal_done(). */
struct removal {
	unsigned n;
	struct removed {
		char id[LOAD_ID_SIZE];
		uid_t uid;
		char *why; /* owned: it was revoked; NULL: it followed another, which went */
	} * items;
};
/* Without memory it is only not told. */
void removal_add(struct removal *removal, const char *id, uid_t uid, const char *why);
void removal_done(struct removal *removal);
#define _cleanup_removal_ _cleanup_(removal_done)

/*
 * As table_remove(), with its dependents, which go first. *ret names those that did. One that
 * cannot be taken down is an error, but keeps nothing else from going.
 */
int table_remove_all(struct table *table, const char *id, uid_t uid, struct removal *ret,
		     struct error *error);

/* Is @load in the table without something that it follows, and what is that? */
bool table_is_stray(struct table *table, const struct load *load,
		    char ret_digest[static DIGEST_TEXT_SIZE]);

/* ---- limits (record-quota.c) ---- */

/* Which of the limits of all users of a rule a load that is being made has taken a place of. */
struct admission {
	char *rule, *source; /* owned; NULL: none */
};

/*
 * After the decision, before the load: counts it among those of the rule (of load->rule), and as
 * one that begins now. ERROR_DENIED (quota.h), ERROR_BUSY where too many users begin loads, and
 * then nothing is counted. table_leave() when it is in the table, or has failed.
 */
int table_admit(struct table *table, const struct load *load, const struct policy_limits *limits,
		const struct policy_limits *total, struct admission *ret, struct error *error);
void table_leave(struct table *table, struct admission *admission);
/* The same answer, and nothing is counted. @user: by which rule and for whom. */
struct quota;
int table_would_admit(struct table *table, const struct quota *user,
		      const struct policy_limits *limits, const struct policy_limits *total,
		      struct error *error);

/*
 * After the load, before anything is attached: adds load->usage to that of its user and rule, if
 * neither has too much then. ERROR_DENIED. table_uncharge() where it does not get into the table;
 * one that is there keeps its charge.
 */
int table_charge(struct table *table, struct load *load, const struct policy_limits *limits,
		 const struct policy_limits *total, struct error *error);
void table_uncharge(struct table *table, struct load *load);

/* What a user, or all users of a rule (@total), have; loads being made included. */
struct holdings {
	unsigned loads;
	struct usage usage;
	unsigned begun; /* by this rule, in the time of its rate */
};
struct holdings table_holdings(struct table *table, uid_t uid, const char *rule, const char *source,
			       bool total);

/* Loads of exactly this uid, loads being made now included (table_reserve). */
unsigned table_count(struct table *table, uid_t uid);
unsigned table_count_all(struct table *table);
unsigned table_count_unknown(struct table *table); /* of those, .unknown */
