/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The load child: a process that lives for one load, and what it tells its parent.
 *
 * A signed loader runs bpf(2) in the fd table of whoever starts it. So it is started where there is
 * nothing to find: no fd but the three below, no CAP_SYS_ADMIN (no look-up of objects by id), no
 * write to user memory (bpf_probe_write_user() needs CAP_SYS_ADMIN), no capability that the types
 * of the declared programs do not need. Afterwards every fd must be one of the three or one that
 * the manifest declares.
 *
 * The child is not trusted, for a loader runs in it, and only the reading of it (loader-data.h)
 * keeps that from having the verifier's log written over the child's own code or stack. So its word
 * counts for nothing that matters: objects that it does not hand over end with it, objects that it
 * does are looked at again by the parent (kind, by load.c) and by attest(), and a system call
 * filter keeps it from starting anything.
 *
 * Before it makes anything it goes over into the memory group of its load's user and rule, if there
 * is one: what it makes stays charged to that.
 *
 * The child is forked by one thread of several: it may call nothing that allocates or locks. It
 * makes its first bpf(2) call when its parent has registered it with the gate (enforce.h) and sent
 * it a byte.
 */
#pragma once

#include "loader.h"

/* Where the child's own fds are, always; every object of the loader comes after. */
#define CHILD_SOCKET 0
#define CHILD_MAP    1
#define CHILD_LOADER 2
#define CHILD_FIRST  3
/* Besides the declared objects: BTF of the object and of kernel modules, for a while. */
#define CHILD_SPARE 32
#define CHILD_FDS   (CHILD_FIRST + MANIFEST_PROGRAMS_MAX + MANIFEST_MAPS_MAX + CHILD_SPARE)

enum load_stage {
	STAGE_PREPARE, /* limits, capabilities */
	STAGE_MEMORY,  /* go over into the memory group */
	STAGE_MAP,     /* make, fill and freeze the exclusive map */
	STAGE_DIGEST,  /* ask the kernel for the digest of the map */
	STAGE_LOADER,  /* load the signed loader */
	STAGE_FILTER,  /* capabilities by type, the system call filter */
	STAGE_RUN,     /* start the loader */
	STAGE_RESULT,  /* the loader ran and returned an error */
	STAGE_OBJECTS, /* look at what it left */
	STAGE_DONE,
};

/* What was found among the fds that must not be, or not found. */
enum load_offence {
	OFFENCE_NONE,
	OFFENCE_UNDECLARED, /* object: as /proc/self/fd shows it */
	OFFENCE_MISSING_PROGRAM,
	OFFENCE_MISSING_MAP,
	OFFENCE_TWICE,
	OFFENCE_KIND,
	OFFENCE_OWN_FD, /* one of the child's own fds was closed or replaced */
};

struct load_report {
	uint32_t stage;	  /* enum load_stage; STAGE_DONE: the fds come along */
	int32_t errnum;	  /* positive, for what failed at .stage */
	uint32_t offence; /* enum load_offence */
	uint32_t index;	  /* of the program or map that is meant, else the fd */
	char object[64];
};

/* _exit() status of a child whose socket is gone. */
#define CHILD_EXIT_MUTE 3

#define LOAD_LOG_SIZE (256u * 1024)

/* All that the child needs, made by the parent before it forks. */
struct load_job {
	const struct load_input *input;
	uint8_t loader_digest[DIGEST_SIZE];
	uint8_t metadata_digest[DIGEST_SIZE];
	int socket;
	pid_t parent;
	char *log; /* LOAD_LOG_SIZE bytes shared with the parent, or NULL: no log */
};

/* loader_load() without the checks of its input: for tests of what comes after them. */
int load_unchecked(const struct load_input *input, uint64_t deadline_usec, struct loaded *ret,
		   struct error *error);

_Noreturn void load_child(const struct load_job *job);

/* Deprives the calling process of all but what a load needs (child-limits.c). @n_fds is its limit
 * on open files. Negative errno. */
int child_limit(pid_t parent, int socket, unsigned n_fds);
/* Gives up all capabilities that programs of these types do not take to be loaded. Before the
 * loader runs, and after it was loaded, which takes CAP_PERFMON. */
int child_limit_capabilities(uint64_t program_types);
/* From here on: bpf(2) for running a program and reading about objects, and little else. */
int child_filter(void);

/* What @fd refers to, as /proc/self/fd has it ("anon_inode:bpf-map"); -errno. No allocation. */
int fd_describe(int fd, char *ret, size_t size);
#define FD_MAP	   "anon_inode:bpf-map"
#define FD_PROGRAM "anon_inode:bpf-prog"
