/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where in an ELF file does a function begin? For uprobes that are told by a number. The kernel
 * writes a breakpoint over the first byte of whatever decodes there, in the middle of an
 * instruction as well, and so makes another program of it for all who run the file.
 *
 * Nothing here decodes instructions: known are the functions among the symbols, and the frames in
 * the table that exceptions are unwound by (.eh_frame_hdr, which stripped files have, too). Each
 * frame begins with an instruction: of a function, of a part that a compiler has moved away
 * (x.cold), or of the procedure linkage table.
 */
#pragma once

#include <gelf.h>

/* The offset in the file of @address. -ENOEXEC: not in an executable segment. */
int probe_entry_offset(Elf *elf, uint64_t address, uint64_t *ret);

/* 0 if a function begins at @offset of the file. -ENOEXEC: not in an executable segment; -EILSEQ:
 * none begins there, or it cannot be told. */
int probe_entry_check(Elf *elf, uint64_t offset);
