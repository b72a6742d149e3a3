/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the programs of a loader may be made of. */
#include "check.h"

#include "effect.h"
#include "loader-abi.h"
#include "loader-verdict.h"
#include "sys-bpf.h"

#define FIELD(member) offsetof(union bpf_attr, member)

#define UNKNOWN(what) "that reads its " what " from a place that cannot be told"
#define OUTSIDE(what) "that reads its " what " from outside of its data"
#define WRITTEN	      "for a program whose instructions it writes as it runs"

static struct loader_asm a;
static const uint8_t zeros[64];

static void expect(const char *part)
{
	asm_return(&a, 0);
	if (part)
		verdict_refused(&a, NULL, part);
	else
		verdict_accepted(&a, NULL);
}

/* R0 = a kernel address */
static void kernel_address(void)
{
	size_t at = asm_data(&a, zeros, 8);

	asm_find_symbol(&a, "init_task", at);
	asm_data_address(&a, BPF_REG_1, at);
	asm_insn(&a, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_1, 0, 0);
}

static void store(size_t where, uint8_t size, uint8_t src)
{
	asm_data_address(&a, BPF_REG_1, where);
	asm_insn(&a, BPF_STX | BPF_MEM | size, BPF_REG_1, src, 0, 0);
}

static const struct bpf_insn program[] = {
	{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_IDX},
	{},
	{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_2, .src_reg = BPF_PSEUDO_BTF_ID},
	{},
	{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_3, .src_reg = BPF_PSEUDO_FUNC},
	{},
	{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL},
	{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ktime_get_ns},
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1},
	{.code = BPF_JMP | BPF_JA},
	{.code = BPF_JMP | BPF_EXIT},
};
/* The first of them is an index of a map, and one a function of the program's own. */
static const bool changes[ARRAY_SIZE(program)] = {false, true, true, true, false, true, true};

/* Where it is; *ret_insns: where its instructions are */
static size_t start_program(size_t *ret_insns)
{
	union bpf_attr attr;

	asm_start(&a, 0);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	return asm_program(&a, &attr, program, ARRAY_SIZE(program), ret_insns);
}

static void finish_program(size_t at, const char *part)
{
	asm_load_program(&a, at);
	expect(part);
}

/* What a loader may put into the instructions of a program. */
static void test_instructions(void **state)
{
	size_t at, insns;

	for (unsigned byte = 0; byte < sizeof(program); byte++) {
		bool value = byte % 8 >= 2 && changes[byte / 8];

		at = start_program(&insns);
		store(insns + byte, BPF_B, BPF_REG_7);
		finish_program(at, value ? NULL : WRITTEN);
	}
	/* over the end of one */
	at = start_program(&insns);
	store(insns + 8 + 6, BPF_W, BPF_REG_7);
	finish_program(at, WRITTEN);

	/* a source register is taken away, and not given */
	for (unsigned i = 0; i < 5; i++) {
		/* of the load of a type; not of a function, nor of what then were a helper */
		at = start_program(&insns);
		asm_data_address(&a, BPF_REG_8, insns + (i < 3 ? 16 : i == 3 ? 32 : 48));
		asm_insn(&a, BPF_LDX | BPF_MEM | BPF_B, BPF_REG_9, BPF_REG_8, 1, 0);
		asm_insn(&a, BPF_ALU | BPF_AND | BPF_K, BPF_REG_9, 0, 0, i == 1 ? 0xf0 : 0x0f);
		asm_insn(&a, BPF_STX | BPF_MEM | BPF_B, BPF_REG_8, BPF_REG_9, i == 2 ? 9 : 1, 0);
		finish_program(at, i == 0 ? NULL : WRITTEN);
	}

	/* what the client gives */
	at = start_program(&insns);
	a.n_maps = 1;
	asm_opening(&a, BPF_REG_3, 0);
	asm_copy(&a, BPF_FUNC_copy_from_user, insns + 16 + 4, 4);
	finish_program(at, WRITTEN);
}

