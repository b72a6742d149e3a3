/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can a program change? Told by its instructions. */
#include "check.h"

#include "effect.h"

#define R(n) BPF_REG_##n
#define MOV(d, s)                                                                     \
	{                                                                             \
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = R(d), .src_reg = R(s) \
	}
#define MOVI(d, i)                                                               \
	{                                                                        \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = R(d), .imm = (i) \
	}
#define ADD(d, s)                                                                     \
	{                                                                             \
		.code = BPF_ALU64 | BPF_ADD | BPF_X, .dst_reg = R(d), .src_reg = R(s) \
	}
#define ADDI(d, i)                                                               \
	{                                                                        \
		.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = R(d), .imm = (i) \
	}
#define LDX(d, s, o)                                                                             \
	{                                                                                        \
		.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = R(d), .src_reg = R(s), .off = (o) \
	}
#define LDXW(d, s, o)                                                                           \
	{                                                                                       \
		.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = R(d), .src_reg = R(s), .off = (o) \
	}
#define STX(d, o, s)                                                                             \
	{                                                                                        \
		.code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = R(d), .src_reg = R(s), .off = (o) \
	}
#define STXB(d, o, s)                                                                           \
	{                                                                                       \
		.code = BPF_STX | BPF_MEM | BPF_B, .dst_reg = R(d), .src_reg = R(s), .off = (o) \
	}
#define ST(d, o)                                                               \
	{                                                                      \
		.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = R(d), .off = (o) \
	}
#define ATOMIC(d, o, s, i)                                                               \
	{                                                                                \
		.code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = R(d), .src_reg = R(s), \
		.off = (o), .imm = (i)                                                   \
	}
#define IMM64(d, s, i)                                                                    \
	{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = R(d), .src_reg = (s), .imm = (i)}, \
	{                                                                                 \
	}
#define HELPER(i)                                      \
	{                                              \
		.code = BPF_JMP | BPF_CALL, .imm = (i) \
	}
#define KFUNC                                                                          \
	{                                                                              \
		.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = 7 \
	}
#define CALL(i)                                                                    \
	{                                                                          \
		.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = (i) \
	}
#define JUMP(o)                                      \
	{                                            \
		.code = BPF_JMP | BPF_JA, .off = (o) \
	}
#define GOTO(i)                                        \
	{                                              \
		.code = BPF_JMP32 | BPF_JA, .imm = (i) \
	}
#define JEQ(d, o)                                                              \
	{                                                                      \
		.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = R(d), .off = (o) \
	}
#define EXIT                               \
	{                                  \
		.code = BPF_JMP | BPF_EXIT \
	}

#define INSNS_MAX 16

