// SPDX-License-Identifier: LGPL-2.1-or-later
#include "loader-asm.h"

#include <linux/btf.h>

#include "sys-bpf.h"

/* The stack keeps what is needed later: the program's and the map's fd. */
#define SLOT_PROGRAM (-4)
#define SLOT_MAP     (-8)
#define SLOT_BOUND   (-12)

static void keep(struct loader_asm *a, int16_t slot)
{
	asm_insn(a, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_7, slot, 0);
}

static void recall(struct loader_asm *a, uint8_t dst, int16_t slot)
{
	asm_insn(a, BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_10, slot, 0);
}

/* What is declared, as it should be. */
static void make_declared(struct loader_asm *a)
{
	asm_make_map(a, "map");
	asm_check(a);
	keep(a, SLOT_MAP);
	asm_give_map(a, 0, BPF_REG_7);
	asm_make_program(a, "prog");
	asm_check(a);
	keep(a, SLOT_PROGRAM);
	asm_give_program(a, 0, BPF_REG_7);
}

static void write_honest(struct loader_asm *a)
{
	make_declared(a);
	asm_return(a, 0);
}

static void write_nothing(struct loader_asm *a)
{
	asm_return(a, 0);
}

static void write_fewer(struct loader_asm *a)
{
	asm_make_map(a, "map");
	asm_check(a);
	asm_give_map(a, 0, BPF_REG_7);
	asm_return(a, 0);
}

static void write_extra_map(struct loader_asm *a)
{
	make_declared(a);
	asm_make_map(a, "extra");
	asm_return(a, 0);
}

static void write_extra_program(struct loader_asm *a)
{
	make_declared(a);
	asm_make_program(a, "extra");
	asm_return(a, 0);
}

static void write_extra_btf(struct loader_asm *a)
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

	make_declared(a);
	memset(&attr, 0, sizeof(attr));
	attr.btf_size = offsetof(__typeof__(btf), strings) + 5;
	at = asm_data(a, &attr, ATTR_SIZE(btf_log_level));
	data = asm_data(a, &btf, sizeof(btf));
	asm_pointer(a, at + offsetof(union bpf_attr, btf), data);
	asm_sys_bpf(a, BPF_BTF_LOAD, at, ATTR_SIZE(btf_log_level));
	asm_check(a);
	asm_return(a, 0);
}

static void write_same_twice(struct loader_asm *a)
{
	/* The map's place gets the program's fd as well. */
	make_declared(a);
	asm_give_map(a, 0, BPF_REG_7);
	recall(a, BPF_REG_1, SLOT_MAP);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_close);
	asm_return(a, 0);
}

static void write_swapped(struct loader_asm *a)
{
	make_declared(a);
	recall(a, BPF_REG_0, SLOT_MAP);
	asm_give_program(a, 0, BPF_REG_0);
	asm_give_map(a, 0, BPF_REG_7);
	asm_return(a, 0);
}

static void write_own_map(struct loader_asm *a)
{
	/* Hands out the metadata map, fd 1 of the load child. */
	make_declared(a);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
	asm_give_map(a, 0, BPF_REG_0);
	recall(a, BPF_REG_1, SLOT_MAP);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_close);
	asm_return(a, 0);
}

static void write_close(struct loader_asm *a)
{
	for (int fd = 0; fd < 1024; fd++)
		asm_close(a, fd);
	make_declared(a);
	asm_return(a, 0);
}

static void write_replace(struct loader_asm *a)
{
	/* The socket stays; where map and loader were there are others of the same kind. */
	asm_close(a, 1);
	asm_make_map(a, "__loader.map");
	asm_check(a);
	make_declared(a);
	asm_return(a, 0);
}

