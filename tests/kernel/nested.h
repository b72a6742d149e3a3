/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A signed SYSCALL program that makes one bpf(2) call, out of a folded map: all that the call
 * points to is kernel memory then.
 */
#pragma once

#include "kernel.h"

struct loader {
	enum bpf_cmd cmd;
	uint32_t attr_size;
	struct bpf_insn insns[64];
	unsigned n;
	/* The map's value: the call's attribute, then what it points to. */
	uint8_t value[16384];
	uint32_t used;
	union bpf_attr *attr;
};
void loader_init(struct loader *loader, enum bpf_cmd cmd, size_t attr_size);
/* Puts @data into the map, and its address into the attribute at @offset when it runs. */
void loader_point(struct loader *loader, size_t offset, const void *data, size_t size);
/* Signs, loads and runs it: what the call returned (0 for an fd, which is closed), or a negative
 * errno. */
int loader_run(struct loader *loader);
