/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guard before the look-up of NAME_impl, run by a small interpreter of what loaders do. */
#include "check.h"

#include <linux/bpf.h>
#include <linux/btf.h>

#include "loader-names.h"

#define INSN(c, dst, src, o, i) \
	((struct bpf_insn){.code = (c), .dst_reg = (dst), .src_reg = (src), .off = (o), .imm = (i)})
#define MOV(reg, value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, value)
#define JUMP(by)	INSN(BPF_JMP | BPF_JA, 0, 0, by, 0)
#define EXIT		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* What gen_loader writes for a weak kfunc: R0 is the id or a negative errno. */
#define LOOKUP(name, size)                                                                   \
	INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_IDX_VALUE, 0, 0),          \
		INSN(0, 0, 0, 0, name), MOV(BPF_REG_2, size), MOV(BPF_REG_3, BTF_KIND_FUNC), \
		MOV(BPF_REG_4, 0),                                                           \
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_btf_find_by_name_kind)
/* R(reg) = R0 */
#define TAKE(reg) INSN(BPF_ALU64 | BPF_MOV | BPF_X, reg, BPF_REG_0, 0, 0)

static const char names[] = "work\0work_impl\0other_impl";
#define WORK	   0
#define WORK_IMPL  5
#define OTHER_IMPL 15
static const struct blob metadata = {(const uint8_t *)names, sizeof(names)};

/* Runs @insns on a kernel that knows the names in @kernel, each between spaces; R6 and R7. */
static void run(const uint8_t *loader, size_t size, const char *kernel, int64_t ret[2])
{
	const struct bpf_insn *insns = (const struct bpf_insn *)(const void *)loader;
	size_t n = size / sizeof(*insns), steps = 0;
	int64_t regs[11] = {};
	char name[32];

	for (size_t i = 0;; i++) {
		const struct bpf_insn *insn = &insns[i];

		assert_true(i < n && steps++ < 1000);
		switch (insn->code) {
		case BPF_LD | BPF_DW | BPF_IMM:
			regs[insn->dst_reg] = insns[++i].imm;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			regs[insn->dst_reg] = insn->imm;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			regs[insn->dst_reg] = regs[insn->src_reg];
			break;
		case BPF_JMP | BPF_JA:
			i = (size_t)((int64_t)i + insn->off);
			break;
		case BPF_JMP | BPF_JSLT | BPF_K:
			if (regs[insn->dst_reg] < insn->imm)
				i = (size_t)((int64_t)i + insn->off);
			break;
		case BPF_JMP | BPF_CALL:
			snprintf(name, sizeof(name), " %s ", names + regs[BPF_REG_1]);
			assert_int_equal(regs[BPF_REG_2], strlen(name) - 1);
			regs[0] = strstr(kernel, name) ? regs[BPF_REG_1] + 100 : -ENOENT;
			break;
		case BPF_JMP | BPF_EXIT:
			ret[0] = regs[BPF_REG_6];
			ret[1] = regs[BPF_REG_7];
			return;
		default:
			fail_msg("instruction %zu, code %#x", i, insn->code);
		}
	}
}

static uint8_t *copy(const struct bpf_insn *insns, size_t size)
{
	uint8_t *loader = malloc(size);

	assert_non_null(loader);
	memcpy(loader, insns, size);
	return loader;
}

/* NAME in R6, NAME_impl in R7; jumps forwards and backwards over the place, and to it. */
static void test_prefer(void **state)
{
	const struct bpf_insn insns[] = {
		JUMP(3),	   /* to the first look-up */
		MOV(BPF_REG_8, 1), /* 1: the end, reached backwards */
		JUMP(15),
		EXIT,
		LOOKUP(WORK, 5), /* 4 */
		TAKE(BPF_REG_6),
		JUMP(0), /* 11: to the second */
		LOOKUP(WORK_IMPL, 10),
		TAKE(BPF_REG_7), /* 18 */
		JUMP(-17),	 /* 19: to 3, over the guard */
		EXIT,
	};
	_cleanup_free_ uint8_t *loader = copy(insns, sizeof(insns));
	size_t size = sizeof(insns);
	int64_t ids[2];

	run(loader, size, " work work_impl ", ids);
	assert_int_equal(ids[0], WORK + 100);
	assert_int_equal(ids[1], WORK_IMPL + 100);

	assert_int_equal(loader_prefer_names(&loader, &size, metadata), 0);
	assert_int_equal(size, sizeof(insns) + 9 * sizeof(*insns));
	run(loader, size, " work work_impl ", ids);
	assert_int_equal(ids[0], WORK + 100);
	assert_int_equal(ids[1], -ENOENT);
	run(loader, size, " work_impl ", ids);
	assert_int_equal(ids[0], -ENOENT);
	assert_int_equal(ids[1], WORK_IMPL + 100);
	run(loader, size, " work ", ids);
	assert_int_equal(ids[0], WORK + 100);
	assert_int_equal(ids[1], -ENOENT);
	run(loader, size, " ", ids);
	assert_int_equal(ids[0], -ENOENT);
	assert_int_equal(ids[1], -ENOENT);
}

/* One name alone, and two that do not belong together. */
static void test_alone(void **state)
{
	const struct bpf_insn insns[] = {
		LOOKUP(WORK, 5), TAKE(BPF_REG_6), LOOKUP(OTHER_IMPL, 11), TAKE(BPF_REG_7), EXIT,
	};
	_cleanup_free_ uint8_t *loader = copy(insns, sizeof(insns));
	size_t size = sizeof(insns);

	assert_int_equal(loader_prefer_names(&loader, &size, metadata), 0);
	assert_int_equal(size, sizeof(insns));
	assert_memory_equal(loader, insns, sizeof(insns));
}

/* Names that lie outside the metadata, or do not end in it. */
static void test_outside(void **state)
{
	const struct bpf_insn insns[] = {
		LOOKUP(WORK, 5),  LOOKUP(WORK_IMPL, 9), LOOKUP(-1, 10),
		LOOKUP(1000, 10), LOOKUP(WORK_IMPL, 0), EXIT,
	};
	_cleanup_free_ uint8_t *loader = copy(insns, sizeof(insns));
	size_t size = sizeof(insns);

	assert_int_equal(loader_prefer_names(&loader, &size, metadata), 0);
	assert_int_equal(size, sizeof(insns));
}

static void test_too_far(void **state)
{
	const struct bpf_insn lookups[] = {LOOKUP(WORK, 5), LOOKUP(WORK_IMPL, 10)};
	size_t n = 32769, size = n * sizeof(*lookups);
	_cleanup_free_ uint8_t *loader = calloc(n, sizeof(*lookups));
	struct bpf_insn *insns = (struct bpf_insn *)(void *)loader;

	assert_non_null(loader);
	for (size_t i = 0; i < n; i++)
		insns[i] = EXIT;
	insns[0] = JUMP(INT16_MAX);
	memcpy(insns + 1, lookups, sizeof(lookups));
	assert_int_equal(loader_prefer_names(&loader, &size, metadata), -ERANGE);
	assert_int_equal(size, n * sizeof(*lookups));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefer),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_outside),
		cmocka_unit_test(test_too_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
