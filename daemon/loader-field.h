/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fields of a bpf(2) command's attributes: what they hold when the command is given, and what
 * the kernel reads by them. Behind the end of the attributes is 0. Refusals are ERROR_ATTESTATION
 * at STEP_LOAD.
 */
#pragma once

#include "loader-attr.h"
#include "sys-bpf.h"

#define FIELD(member) offsetof(union bpf_attr, member)

_printf_(3, 4) int field_refuse(const struct loader_attrs *attrs,
				const struct loader_command *command, const char *format, ...);
/* "the loader makes a ..." */
_printf_(2, 3) int field_refuse_object(const struct loader_attrs *attrs, const char *format, ...);

/* Of 4 bytes; false when that may change as the loader runs. */
bool field_read(const struct loader_attrs *attrs, const struct loader_command *command,
		size_t field, uint32_t *ret);
/* The same, with a refusal. */
int field_number(const struct loader_attrs *attrs, const struct loader_command *command,
		 const char *name, size_t field, uint32_t *ret);

/* An address, and how many bytes the kernel reads there. */
struct field_pointer {
	const char *name;
	size_t field;
	uint64_t size;
	/* what must be there besides, or NULL; @size bytes from @target are in the metadata */
	int (*check)(const struct loader_attrs *attrs, const struct loader_command *command,
		     int64_t target, int64_t size);
	int64_t *ret_target; /* where in the metadata it leads, or -1; or NULL */
};
/* Is it 0 as it is signed, and whenever it is written, the same address of .size bytes of the
 * metadata? */
int field_pointer(const struct loader_attrs *attrs, const struct loader_command *command,
		  const struct field_pointer *pointer);

/* The fields that say where a log goes: 0, or what the daemon's context has. */
struct field_log {
	size_t level, size, buffer;
};
int field_log(const struct loader_attrs *attrs, const struct loader_command *command,
	      const struct field_log *log);

/* loader-program.c: a BPF_PROG_LOAD */
int loader_program_check(const struct loader_attrs *attrs, const struct loader_command *command);
/* loader-effects.c: of one that loader_program_check() accepts, are the program's effects declared?
 */
int loader_effects_check(const struct loader_attrs *attrs, const struct loader_command *command);
