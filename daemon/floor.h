/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rollback floors: of each name and signer the highest sequence that has been loaded. Older ones
 * are refused, so that nobody can bring back a release whose holes are known. Kept in a file that
 * is replaced as a whole; where it cannot be read, nothing may be loaded. Threads may use it at
 * once.
 */
#pragma once

#include "bundle.h"
#include "manifest.h"

#define FLOORS_MAX 4096u

struct floor {
	char name[MANIFEST_NAME_MAX + 1];
	uint8_t signer[DIGEST_SIZE];
	uint64_t sequence; /* the lowest that may be loaded */
};

struct floors;

/* Borrowed. */
struct floor_places {
	const char *dir;    /* "/var/lib/bpfgate": the file; made 0700 if missing */
	const char *marks;  /* "/var/lib/bpfgate-marks": says that there was a file; NULL: none */
	bool allow_missing; /* warn where there was one, and do not deny all loads */
};

/* What is wrong with the folder or the file is kept, to be said by the functions below; -ENOMEM is
 * the only failure. */
int floors_new(const struct floor_places *places, struct floors **ret);
void floors_free(struct floors *floors);

/* Reads the file again where it could not be read. An error says why it still cannot. */
int floors_retry(struct floors *floors, struct error *error);

/* A release, and all trusted keys that signed it. */
struct release {
	const char *name;
	uint64_t sequence;
	unsigned n_signers;
	struct {
		const uint8_t *digest;
		const char *file; /* for messages */
	} signers[BUNDLE_SIGNERS_MAX];
};

/*
 * May @release be loaded? All of its signers' floors count. -ESTALE and ERROR_ROLLBACK with both
 * numbers; ERROR_BUSY where there is no room for another floor; ERROR_DENIED where the floors
 * cannot be read (why is for @uid 0 alone). At STEP_AUTHORISE.
 */
int floors_check(struct floors *floors, uid_t uid, const struct release *release,
		 struct error *error);

/* It has been loaded: raises the floors of all its signers, as far as they are lower. Fails as
 * floors_check(), or with ERROR_FAILED at STEP_RECORD where that cannot be kept; then none is
 * raised. */
int floors_raise(struct floors *floors, uid_t uid, const struct release *release,
		 struct error *error);

/* Sets one floor to any number, 0: takes it away. *ret_previous is 0 where there was none. */
int floors_set(struct floors *floors, const char *name, const uint8_t signer[static DIGEST_SIZE],
	       uint64_t sequence, uint64_t *ret_previous, struct error *error);

/*
 * Goes on without any where they cannot be read, or are missing: what is there is put aside as
 * floors.json.old. -EEXIST where they can be read.
 */
int floors_reset(struct floors *floors, struct error *error);

/* All of them, by name: a malloced copy. */
int floors_list(struct floors *floors, struct floor **ret, unsigned *ret_n, struct error *error);

/* Why they cannot be read, so that all loads are denied (*ret_denies), or what there is to warn of:
 * malloced, in *ret; or NULL. -ENOMEM. */
int floors_reason(struct floors *floors, bool *ret_denies, char **ret);

/* Appends {name, signer, sequence}, as the file and the interface have it, to @array. -ENOMEM. */
int floor_to_json(const struct floor *floor, struct json_object *array);
