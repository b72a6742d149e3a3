// SPDX-License-Identifier: LGPL-2.1-or-later
#include "probe-entry.h"

#include <limits.h>

#include "util.h"

/* Of .eh_frame_hdr, as the Linux Standard Base has it: the one way in which linkers write it. */
struct frame_header {
	uint8_t version, frames_form, count_form, table_form;
	int32_t frames; /* distance to .eh_frame */
	uint32_t count;
};
#define FORM_COUNT 0x03 /* an unsigned number of 4 bytes */
#define FORM_TABLE 0x3b /* signed, 4 bytes, from the beginning of .eh_frame_hdr */

struct frame {
	int32_t start, description;
};

typedef bool (*segment_fn)(const GElf_Phdr *header, uint64_t value);

/* The first segment that is as @fits says, or -ENOEXEC. */
static int find_segment(Elf *elf, segment_fn fits, uint64_t value, GElf_Phdr *ret)
{
	GElf_Phdr header;
	size_t n;

	if (elf_getphdrnum(elf, &n) < 0)
		return -ENOEXEC;
	for (size_t i = 0; i < n && i < INT_MAX; i++) {
		if (!gelf_getphdr(elf, (int)i, &header))
			return -ENOEXEC;
		if (fits(&header, value)) {
			*ret = header;
			return 0;
		}
	}
	return -ENOEXEC;
}

static bool is_executable(const GElf_Phdr *header)
{
	return header->p_type == PT_LOAD && (header->p_flags & PF_X);
}

static bool has_address(const GElf_Phdr *header, uint64_t address)
{
	return is_executable(header) && address >= header->p_vaddr &&
	       address - header->p_vaddr < header->p_filesz;
}

static bool has_offset(const GElf_Phdr *header, uint64_t offset)
{
	return is_executable(header) && offset >= header->p_offset &&
	       offset - header->p_offset < header->p_filesz;
}

static bool is_frame_table(const GElf_Phdr *header, uint64_t value)
{
	return header->p_type == PT_GNU_EH_FRAME;
}

int probe_entry_offset(Elf *elf, uint64_t address, uint64_t *ret)
{
	GElf_Phdr header;
	int r;

	r = find_segment(elf, has_address, address, &header);
	if (r < 0)
		return r;
	*ret = address - header.p_vaddr + header.p_offset;
	return 0;
}

static bool table_has(Elf *elf, Elf_Scn *section, uint64_t address)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Sym symbol;

	/* gelf_getsym() gives NULL behind the last one. */
	for (int i = 0; data && gelf_getsym(data, i, &symbol); i++)
		if (symbol.st_value == address && symbol.st_shndx != SHN_UNDEF &&
		    GELF_ST_TYPE(symbol.st_info) == STT_FUNC)
			return true;
	return false;
}

static bool symbols_have(Elf *elf, uint64_t address)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) &&
		    (header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB) &&
		    table_has(elf, section, address))
			return true;
	return false;
}

/* In the byte order of this machine: a file of another cannot be run here. */
static bool frames_have(Elf *elf, uint64_t address)
{
	struct frame_header header;
	struct frame frame;
	GElf_Phdr segment;
	Elf_Data *data;

	if (find_segment(elf, is_frame_table, 0, &segment) < 0 || segment.p_offset > INT64_MAX)
		return false;
	data = elf_getdata_rawchunk(elf, (int64_t)segment.p_offset, segment.p_filesz, ELF_T_BYTE);
	if (!data || data->d_size < sizeof(header))
		return false;
	memcpy(&header, data->d_buf, sizeof(header));
	if (header.version != 1 || header.count_form != FORM_COUNT ||
	    header.table_form != FORM_TABLE ||
	    header.count > (data->d_size - sizeof(header)) / sizeof(frame))
		return false;
	for (uint32_t i = 0; i < header.count; i++) {
		memcpy(&frame, (const char *)data->d_buf + sizeof(header) + i * sizeof(frame),
		       sizeof(frame));
		if (segment.p_vaddr + (uint64_t)(int64_t)frame.start == address)
			return true;
	}
	return false;
}

int probe_entry_check(Elf *elf, uint64_t offset)
{
	GElf_Phdr header;
	uint64_t address;
	int r;

	r = find_segment(elf, has_offset, offset, &header);
	if (r < 0)
		return r;
	address = offset - header.p_offset + header.p_vaddr;
	return symbols_have(elf, address) || frames_have(elf, address) ? 0 : -EILSEQ;
}