/* R7 = a program for sched_switch, which can be attached without a name in user memory */
static void make_bound_program(struct loader_asm *a)
{
	static const char name[] = "btf_trace_sched_switch";
	static const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	size_t at, insns, license;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_TRACING;
	attr.expected_attach_type = BPF_TRACE_RAW_TP;
	attr.insn_cnt = ARRAY_SIZE(program);
	at = asm_data(a, &attr, ATTR_SIZE(attach_btf_id));
	insns = asm_data(a, program, sizeof(program));
	license = asm_data(a, "GPL", sizeof("GPL"));
	asm_data_address(a, BPF_REG_1, asm_data(a, name, sizeof(name)));
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, sizeof(name));
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, BTF_KIND_TYPEDEF);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, 0);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_btf_find_by_name_kind);
	asm_store(a, at + offsetof(union bpf_attr, attach_btf_id), BPF_REG_0);
	asm_pointer(a, at + offsetof(union bpf_attr, insns), insns);
	asm_pointer(a, at + offsetof(union bpf_attr, license), license);
	asm_sys_bpf(a, BPF_PROG_LOAD, at, ATTR_SIZE(attach_btf_id));
}

static void make_link(struct loader_asm *a)
{
	union bpf_attr attr;
	size_t at;

	make_bound_program(a);
	asm_check(a);
	keep(a, SLOT_BOUND);
	memset(&attr, 0, sizeof(attr));
	at = asm_data(a, &attr, ATTR_SIZE(raw_tracepoint));
	asm_store(a, at + offsetof(union bpf_attr, raw_tracepoint.prog_fd), BPF_REG_7);
	asm_sys_bpf(a, BPF_RAW_TRACEPOINT_OPEN, at, ATTR_SIZE(raw_tracepoint));
	asm_check(a);
	recall(a, BPF_REG_1, SLOT_BOUND);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_close);
}

static void write_link_create(struct loader_asm *a)
{
	make_declared(a);
	make_link(a);
	asm_return(a, 0);
}

/* In the place of the program that was declared. */
static void write_link_given(struct loader_asm *a)
{
	make_declared(a);
	recall(a, BPF_REG_1, SLOT_PROGRAM);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_close);
	make_link(a);
	asm_give_program(a, 0, BPF_REG_7);
	asm_return(a, 0);
}

static void write_find_map(struct loader_asm *a)
{
	union bpf_attr attr;

	/* The first that there is gets given as one's own; at the end whatever the last one said.
	 */
	make_declared(a);
	for (uint32_t id = 1; id <= 64; id++) {
		memset(&attr, 0, sizeof(attr));
		attr.map_id = id;
		asm_sys_bpf(a, BPF_MAP_GET_FD_BY_ID, asm_data(a, &attr, ATTR_SIZE(open_flags)),
			    ATTR_SIZE(open_flags));
	}
	asm_check(a);
	asm_return(a, 0);
}

static void write_computed(struct loader_asm *a)
{
	/* bpf_sys_bpf(BPF_MAP_CREATE + 17 = BPF_RAW_TRACEPOINT_OPEN), with attributes of zeros */
	make_declared(a);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, BPF_MAP_CREATE);
	asm_insn(a, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, BPF_RAW_TRACEPOINT_OPEN);
	asm_data_address(a, BPF_REG_2, 0);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 8);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_bpf);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_7, BPF_REG_0, 0, 0);
	asm_check(a);
	asm_return(a, 0);
}

static void write_helper(struct loader_asm *a)
{
	make_declared(a);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_ns);
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
	size_t at, insns, license;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
	attr.insn_cnt = ARRAY_SIZE(program);
	at = asm_data(a, &attr, ATTR_SIZE(prog_name));
	insns = asm_data(a, program, sizeof(program));
	license = asm_data(a, "GPL", sizeof("GPL"));
	asm_pointer(a, at + offsetof(union bpf_attr, insns), insns);
	asm_pointer(a, at + offsetof(union bpf_attr, license), license);
	return at;
}

/* As many commands as a loader may have, each as slow as can be. */
static void write_loop(struct loader_asm *a)
{
	size_t program = long_program(a);

	for (unsigned i = 0; i < 250; i++) {
		asm_sys_bpf(a, BPF_PROG_LOAD, program, ATTR_SIZE(prog_name));
		asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_7, 0, 0);
		asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_close);
	}
	make_declared(a);
	asm_return(a, 0);
}