/* Behind fd_array, too, the kernel would read, and say in its log what is there. */
static void test_fd_array(void **state)
{
	struct bpf_insn changed[ARRAY_SIZE(program)];
	union bpf_attr attr;
	size_t at;

	memcpy(changed, program, sizeof(changed));
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insn_cnt = ARRAY_SIZE(program);
	for (int32_t index = -2; index <= 3; index++) {
		changed[0].imm = index;
		asm_start(&a, 0);
		at = asm_data(&a, &attr, ATTR_SIZE(core_relo_rec_size));
		asm_pointer(&a, at + FIELD(insns), asm_data(&a, changed, sizeof(changed)));
		asm_pointer(&a, at + FIELD(fd_array), asm_data(&a, zeros, 8));
		asm_sys_bpf(&a, BPF_PROG_LOAD, at, ATTR_SIZE(core_relo_rec_size));
		expect(index == 0 || index == 1 ? NULL : OUTSIDE("fd_array"));
	}
}

static void test_program_addresses(void **state)
{
	static const struct {
		size_t field;
		const char *name;
	} rows[] = {
		{FIELD(insns), UNKNOWN("instructions")},
		{FIELD(license), UNKNOWN("licence")},
		{FIELD(func_info), UNKNOWN("func_info")},
		{FIELD(line_info), UNKNOWN("line_info")},
		{FIELD(fd_array), UNKNOWN("fd_array")},
		{FIELD(core_relos), UNKNOWN("core_relos")},
	};
	union bpf_attr attr;
	size_t at, insns;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		asm_start(&a, 0);
		memset(&attr, 0, sizeof(attr));
		attr.prog_type = BPF_PROG_TYPE_XDP;
		at = asm_data(&a, &attr, ATTR_SIZE(core_relo_rec_size));
		insns = asm_data(&a, program, sizeof(program));
		a.data[at + FIELD(insn_cnt)] = ARRAY_SIZE(program);
		asm_pointer(&a, at + FIELD(insns), insns);
		kernel_address();
		store(at + rows[i].field, BPF_DW, BPF_REG_0);
		asm_sys_bpf(&a, BPF_PROG_LOAD, at, ATTR_SIZE(core_relo_rec_size));
		expect(rows[i].name);
	}
}

/* Lengths that lead out of the data, or change. */
static void test_program_lengths(void **state)
{
	static const struct {
		const char *name;
		size_t field, number, size;
	} rows[] = {
		{"func_info", FIELD(func_info), FIELD(func_info_cnt), FIELD(func_info_rec_size)},
		{"line_info", FIELD(line_info), FIELD(line_info_cnt), FIELD(line_info_rec_size)},
		{"core_relos", FIELD(core_relos), FIELD(core_relo_cnt), FIELD(core_relo_rec_size)},
	};
	static const uint32_t sizes[][2] = {{2, 8},
					    {8, 2},
					    {16, 1},
					    {0, UINT32_MAX},
					    {2, 9},
					    {17, 1},
					    {UINT32_MAX, UINT32_MAX}};
	union bpf_attr attr;
	char part[128];
	size_t at;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			asm_start(&a, 0);
			at = asm_data(&a, &attr, ATTR_SIZE(core_relo_rec_size));
			memcpy(a.data + at + rows[i].number, &sizes[j][0], 4);
			memcpy(a.data + at + rows[i].size, &sizes[j][1], 4);
			asm_pointer(&a, at + rows[i].field, asm_data(&a, zeros, 16));
			asm_sys_bpf(&a, BPF_PROG_LOAD, at, ATTR_SIZE(core_relo_rec_size));
			snprintf(part, sizeof(part), OUTSIDE("%s"), rows[i].name);
			expect(j < 4 ? NULL : part);
		}
		for (unsigned j = 0; j < 2; j++) {
			asm_start(&a, 0);
			at = asm_data(&a, &attr, ATTR_SIZE(core_relo_rec_size));
			store(at + (j ? rows[i].number : rows[i].size), BPF_W, BPF_REG_7);
			asm_sys_bpf(&a, BPF_PROG_LOAD, at, ATTR_SIZE(core_relo_rec_size));
			snprintf(part, sizeof(part), "whose %s it writes as it runs", rows[i].name);
			expect(part);
		}
	}
	asm_start(&a, 0);
	at = asm_data(&a, &attr, ATTR_SIZE(core_relo_rec_size));
	store(at + FIELD(insn_cnt), BPF_W, BPF_REG_7);
	asm_sys_bpf(&a, BPF_PROG_LOAD, at, ATTR_SIZE(core_relo_rec_size));
	expect("whose insn_cnt it writes as it runs");
}

