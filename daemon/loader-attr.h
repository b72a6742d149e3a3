/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What do a loader's bpf(2) commands ask for, and what do they read? Their attributes lie in the
 * metadata; loader-data.c tells where, and what is written there.
 *
 * To the kernel a loader is the kernel: it follows every address in the attributes, and what it
 * finds there may end up in a map that the user reads. So each must lead into the metadata, and
 * what goes into a map must be as it was signed, or what the daemon gave for that purpose.
 */
#pragma once

#include "loader-writes.h"

struct loader_command {
	size_t index;	  /* of the instruction that gives it */
	int32_t number;	  /* enum bpf_cmd */
	int64_t at, size; /* of its attributes in the metadata */
};

struct loader_attrs {
	struct loader_writes writes;
	struct loader_command *commands; /* malloced */
	size_t n_commands, room_commands;
	bool reads_kernel; /* load_reads_kernel() of what is declared */
	uint32_t effects;  /* that the manifest declares (effect.h) */
	struct error *error;
};
void loader_attrs_done(struct loader_attrs *attrs);

/* *ret: its number, for VALUE_RESULT. ERROR_ATTESTATION at STEP_LOAD: its attributes are not in the
 * metadata. */
int loader_attrs_add(struct loader_attrs *attrs, const struct loader_command *command,
		     int64_t *ret);
/* Once all writes and commands are there. ERROR_ATTESTATION at STEP_LOAD: see loader-data.h. */
int loader_attrs_check(struct loader_attrs *attrs);
