/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loader half: every bpf(2), perf_event_open(2), keyctl(2) and bpffs call of the daemon is
 * behind this interface. Its input is sealed, authenticated memory and small fixed structures; it
 * knows nothing of clients, JSON, bundles or policy, so that it can become a process of its own.
 *
 * Blocking calls are made from workers; all of them may run at the same time.
 */
#pragma once

#include "manifest.h"

/* ---- the kernel's contract (probe.c) ---- */

struct kernel_probe {
	enum contract contract;
	char reason[256]; /* for CONTRACT_NONE: why, and what to do */
	char release[128]; /* uname -r */
};

/*
 * Finds out which signing contract the kernel speaks, by bpf(2) calls whose errno tells (no key is
 * needed): see the head of probe.c. Anything unexpected is CONTRACT_NONE with a reason.
 */
void kernel_probe(struct kernel_probe *ret);

/* ---- the keyring (keyring.c) ---- */

/*
 * Makes a new keyring that holds exactly the @n certificates (DER) and nobody can add to, linked
 * from the daemon's private session keyring. *ret is its serial. A certificate that the kernel does
 * not take is reported in @rejected[i] (a positive errno, else 0) and left out.
 */
int keyring_make(const struct blob *certificates, unsigned n, int *rejected, int32_t *ret,
		 struct error *error);
/* Takes the keyring away, once no load uses it any more. */
void keyring_drop(int32_t serial);

/* ---- load (load.c, load-child.c) ---- */

struct load_input {
	struct blob loader;   /* BPF instructions, whole */
	struct blob metadata; /* initial value of the loader's map */
	struct blob pkcs7;    /* kernel signature for .contract; size 0 only if daemon_only */
	enum contract contract;
	int32_t keyring;
	unsigned n_programs, n_maps; /* what the loader's context has room for */
	/* checking in the daemon alone, as configured for kernels that cannot: CONTRACT_NONE */
	bool daemon_only;
};

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
 * Loads in a fresh child: drops everything but what the load needs, makes the exclusive, frozen
 * metadata map, loads the loader with its signature, runs it, enumerates the child's whole fd
 * table, hands over the declared objects and ends. ERROR_KERNEL at STEP_LOAD (errno; "log" field
 * with the verifier's log where there is one; which of map create, loader load, loader run it
 * was), ERROR_ATTESTATION at STEP_ATTEST for any object that is not declared.
 */
int loader_load(const struct load_input *input, uint64_t deadline_usec, struct loaded *ret,
		struct error *error);

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

/*
 * Asks the kernel what was loaded and compares with the manifest: name, program type,
 * attach_btf_id against the exact targets, maps (name, type, sizes, entries), no map used by a
 * program that is not declared, no kfunc call (none can be granted yet). ERROR_ATTESTATION.
 * @ret_programs, @ret_maps: arrays of the manifest's sizes.
 */
int attest(const struct manifest *manifest, const struct loaded *loaded,
	   struct program_info *ret_programs, struct map_info *ret_maps, struct error *error);

/* ---- attach (attach.c and one file a family of kinds) ---- */

/*
 * Attaches program @prog_fd of type @type to @target: *ret_link is a bpf_link fd, owned.
 * ERROR_BAD_TARGET (no such tracepoint, interface, symbol, cgroup, file not root's alone),
 * ERROR_KERNEL, at STEP_ATTACH, with field "target". Network targets: the caller has checked the
 * asker's namespace.
 */
int attach(int prog_fd, enum bpf_prog_type type, const struct target *target, int *ret_link,
	   struct error *error);

/* Can @target be used at all, before anything is loaded? Same errors, at STEP_AUTHORISE. */
int attach_resolve(const struct target *target, struct error *error);

/* ---- maps for clients (grant.c) ---- */

/*
 * Prepares and opens @map_fd for a client: GRANT_READ freezes the map and opens it read-only,
 * GRANT_EVENTS (ring buffers only) and GRANT_READ_WRITE duplicate the fd. GRANT_NONE: -EINVAL.
 * A map that cannot be frozen is an error. *ret_fd is owned.
 */
int map_grant_open(int map_fd, enum bpf_map_type type, enum map_grant grant, int *ret_fd,
		   struct error *error);

/* ---- pins (pin.c) ---- */

#define PIN_ROOT "/sys/fs/bpf/bpfgate"
#define LOAD_ID_SIZE 17 /* 16 lower-case hexadecimal digits and a NUL */

/*
 * Pins the objects of a persistent load under PIN_ROOT/ID/: prog-N, map-N, link-N. On failure
 * nothing is left. pin_open() opens them all again; an object that is missing is -ENOENT.
 */
int pin_load(const char *id, const struct loaded *loaded, const int *links, unsigned n_links,
	     struct error *error);
int pin_open(const char *id, unsigned n_programs, unsigned n_maps, unsigned n_links,
	     struct loaded *ret, int *ret_links, struct error *error);
/* Removes the folder and what is in it; absent is fine. */
int pin_remove(const char *id);
/* The ids of all folders under PIN_ROOT; malloced array of malloced strings. */
int pin_list(char ***ret_ids, unsigned *ret_n);