static const struct {
	const char *title;
	bool written;
	struct bpf_insn insns[INSNS_MAX];
} contexts[] = {
	{"nothing", false, {MOVI(0, 0), EXIT}},
	{"reads the context", false, {LDX(0, 1, 80), EXIT}},
	{"stores a number", true, {ST(1, 80), EXIT}},
	{"stores a register", true, {MOVI(2, 1), STX(1, 80, 2), EXIT}},
	{"stores a byte", true, {STXB(1, 80, 2), EXIT}},
	{"adds to it", true, {MOVI(2, 1), ATOMIC(1, 80, 2, BPF_ADD), EXIT}},
	{"by a copy", true, {MOV(6, 1), ST(6, 0), EXIT}},
	{"by a copy with an offset", true, {MOV(6, 1), ADDI(6, 80), ST(6, 0), EXIT}},
	{"by what was added up", true, {MOVI(6, 8), ADD(6, 1), ST(6, 0), EXIT}},
	{"R1 is another since", false, {MOV(1, 10), ST(1, -8), EXIT}},
	{"the stack", false, {ST(10, -8), MOVI(0, 0), EXIT}},
	{"a map's value",
	 false,
	 {IMM64(1, BPF_PSEUDO_MAP_IDX, 0), HELPER(BPF_FUNC_map_lookup_elem), ST(0, 0), EXIT}},
	{"global data", false, {IMM64(1, BPF_PSEUDO_MAP_IDX_VALUE, 0), ST(1, 0), EXIT}},
	{"on one of two ways",
	 true,
	 {MOV(6, 1), MOV(7, 10), JEQ(0, 1), MOV(7, 6), ST(7, -8), EXIT}},
	{"on neither way", false, {MOV(6, 1), MOV(7, 10), JEQ(0, 1), MOV(7, 10), ST(7, -8), EXIT}},
	{"over a long jump", true, {GOTO(2), MOVI(0, 0), EXIT, ST(1, 0), EXIT}},
	{"what is never reached", false, {JUMP(1), ST(1, 0), MOVI(0, 0), EXIT}},
	{"in a loop", true, {MOV(7, 10), ST(7, -8), MOV(7, 1), JUMP(-3), EXIT}},

	/* through the stack */
	{"kept and taken back", true, {STX(10, -8, 1), LDX(6, 10, -8), ST(6, 0), EXIT}},
	{"another place",
	 false,
	 {STX(10, -8, 1), STX(10, -16, 10), LDX(6, 10, -16), ST(6, -24), EXIT}},
	{"another since",
	 false,
	 {STX(10, -8, 1), STX(10, -8, 10), LDX(6, 10, -8), ST(6, -24), EXIT}},
	{"half of it is a number", false, {STX(10, -8, 1), LDXW(6, 10, -8), ST(6, 0), EXIT}},
	{"kept by a copy of R10",
	 true,
	 {MOV(2, 10), STX(2, -8, 1), LDX(6, 10, -8), ST(6, 0), EXIT}},
	{"taken back by a copy of R10",
	 true,
	 {STX(10, -8, 1), MOV(2, 10), LDX(6, 2, -8), ST(6, 0), EXIT}},
	{"out of a map there are numbers",
	 false,
	 {STX(10, -8, 1), MOVI(1, 0), HELPER(BPF_FUNC_map_lookup_elem), LDX(6, 0, 0), ST(6, 0),
	  EXIT}},
	{"a pointer to the stack, through the stack",
	 true,
	 {STX(10, -8, 1), MOV(2, 10), STX(10, -16, 2), LDX(3, 10, -16), LDX(6, 3, -8), ST(6, 0),
	  EXIT}},
	{"exchanged", true, {STX(10, -8, 1), ATOMIC(10, -8, 2, BPF_XCHG), ST(2, 0), EXIT}},
	{"compared and exchanged",
	 true,
	 {STX(10, -8, 1), ATOMIC(10, -8, 2, BPF_CMPXCHG), ST(0, 0), EXIT}},
	{"taken back with a barrier",
	 true,
	 {STX(10, -8, 1), ATOMIC(2, -8, 10, BPF_LOAD_ACQ), ST(2, 0), EXIT}},

	/* functions */
	{"given to a function", true, {CALL(1), EXIT, ST(1, 0), EXIT}},
	{"not given to a function", false, {MOV(1, 10), CALL(1), EXIT, ST(1, -8), EXIT}},
	{"given back by a function", true, {CALL(2), ST(0, 0), EXIT, MOV(0, 1), EXIT}},
	{"something else is given back",
	 false,
	 {CALL(2), ST(0, 0), EXIT, MOVI(1, 0), HELPER(BPF_FUNC_map_lookup_elem), EXIT}},
	{"kept over a call", true, {MOV(6, 1), CALL(2), ST(6, 0), EXIT, MOVI(0, 0), EXIT}},
	{"the stack of the caller",
	 true,
	 {STX(10, -8, 1), MOV(1, 10), CALL(1), EXIT, LDX(6, 1, -8), ST(6, 0), EXIT}},
	{"stored into the stack of the caller",
	 true,
	 {MOV(2, 10), CALL(3), LDX(6, 10, -8), ST(6, 0), EXIT, STX(2, -8, 1), EXIT}},
	{"a callback has the stack of its caller",
	 true,
	 {STX(10, -8, 1), IMM64(2, BPF_PSEUDO_FUNC, 4), MOV(3, 10), HELPER(BPF_FUNC_loop), EXIT,
	  /* */ LDX(6, 2, -8), ST(6, 0), EXIT}},
	{"a callback has a map's value",
	 false,
	 {IMM64(2, BPF_PSEUDO_FUNC, 4), MOVI(1, 0), HELPER(BPF_FUNC_for_each_map_elem), EXIT,
	  /* */ ST(3, 0), MOVI(0, 0), EXIT}},
	{"a callback is given the context",
	 true,
	 {IMM64(2, BPF_PSEUDO_FUNC, 4), MOV(3, 1), HELPER(BPF_FUNC_loop), EXIT,
	  /* */ ST(2, 0), EXIT}},

	/* helpers */
	{"read to the context", true, {HELPER(BPF_FUNC_probe_read_kernel), EXIT}},
	{"read from the context",
	 false,
	 {MOV(3, 1), MOV(1, 10), HELPER(BPF_FUNC_probe_read_kernel), EXIT}},
	{"the context is sent", false, {HELPER(BPF_FUNC_perf_event_output), EXIT}},
	{"the stack's trace to the context", true, {MOV(2, 1), HELPER(BPF_FUNC_get_stack), EXIT}},
	{"a helper that takes nothing", false, {HELPER(BPF_FUNC_get_current_task_btf), EXIT}},
	{"a helper of which nothing is known here", true, {HELPER(BPF_FUNC_sk_storage_get), EXIT}},
	{"a helper that writes", true, {HELPER(BPF_FUNC_get_current_comm), EXIT}},
	{"a helper after which R1 is nothing",
	 false,
	 {HELPER(BPF_FUNC_get_stackid), MOV(1, 10), HELPER(BPF_FUNC_get_current_comm), EXIT}},
	{"a kernel function", false, {KFUNC, EXIT}},
	{"what a kernel function gives back", true, {KFUNC, ST(0, 0), EXIT}},
	{"a kernel function without it", false, {MOVI(1, 0), KFUNC, ST(0, 0), EXIT}},

	/* what is not known */
	{"no end", true, {MOVI(0, 0)}},
	{"out of the program", true, {JUMP(100), EXIT}},
	{"before the program", true, {JUMP(-2), EXIT}},
	{"a call of nothing", true, {CALL(100), EXIT}},
	{"half a load", true, {{.code = BPF_LD | BPF_DW | BPF_IMM}}},
	{"a jump by a register", true, {{.code = BPF_JMP | BPF_JA | BPF_X}, EXIT}},
	{"a call by a register", true, {{.code = BPF_JMP | BPF_CALL | BPF_X}, EXIT}},
	{"a register that there is not",
	 true,
	 {{.code = BPF_ALU64 | BPF_MOV, .dst_reg = 11}, EXIT}},
	{"a store of an unknown mode",
	 true,
	 {{.code = BPF_STX | 0x80 | BPF_DW, .dst_reg = R(10), .off = -8}, EXIT}},
	{"of packets", true, {{.code = BPF_LD | BPF_ABS | BPF_W}, EXIT}},
	{"may_goto", true, {{.code = BPF_JMP | BPF_JCOND, .off = 1}, EXIT, ST(1, 0), EXIT}},
};

