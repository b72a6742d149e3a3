/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loaders of libbpf itself are looked at in test-derive. */

#include "check.h"

#include <linux/bpf.h>

#include "loader-link.h"

static const struct bpf_insn exit_insn = {.code = BPF_JMP | BPF_EXIT};

/* libbpf's check of one word: map, load, immediate, result, jump. */
static size_t put_word(struct bpf_insn *insns, unsigned word, uint64_t value)
{
	const struct bpf_insn check[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_IDX},
		{},
		{.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 2, .src_reg = 1, .off = 8 * word},
		{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 3, .imm = (int32_t)value},
		{.imm = (int32_t)(value >> 32)},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 7, .imm = -EINVAL},
		{.code = BPF_JMP | BPF_JNE | BPF_X, .dst_reg = 2, .src_reg = 3, .off = -10},
	};

	memcpy(insns, check, sizeof(check));
	return ARRAY_SIZE(check);
}

static struct blob loader(const struct bpf_insn *insns, size_t n)
{
	return (struct blob){(const uint8_t *)insns, n * sizeof(*insns)};
}

static void test_found(void **state)
{
	uint8_t digest[DIGEST_SIZE], found[DIGEST_SIZE];
	struct bpf_insn insns[64] = {};
	size_t n = 0;

	for (unsigned i = 0; i < DIGEST_SIZE; i++)
		digest[i] = 0x83 + 5 * i;
	insns[n++] = exit_insn;
	for (unsigned word = 0; word < 4; word++) {
		uint64_t value;

		memcpy(&value, digest + 8 * word, 8);
		n += put_word(insns + n, word, value);
	}
	insns[n++] = exit_insn;
	assert_int_equal(loader_link_find(loader(insns, n), found), 0);
	assert_memory_equal(found, digest, DIGEST_SIZE);

	/* Three words are no check. */
	assert_int_equal(loader_link_find(loader(insns, n - 8), found), -ENOENT);
}

static void test_not_found(void **state)
{
	uint8_t found[DIGEST_SIZE] = {1};
	struct bpf_insn insns[64] = {};
	size_t n = 0;

	assert_int_equal(loader_link_find((struct blob){}, found), -ENOENT);
	assert_int_equal(loader_link_find(loader(&exit_insn, 1), found), -ENOENT);

	/* The wrong order of words. */
	for (unsigned word = 4; word-- > 0;)
		n += put_word(insns + n, word, word);
	assert_int_equal(loader_link_find(loader(insns, n), found), -ENOENT);

	/* What looks like a check inside an immediate of 64 bits is none. */
	n = 0;
	for (unsigned word = 0; word < 4; word++) {
		struct bpf_insn part[8];

		put_word(part, word, word);
		insns[n++] = (struct bpf_insn){.code = BPF_LD | BPF_IMM | BPF_DW};
		insns[n++] = part[2];
		insns[n++] = part[3];
		insns[n++] = part[4];
	}
	assert_int_equal(loader_link_find(loader(insns, n), found), -ENOENT);

	/* A map's address is no constant. */
	n = 0;
	for (unsigned word = 0; word < 4; word++) {
		put_word(insns + n, word, word);
		insns[n + 3].src_reg = BPF_PSEUDO_MAP_IDX;
		n += 7;
	}
	assert_int_equal(loader_link_find(loader(insns, n), found), -ENOENT);
	assert_int_equal(found[0], 1);

	/* Cut off in the middle of the last comparison. */
	n = 0;
	for (unsigned word = 0; word < 4; word++)
		n += put_word(insns + n, word, word);
	assert_int_equal(loader_link_find(loader(insns, n - 3), found), -ENOENT);
	assert_int_equal(loader_link_find(loader(insns, n), found), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
