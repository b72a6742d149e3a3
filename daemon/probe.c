// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which signing contract does this kernel speak? Asked with a program of two instructions, a
 * "signature" that is no PKCS#7, and the builtin keyring; none of these programs can be loaded, and
 * no key is needed. Three questions, by their errno:
 *
 *                                        no fields  cannot verify   v1        v2
 *   1 garbage as signature               E2BIG      EOPNOTSUPP      EBADMSG   EBADMSG
 *   2 the same, and a map in fd_array:
 *     neither frozen nor exclusive       -          -               EBADMSG   EPERM
 *   3 a signature of no bytes            -          -               EBADMSG   EINVAL
 *
 * v2 (kernel/bpf/verifier.c, Linux 7.3) looks at the bound maps before it parses the signature,
 * since it verifies instructions || map contents; v1 (kernel/bpf/syscall.c, Linux 6.18) verifies
 * the instructions before it looks at maps. Questions 2 and 3 must agree, or it is neither.
 */

#include <stdarg.h>
#include <sys/utsname.h>

#include "errno-text.h"
#include "loader.h"
#include "sys-bpf.h"

static _printf_(2, 3) void probe_none(struct kernel_probe *probe, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(probe->reason, sizeof(probe->reason), format, args);
	va_end(args);
	probe->contract = CONTRACT_NONE;
}

/* Tries the program; a positive errno, or 0 if the kernel took it, which it must not. */
static int ask(uint32_t signature_size, int map_fd)
{
	static const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	static const uint8_t garbage[16] = "not a signature";
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SYSCALL;
	attr.prog_flags = BPF_F_SLEEPABLE;
	attr.insns = sys_ptr(program);
	attr.insn_cnt = ARRAY_SIZE(program);
	attr.license = sys_ptr("GPL");
	attr.signature = sys_ptr(garbage);
	attr.signature_size = signature_size;
	attr.keyring_id = KEYRING_BUILTIN;
	if (map_fd >= 0) {
		attr.fd_array = sys_ptr(&map_fd);
		attr.fd_array_cnt = 1;
	}
	fd = sys_bpf(BPF_PROG_LOAD, &attr, ATTR_SIZE(keyring_id));
	if (fd < 0)
		return -fd;
	safe_close(fd);
	return 0;
}

static int make_plain_map(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 8;
	attr.max_entries = 1;
	return sys_bpf(BPF_MAP_CREATE, &attr, ATTR_SIZE(map_flags));
}

/* Question 1. */
static bool probe_verifies(struct kernel_probe *ret, int errnum)
{
	char buffer[ERRNO_TEXT_SIZE];

	switch (errnum) {
	case EBADMSG:
		return true;
	case E2BIG:
		probe_none(ret,
			   "Linux %s knows no signed BPF programs: 6.18 or newer is needed, or "
			   "6.12 with bpfgate's patches",
			   ret->release);
		return false;
	case EOPNOTSUPP:
		probe_none(ret,
			   "Linux %s was built without CONFIG_SYSTEM_DATA_VERIFICATION and cannot "
			   "verify signatures: use a kernel that has it",
			   ret->release);
		return false;
	case EPERM:
	case EACCES:
		probe_none(ret,
			   "not permitted to load BPF programs (%s): the daemon needs CAP_BPF and "
			   "CAP_PERFMON, and no security module or system call filter in its way",
			   errno_text(errnum, buffer));
		return false;
	case ENOSYS:
		probe_none(ret, "Linux %s has no bpf(2), or a system call filter hides it",
			   ret->release);
		return false;
	default:
		probe_none(ret,
			   "Linux %s answered a signature that is none with %s: this version of "
			   "bpfgate does not know its signing contract",
			   ret->release, errno_text(errnum, buffer));
		return false;
	}
}

void kernel_probe(struct kernel_probe *ret)
{
	_cleanup_close_ int map_fd = -1;
	char buffer[ERRNO_TEXT_SIZE], buffer2[ERRNO_TEXT_SIZE];
	struct utsname name;
	int with_map, no_bytes;

	memset(ret, 0, sizeof(*ret));
	if (uname(&name) == 0)
		snprintf(ret->release, sizeof(ret->release), "%s", name.release);

	if (!probe_verifies(ret, ask(16, -1)))
		return;
	map_fd = make_plain_map();
	if (map_fd < 0) {
		probe_none(ret, "cannot make a BPF map (%s)", errno_text(-map_fd, buffer));
		return;
	}
	with_map = ask(16, map_fd);
	no_bytes = ask(0, -1);
	if (with_map == EBADMSG && no_bytes == EBADMSG)
		ret->contract = CONTRACT_V1;
	else if (with_map == EPERM && no_bytes == EINVAL)
		ret->contract = CONTRACT_V2;
	else
		probe_none(
			ret,
			"Linux %s verifies signatures by a contract that this version of bpfgate "
			"does not know (a bound map: %s, no bytes: %s)",
			ret->release, errno_text(with_map, buffer), errno_text(no_bytes, buffer2));
}
