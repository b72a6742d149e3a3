// SPDX-License-Identifier: LGPL-2.1-or-later
#include "hostile.h"

#include <linux/btf.h>

#include "sys-bpf.h"

void hostile_keep(struct loader_asm *a, int16_t slot)
{
	asm_insn(a, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_7, slot, 0);
}

void hostile_recall(struct loader_asm *a, uint8_t dst, int16_t slot)
{
	asm_insn(a, BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_10, slot, 0);
}

void hostile_close(struct loader_asm *a, int16_t slot)
{
	hostile_recall(a, BPF_REG_1, slot);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_close);
}

void hostile_make_map(struct loader_asm *a)
{
	asm_make_map(a, "map");
	asm_check(a);
	hostile_keep(a, SLOT_MAP);
	asm_give_map(a, 0, BPF_REG_7);
}

void hostile_give_program(struct loader_asm *a)
{
	asm_check(a);
	hostile_keep(a, SLOT_PROGRAM);
	asm_give_program(a, 0, BPF_REG_7);
}

void hostile_make_declared(struct loader_asm *a)
{
	hostile_make_map(a);
	asm_make_program(a, "prog");
	hostile_give_program(a);
}

void hostile_honest(struct loader_asm *a)
{
	hostile_make_declared(a);
	asm_return(a, 0);
}

void hostile_nothing(struct loader_asm *a)
{
	asm_return(a, 0);
}

void hostile_fewer(struct loader_asm *a)
{
	asm_make_map(a, "map");
	asm_check(a);
	asm_give_map(a, 0, BPF_REG_7);
	asm_return(a, 0);
}

void hostile_extra_map(struct loader_asm *a)
{
	hostile_make_declared(a);
	asm_make_map(a, "extra");
	asm_return(a, 0);
}

void hostile_extra_program(struct loader_asm *a)
{
	hostile_make_declared(a);
	asm_make_program(a, "extra");
	asm_return(a, 0);
}

void hostile_extra_btf(struct loader_asm *a)
{
	static const struct {
		uint16_t magic;
		uint8_t version, flags;
		uint32_t header_size, type_off, type_len, str_off, str_len;
		uint32_t name, info, size, encoding;
		char strings[8];
	} btf = {0xeb9f, 1, 0, 24, 0, 16, 16, 5, 1, 1 << 24, 4, 32, "\0int"};
	union bpf_attr attr;
	size_t at, data;

	hostile_make_declared(a);
	memset(&attr, 0, sizeof(attr));
	attr.btf_size = offsetof(__typeof__(btf), strings) + 5;
	at = asm_data(a, &attr, ATTR_SIZE(btf_log_level));
	data = asm_data(a, &btf, sizeof(btf));
	asm_pointer(a, at + offsetof(union bpf_attr, btf), data);
	asm_sys_bpf(a, BPF_BTF_LOAD, at, ATTR_SIZE(btf_log_level));
	asm_check(a);
	asm_return(a, 0);
}

void hostile_same_twice(struct loader_asm *a)
{
	/* The map's place gets the program's fd as well. */
	hostile_make_declared(a);
	asm_give_map(a, 0, BPF_REG_7);
	hostile_close(a, SLOT_MAP);
	asm_return(a, 0);
}

void hostile_swapped(struct loader_asm *a)
{
	hostile_make_declared(a);
	hostile_recall(a, BPF_REG_0, SLOT_MAP);
	asm_give_program(a, 0, BPF_REG_0);
	asm_give_map(a, 0, BPF_REG_7);
	asm_return(a, 0);
}

void hostile_own_map(struct loader_asm *a)
{
	/* Hands out the metadata map, fd 1 of the load child. */
	hostile_make_declared(a);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
	asm_give_map(a, 0, BPF_REG_0);
	hostile_close(a, SLOT_MAP);
	asm_return(a, 0);
}

void hostile_close_fds(struct loader_asm *a)
{
	for (int fd = 0; fd < 1024; fd++)
		asm_close(a, fd);
	hostile_make_declared(a);
	asm_return(a, 0);
}

void hostile_replace(struct loader_asm *a)
{
	/* The socket stays; where map and loader were there are others of the same kind. */
	asm_close(a, 1);
	asm_make_map(a, "__loader.map");
	asm_check(a);
	hostile_make_declared(a);
	asm_return(a, 0);
}

void hostile_bound_program(struct loader_asm *a, const char *type, int kind,
			   enum bpf_attach_type attach)
{
	static const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;
	size_t at;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_TRACING;
	attr.expected_attach_type = attach;
	memcpy(attr.prog_name, "prog", sizeof("prog"));
	at = asm_program(a, &attr, program, ARRAY_SIZE(program), NULL);
	asm_find_type(a, type, kind);
	asm_store(a, at + offsetof(union bpf_attr, attach_btf_id), BPF_REG_0);
	asm_load_program(a, at);
}

