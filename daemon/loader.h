/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loader half: every bpf(2), perf_event_open(2), keyctl(2) and bpffs call of the daemon is
 * behind this interface. Its input is sealed, authenticated memory and small fixed structures; it
 * knows nothing of clients, JSON, bundles or policy, so that it can become a process of its own.
 *
 * Blocking calls are made from workers; all of them may run at the same time.
 */
#pragma once

#include "bundle.h"
#include "feature.h"
#include "manifest.h"
#include "memory-group.h"

/* ---- the kernel's contract (probe.c) ---- */

struct kernel_probe {
	enum contract contract;
	char reason[256];  /* for CONTRACT_NONE: why, and what to do */
	char release[128]; /* uname -r */
};

/*
 * Finds out which signing contract the kernel speaks, by bpf(2) calls whose errno tells (no key is
 * needed): see the head of probe.c. Anything unexpected is CONTRACT_NONE with a reason.
 */
void kernel_probe(struct kernel_probe *ret);

/* Has the kernel @feature? By the functions in its BTF, which are read when first asked for. A
 * kernel without BTF has none. */
bool kernel_has(enum feature feature);

/* ---- the keyring (keyring.c) ---- */

/* A session keyring of the process's own, which no login shares; before there are threads. Where
 * root has too many keys it succeeds, and keyring_make() says why it fails. */
int keyring_setup(void);

/*
 * Makes a new keyring that holds exactly the @n certificates (DER) and nobody can add to, linked
 * from the daemon's private session keyring. *ret is its serial. A certificate that the kernel does
 * not take is reported in @rejected[i] (a positive errno, else 0) and left out. -EDQUOT, -ENOMEM:
 * of none, and *ret is untouched.
 */
int keyring_make(const struct blob *certificates, unsigned n, int *rejected, int32_t *ret,
		 struct error *error);
/* What a keyring's serial can stand for besides: Linux has three of its own, by these numbers. */
enum {
	KEYRING_NONE = -1,
	KEYRING_BUILTIN = 0,
	KEYRING_SECONDARY = 1,
	KEYRING_PLATFORM = 2,
};

/* "builtin", "secondary", "platform": -EINVAL for others. */
int keyring_system(const char *name, int32_t *ret);
/* The same the other way, or "own", or "none". */
const char *keyring_name(int32_t serial);

/* Takes the keyring away, once no load uses it any more. */
void keyring_drop(int32_t serial);

/* ---- load (load.c, load-child.c) ---- */

/*
 * What is given to the loader, for one map, in place of what its signed metadata holds, and what
 * the map must be then. All zeros: as signed.
 */
struct map_opening {
	uint32_t max_entries; /* 0: as the manifest says */
	uint8_t *value;	      /* what the map is to hold, NULL: not compared; owned */
	size_t value_size;
	bool replace; /* .value is given to the loader; else it has been signed with it */
};

struct load_input {
	struct blob loader;   /* BPF instructions, whole */
	struct blob metadata; /* initial value of the loader's map */
	struct blob pkcs7;    /* kernel signature for .contract; size 0 only if daemon_only */
	enum contract contract;
	int32_t keyring;
	unsigned n_programs, n_maps; /* what the loader's context has room for */
	/* Bits 1 << enum bpf_prog_type, of what is declared: the child keeps the capabilities that
	 * the kernel asks of these, and no more (child-limits.c). */
	uint64_t program_types;
	uint32_t effects;		    /* that its programs may have (effect.h) */
	const struct map_opening *openings; /* NULL: none, else for each of .n_maps; borrowed */
	/* checking in the daemon alone, as configured for kernels that cannot: CONTRACT_NONE */
	bool daemon_only;
	/* whose memory what is made counts as; NULL: that of the daemon's service */
	const struct memory_group *memory;
};

/* Do programs of these types read the kernel's memory by their nature? Nobody else's may. */
bool load_reads_kernel(uint64_t program_types);

/* What a load gave: owned fds, in the order of the manifest. */
struct loaded {
	unsigned n_programs;
	int programs[MANIFEST_PROGRAMS_MAX];
	unsigned n_maps;
	int maps[MANIFEST_MAPS_MAX];
};
#define LOADED_INIT ((struct loaded){})
void loaded_done(struct loaded *loaded);
#define _cleanup_loaded_ _cleanup_(loaded_done)

