/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "hostile.h"
#include "loader-check.h"
#include "loader-verdict.h"

static struct loader_asm a;

static int check(struct error *error)
{
	return loader_check((struct blob){(const void *)a.insns, a.n * sizeof(a.insns[0])}, error);
}

static void refused(const char *part)
{
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_int_equal(check(&error), -EPERM);
	check_error(&error, ERROR_ATTESTATION, part);
	assert_int_equal(error.step, STEP_LOAD);
}

static void accepted(void)
{
	_cleanup_error_ struct error error = ERROR_INIT;

	if (check(&error) < 0)
		fail_msg("refused: %s", error_message(&error));
}

static void test_size(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	uint8_t bytes[32] = {BPF_ALU64 | BPF_MOV | BPF_K};

	for (size_t size = 0; size < sizeof(bytes); size++)
		if (size % 8 != 0 || size < 16)
			assert_int_equal(loader_check((struct blob){bytes, size}, NULL), -EPERM);
	bytes[0] = 0xff;
	assert_int_equal(loader_check((struct blob){bytes, sizeof(bytes)}, &error), -EPERM);
	check_error(&error, ERROR_ATTESTATION, "whole number of BPF instructions");
}

/* Each is refused here that is to be refused before it runs, and no other. */
static void test_modes(void **state)
{
	for (size_t i = 0; i < n_hostile_modes; i++) {
		const struct hostile_mode *mode = &hostile_modes[i];
		_cleanup_error_ struct error error = ERROR_INIT;
		int r;

		asm_start(&a, 1);
		mode->write(&a);
		r = verdict(&a, NULL, &error);
		if (r < 0 && !hostile_refusal_fits(mode, error_message(&error)))
			fail_msg("%s: %s", mode->name, error_message(&error));
		if ((r < 0) != (mode->when == HOSTILE_READ))
			fail_msg("%s: %d", mode->name, r);
	}
}

/* All of bpf(2)'s commands but the five. */
static void test_commands(void **state)
{
	for (int command = 0; command < 64; command++) {
		char part[64];

		asm_start(&a, 0);
		asm_sys_bpf(&a, command, 0, 8);
		asm_return(&a, 0);
		if (command == BPF_MAP_CREATE || command == BPF_MAP_UPDATE_ELEM ||
		    command == BPF_MAP_FREEZE || command == BPF_PROG_LOAD ||
		    command == BPF_BTF_LOAD) {
			accepted();
			continue;
		}
		snprintf(part, sizeof(part), "is bpf(2) command %d, which", command);
		refused(part);
	}
}

static void test_calls(void **state)
{
	static const struct {
		uint8_t code, src;
		int32_t imm;
		const char *part;
	} calls[] = {
		{BPF_JMP | BPF_CALL, BPF_PSEUDO_KFUNC_CALL, 1, "a kernel function"},
		{BPF_JMP | BPF_CALL, BPF_PSEUDO_CALL, 1, "a function of its own"},
		{BPF_JMP | BPF_CALL, 7, 1, "a function of its own"},
		{BPF_JMP | BPF_CALL | BPF_X, 0, 1, "an indirect call"},
		{BPF_JMP32 | BPF_CALL, 0, BPF_FUNC_sys_close, "an indirect call"},
		{BPF_JMP | BPF_CALL, 0, BPF_FUNC_loop, "helper 181"},
		{BPF_JMP | BPF_CALL, 0, BPF_FUNC_probe_write_user, "helper 36"},
		{BPF_JMP | BPF_CALL, 0, BPF_FUNC_timer_init, "helper 169"},
		{BPF_JMP | 0xe0, 0, 0, "unbounded count"},
		{BPF_JMP | BPF_JA | BPF_X, 0, 0, "an indirect jump"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		asm_start(&a, 0);
		asm_insn(&a, calls[i].code, 0, calls[i].src, 0, calls[i].imm);
		asm_return(&a, 0);
		refused(calls[i].part);
	}
}

static void test_loads(void **state)
{
	static const uint8_t objects[] = {
		BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE, BPF_PSEUDO_BTF_ID, BPF_PSEUDO_FUNC, 7, 15};

	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		asm_start(&a, 0);
		asm_insn(&a, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_2, objects[i], 0, 0);
		asm_insn(&a, 0, 0, 0, 0, 0);
		asm_return(&a, 0);
		refused("an object's address");
	}
	asm_start(&a, 0);
	asm_insn(&a, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_2, BPF_PSEUDO_MAP_IDX, 0, 1);
	asm_insn(&a, 0, 0, 0, 0, 0);
	asm_return(&a, 0);
	refused("another map's address");

	/* Half a load at the end, and one whose second half is an instruction. */
	asm_start(&a, 0);
	asm_insn(&a, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_2, 0, 0, 0);
	refused("half a 64-bit load");
	asm_return(&a, 0);
	refused("half a 64-bit load");
}

