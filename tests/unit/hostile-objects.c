// SPDX-License-Identifier: LGPL-2.1-or-later
#include <linux/btf.h>

#include "hostile.h"
#include "sys-bpf.h"

static const struct bpf_insn return_0[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
	{.code = BPF_JMP | BPF_EXIT},
};

/*
 * ---- commands that no loader needs ----
 *
 * The kernel itself lets a SYSCALL program give a few commands only, and answers EINVAL to others
 * (bpf_sys_bpf() in kernel/bpf/syscall.c): pins, the old way to attach, iterators, look-ups of
 * programs.
 */

void hostile_pin(struct loader_asm *a)
{
	static const char path[] = "/sys/fs/bpf/hostile";
	union bpf_attr attr;
	size_t at;

	hostile_make_declared(a);
	memset(&attr, 0, sizeof(attr));
	at = asm_data(a, &attr, ATTR_SIZE(file_flags));
	asm_pointer(a, at + offsetof(union bpf_attr, pathname), asm_data(a, path, sizeof(path)));
	asm_store(a, at + offsetof(union bpf_attr, bpf_fd), BPF_REG_7);
	asm_sys_bpf(a, BPF_OBJ_PIN, at, ATTR_SIZE(file_flags));
	asm_check(a);
	asm_return(a, 0);
}