static size_t length(const struct bpf_insn *insns)
{
	size_t n = INSNS_MAX;
	static const struct bpf_insn none;

	while (n > 1 && memcmp(&insns[n - 1], &none, sizeof(none)) == 0)
		n--;
	return n;
}

static uint32_t find(const struct bpf_insn *insns, size_t n, enum bpf_prog_type type)
{
	struct effects effects;

	assert_int_equal(effects_find(insns, n, type, NULL, &effects), 0);
	return effects.found;
}

static void registers(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(contexts); i++) {
		const struct bpf_insn *insns = contexts[i].insns;
		bool written =
			find(insns, length(insns), BPF_PROG_TYPE_KPROBE) & 1u << EFFECT_REGISTERS;

		if (written != contexts[i].written)
			fail_msg("%s", contexts[i].title);
		/* packets are what such programs are for */
		if (find(insns, length(insns), BPF_PROG_TYPE_XDP) & 1u << EFFECT_REGISTERS &&
		    strncmp(contexts[i].title, "a call by", 9) != 0)
			fail_msg("%s, xdp", contexts[i].title);
	}
}

/* Each place of the stack is its own, from the last to the first. */
static void places(void **state)
{
	for (int off = -520; off <= 8; off += 4) {
		for (int other = -512; other < 0; other += 8) {
			const struct bpf_insn insns[] = {STX(10, (int16_t)off, 1), STX(10, -8, 10),
							 LDX(6, 10, (int16_t)other), ST(6, -8),
							 EXIT};
			bool known = off >= -512 && off < 0 && off % 8 == 0;
			bool expected = known ? off == other && other != -8 : true;

			if ((find(insns, ARRAY_SIZE(insns), BPF_PROG_TYPE_KPROBE) != 0) != expected)
				fail_msg("%d, %d", off, other);
		}
	}
}

/* What the kernel relocates can be another place, and larger. */
static void relocated(void **state)
{
	const struct bpf_insn insns[] = {STX(10, -8, 1), LDXW(6, 10, -16), ST(6, 0), EXIT};
	struct effects effects;

	for (unsigned i = 0; i < 4; i++) {
		bool changed[ARRAY_SIZE(insns)] = {i & 1, i & 2};

		assert_int_equal(effects_find(insns, ARRAY_SIZE(insns), BPF_PROG_TYPE_KPROBE,
					      changed, &effects),
				 0);
		assert_int_equal(effects.found != 0, (i & 2) != 0);
	}
}