/* R1 is written by @n instructions of @insns between the constant and the call. */
static void with_command(const struct bpf_insn *insns, size_t n)
{
	asm_start(&a, 0);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, BPF_MAP_CREATE);
	for (size_t i = 0; i < n; i++)
		asm_insn(&a, insns[i].code, insns[i].dst_reg, insns[i].src_reg, insns[i].off,
			 insns[i].imm);
	asm_insn(&a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_bpf);
	asm_return(&a, 0);
}

static void test_command(void **state)
{
	static const struct bpf_insn changes[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_6},
		{.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = 28},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = 17},
		{.code = BPF_ALU64 | BPF_NEG, .dst_reg = BPF_REG_1},
		{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_6},
		/* R1 = atomic fetch and add */
		{.code = BPF_STX | BPF_ATOMIC | BPF_W,
		 .dst_reg = BPF_REG_6,
		 .src_reg = BPF_REG_1,
		 .imm = BPF_ADD | BPF_FETCH},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_sys_close},
	};
	static const struct bpf_insn link = {
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = BPF_LINK_CREATE};
	static const struct bpf_insn harmless = {
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_6};

	with_command(NULL, 0);
	accepted();
	with_command(&harmless, 1);
	accepted();
	with_command(&link, 1);
	refused("bpf(2) command 28");
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		with_command(&changes[i], 1);
		refused("not a constant");
	}
}

/* A jump to the call itself, with another command in R1; forwards, backwards, the long kind. */
static void test_jump_to_call(void **state)
{
	asm_start(&a, 0);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, BPF_LINK_CREATE);
	asm_insn(&a, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_7, 0, 1, 0);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, BPF_MAP_CREATE);
	asm_insn(&a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_bpf);
	asm_return(&a, 0);
	refused("not a constant");

	a.insns[ASM_START + 1].code = BPF_JMP32 | BPF_JA;
	a.insns[ASM_START + 1].dst_reg = 0;
	a.insns[ASM_START + 1].off = 0;
	a.insns[ASM_START + 1].imm = 1;
	refused("not a constant");

	asm_start(&a, 0);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, BPF_MAP_CREATE);
	asm_insn(&a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_bpf);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, BPF_LINK_CREATE);
	asm_insn(&a, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_7, 0, -3, 0);
	asm_return(&a, 0);
	refused("part of a loop");
}

/* Jumps backwards: to a clean-up that ends, as libbpf writes it, and no other. */
static void test_backwards(void **state)
{
	asm_start(&a, 0);
	asm_insn(&a, BPF_JMP | BPF_JA, 0, 0, 5, 0);		       /* 0 */
	asm_insn(&a, BPF_JMP | BPF_JSLE | BPF_K, BPF_REG_1, 0, 1, 0);  /* 1: the clean-up */
	asm_insn(&a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_close); /* 2 */
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_7, 0, 0);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_7, 0, 0);
	asm_insn(&a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);		       /* 5 */
	asm_insn(&a, BPF_JMP | BPF_JSLT | BPF_K, BPF_REG_7, 0, -6, 0); /* 6 -> 1 */
	asm_insn(&a, BPF_JMP | BPF_JSLT | BPF_K, BPF_REG_7, 0, -6, 0); /* 7 -> 2 */
	asm_insn(&a, BPF_JMP | BPF_JSLT | BPF_K, BPF_REG_7, 0, -8, 0); /* 8 -> 1 */
	asm_return(&a, 0);
	accepted();

	/* The clean-up leads out of itself again, behind its end. */
	a.insns[ASM_START + 1].off = 4;
	refused("part of a loop");
	a.insns[ASM_START + 1].off = 1;
	a.insns[ASM_START + 3] = (struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = -3};
	refused("part of a loop");
	/* To itself, by either kind of jump. */
	a.insns[ASM_START + 3] = (struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = -1};
	refused("part of a loop");
	a.insns[ASM_START + 3] = (struct bpf_insn){.code = BPF_JMP32 | BPF_JA, .imm = -1};
	refused("part of a loop");

	/* More places to jump back to than any loader has. */
	asm_start(&a, 0);
	for (unsigned i = 0; i < 5; i++)
		asm_return(&a, 0);
	for (unsigned i = 0; i < 5; i++)
		asm_insn(&a, BPF_JMP | BPF_JSLT | BPF_K, BPF_REG_7, 0, (int16_t)(-10 + (int)i), 0);
	asm_return(&a, 0);
	refused("one jump backwards too many");

	/* No end at all. */
	asm_start(&a, 0);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
	asm_insn(&a, BPF_JMP | BPF_JSLT | BPF_K, BPF_REG_7, 0, -2, 0);
	refused("part of a loop");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),	     cmocka_unit_test(test_modes),
		cmocka_unit_test(test_commands),     cmocka_unit_test(test_calls),
		cmocka_unit_test(test_loads),	     cmocka_unit_test(test_command),
		cmocka_unit_test(test_jump_to_call), cmocka_unit_test(test_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