/* A licence ends, or is as long as the kernel reads. */
static void test_license(void **state)
{
	char text[136];
	union bpf_attr attr;
	size_t at, license;

	memset(text, 'x', sizeof(text));
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	for (size_t size = 120; size <= 136; size += 8) {
		asm_start(&a, 0);
		at = asm_data(&a, &attr, ATTR_SIZE(core_relo_rec_size));
		asm_pointer(&a, at + FIELD(license), asm_data(&a, text, size));
		asm_sys_bpf(&a, BPF_PROG_LOAD, at, ATTR_SIZE(core_relo_rec_size));
		expect(size < 128 ? OUTSIDE("licence") : NULL);
	}
	for (size_t byte = 0; byte < 8; byte++) {
		asm_start(&a, 0);
		at = asm_data(&a, &attr, ATTR_SIZE(core_relo_rec_size));
		license = asm_data(&a, "GPL", sizeof("GPL"));
		asm_pointer(&a, at + FIELD(license), license);
		store(license + byte, BPF_B, BPF_REG_7);
		asm_sys_bpf(&a, BPF_PROG_LOAD, at, ATTR_SIZE(core_relo_rec_size));
		expect(byte < sizeof("GPL") ? "whose licence it writes" : NULL);
	}
}

/* The kernel writes a log to where it is told: that is for the daemon to say. */
static void test_log(void **state)
{
	static const struct {
		size_t field;
		uint8_t size;
		int16_t from;
	} rows[] = {
		{FIELD(log_level), BPF_W, offsetof(struct loader_context, log_level)},
		{FIELD(log_size), BPF_W, offsetof(struct loader_context, log_size)},
		{FIELD(log_buf), BPF_DW, offsetof(struct loader_context, log_buf)},
	};
	union bpf_attr attr;
	size_t at;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int other = -4; other <= 8; other += 4) {
			asm_start(&a, 0);
			at = asm_data(&a, &attr, ATTR_SIZE(core_relo_rec_size));
			asm_insn(&a, BPF_LDX | BPF_MEM | rows[i].size, BPF_REG_0, BPF_REG_6,
				 (int16_t)(rows[i].from + other), 0);
			store(at + rows[i].field, rows[i].size, BPF_REG_0);
			asm_sys_bpf(&a, BPF_PROG_LOAD, at, ATTR_SIZE(core_relo_rec_size));
			expect(other == 0 ? NULL : "with a log of its own");
		}
		asm_start(&a, 0);
		at = asm_data(&a, &attr, ATTR_SIZE(core_relo_rec_size));
		a.data[at + rows[i].field] = 1;
		asm_sys_bpf(&a, BPF_PROG_LOAD, at, ATTR_SIZE(core_relo_rec_size));
		expect("with a log of its own");
	}
}

/* Attributes that libbpf's loaders know nothing of: a token, a signature, fd_array_cnt. */
static void test_rest(void **state)
{
	union bpf_attr attr;
	size_t at;

	for (size_t byte = ATTR_SIZE(core_relo_rec_size); byte < sizeof(attr); byte++) {
		for (unsigned i = 0; i < 2; i++) {
			asm_start(&a, 0);
			memset(&attr, 0, sizeof(attr));
			attr.prog_type = BPF_PROG_TYPE_XDP;
			at = asm_data(&a, &attr, sizeof(attr));
			if (i == 0)
				a.data[at + byte] = 1;
			else
				store(at + byte, BPF_B, BPF_REG_7);
			asm_sys_bpf(&a, BPF_PROG_LOAD, at, sizeof(attr));
			expect("with attributes that no loader needs");
		}
	}
}