#define LOAD_DEADLINE_USEC (60 * 1000 * 1000)

/*
 * Loads the @n payloads of a bundle, one after the other, all or none: each in a fresh child that
 * drops everything but what the load needs, makes the exclusive, frozen metadata map, loads the
 * loader with its signature, runs it, enumerates its whole fd table, hands over the declared
 * objects and ends. No child is begun before all inputs are checked; the deadline is for all
 * together. *ret has the objects of all, in the order of @inputs.
 *
 * ERROR_KERNEL at STEP_LOAD (errno; "log" field with the verifier's log where there is one; which
 * of map create, loader load, loader run it was), ERROR_ATTESTATION at STEP_ATTEST for any object
 * that is not declared. With several payloads the message begins with "payload N: ".
 * -ENOMEM: memory_group_hit() of the inputs' group tells whether it was a limit of that.
 */
int loader_load(const struct load_input *inputs, unsigned n, uint64_t deadline_usec,
		struct loaded *ret, struct error *error);

/* ---- attest (attest.c) ---- */

struct program_info {
	uint32_t id;
	char tag[17];
	uint64_t loaded_nsec;
};
struct map_info {
	uint32_t id;
	uint32_t key_size, value_size, max_entries;
};

/* Patterns of the names of kernel functions that may be called, and of helpers; borrowed. */
struct kfunc_grant {
	unsigned n;
	char *const *patterns;
	unsigned n_helpers; /* 0: any */
	char *const *helpers;
};

/*
 * Asks the kernel what was loaded and compares with the manifest: name, program type,
 * attach_btf_id against the exact targets, maps (name, type, sizes, entries, and as far as
 * @openings say so: other entries, contents; NULL: nothing is open), no map used by a
 * program that is not declared, no kfunc call but of those that belong to a feature which the
 * manifest requires and that @grant has (kfunc.h), no helper call but of those that @grant has
 * (helper-call.h). ERROR_ATTESTATION.
 * @ret_programs, @ret_maps: arrays of the manifest's sizes.
 */
int attest(const struct manifest *manifest, const struct loaded *loaded,
	   const struct map_opening *openings, const struct kfunc_grant *grant,
	   struct program_info *ret_programs, struct map_info *ret_maps, struct error *error);

/* ---- measure (measure.c) ---- */

/* What a load takes of the kernel. Each is at most USAGE_MAX, or USAGE_UNKNOWN: it cannot be told,
 * or has no bound. */
struct usage {
	uint64_t map_memory; /* bytes, at present or, where that is more, when the maps are full */
	uint64_t instructions; /* of the programs, as the kernel has them after verification */
};
#define USAGE_MAX     (UINT64_C(1) << 46) /* so that no sum of loads can overflow */
#define USAGE_UNKNOWN UINT64_MAX

/* Asks the kernel. Never fails: what it does not say is USAGE_UNKNOWN. */
void measure(const struct loaded *loaded, struct usage *ret);

/* ---- attach (attach.c and one file a family of kinds) ---- */

/*
 * The links of a load. Closing a link detaches, so whoever owns these decides how long a program
 * runs. One target may need several: perf_event has one for each CPU that is online.
 */
struct load_link {
	int fd;		     /* bpf_link; owned */
	unsigned attachment; /* index into the load's attachments */
};
struct links {
	unsigned n;
	struct load_link *items; /* owned */
};
#define LINKS_INIT ((struct links){})
#define LINKS_MAX  8192		      /* CPUs of the largest kernel configuration */
void links_done(struct links *links); /* closes them all: nothing runs any more */
#define _cleanup_links_ _cleanup_(links_done)
/* @fd is taken over, and closed on failure: -ENOMEM, -E2BIG. */
int links_add(struct links *links, int fd, unsigned attachment);