/* The old way to attach to a cgroup, by the only fd that was not made here: the socket. */
void hostile_prog_attach(struct loader_asm *a)
{
	static const struct bpf_insn allow[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;
	size_t at;

	hostile_make_declared(a);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_SKB;
	asm_load_program(a, asm_program(a, &attr, allow, ARRAY_SIZE(allow), NULL));
	asm_check(a);
	memset(&attr, 0, sizeof(attr));
	attr.attach_type = BPF_CGROUP_INET_EGRESS;
	at = asm_data(a, &attr, ATTR_SIZE(replace_bpf_fd));
	asm_store(a, at + offsetof(union bpf_attr, attach_bpf_fd), BPF_REG_7);
	asm_sys_bpf(a, BPF_PROG_ATTACH, at, ATTR_SIZE(replace_bpf_fd));
	asm_check(a);
	asm_return(a, 0);
}

/* Whoever reads it would run the program. */
void hostile_iterator(struct loader_asm *a)
{
	union bpf_attr attr;
	size_t at;

	hostile_make_declared(a);
	hostile_bound_program(a, "bpf_iter_task", BTF_KIND_FUNC, BPF_TRACE_ITER);
	asm_check(a);
	hostile_keep(a, SLOT_OTHER);
	memset(&attr, 0, sizeof(attr));
	attr.link_create.attach_type = BPF_TRACE_ITER;
	at = asm_data(a, &attr, ATTR_SIZE(link_create));
	asm_store(a, at + offsetof(union bpf_attr, link_create.prog_fd), BPF_REG_7);
	asm_sys_bpf(a, BPF_LINK_CREATE, at, ATTR_SIZE(link_create));
	asm_check(a);
	hostile_close(a, SLOT_OTHER);
	hostile_keep(a, SLOT_OTHER);
	memset(&attr, 0, sizeof(attr));
	at = asm_data(a, &attr, ATTR_SIZE(iter_create));
	asm_store(a, at + offsetof(union bpf_attr, iter_create.link_fd), BPF_REG_7);
	asm_sys_bpf(a, BPF_ITER_CREATE, at, ATTR_SIZE(iter_create));
	asm_check(a);
	hostile_close(a, SLOT_OTHER);
	asm_return(a, 0);
}

/* In the place of its own. */
void hostile_find_program(struct loader_asm *a)
{
	union bpf_attr attr;

	hostile_make_declared(a);
	memset(&attr, 0, sizeof(attr));
	attr.prog_id = 1;
	asm_sys_bpf(a, BPF_PROG_GET_FD_BY_ID, asm_data(a, &attr, ATTR_SIZE(open_flags)),
		    ATTR_SIZE(open_flags));
	asm_check(a);
	asm_give_program(a, 0, BPF_REG_7);
	hostile_close(a, SLOT_PROGRAM);
	asm_return(a, 0);
}

/* ---- maps ---- */

/* R7 = a map of @type; its attributes are at the place that is returned */
static size_t make_map(struct loader_asm *a, enum bpf_map_type type, const char *name,
		       uint32_t value_size, uint32_t flags)
{
	union bpf_attr attr;
	size_t at;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = 4;
	attr.value_size = value_size;
	attr.max_entries = 1;
	attr.map_flags = flags;
	memcpy(attr.map_name, name, strlen(name));
	at = asm_data(a, &attr, ATTR_SIZE(map_name));
	asm_sys_bpf(a, BPF_MAP_CREATE, at, ATTR_SIZE(map_name));
	return at;
}

/* With the declared program, after R7 was made the declared map. */
static void finish_map(struct loader_asm *a)
{
	asm_check(a);
	asm_give_map(a, 0, BPF_REG_7);
	asm_make_program(a, "prog");
	hostile_give_program(a);
	asm_return(a, 0);
}

void hostile_map_type(struct loader_asm *a)
{
	make_map(a, BPF_MAP_TYPE_HASH, "map", 8, 0);
	finish_map(a);
}

void hostile_map_size(struct loader_asm *a)
{
	make_map(a, BPF_MAP_TYPE_ARRAY, "map", 4096, 0);
	finish_map(a);
}

void hostile_map_name(struct loader_asm *a)
{
	make_map(a, BPF_MAP_TYPE_ARRAY, "other", 8, 0);
	finish_map(a);
}

/* Nothing that a manifest says depends on it. */
void hostile_map_flags(struct loader_asm *a)
{
	make_map(a, BPF_MAP_TYPE_ARRAY, "map", 8, BPF_F_MMAPABLE);
	finish_map(a);
}

/* One more program lives on in an array, whose fd is all that stays. */
void hostile_program_array(struct loader_asm *a)
{
	static const uint32_t zero;
	union bpf_attr attr;
	size_t at, value;

	hostile_make_declared(a);
	asm_make_program(a, "extra");
	asm_check(a);
	hostile_keep(a, SLOT_OTHER);
	make_map(a, BPF_MAP_TYPE_PROG_ARRAY, "array", 4, 0);
	asm_check(a);
	memset(&attr, 0, sizeof(attr));
	at = asm_data(a, &attr, ATTR_SIZE(flags));
	value = asm_data(a, &zero, sizeof(zero));
	asm_store(a, at + offsetof(union bpf_attr, map_fd), BPF_REG_7);
	hostile_recall(a, BPF_REG_8, SLOT_OTHER);
	asm_store(a, value, BPF_REG_8);
	asm_pointer(a, at + offsetof(union bpf_attr, key), asm_data(a, &zero, sizeof(zero)));
	asm_pointer(a, at + offsetof(union bpf_attr, value), value);
	asm_sys_bpf(a, BPF_MAP_UPDATE_ELEM, at, ATTR_SIZE(flags));
	asm_check(a);
	hostile_close(a, SLOT_OTHER);
	asm_return(a, 0);
}

/* Registered, such a map holds itself. */
void hostile_struct_ops(struct loader_asm *a)
{
	hostile_make_declared(a);
	make_map(a, BPF_MAP_TYPE_STRUCT_OPS, "ops", 8, 0);
	asm_check(a);
	asm_return(a, 0);
}

void hostile_changed_type(struct loader_asm *a)
{
	union bpf_attr attr;
	size_t at;

	hostile_make_declared(a);
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 8;
	attr.max_entries = 1;
	at = asm_data(a, &attr, ATTR_SIZE(map_name));
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, BPF_MAP_TYPE_STRUCT_OPS);
	asm_store(a, at, BPF_REG_0);
	asm_sys_bpf(a, BPF_MAP_CREATE, at, ATTR_SIZE(map_name));
	asm_check(a);
	asm_return(a, 0);
}

