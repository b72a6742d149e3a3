/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of enforce: one gate in the kernel, as enforce.c uses and enforce-kernel.c makes it. */
#pragma once

#include "enforce.h"

/* The descriptors of a gate's maps, and its configuration in memory. All -1 and NULL: none. */
struct kernel_gate {
	unsigned generation; /* which of the folders it is pinned in */
	int config_fd, tasks_fd, links_fd, counts_fd, programs_fd, events_fd;
	struct gate_config *config; /* mapped, shared with the kernel */
};
#define KERNEL_GATE_INIT                         \
	((struct kernel_gate){.config_fd = -1,   \
			      .tasks_fd = -1,    \
			      .links_fd = -1,    \
			      .counts_fd = -1,   \
			      .programs_fd = -1, \
			      .events_fd = -1})
void kernel_gate_close(struct kernel_gate *gate);

/*
 * A new gate is pinned beside the one that is in force, which goes when the new one is. More than
 * one is there only where a daemon was killed in between.
 */
#define GATE_GENERATIONS 2u

/* Is there anything pinned of one? To whom PIN_ROOT is closed, there is not. */
bool kernel_gate_exists(void);

/* Opens what is pinned: -ENOENT (@error untouched) where there is nothing, or not all of it. */
int kernel_gate_open(unsigned generation, struct kernel_gate *ret, struct error *error);

/*
 * Loads and attaches a gate, registers this process as the daemon with it, and pins it; its mode is
 * GATE_OFF, and .attaching 1. While this runs nobody else gets anything by its id. ERROR_KERNEL,
 * ERROR_FAILED; then nothing of it is left. @first: there is no other gate, and what was loaded
 * before is said.
 */
int kernel_gate_make(unsigned generation, uint64_t init_types, bool first, struct kernel_gate *ret,
		     struct error *error);

/* Removes the pins, whole or not, and with them the gate, if nobody holds a link of it. */
int kernel_gate_remove(unsigned generation, struct error *error);

/* Is it made of the object file that is installed now? A negative errno where that cannot be read.
 */
int kernel_gate_is_current(const struct kernel_gate *gate, struct error *error);

/* Which link is this? */
int link_id(int link_fd, uint32_t *ret);

/* Why the gate does not take this process for the daemon, as the end of a sentence: what of it is
 * wrong, and the way back. */
const char *enforce_why_unknown(void);

/* ERROR_KERNEL where programs are interpreted: then none can be attached to a hook. */
int enforce_check_jit(struct error *error);

/* To the journal: the programs that there are but those of @own (ends with NULL). */
struct bpf_object;
void enforce_say_before(const struct bpf_object *const *own);