/*
 * Attaches program @prog_fd of type @type to @target and appends the links to @links, each with
 * number @attachment; on failure @links is as it was. ERROR_BAD_TARGET (no such tracepoint,
 * interface, symbol, cgroup, file not root's alone), ERROR_KERNEL, at STEP_ATTACH, with field
 * "target". Network targets: the caller has checked the asker's namespace.
 *
 * TARGET_ITER is linked only: a fd of bpf_iter_create() holds the program and runs it when it is
 * read, so one in a client's hands would outlive unload and revocation. None is made.
 */
int attach(int prog_fd, enum bpf_prog_type type, const struct target *target, unsigned attachment,
	   struct links *links, struct error *error);

/*
 * Can @target be used at all, before anything is loaded? Same errors, at STEP_AUTHORISE. Looks
 * files and cgroups up, so ask the policy first. Whether a kernel function, raw tracepoint or
 * hook exists is left to the kernel, at the load (where it is baked in) or when attached.
 */
int attach_resolve(const struct target *target, struct error *error);

/* ---- maps for clients (grant.c) ---- */

/*
 * Prepares and opens @map_fd for a client: GRANT_READ freezes the map and opens it read-only,
 * GRANT_EVENTS (ring buffers only) and GRANT_READ_WRITE (maps that hold no timer or the like, which
 * could keep their program) duplicate the fd. GRANT_NONE: -EINVAL.
 * A map that cannot be frozen is an error. *ret_fd is owned.
 */
int map_grant_open(int map_fd, enum bpf_map_type type, enum map_grant grant, int *ret_fd,
		   struct error *error);

/* ---- pins (pin.c) ---- */

#define PIN_ROOT     "/sys/fs/bpf/bpfgate"
#define LOAD_ID_SIZE 17 /* 16 lower-case hexadecimal digits and a NUL */

/* Which bpffs pins are in: the folder at /sys/fs/bpf, as stat(2) has it. No device: not known. */
struct pin_place {
	uint64_t device, folder;
};
/* The one of now. -ENOTSUP: there is none; -EXDEV: something else is mounted at PIN_ROOT. */
int pin_place_find(struct pin_place *ret, struct error *error);
/* Is that the one of now, or not known? -EXDEV. */
int pin_place_check(const struct pin_place *place, struct error *error);
/* Has the kernel none of these programs any more? False where it cannot be told. */
bool pin_is_gone(const struct program_info *programs, unsigned n);

/*
 * Pins the objects of a persistent load under PIN_ROOT/ID/: prog-N, map-N, link-N. On failure
 * nothing is left. pin_open() opens them all again; an object that is missing is -ENOENT.
 */
int pin_load(const char *id, const struct loaded *loaded, const struct links *links,
	     struct error *error);
/* @links comes with .attachment set and all .fd = -1, and goes back with the fds; on failure they
 * are -1 as before. */
int pin_open(const char *id, unsigned n_programs, unsigned n_maps, struct loaded *ret,
	     struct links *links, struct error *error);
/*
 * Are these the very objects that were loaded: programs by id and tag, maps by id and sizes, link i
 * of program number @link_programs[i]? -ESTALE.
 */
int pin_check(const struct loaded *loaded, const struct program_info *programs,
	      const struct map_info *maps, const struct links *links, const unsigned *link_programs,
	      struct error *error);
/*
 * Removes the folder and what is in it, links first; absent is fine. But not where it was pinned
 * elsewhere (@place, may be NULL): as pin_place_check().
 */
int pin_remove(const char *id, const struct pin_place *place, struct error *error);
/* Is there such a folder: 1 or 0. A negative errno where PIN_ROOT does not tell, because it is no
 * folder of a bpffs that is the daemon's alone. */
int pin_exists(const char *id);
/*
 * Makes sure that no other daemon uses PIN_ROOT, as long as *ret_fd (owned) is open: each would
 * take the other's pins for leftovers. -EWOULDBLOCK. Without a bpffs: 0 and -1.
 */
int pin_lock(int *ret_fd, struct error *error);
/* Removes what a daemon left that was killed in the middle of map_grant_open(). */
int pin_sweep(void);
/* The ids of all folders under PIN_ROOT; malloced array of malloced strings. */
int pin_list(char ***ret_ids, unsigned *ret_n);
