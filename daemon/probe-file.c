/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file of a uprobe: whose it must be, and where in it a symbol lies. Who may write to the file
 * decides what a probe in it means, so it and the folders above it are root's alone.
 */
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>

#include "attach-kinds.h"
#include "mount.h"
#include "owned.h"
#include "probe-entry.h"

/* Only looked at: to open what is no file may do something already. */
static int look_at(int folder, const char *name, const struct target *target, int *ret_fd,
		   struct error *error)
{
	int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), r;

	if (fd < 0)
		return attach_bad_target(error, -errno, "cannot open %s: %s", target->path,
					 strerror(errno));
	r = mount_check(fd);
	if (r == 0) {
		*ret_fd = fd;
		return 0;
	}
	close(fd);
	if (r == -EREMOTE)
		return attach_bad_target(error, r,
					 "%s is in a file system that a user serves, and could be "
					 "anything",
					 target->path);
	return r;
}

static int check_file(int fd, const struct target *target, struct error *error)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return attach_bad_target(
			error, -ELOOP,
			"%s is a symbolic link, which is not followed: name the file "
			"itself (realpath prints it)",
			target->path);
	if (!S_ISREG(st.st_mode))
		return attach_bad_target(error, -EINVAL, "%s is not a regular file", target->path);
	/* An access list needs no look of its own: its mask shows in the group bits. */
	if (st.st_uid != 0 || (st.st_mode & 022))
		return attach_bad_target(
			error, -EPERM,
			"%s is not root's alone (uid %u, mode %04o): probes go into "
			"files only that nobody but root can change",
			target->path, st.st_uid, st.st_mode & 07777);
	return 0;
}

/* @folder is the one the file is in. */
static int open_in(int folder, const char *name, const struct target *target, int *ret_fd,
		   struct error *error)
{
	char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	_cleanup_close_ int fd = -1;
	int r;

	r = look_at(folder, name, target, &fd, error);
	if (r == 0)
		r = check_file(fd, target, error);
	if (r < 0)
		return r;
	/* the very file that was looked at */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	r = open(link, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (r < 0)
		return attach_bad_target(error, -errno, "cannot open %s: %s", target->path,
					 strerror(errno));
	*ret_fd = r;
	return 0;
}

int probe_file_open(const struct target *target, int *ret_fd, struct error *error)
{
	_cleanup_free_ char *for_folder = strdup(target->path), *for_name = strdup(target->path);
	_cleanup_close_ int folder = -1, fd = -1;
	_cleanup_error_ struct error why = ERROR_INIT;
	int r;

	if (!for_folder || !for_name)
		return -ENOMEM;
	r = owned_open_folder(dirname(for_folder), 0, &folder, &why);
	if (r == -ENOENT)
		return attach_bad_target(error, r, "cannot open %s: %s", target->path,
					 strerror(-r));
	if (r < 0)
		return attach_bad_target(error, r, "%s cannot be probed: %s", target->path,
					 error_message(&why));
	r = open_in(folder, basename(for_name), target, &fd, error);
	if (r < 0)
		return r;
	r = attach_check_path(fd, target, error);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

struct found {
	unsigned rank; /* 0: nothing yet; a global symbol goes before a weak, a weak before a local
			*/
	uint64_t address;
	bool ambiguous;
};

static unsigned symbol_rank(const GElf_Sym *symbol)
{
	switch (GELF_ST_BIND(symbol->st_info)) {
	case STB_GLOBAL:
		return 3;
	case STB_WEAK:
		return 2;
	default:
		return 1;
	}
}

static void find_in_table(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, const char *name,
			  struct found *found)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Sym symbol;

	/* gelf_getsym() gives NULL behind the last one. */
	for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
		const char *text = elf_strptr(elf, header->sh_link, symbol.st_name);
		unsigned rank = symbol_rank(&symbol);

		if (!text || !streq(text, name) || symbol.st_shndx == SHN_UNDEF ||
		    GELF_ST_TYPE(symbol.st_info) != STT_FUNC || rank < found->rank)
			continue;
		found->ambiguous = rank == found->rank &&
				   (found->ambiguous || symbol.st_value != found->address);
		found->rank = rank;
		found->address = symbol.st_value;
	}
}

static int not_executable(const struct target *target, int r, struct error *error)
{
	return attach_bad_target(error, r, "%s is not in an executable segment", target->text);
}

static int find_symbol(Elf *elf, const struct target *target, uint64_t *ret, struct error *error)
{
	struct found found = {0};
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	int r;

	while ((section = elf_nextscn(elf, section))) {
		if (gelf_getshdr(section, &header) &&
		    (header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB))
			find_in_table(elf, section, &header, target->name, &found);
	}
	if (found.rank == 0)
		return attach_bad_target(error, -ENOENT,
					 "no function %s among the symbols of %s; a stripped file "
					 "takes an offset, uprobe:%s:0xOFFSET",
					 target->name, target->path, target->path);
	if (found.ambiguous)
		return attach_bad_target(error, -ENOTUNIQ,
					 "several functions of %s are called %s: say which by its "
					 "offset, uprobe:%s:0xOFFSET",
					 target->path, target->name, target->path);
	r = probe_entry_offset(elf, found.address, ret);
	return r < 0 ? not_executable(target, r, error) : 0;
}

/* @offset was counted by whoever asks, from the file's beginning or a symbol. */
static int check_entry(Elf *elf, const struct target *target, uint64_t offset, struct error *error)
{
	int r = probe_entry_check(elf, offset);

	if (r == -ENOEXEC)
		return not_executable(target, r, error);
	if (r < 0)
		return attach_bad_target(error, r,
					 "%s is not where a function begins, as far as the symbols "
					 "of %s and its table of frames (.eh_frame_hdr) tell: a "
					 "probe elsewhere could change instructions",
					 target->text, target->path);
	return 0;
}

static int find_offset(Elf *elf, const struct target *target, uint64_t *ret, struct error *error)
{
	uint64_t offset = 0, whole;
	int r = 0;

	if (target->name)
		r = find_symbol(elf, target, &offset, error);
	if (r < 0)
		return r;
	if (__builtin_add_overflow(offset, target->offset, &whole))
		return attach_bad_target(error, -ERANGE, "the offset of %s is too large",
					 target->text);
	if (!target->name || target->offset != 0)
		r = check_entry(elf, target, whole, error);
	if (r < 0)
		return r;
	*ret = whole;
	return 0;
}

int probe_file_offset(int fd, const struct target *target, uint64_t *ret, struct error *error)
{
	Elf *elf;
	int r;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return -EOPNOTSUPP;
	/* Read, not mapped: a file that is cut short meanwhile must not end the daemon. */
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF)
		r = attach_bad_target(error, -ENOEXEC, "%s is not an ELF file", target->path);
	else
		r = find_offset(elf, target, ret, error);
	elf_end(elf);
	return r;
}
