/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <elf.h>

#include "elf-info.h"

#ifndef EM_BPF
#define EM_BPF 247
#endif

#define TEXT_MAX 128 /* longer licences and compiler names are cut off */

void elf_info_done(struct elf_info *info)
{
	free(info->license);
	free(info->compiler);
	*info = (struct elf_info){};
}

static bool inside(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

/* Section header @i, or false. Copied, for nothing says that the table is aligned. */
static bool section_at(const uint8_t *data, size_t size, const Elf64_Ehdr *header, unsigned i,
		       Elf64_Shdr *ret)
{
	uint64_t offset;

	if (__builtin_add_overflow(header->e_shoff, (uint64_t)i * sizeof(*ret), &offset) ||
	    !inside(offset, sizeof(*ret), size))
		return false;
	memcpy(ret, data + offset, sizeof(*ret));
	return ret->sh_type == SHT_NOBITS || inside(ret->sh_offset, ret->sh_size, size);
}

/* BPF objects of clang have no .comment; the DWARF names the producer among its strings. */
static char *find_producer(const uint8_t *data, const Elf64_Shdr *section)
{
	static const char *const marks[] = {"clang version ", "GNU C"};
	const char *text = (const char *)data + section->sh_offset;
	const char *end = text + section->sh_size;

	if (section->sh_type == SHT_NOBITS || (section->sh_flags & SHF_COMPRESSED))
		return NULL;
	while (text < end) {
		size_t length = strnlen(text, end - text);

		for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
			if (memmem(text, length, marks[i], strlen(marks[i])))
				return strndup(text, MIN(length, (size_t)TEXT_MAX));
		text += length + 1;
	}
	return NULL;
}

static char *copy_text(const uint8_t *data, const Elf64_Shdr *section)
{
	if (section->sh_type == SHT_NOBITS || section->sh_size == 0)
		return NULL;
	return strndup((const char *)data + section->sh_offset,
		       MIN((uint64_t)TEXT_MAX, section->sh_size));
}

int elf_info_read(const void *data, size_t size, struct elf_info *ret)
{
	_cleanup_elf_info_ struct elf_info info = {};
	Elf64_Shdr names, section;
	Elf64_Ehdr header;

	if (size < sizeof(header))
		return -EBADMSG;
	memcpy(&header, data, sizeof(header));
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
	    header.e_type != ET_REL || header.e_machine != EM_BPF ||
	    header.e_shentsize != sizeof(section) ||
	    !section_at(data, size, &header, header.e_shstrndx, &names) ||
	    names.sh_type == SHT_NOBITS)
		return -EBADMSG;

	for (unsigned i = 1; i < header.e_shnum; i++) {
		_cleanup_free_ char *name = NULL;

		if (!section_at(data, size, &header, i, &section) ||
		    section.sh_name >= names.sh_size)
			return -EBADMSG;
		name = strndup((const char *)data + names.sh_offset + section.sh_name,
			       names.sh_size - section.sh_name);
		if (!name)
			return -ENOMEM;
		if (streq(name, "license") && !info.license)
			info.license = copy_text(data, &section);
		else if (streq(name, ".comment") && !info.compiler)
			info.compiler = copy_text(data, &section);
		else if (streq(name, ".BTF") && section.sh_type != SHT_NOBITS)
			info.btf = (struct blob){(const uint8_t *)data + section.sh_offset,
						 section.sh_size};
		else if (streq(name, ".debug_str") && !info.compiler)
			info.compiler = find_producer(data, &section);
	}
	*ret = info;
	info = (struct elf_info){};
	return 0;
}