static void helpers(void **state)
{
	static const struct {
		int32_t helper;
		uint32_t effects;
	} rows[] = {
		{BPF_FUNC_probe_write_user, 1 << EFFECT_USER_MEMORY},
		{BPF_FUNC_send_signal, 1 << EFFECT_SIGNALS},
		{BPF_FUNC_send_signal_thread, 1 << EFFECT_SIGNALS},
		{BPF_FUNC_override_return, 1 << EFFECT_RETURN_VALUES},
		{BPF_FUNC_setsockopt, 1 << EFFECT_KERNEL_OBJECTS},
		{BPF_FUNC_bprm_opts_set, 1 << EFFECT_KERNEL_OBJECTS},
		{BPF_FUNC_set_retval, 1 << EFFECT_RETURN_VALUES},
		{BPF_FUNC_ktime_get_ns, 0},
		{BPF_FUNC_ringbuf_reserve, 0},
		{__BPF_FUNC_MAX_ID - 1, 0},
		{__BPF_FUNC_MAX_ID, EFFECTS_ALL},
		{INT32_MAX, EFFECTS_ALL},
		{0, EFFECTS_ALL},
		{-1, EFFECTS_ALL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		/* whatever it is reached by: here by nothing */
		const struct bpf_insn insns[] = {MOVI(1, 0), MOVI(0, 0), EXIT,
						 HELPER(rows[i].helper), EXIT};
		struct effects effects;

		assert_int_equal(effects_find(insns, ARRAY_SIZE(insns), BPF_PROG_TYPE_KPROBE, NULL,
					      &effects),
				 0);
		if (effects.found != rows[i].effects)
			fail_msg("%d: %x", rows[i].helper, effects.found);
		if (effects.found)
			assert_int_equal(effects.at[effects_first(effects.found)], 3);
	}
	{
		const struct bpf_insn insns[] = {HELPER(BPF_FUNC_set_retval), EXIT};

		assert_int_equal(find(insns, 2, BPF_PROG_TYPE_CGROUP_SOCK), 0);
	}
	{
		const struct bpf_insn insns[] = {HELPER(BPF_FUNC_send_signal), EXIT};

		assert_int_equal(find(insns, 2, BPF_PROG_TYPE_LSM), 1 << EFFECT_SIGNALS);
	}
	/* the second half of a load is no instruction, and a function of its own no helper */
	{
		struct bpf_insn insns[] = {IMM64(2, 0, 0), MOVI(1, 0), CALL(1), EXIT, EXIT};

		insns[1] = (struct bpf_insn)HELPER(BPF_FUNC_send_signal);
		assert_int_equal(find(insns, ARRAY_SIZE(insns), BPF_PROG_TYPE_KPROBE), 0);
	}
}

/* So large as the kernel takes, and as entangled as can be: within the time of a test. */
static void large(void **state)
{
	const size_t n = 1000000;
	_cleanup_free_ struct bpf_insn *insns = calloc(n, sizeof(*insns));

	assert_non_null(insns);
	for (size_t i = 0; i < n; i++) {
		static const struct bpf_insn parts[] = {STX(10, -8, 1), LDX(2, 10, -8), JEQ(2, -4),
							MOV(1, 2)};

		insns[i] = parts[i % 4];
		if (i % 4 == 0)
			insns[i].off = (int16_t)(-8 * (int)(i / 4 % 64 + 1));
	}
	insns[2].off = 0;
	insns[n - 1] = (struct bpf_insn)EXIT;
	assert_int_equal(find(insns, n, BPF_PROG_TYPE_KPROBE), 0);

	/* more functions than there can be */
	for (size_t i = 0; i < n; i++)
		insns[i] = i % 2 ? (struct bpf_insn)EXIT : (struct bpf_insn)CALL(1);
	assert_int_equal(find(insns, n, BPF_PROG_TYPE_KPROBE), 1 << EFFECT_REGISTERS);
	assert_int_equal(find(insns, 0, BPF_PROG_TYPE_KPROBE), 0);
}

static void names(void **state)
{
	enum effect effect;

	for (unsigned i = 0; i < _EFFECT_MAX; i++) {
		assert_non_null(strstr(EFFECT_NAMES, effect_name(i)));
		assert_int_equal(effect_from_name(effect_name(i), &effect), 0);
		assert_int_equal(effect, i);
		assert_int_equal(effects_first(EFFECTS_ALL << i & EFFECTS_ALL), i);
	}
	assert_null(effect_name(_EFFECT_MAX));
	assert_int_equal(effect_from_name("packets", &effect), -EINVAL);
	assert_int_equal(effect_from_name("", &effect), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers), cmocka_unit_test(places), cmocka_unit_test(relocated),
		cmocka_unit_test(helpers),   cmocka_unit_test(large),  cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("effect", tests, NULL, NULL);
}
