/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libbpf does not tell of an object file: its licence, its compiler, and its types as they
 * were before libbpf prepared them. */
#pragma once

#include "bundle.h"

struct elf_info {
	char *license;	 /* content of section "license", or NULL; owned */
	char *compiler;	 /* as it calls itself in .comment or in the DWARF, or NULL; owned */
	struct blob btf; /* section .BTF, in the file's memory; empty where there is none */
};

/* @data is an ELF file in memory. -EBADMSG: not a BPF object file. */
int elf_info_read(const void *data, size_t size, struct elf_info *ret);
void elf_info_done(struct elf_info *info);
#define _cleanup_elf_info_ _cleanup_(elf_info_done)