/* What the verifier lets a program read whose loader may not. */
static void test_kernel_memory(void **state)
{
	static const struct {
		struct bpf_insn insn;
		bool reads;
	} rows[] = {
		{{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL}, true},
		{{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = 4711}, true},
		{{.code = BPF_JMP | BPF_CALL, .src_reg = 3}, true},
		{{.code = BPF_JMP32 | BPF_CALL, .src_reg = 0}, true},
		{{.code = BPF_LD | BPF_DW | BPF_IMM, .src_reg = BPF_PSEUDO_BTF_ID}, true},
		{{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ktime_get_ns}, false},
		{{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL}, false},
		{{.code = BPF_LD | BPF_DW | BPF_IMM, .src_reg = BPF_PSEUDO_FUNC}, false},
	};
	static const uint64_t network = 1 << BPF_PROG_TYPE_XDP | 1 << BPF_PROG_TYPE_CGROUP_SKB,
			      tracing = 1 << BPF_PROG_TYPE_KPROBE;
	struct bpf_insn insns[3] = {[2] = {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_XDP};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_error_ struct error error = ERROR_INIT;

		insns[0] = rows[i].insn;
		asm_start(&a, 0);
		/* any effect is declared: only what is read is asked here */
		a.effects = (1u << _EFFECT_MAX) - 1;
		asm_load_program(&a, asm_program(&a, &attr, insns, ARRAY_SIZE(insns), NULL));
		asm_return(&a, 0);
		assert_int_equal(verdict_of(&a, NULL, network | tracing, NULL), 0);
		assert_int_equal(verdict_of(&a, NULL, network, &error), rows[i].reads ? -EPERM : 0);
		if (rows[i].reads)
			check_error(&error, ERROR_ATTESTATION, "may not read kernel memory");
	}
}

/* What a program can change is told by its instructions, whatever the manifest says. */
static void test_effects(void **state)
{
	static const struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_send_signal},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;
	size_t at;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_KPROBE;
	for (unsigned i = 0; i < _EFFECT_MAX; i++) {
		asm_start(&a, 0);
		a.effects = 1u << i;
		at = asm_program(&a, &attr, insns, ARRAY_SIZE(insns), NULL);
		finish_program(at, i == EFFECT_SIGNALS
					   ? NULL
					   : "program number 1 of the loader can have the effect "
					     "\"signals\" (its instruction 0), which the manifest "
					     "does not declare");
	}
	/* the second of two */
	asm_start(&a, 0);
	at = asm_program(&a, &attr, insns + 1, 1, NULL);
	asm_load_program(&a, at);
	at = asm_program(&a, &attr, insns, ARRAY_SIZE(insns), NULL);
	finish_program(at, "program number 2 of the loader");
}

/* The kernel can make another place of what it relocates, and the records may change. */
static void test_relocated(void **state)
{
	/* keeps the context, and stores by what it takes from elsewhere */
	static const struct bpf_insn insns[] = {
		{.code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 10, .src_reg = 1, .off = -8},
		{.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 6, .src_reg = 10, .off = -16},
		{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 6},
		{.code = BPF_JMP | BPF_EXIT},
	};
	static const char registers[] = "\"registers\" (its instruction 2)";
	static const struct {
		uint32_t record[2], size;
		bool written;
		const char *part;
	} rows[] = {
		{{24, 0}, 16, false, NULL},
		{{800, 0}, 16, false, NULL},
		{{0, 0}, 16, false, registers},
		{{8, 0}, 16, false, registers},
		{{24, 8}, 4, false, registers},
		{{24, 0}, 16, true, registers},
		{{0x0808, 0x0808}, 2, false, registers},
	};
	union bpf_attr attr;
	size_t at, records;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_KPROBE;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t data[32] = {};

		memcpy(data, rows[i].record, sizeof(rows[i].record));
		memcpy(data + 16, rows[i].record, sizeof(rows[i].record));
		asm_start(&a, 0);
		memset(&attr, 0, sizeof(attr));
		attr.prog_type = BPF_PROG_TYPE_KPROBE;
		attr.insn_cnt = ARRAY_SIZE(insns);
		attr.core_relo_cnt = 2;
		attr.core_relo_rec_size = rows[i].size;
		at = asm_data(&a, &attr, ATTR_SIZE(core_relo_rec_size));
		asm_pointer(&a, at + FIELD(insns), asm_data(&a, insns, sizeof(insns)));
		records = asm_data(&a, data, sizeof(data));
		asm_pointer(&a, at + FIELD(core_relos), records);
		if (rows[i].written)
			store(records, BPF_W, BPF_REG_7);
		asm_sys_bpf(&a, BPF_PROG_LOAD, at, ATTR_SIZE(core_relo_rec_size));
		expect(rows[i].part);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_fd_array),
		cmocka_unit_test(test_program_addresses),
		cmocka_unit_test(test_program_lengths),
		cmocka_unit_test(test_license),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_kernel_memory),
		cmocka_unit_test(test_effects),
		cmocka_unit_test(test_relocated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
