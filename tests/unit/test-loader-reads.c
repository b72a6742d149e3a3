/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where loaders may read, and what they may not write over to read elsewhere. */
#include "check.h"

#include "loader-verdict.h"

static struct loader_asm a;
static const struct map_opening *openings;

static void refused(const char *part)
{
	verdict_refused(&a, openings, part);
}

static void accepted(void)
{
	verdict_accepted(&a, openings);
}

/* What a loader copies: an opening, and no more than there is of it. */
static void test_copies(void **state)
{
	static const struct map_opening given[] = {{.replace = true, .value_size = 16}, {}};
	static const uint8_t zeros[32];
	static const struct {
		int from; /* -1: a constant, -2: the stack, -3: a symbol's address, -4: nothing */
		unsigned size;
		bool given;
		const char *part;
	} rows[] = {
		{0, 16, true, NULL},
		{0, 17, true, "a copy of more than it is given"},
		{1, 17, true, NULL}, /* of which nothing is given: the address is 0 */
		{0, 17, false, NULL},
		{2, 8, true, "a copy from a place that cannot be told"},
		{-1, 8, true, "a copy from a place that cannot be told"},
		{-2, 8, true, "a copy from a place that cannot be told"},
		{-3, 8, true, "a copy from a place that cannot be told"},
		{-4, 8, true, "a copy from a place that cannot be told"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t at;

		openings = rows[i].given ? given : NULL;
		asm_start(&a, 2);
		at = asm_data(&a, zeros, sizeof(zeros));
		if (rows[i].from >= 0) {
			asm_opening(&a, BPF_REG_3, (unsigned)rows[i].from);
		} else if (rows[i].from == -2) {
			asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_10, 0, 0);
		} else if (rows[i].from == -3) {
			asm_find_symbol(&a, "init_task", at + 24);
			asm_data_address(&a, BPF_REG_3, at + 24);
			asm_insn(&a, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_3, BPF_REG_3, 0, 0);
		} else {
			asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0,
				 rows[i].from == -1 ? 4096 : 0);
		}
		asm_copy(&a, BPF_FUNC_probe_read_kernel, at, rows[i].size);
		asm_return(&a, 0);
		if (rows[i].part)
			refused(rows[i].part);
		else
			accepted();
	}
	openings = NULL;
	/* not to the stack, where nobody would know of it */
	asm_start(&a, 1);
	asm_opening(&a, BPF_REG_3, 0);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0, 0);
	asm_insn(&a, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, -8);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 8);
	asm_insn(&a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_copy_from_user);
	asm_return(&a, 0);
	refused("a store to a place that cannot be told");
}

/* Every byte of the context, by each size of store. */
static void test_context(void **state)
{
	static const struct {
		uint8_t size;
		int bytes;
	} stores[] = {{BPF_B, 1}, {BPF_H, 2}, {BPF_W, 4}, {BPF_DW, 8}};

	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		for (int off = 0; off < 24 + 2 * 16 + 4; off++) {
			bool fd = off == 24 || off == 24 + 16 || off >= 24 + 2 * 16;

			asm_start(&a, 2);
			asm_insn(&a, BPF_STX | BPF_MEM | stores[i].size, BPF_REG_6, BPF_REG_7,
				 (int16_t)off, 0);
			asm_return(&a, 0);
			if (fd && stores[i].bytes == 4)
				accepted();
			else
				refused("a store over what it is given");
		}
	}
	/* by a helper */
	asm_start(&a, 1);
	asm_opening(&a, BPF_REG_3, 0);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0, 0);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 4);
	asm_insn(&a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_copy_from_user);
	asm_return(&a, 0);
	refused("a store to a place that cannot be told");
}

static void test_loads(void **state)
{
	static const struct {
		uint8_t base; /* R8: the map itself; R7: a number; R9: data */
		int16_t off;
		uint8_t size;
		const char *part;
	} rows[] = {
		{BPF_REG_6, 16, BPF_DW, NULL},
		{BPF_REG_9, 0, BPF_DW, NULL},
		{BPF_REG_9, 8, BPF_B, "a load from outside of its data"},
		{BPF_REG_9, -1, BPF_B, "a load from outside of its data"},
		{BPF_REG_10, -ASM_STACK, BPF_DW, NULL},
		{BPF_REG_10, -ASM_STACK - 1, BPF_B, "its stack before that is cleared"},
		{BPF_REG_8, 0, BPF_DW, NULL},
		{BPF_REG_8, 24, BPF_DW, NULL},
		{BPF_REG_8, 32, BPF_W, NULL},
		{BPF_REG_8, 32, BPF_DW, "a load from the kernel's memory"},
		{BPF_REG_8, 40, BPF_W, "a load from the kernel's memory"},
		{BPF_REG_8, -8, BPF_DW, "a load from the kernel's memory"},
		{BPF_REG_7, 0, BPF_W, "a load from a place that cannot be told"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		asm_start(&a, 0);
		asm_data_address(&a, BPF_REG_9, 0);
		asm_insn(&a, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_8, BPF_PSEUDO_MAP_IDX, 0, 0);
		asm_insn(&a, 0, 0, 0, 0, 0);
		asm_insn(&a, BPF_LDX | BPF_MEM | rows[i].size, BPF_REG_0, rows[i].base, rows[i].off,
			 0);
		asm_return(&a, 0);
		if (rows[i].part)
			refused(rows[i].part);
		else
			accepted();
	}
	/* What is cleared on one way only is not. */
	asm_start(&a, 0);
	asm_insn(&a, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_7, 0, 5, 0);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0, 0);
	asm_insn(&a, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, -64);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 64);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 0);
	asm_insn(&a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_probe_read_kernel);
	asm_insn(&a, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_10, -64, 0);
	asm_return(&a, 0);
	refused("its stack before that is cleared");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_context),
		cmocka_unit_test(test_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
