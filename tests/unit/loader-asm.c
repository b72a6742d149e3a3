// SPDX-License-Identifier: LGPL-2.1-or-later
#include "loader-asm.h"

#include "loader-abi.h"
#include "sys-bpf.h"

void asm_insn(struct loader_asm *a, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
	      int32_t imm)
{
	if (a->n == ASM_INSNS_MAX)
		abort();
	a->insns[a->n++] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = off, .imm = imm};
}

void asm_start(struct loader_asm *a, unsigned n_maps)
{
	memset(a, 0, sizeof(*a));
	a->n_maps = n_maps;
	a->size = 8; /* the kernel makes no map of nothing */
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_7, 0, 0, 0);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0, 0);
	asm_insn(a, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, -ASM_STACK);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, ASM_STACK);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 0);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_probe_read_kernel);
}

void asm_data_address(struct loader_asm *a, uint8_t dst, size_t offset)
{
	asm_insn(a, BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_IDX_VALUE, 0, 0);
	asm_insn(a, 0, 0, 0, 0, (int32_t)offset);
}

size_t asm_data(struct loader_asm *a, const void *value, size_t size)
{
	size_t offset = a->size;

	if (offset + size + 8 > ASM_DATA_MAX)
		abort();
	memcpy(a->data + offset, value, size);
	a->size += (size + 7) / 8 * 8;
	return offset;
}

void asm_pointer(struct loader_asm *a, size_t where, size_t what)
{
	asm_data_address(a, BPF_REG_0, what);
	asm_data_address(a, BPF_REG_1, where);
	asm_insn(a, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_0, 0, 0);
}

void asm_store(struct loader_asm *a, size_t where, uint8_t src)
{
	asm_data_address(a, BPF_REG_1, where);
	asm_insn(a, BPF_STX | BPF_MEM | BPF_W, BPF_REG_1, src, 0, 0);
}

void asm_sys_bpf(struct loader_asm *a, int cmd, size_t attr, size_t size)
{
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, cmd);
	asm_data_address(a, BPF_REG_2, attr);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, (int32_t)size);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_bpf);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_7, BPF_REG_0, 0, 0);
}

void asm_close(struct loader_asm *a, int fd)
{
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, fd);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_close);
}

static void give(struct loader_asm *a, size_t at, uint8_t src)
{
	asm_insn(a, BPF_STX | BPF_MEM | BPF_W, BPF_REG_6, src,
		 (int16_t)(offsetof(struct loader_context, objects) + at), 0);
}

void asm_give_map(struct loader_asm *a, unsigned i, uint8_t src)
{
	give(a, i * sizeof(struct loader_map), src);
}

void asm_give_program(struct loader_asm *a, unsigned i, uint8_t src)
{
	give(a, a->n_maps * sizeof(struct loader_map) + i * sizeof(int32_t), src);
}

void asm_check(struct loader_asm *a)
{
	asm_insn(a, BPF_JMP | BPF_JSGE | BPF_K, BPF_REG_7, 0, 2, 0);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_7, 0, 0);
	asm_insn(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

void asm_return(struct loader_asm *a, int value)
{
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
	asm_insn(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

void asm_opening(struct loader_asm *a, uint8_t dst, unsigned i)
{
	asm_insn(a, BPF_LDX | BPF_MEM | BPF_DW, dst, BPF_REG_6,
		 (int16_t)(offsetof(struct loader_context, objects) +
			   i * sizeof(struct loader_map) +
			   offsetof(struct loader_map, initial_value)),
		 0);
}

void asm_copy(struct loader_asm *a, int32_t helper, size_t to, size_t size)
{
	asm_data_address(a, BPF_REG_1, to);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, (int32_t)size);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

void asm_find_symbol(struct loader_asm *a, const char *name, size_t where)
{
	asm_data_address(a, BPF_REG_1, asm_data(a, name, strlen(name) + 1));
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, (int32_t)strlen(name) + 1);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 0);
	asm_data_address(a, BPF_REG_4, where);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_kallsyms_lookup_name);
}

size_t asm_update(struct loader_asm *a, uint8_t fd, size_t key, size_t value)
{
	union bpf_attr attr;
	size_t at;

	memset(&attr, 0, sizeof(attr));
	at = asm_data(a, &attr, ATTR_SIZE(flags));
	asm_store(a, at + offsetof(union bpf_attr, map_fd), fd);
	asm_pointer(a, at + offsetof(union bpf_attr, key), key);
	asm_pointer(a, at + offsetof(union bpf_attr, value), value);
	return at;
}

void asm_make_map(struct loader_asm *a, const char *name)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 8;
	attr.max_entries = 1;
	memcpy(attr.map_name, name, strlen(name));
	asm_sys_bpf(a, BPF_MAP_CREATE, asm_data(a, &attr, ATTR_SIZE(map_name)),
		    ATTR_SIZE(map_name));
}

void asm_find_type(struct loader_asm *a, const char *name, int kind)
{
	asm_data_address(a, BPF_REG_1, asm_data(a, name, strlen(name) + 1));
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, (int32_t)strlen(name) + 1);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, kind);
	asm_insn(a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, 0);
	asm_insn(a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_btf_find_by_name_kind);
}

size_t asm_program(struct loader_asm *a, const union bpf_attr *attr, const struct bpf_insn *insns,
		   size_t n_insns, size_t *ret_insns)
{
	union bpf_attr copy = *attr;
	size_t at, code, license;

	copy.insn_cnt = (uint32_t)n_insns;
	at = asm_data(a, &copy, ATTR_SIZE(attach_btf_id));
	code = asm_data(a, insns, n_insns * sizeof(*insns));
	license = asm_data(a, "GPL", sizeof("GPL"));
	asm_pointer(a, at + offsetof(union bpf_attr, insns), code);
	asm_pointer(a, at + offsetof(union bpf_attr, license), license);
	if (ret_insns)
		*ret_insns = code;
	return at;
}

void asm_load_program(struct loader_asm *a, size_t at)
{
	asm_sys_bpf(a, BPF_PROG_LOAD, at, ATTR_SIZE(attach_btf_id));
}

void asm_make_program_of(struct loader_asm *a, const char *name, enum bpf_prog_type type)
{
	static const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	memcpy(attr.prog_name, name, strlen(name));
	asm_load_program(a, asm_program(a, &attr, program, ARRAY_SIZE(program), NULL));
}

void asm_make_program(struct loader_asm *a, const char *name)
{
	asm_make_program_of(a, name, BPF_PROG_TYPE_RAW_TRACEPOINT);
}