static void make_link(struct loader_asm *a)
{
	union bpf_attr attr;
	size_t at;

	/* can be attached without a name in user memory */
	hostile_bound_program(a, "btf_trace_sched_switch", BTF_KIND_TYPEDEF, BPF_TRACE_RAW_TP);
	asm_check(a);
	hostile_keep(a, SLOT_OTHER);
	memset(&attr, 0, sizeof(attr));
	at = asm_data(a, &attr, ATTR_SIZE(raw_tracepoint));
	asm_store(a, at + offsetof(union bpf_attr, raw_tracepoint.prog_fd), BPF_REG_7);
	asm_sys_bpf(a, BPF_RAW_TRACEPOINT_OPEN, at, ATTR_SIZE(raw_tracepoint));
	asm_check(a);
	hostile_close(a, SLOT_OTHER);
}

void hostile_link_create(struct loader_asm *a)
{
	hostile_make_declared(a);
	make_link(a);
	asm_return(a, 0);
}

/* In the place of the program that was declared. */
void hostile_link_given(struct loader_asm *a)
{
	hostile_make_declared(a);
	hostile_close(a, SLOT_PROGRAM);
	make_link(a);
	asm_give_program(a, 0, BPF_REG_7);
	asm_return(a, 0);
}

void hostile_find_map(struct loader_asm *a)
{
	union bpf_attr attr;

	/* The first that there is gets given as one's own; at the end whatever the last one said.
	 */
	hostile_make_declared(a);
	for (uint32_t id = 1; id <= 64; id++) {
		memset(&attr, 0, sizeof(attr));
		attr.map_id = id;
		asm_sys_bpf(a, BPF_MAP_GET_FD_BY_ID, asm_data(a, &attr, ATTR_SIZE(open_flags)),
			    ATTR_SIZE(open_flags));
	}
	asm_check(a);
	asm_return(a, 0);
}

void hostile_computed(struct loader_asm *a)
{
	/* bpf_sys_bpf(BPF_MAP_CREATE + 17 = BPF_RAW_TRACEPOINT_OPEN), with attributes of zeros */
	hostile_make_declared(a);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, BPF_MAP_CREATE);
	asm_insn(a, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, BPF_RAW_TRACEPOINT_OPEN);
	asm_data_address(a, BPF_REG_2, 0);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 8);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_bpf);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_7, BPF_REG_0, 0, 0);
	asm_check(a);
	asm_return(a, 0);
}

void hostile_helper(struct loader_asm *a)
{
	hostile_make_declared(a);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_ns);
	asm_return(a, 0);
}

/* The kernel's functions are open to a SYSCALL program, too. */
void hostile_kfunc(struct loader_asm *a)
{
	hostile_make_declared(a);
	asm_find_type(a, "bpf_cpumask_create", BTF_KIND_FUNC);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, 1);
	asm_return(a, 0);
}

/* A program that keeps the verifier busy: 600,000 instructions to look at. */
static size_t long_program(struct loader_asm *a)
{
	static const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
		{.code = BPF_JMP | BPF_JLT | BPF_K, .dst_reg = BPF_REG_0, .off = -2, .imm = 300000},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
	return asm_program(a, &attr, program, ARRAY_SIZE(program), NULL);
}

/* As many commands as a loader may have, each as slow as can be. */
void hostile_loop(struct loader_asm *a)
{
	size_t program = long_program(a);

	for (unsigned i = 0; i < 250; i++) {
		asm_load_program(a, program);
		asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_7, 0, 0);
		asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_close);
	}
	hostile_make_declared(a);
	asm_return(a, 0);
}

/* The same 20,000 times, by a loop that the verifier takes. */
void hostile_endless(struct loader_asm *a)
{
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_8, 0, 0, 20000);
	asm_close(a, -1);
	asm_insn(a, BPF_ALU64 | BPF_SUB | BPF_K, BPF_REG_8, 0, 0, 1);
	asm_insn(a, BPF_JMP | BPF_JSGT | BPF_K, BPF_REG_8, 0, -4, 0);
	hostile_make_declared(a);
	asm_return(a, 0);
}

/* More maps than anybody can declare, closed again at once. */
void hostile_too_many(struct loader_asm *a)
{
	hostile_make_declared(a);
	for (unsigned i = 0; i < 300; i++) {
		union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY};

		asm_sys_bpf(a, BPF_MAP_CREATE, asm_data(a, &attr, 8), 8);
	}
	asm_return(a, 0);
}

void hostile_failure(struct loader_asm *a)
{
	hostile_make_declared(a);
	asm_return(a, -ENXIO);
}
