// SPDX-License-Identifier: LGPL-2.1-or-later
/* Loaders that read what is not theirs, and put it where a user may read it: into the declared map.
 */
#include "hostile.h"
#include "loader-abi.h"
#include "sys-bpf.h"

static const uint8_t zeros[8];

/* R7 = the declared map, whose attributes are kept in the data */
static void make_map(struct loader_asm *a)
{
	hostile_make_map(a);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_8, BPF_REG_7, 0, 0);
}

/* The map of R8 gets what is at @value, by the attributes that are at @update. */
static void finish(struct loader_asm *a, size_t update)
{
	asm_sys_bpf(a, BPF_MAP_UPDATE_ELEM, update, ATTR_SIZE(flags));
	asm_check(a);
	asm_make_program(a, "prog");
	hostile_give_program(a);
	asm_return(a, 0);
}

/* R@dst = where the kernel keeps the first of its tasks */
static void kernel_address(struct loader_asm *a, uint8_t dst)
{
	size_t at = asm_data(a, zeros, sizeof(zeros));

	asm_find_symbol(a, "init_task", at);
	asm_data_address(a, BPF_REG_1, at);
	asm_insn(a, BPF_LDX | BPF_MEM | BPF_DW, dst, BPF_REG_1, 0, 0);
}

/* As signed, or as the daemon gives it. */
void hostile_fill(struct loader_asm *a)
{
	size_t key = asm_data(a, zeros, sizeof(zeros));
	size_t value = asm_data(a, "signed!", sizeof("signed!"));

	make_map(a);
	asm_opening(a, BPF_REG_3, 0);
	asm_insn(a, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_3, 0, 4, 0);
	asm_copy(a, BPF_FUNC_copy_from_user, value, 8);
	finish(a, asm_update(a, BPF_REG_8, key, value));
}

/* By the helper @copy, from R3. */
static void finish_copy(struct loader_asm *a, int32_t copy)
{
	size_t key = asm_data(a, zeros, sizeof(zeros));
	size_t value = asm_data(a, zeros, sizeof(zeros));

	asm_copy(a, copy, value, sizeof(zeros));
	finish(a, asm_update(a, BPF_REG_8, key, value));
}

void hostile_read_kernel(struct loader_asm *a)
{
	make_map(a);
	kernel_address(a, BPF_REG_3);
	finish_copy(a, BPF_FUNC_probe_read_kernel);
}

/* The load child is a fork of the daemon. */
void hostile_read_user(struct loader_asm *a)
{
	make_map(a);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 0x400000);
	finish_copy(a, BPF_FUNC_copy_from_user);
}

/* The kernel reads for its own. */
static void attribute_address(struct loader_asm *a, size_t field)
{
	size_t key = asm_data(a, zeros, sizeof(zeros)), update;

	make_map(a);
	update = asm_update(a, BPF_REG_8, key, key);
	kernel_address(a, BPF_REG_0);
	asm_data_address(a, BPF_REG_1, update + field);
	asm_insn(a, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_0, 0, 0);
	finish(a, update);
}

void hostile_value_address(struct loader_asm *a)
{
	attribute_address(a, offsetof(union bpf_attr, value));
}

void hostile_key_address(struct loader_asm *a)
{
	attribute_address(a, offsetof(union bpf_attr, key));
}

/* Another opening than the daemon gave. */
void hostile_own_opening(struct loader_asm *a)
{
	make_map(a);
	kernel_address(a, BPF_REG_0);
	asm_insn(a, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_6, BPF_REG_0,
		 offsetof(struct loader_context, objects) +
			 offsetof(struct loader_map, initial_value),
		 0);
	asm_opening(a, BPF_REG_3, 0);
	finish_copy(a, BPF_FUNC_probe_read_kernel);
}

void hostile_computed_value(struct loader_asm *a)
{
	size_t key = asm_data(a, zeros, sizeof(zeros));
	size_t value = asm_data(a, zeros, sizeof(zeros));

	make_map(a);
	asm_find_symbol(a, "init_task", value);
	finish(a, asm_update(a, BPF_REG_8, key, value));
}

/* What is far behind fd_array: the verifier's log says which number was no map. */
void hostile_fd_array(struct loader_asm *a)
{
	static const struct bpf_insn program[] = {
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = BPF_REG_1,
		 .src_reg = BPF_PSEUDO_MAP_IDX,
		 .imm = 0x10000},
		{},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;
	size_t at, code, license;

	hostile_make_map(a);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
	attr.insn_cnt = ARRAY_SIZE(program);
	at = asm_data(a, &attr, ATTR_SIZE(fd_array));
	code = asm_data(a, program, sizeof(program));
	license = asm_data(a, "GPL", sizeof("GPL"));
	asm_pointer(a, at + offsetof(union bpf_attr, insns), code);
	asm_pointer(a, at + offsetof(union bpf_attr, license), license);
	asm_pointer(a, at + offsetof(union bpf_attr, fd_array), 0);
	asm_sys_bpf(a, BPF_PROG_LOAD, at, ATTR_SIZE(fd_array));
	hostile_give_program(a);
	asm_return(a, 0);
}

/* What was on the kernel's stack before. */
void hostile_stack(struct loader_asm *a)
{
	size_t key = asm_data(a, zeros, sizeof(zeros));
	size_t value = asm_data(a, zeros, sizeof(zeros));

	make_map(a);
	asm_insn(a, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_10, -512, 0);
	asm_data_address(a, BPF_REG_1, value);
	asm_insn(a, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_0, 0, 0);
	finish(a, asm_update(a, BPF_REG_8, key, value));
}
