/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that stays charged to who had it made. A map is charged to the memory control group of
 * the process that makes it, until its last descriptor is closed, whoever holds that. So the load
 * child of a rule with a limit on map memory belongs to a group of its user and rule, below one of
 * its rule:
 *
 *   MEMORY_GROUPS/rule-<16 hex digits of a digest of name and file>/uid-<uid>
 *
 * These are in a unit of their own (bpfgate-memory.service), which runs on when the daemon is
 * restarted: the service manager removes a unit's groups when it ends, and what was charged to them
 * would be nobody's. Nothing is kept of them here: what the kernel has is what there is. A group is
 * removed only when nothing is charged to it, for the charge would go to its parent.
 *
 * What is per CPU and allocated when a map is made, the kernel charges to nobody (it asks the map
 * for its group before it has set that, in bpf_map_alloc_percpu()): that is not bounded here.
 *
 * Inside of loader: the folders belong to root, so no capability is needed.
 */
#pragma once

#include "error.h"

#define MEMORY_GROUPS "/sys/fs/cgroup/system.slice/bpfgate-memory.service"
/* Beside a limit: what it takes to load, the child itself, its loader's metadata, the verifier. */
#define MEMORY_ALLOWANCE (UINT64_C(32) << 20)
/* Groups of users there can be at a time in one of a rule. */
#define MEMORY_USERS_MAX 1024

/* Whose memory, and how much of it; borrowed. 0 bytes: not limited. */
struct memory_limits {
	const char *rule, *source; /* "FILE:LINE", of which the line does not matter */
	uid_t uid;
	uint64_t user, total;
};

#define MEMORY_PATH_MAX 256

/* A group for one load. It is not removed as long as this is open. */
struct memory_group {
	int user, rule;		       /* the two folders; owned, -1: none */
	char procs[MEMORY_PATH_MAX];   /* a process that writes "0" there belongs to it */
	char folder[MEMORY_PATH_MAX];  /* of the user's */
	uint64_t user_hits, rule_hits; /* how often each limit had been reached before */
};
#define MEMORY_GROUP_INIT ((struct memory_group){.user = -1, .rule = -1})

/*
 * Makes the folder @root (MEMORY_GROUPS) ready, and removes the groups there that nothing is
 * charged to. At the start, and at a reload. ERROR_FAILED: there is no such folder or no memory
 * controller; then memory_group_open() fails as well.
 */
int memory_groups_setup(const char *root, struct error *error);

/* ERROR_FAILED where the kernel cannot be told; ERROR_BUSY where there are too many groups whose
 * maps are open still. At STEP_LOAD. */
int memory_group_open(const char *root, const struct memory_limits *limits,
		      struct memory_group *ret, struct error *error);
void memory_group_done(struct memory_group *group);
#define _cleanup_memory_group_ _cleanup_(memory_group_done)

/* Which limit was reached since it was opened, by whatever load. */
enum memory_hit {
	MEMORY_HIT_NONE,
	MEMORY_HIT_USER,
	MEMORY_HIT_TOTAL,
};
enum memory_hit memory_group_hit(const struct memory_group *group);

/* Bytes that are charged to the user's group, and to its rule's; 0 where that cannot be told. */
struct memory_usage {
	uint64_t user, total;
};
void memory_group_usage(const struct memory_group *group, struct memory_usage *ret);

/*
 * What was unloaded a moment ago is still charged until the kernel has freed it. If a limit was
 * reached, waits until a good part of @before is given back, until @end and not for long: false if
 * it is not, or no limit was reached.
 */
bool memory_group_settles(const struct memory_group *group, const struct memory_usage *before,
			  uint64_t end);

/* ---- for tests ---- */

/* "rule-" and digits: 0, -ENOMEM, -EIO. */
int memory_rule_name(const char *rule, const char *source, char ret[static 32]);
/* What is written to memory.max. */
void memory_max_format(uint64_t limit, char ret[static 32]);
/* The number after "NAME " at the beginning of a line; -ENODATA. */
int memory_field(const char *text, const char *name, uint64_t *ret);
