// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where in a file may a uprobe go? This program's own file is the one that is looked at. */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "attach-kinds.h"
#include "check.h"

#define FILE_NAME "/x" /* for messages only */

/* In the executable segment, with symbols, and not made part of others. */
__attribute__((noinline, used)) static int probe_me(int a)
{
	__asm__ volatile("" ::: "memory");
	return a + 1;
}

__attribute__((used)) static const int probe_data = 1;

/* Looks like a function to whoever trusts the type of a symbol alone. */
__asm__(".pushsection .data\n\t.type probe_typed, @function\nprobe_typed:\n\t.quad 1\n\t"
	".size probe_typed, 8\n\t.popsection");
extern const char probe_typed[];

static int file = -1, stripped = -1;

static int first_object(struct dl_phdr_info *info, size_t size, void *userdata)
{
	*(uint64_t *)userdata = info->dlpi_addr;
	return 1;
}

/* The offset in this program's file of what is at @pointer, by its program headers. */
static uint64_t offset_of(const void *pointer)
{
	uint64_t base = 0, address;
	Elf64_Phdr header;
	Elf64_Ehdr elf;

	dl_iterate_phdr(first_object, &base);
	address = (uint64_t)(uintptr_t)pointer - base;
	assert_int_equal(pread(file, &elf, sizeof(elf), 0), sizeof(elf));
	for (unsigned i = 0; i < elf.e_phnum; i++) {
		assert_int_equal(pread(file, &header, sizeof(header),
				       (off_t)(elf.e_phoff + i * sizeof(header))),
				 sizeof(header));
		if (header.p_type == PT_LOAD && address >= header.p_vaddr &&
		    address - header.p_vaddr < header.p_filesz)
			return address - header.p_vaddr + header.p_offset;
	}
	fail_msg("no segment");
	return 0;
}

/* A file without section headers: what is left of symbols is the table of frames. */
static int strip(int fd)
{
	_cleanup_close_ int copy = memfd_create("stripped", MFD_CLOEXEC);
	Elf64_Ehdr header;
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = 0; at < st.st_size;) {
		char buffer[65536];
		ssize_t n = pread(fd, buffer, sizeof(buffer), at);

		assert_true(n > 0);
		assert_int_equal(pwrite(copy, buffer, (size_t)n, at), n);
		at += n;
	}
	assert_int_equal(pread(copy, &header, sizeof(header), 0), sizeof(header));
	header.e_shoff = 0;
	header.e_shnum = header.e_shstrndx = 0;
	assert_int_equal(pwrite(copy, &header, sizeof(header), 0), sizeof(header));
	return TAKE_FD(copy);
}

static int open_files(void **state)
{
	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(file >= 0);
	stripped = strip(file);
	return 0;
}

/* @place as in uprobe:FILE:PLACE; @message NULL: it may be probed, at @offset. */
static void ask(int fd, const char *place, uint64_t offset, const char *message)
{
	_cleanup_target_ struct target target = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	uint64_t found = UINT64_MAX;
	char text[128];
	int r;

	snprintf(text, sizeof(text), "uprobe:%s:%s", FILE_NAME, place);
	assert_int_equal(target_parse(text, &target, NULL), 0);
	r = probe_file_offset(fd, &target, &found, &error);
	if (!message) {
		if (r < 0)
			fail_msg("%s: %s", text, error_message(&error));
		assert_int_equal(found, offset);
		return;
	}
	if (r >= 0)
		fail_msg("%s is accepted", text);
	assert_int_equal(found, UINT64_MAX);
	check_error(&error, ERROR_BAD_TARGET, message);
}

static void ask_number(int fd, uint64_t offset, const char *message)
{
	char place[32];

	snprintf(place, sizeof(place), "0x%llx", (unsigned long long)offset);
	ask(fd, place, offset, message);
}

static void symbols(void **state)
{
	ask(file, "probe_me", offset_of((void *)probe_me), NULL);
	ask(file, "probe_me+0x0", offset_of((void *)probe_me), NULL);
	ask(file, "no_such_symbol", 0, "no function no_such_symbol");
	ask(file, "probe_data", 0, "no function probe_data");
	ask(file, "probe_typed", 0, "not in an executable segment");
	ask(stripped, "probe_me", 0, "no function probe_me");
}

/* A number is a place that its user has counted: only where a function begins. */
static void numbers(void **state)
{
	uint64_t offset = offset_of((void *)probe_me);

	ask_number(file, offset, NULL);
	ask_number(stripped, offset, NULL);
	for (unsigned i = 1; i <= 3; i++) {
		ask_number(file, offset + i, "not where a function begins");
		ask_number(stripped, offset + i, "not where a function begins");
	}
	ask_number(file, 0, "not in an executable segment");
	ask_number(file, offset_of(&probe_data), "not in an executable segment");
	ask_number(file, offset_of(probe_typed), "not in an executable segment");
	ask_number(file, 1ull << 40, "not in an executable segment");
	ask_number(file, UINT64_MAX, "not in an executable segment");
}

/* What is counted from a symbol is a number, too. */
static void counted(void **state)
{
	uint64_t offset = offset_of((void *)probe_me);
	uint64_t begin = offset_of((void *)symbols);
	char place[64];

	ask(file, "probe_me+0x1", 0, "not where a function begins");
	ask(file, "probe_me+0x4", 0, "not where a function begins");
	ask(file, "probe_me+0xffffffffffffffff", 0, "too large");
	if (begin > offset) {
		snprintf(place, sizeof(place), "probe_me+0x%llx",
			 (unsigned long long)(begin - offset));
		ask(file, place, begin, NULL);
	}
}

/* The table of frames is the file's own claim: one that does not fit is none. */
static void spoilt_frames(void **state)
{
	uint64_t offset = offset_of((void *)probe_me), at = 0;
	Elf64_Phdr header;
	Elf64_Ehdr elf;
	static const uint8_t heads[][4] = {
		{2, 0x1b, 0x03, 0x3b}, {1, 0x1b, 0x03, 0x30}, {1, 0x1b, 0xff, 0x3b}};
	static const uint32_t many = UINT32_MAX;

	assert_int_equal(pread(stripped, &elf, sizeof(elf), 0), sizeof(elf));
	for (unsigned i = 0; i < elf.e_phnum; i++) {
		assert_int_equal(pread(stripped, &header, sizeof(header),
				       (off_t)(elf.e_phoff + i * sizeof(header))),
				 sizeof(header));
		if (header.p_type == PT_GNU_EH_FRAME)
			at = header.p_offset;
	}
	assert_true(at > 0);
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		_cleanup_close_ int copy = strip(file);

		assert_int_equal(pwrite(copy, heads[i], sizeof(heads[i]), (off_t)at), 4);
		ask_number(copy, offset, "not where a function begins");
	}
	{
		_cleanup_close_ int copy = strip(file);

		assert_int_equal(pwrite(copy, &many, sizeof(many), (off_t)at + 8), 4);
		ask_number(copy, offset, "not where a function begins");
	}
}

static void no_elf(void **state)
{
	_cleanup_close_ int fd = memfd_create("text", MFD_CLOEXEC);

	assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
	ask_number(fd, 2, "not an ELF file");
	ask(fd, "main", 0, "not an ELF file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(symbols), cmocka_unit_test(numbers),
		cmocka_unit_test(counted), cmocka_unit_test(spoilt_frames),
		cmocka_unit_test(no_elf),
	};

	return cmocka_run_group_tests_name("probe-file", tests, open_files, NULL);
}