/* The same by an address that has been on the stack. */
void hostile_hidden_store(struct loader_asm *a)
{
	hostile_make_declared(a);
	asm_data_address(a, BPF_REG_1, 0);
	asm_insn(a, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_1, -24, 0);
	asm_insn(a, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_2, BPF_REG_10, -24, 0);
	asm_insn(a, BPF_ST | BPF_MEM | BPF_W, BPF_REG_2, 0, 0, BPF_MAP_TYPE_STRUCT_OPS);
	asm_return(a, 0);
}

/* The fd of the map is closed; the declared program holds it. */
void hostile_used_map(struct loader_asm *a)
{
	static const struct bpf_insn program[] = {
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = BPF_REG_1,
		 .src_reg = BPF_PSEUDO_MAP_FD},
		{},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;
	size_t at, insns;

	hostile_make_map(a);
	asm_make_map(a, "hidden");
	asm_check(a);
	hostile_keep(a, SLOT_OTHER);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
	memcpy(attr.prog_name, "prog", sizeof("prog"));
	at = asm_program(a, &attr, program, ARRAY_SIZE(program), &insns);
	asm_store(a, insns + offsetof(struct bpf_insn, imm), BPF_REG_7);
	asm_load_program(a, at);
	hostile_give_program(a);
	hostile_close(a, SLOT_OTHER);
	asm_return(a, 0);
}

/* ---- programs ---- */

void hostile_program_name(struct loader_asm *a)
{
	hostile_make_map(a);
	asm_make_program(a, "other");
	hostile_give_program(a);
	asm_return(a, 0);
}

/* The declared program with @insns. */
static void make_program(struct loader_asm *a, enum bpf_prog_type type,
			 const struct bpf_insn *insns, size_t n)
{
	union bpf_attr attr;

	hostile_make_map(a);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	memcpy(attr.prog_name, "prog", sizeof("prog"));
	asm_load_program(a, asm_program(a, &attr, insns, n, NULL));
	hostile_give_program(a);
	asm_return(a, 0);
}

void hostile_program_type(struct loader_asm *a)
{
	make_program(a, BPF_PROG_TYPE_TRACEPOINT, return_0, ARRAY_SIZE(return_0));
}

void hostile_program_helper(struct loader_asm *a)
{
	static const struct bpf_insn program[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ktime_get_ns},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};

	make_program(a, BPF_PROG_TYPE_RAW_TRACEPOINT, program, ARRAY_SIZE(program));
}

/* bpf_rcu_read_lock() and its other half, which every program may call that the kernel takes. */
void hostile_program_kfunc(struct loader_asm *a)
{
	static const struct bpf_insn program[] = {
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL},
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	static const char *const names[] = {"bpf_rcu_read_lock", "bpf_rcu_read_unlock"};
	union bpf_attr attr;
	size_t at, insns;

	hostile_make_map(a);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
	memcpy(attr.prog_name, "prog", sizeof("prog"));
	at = asm_program(a, &attr, program, ARRAY_SIZE(program), &insns);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		asm_find_type(a, names[i], BTF_KIND_FUNC);
		asm_store(a, insns + i * sizeof(*program) + offsetof(struct bpf_insn, imm),
			  BPF_REG_0);
	}
	asm_load_program(a, at);
	hostile_give_program(a);
	asm_return(a, 0);
}

static void make_bound(struct loader_asm *a, const char *type, int kind,
		       enum bpf_attach_type attach)
{
	hostile_make_map(a);
	hostile_bound_program(a, type, kind, attach);
	hostile_give_program(a);
	asm_return(a, 0);
}

void hostile_tp_btf(struct loader_asm *a)
{
	make_bound(a, "btf_trace_sched_switch", BTF_KIND_TYPEDEF, BPF_TRACE_RAW_TP);
}

void hostile_fentry(struct loader_asm *a)
{
	make_bound(a, "vfs_open", BTF_KIND_FUNC, BPF_TRACE_FENTRY);
}

void hostile_fexit(struct loader_asm *a)
{
	make_bound(a, "vfs_open", BTF_KIND_FUNC, BPF_TRACE_FEXIT);
}

/* Could make every open(2) fail. */
void hostile_modify_return(struct loader_asm *a)
{
	make_bound(a, "security_file_open", BTF_KIND_FUNC, BPF_MODIFY_RETURN);
}
