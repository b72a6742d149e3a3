/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes loaders by hand, one instruction after the other: what a signer could sign that no
 * libbpf would write. Used by the unit tests of the load child and by tests/vm/hostile-loader.c.
 */
#pragma once

#include <linux/bpf.h>

#include "util.h"

#define ASM_INSNS_MAX 4096
#define ASM_DATA_MAX  8192
#define ASM_STACK     32 /* bytes of the stack that are cleared */

struct loader_asm {
	unsigned n_maps;  /* of the context, for where its programs begin */
	uint32_t effects; /* that the manifest declares */
	unsigned n;
	struct bpf_insn insns[ASM_INSNS_MAX];
	size_t size;
	uint8_t data[ASM_DATA_MAX];
};

#define ASM_START 7 /* instructions of asm_start() */
/* R6 keeps the context; the stack is cleared. */
void asm_start(struct loader_asm *a, unsigned n_maps);
void asm_insn(struct loader_asm *a, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
	      int32_t imm);
/* @dst = address of @offset in the loader's data */
void asm_data_address(struct loader_asm *a, uint8_t dst, size_t offset);
/* Copies @value into the data, 8-aligned; its offset. */
size_t asm_data(struct loader_asm *a, const void *value, size_t size);
/* *(u64 *)(data + @where) = data + @what, for pointers in attributes */
void asm_pointer(struct loader_asm *a, size_t where, size_t what);
/* *(u32 *)(data + @where) = R@src, for fds in attributes */
void asm_store(struct loader_asm *a, size_t where, uint8_t src);
/* R7 = bpf_sys_bpf(@cmd, data + @attr, @size) */
void asm_sys_bpf(struct loader_asm *a, int cmd, size_t attr, size_t size);
void asm_close(struct loader_asm *a, int fd);
/* R@src becomes fd number @i of the context's maps or programs. */
void asm_give_map(struct loader_asm *a, unsigned i, uint8_t src);
void asm_give_program(struct loader_asm *a, unsigned i, uint8_t src);
/* return R7 if it is negative */
void asm_check(struct loader_asm *a);
void asm_return(struct loader_asm *a, int value);

/* R0 = id of the kernel's type @name of @kind (BTF_KIND_...) */
void asm_find_type(struct loader_asm *a, const char *name, int kind);

/* R@dst = address of what the daemon gives for map @i, or 0 */
void asm_opening(struct loader_asm *a, uint8_t dst, unsigned i);
/* @helper(data + @to, @size, R3): one of those that copy */
void asm_copy(struct loader_asm *a, int32_t helper, size_t to, size_t size);
/* *(u64 *)(data + @where) = address of the kernel's symbol @name */
void asm_find_symbol(struct loader_asm *a, const char *name, size_t where);
/* Attributes of a BPF_MAP_UPDATE_ELEM of the map R@fd (not R0 or R1), by the key and value at these
 * places in the data; where the attributes are. */
size_t asm_update(struct loader_asm *a, uint8_t fd, size_t key, size_t value);

/* Copies what a BPF_PROG_LOAD of @attr needs into the data; where its attributes are there, up to
 * attach_btf_id. @attr's instructions and licence are set here. *ret_insns: where the instructions
 * are, or NULL. */
size_t asm_program(struct loader_asm *a, const union bpf_attr *attr, const struct bpf_insn *insns,
		   size_t n_insns, size_t *ret_insns);
/* R7 = the program whose attributes are at @at */
void asm_load_program(struct loader_asm *a, size_t at);

/* R7 = an array map called @name, one element of 8 bytes */
void asm_make_map(struct loader_asm *a, const char *name);
/* R7 = a raw tracepoint program called @name that returns 0 */
void asm_make_program(struct loader_asm *a, const char *name);
/* The same of another type, as far as that takes no more than a type. */
void asm_make_program_of(struct loader_asm *a, const char *name, enum bpf_prog_type type);
