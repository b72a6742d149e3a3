/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is a program bound to the kernel function, tracepoint, LSM hook or iterator that its manifest
 * names? Such a target is chosen when a program is loaded; the kernel tells it as a type of a BTF.
 */
#pragma once

#include "loader.h"

/* Is the target of @program part of the load (tracing and LSM programs)? */
bool program_is_bound(const struct manifest_program *program);

/*
 * @object and @type: attach_btf_obj_id and attach_btf_id of the kernel's bpf_prog_info. 0 when they
 * stand for one of the targets of @program, in the kernel itself. ERROR_ATTESTATION, or
 * ERROR_FAILED when the kernel's types cannot be read. Needs CAP_BPF and CAP_PERFMON.
 */
int attest_bound(const struct manifest_program *program, uint32_t object, uint32_t type,
		 struct error *error);

struct btf;
/* The part of it that needs no kernel: does type @type of @btf stand for @target, "fentry:NAME"? */
bool btf_type_is_target(const struct btf *btf, uint32_t type, const char *target);
