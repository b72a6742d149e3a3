/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <linux/bpf.h>

#include "loader-link.h"

#define WORDS (DIGEST_SIZE / sizeof(uint64_t))

static struct bpf_insn insn_at(struct blob loader, size_t i)
{
	struct bpf_insn insn;

	memcpy(&insn, loader.data + i * sizeof(insn), sizeof(insn));
	return insn;
}

static bool is_ld_imm64(struct bpf_insn insn)
{
	return insn.code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* "r = *(u64 *)(m + 8 * word)", then a plain ldimm64 at @i + 1. */
static bool is_comparison(struct blob loader, size_t n, size_t i, unsigned word)
{
	struct bpf_insn load = insn_at(loader, i), imm;

	if (load.code != (BPF_LDX | BPF_MEM | BPF_DW) || load.off != (int)(8 * word) || i + 2 >= n)
		return false;
	imm = insn_at(loader, i + 1);
	return is_ld_imm64(imm) && imm.src_reg == 0;
}

static uint64_t immediate_at(struct blob loader, size_t i)
{
	return (uint32_t)insn_at(loader, i).imm | (uint64_t)(uint32_t)insn_at(loader, i + 1).imm
							  << 32;
}

int loader_link_find(struct blob loader, uint8_t ret[static DIGEST_SIZE])
{
	size_t n = loader.size / sizeof(struct bpf_insn);
	uint64_t words[WORDS];
	unsigned word = 0;

	for (size_t i = 0; i < n; i++) {
		/* The second half of a ldimm64 is no instruction. */
		if (is_ld_imm64(insn_at(loader, i))) {
			i++;
			continue;
		}
		if (!is_comparison(loader, n, i, word))
			continue;
		words[word++] = immediate_at(loader, i + 1);
		if (word == WORDS) {
			memcpy(ret, words, DIGEST_SIZE);
			return 0;
		}
	}
	return -ENOENT;
}