/* The same 20,000 times, by a loop that the verifier takes. */
static void write_endless(struct loader_asm *a)
{
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_8, 0, 0, 20000);
	asm_close(a, -1);
	asm_insn(a, BPF_ALU64 | BPF_SUB | BPF_K, BPF_REG_8, 0, 0, 1);
	asm_insn(a, BPF_JMP | BPF_JSGT | BPF_K, BPF_REG_8, 0, -4, 0);
	make_declared(a);
	asm_return(a, 0);
}

/* More maps than anybody can declare, closed again at once. */
static void write_too_many(struct loader_asm *a)
{
	make_declared(a);
	for (unsigned i = 0; i < 300; i++) {
		union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY};

		asm_sys_bpf(a, BPF_MAP_CREATE, asm_data(a, &attr, 8), 8);
	}
	asm_return(a, 0);
}

static void write_failure(struct loader_asm *a)
{
	make_declared(a);
	asm_return(a, -ENXIO);
}

const struct hostile_mode hostile_modes[] = {
	{"honest", "does nothing wrong", write_honest, false, ERROR_NONE, "", NULL},
	{"nothing", "makes nothing and says that all is well", write_nothing, false,
	 ERROR_ATTESTATION, "gave nothing for program 0", NULL},
	{"fewer", "leaves the program out", write_fewer, false, ERROR_ATTESTATION,
	 "gave nothing for program 0", NULL},
	{"failure", "makes all and returns -ENXIO", write_failure, false, ERROR_KERNEL, "ENXIO",
	 NULL},
	{"extra-map", "leaves a map open that is not declared", write_extra_map, false,
	 ERROR_ATTESTATION, "does not declare: anon_inode:bpf-map", NULL},
	{"extra-prog", "leaves a program open that is not declared", write_extra_program, false,
	 ERROR_ATTESTATION, "does not declare: anon_inode:bpf-prog", NULL},
	{"extra-btf", "leaves a BTF open", write_extra_btf, false, ERROR_ATTESTATION,
	 "does not declare: anon_inode:btf", NULL},
	{"same-fd-twice", "gives the program's fd for the map too", write_same_twice, false,
	 ERROR_ATTESTATION, "the same object for two", NULL},
	{"swapped", "gives the map for the program and the other way round", write_swapped, false,
	 ERROR_ATTESTATION, "another kind of object", NULL},
	{"own-map", "gives the load child's own map", write_own_map, false, ERROR_ATTESTATION,
	 "gave nothing for map 0", NULL},
	{"close-fds", "closes fds 0 to 1023 first", write_close, false, ERROR_ATTESTATION,
	 "not its own", NULL},
	{"replace-fds", "closes the load child's map and puts another there", write_replace, false,
	 ERROR_ATTESTATION, "not its own", NULL},
	{"loop", "loads programs for minutes", write_loop, false, ERROR_KERNEL,
	 "did not end in time", NULL},
	{"link-create", "attaches a program by itself", write_link_create, true, ERROR_ATTESTATION,
	 "command 17", "does not declare: anon_inode:bpf_link"},
	{"link-given", "gives a link for the program", write_link_given, true, ERROR_ATTESTATION,
	 "command 17", "another kind of object"},
	{"get-fd-by-id", "looks for the maps of others", write_find_map, true, ERROR_ATTESTATION,
	 "command 14", "EPERM"},
	{"computed", "computes the number of a bpf(2) command", write_computed, true,
	 ERROR_ATTESTATION, "not a constant", "EINVAL"},
	{"endless", "does the same again and again", write_endless, true, ERROR_ATTESTATION,
	 "part of a loop", NULL},
	{"too-many", "gives more commands than any loader needs", write_too_many, true,
	 ERROR_ATTESTATION, "command too many", NULL},
	{"helper", "calls a helper that no loader needs", write_helper, true, ERROR_ATTESTATION,
	 "call of helper 5", NULL},
};
const size_t n_hostile_modes = ARRAY_SIZE(hostile_modes);

const struct hostile_mode *hostile_find(const char *name)
{
	for (size_t i = 0; i < n_hostile_modes; i++)
		if (streq(hostile_modes[i].name, name))
			return &hostile_modes[i];
	return NULL;
}
