// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "load-child.h"
#include "sys-bpf.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_ARCH AUDIT_ARCH_PPC64LE
#else
#error "the load child's system call filter needs to know this architecture"
#endif

static int set_limit(int resource, rlim_t value)
{
	struct rlimit limit = {value, value};

	return syscall(SYS_prlimit64, 0, resource, &limit, NULL) < 0 ? -errno : 0;
}

/*
 * The kernel goes by the soft limit, and the filter below takes away the call to raise it. The hard
 * one stays as it is: valgrind, under which this is tested, does not let it be lowered.
 */
static int limit_files(rlim_t value)
{
	struct rlimit limit;

	if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) < 0)
		return -errno;
	limit.rlim_cur = MIN(value, limit.rlim_max);
	return syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, NULL) < 0 ? -errno : 0;
}

/*
 * What the kernel asks of who loads a program: is_perfmon_prog_type() and is_net_admin_prog_type()
 * of kernel/bpf/syscall.c, for the types that bpfgate loads. What is not here gets CAP_BPF alone.
 *
 * CAP_PERFMON is the one that counts: with it, a program of any type may read the kernel's memory,
 * by helpers (bpf_probe_read_kernel()) and by casts (bpf_rdonly_cast()), for the verifier looks at
 * who loads and not at the type. What the verifier lets others read all the same is kept from them
 * by loader-program.c. No map of a type that a bundle can have takes more than CAP_BPF.
 */
static const struct {
	enum bpf_prog_type type;
	uint64_t capabilities;
} needs[] = {
	{BPF_PROG_TYPE_TRACEPOINT, 1ULL << CAP_PERFMON},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, 1ULL << CAP_PERFMON},
	{BPF_PROG_TYPE_TRACING, 1ULL << CAP_PERFMON},
	{BPF_PROG_TYPE_KPROBE, 1ULL << CAP_PERFMON},
	{BPF_PROG_TYPE_PERF_EVENT, 1ULL << CAP_PERFMON},
	{BPF_PROG_TYPE_LSM, 1ULL << CAP_PERFMON},
	{BPF_PROG_TYPE_XDP, 1ULL << CAP_NET_ADMIN},
	{BPF_PROG_TYPE_SCHED_CLS, 1ULL << CAP_NET_ADMIN},
	{BPF_PROG_TYPE_CGROUP_SOCK, 1ULL << CAP_NET_ADMIN},
	{BPF_PROG_TYPE_CGROUP_DEVICE, 1ULL << CAP_NET_ADMIN},
};

static uint64_t capabilities_of(uint64_t program_types)
{
	uint64_t all = 1ULL << CAP_BPF;

	for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
		if (program_types >> needs[i].type & 1)
			all |= needs[i].capabilities;
	return all;
}

bool load_reads_kernel(uint64_t program_types)
{
	return capabilities_of(program_types) >> CAP_PERFMON & 1;
}

/* Keeps what is in @keep, of what there is. */
static int limit_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {};

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (unsigned i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int child_limit_capabilities(uint64_t program_types)
{
	return limit_capabilities(capabilities_of(program_types));
}

/*
 * What a load takes is memory of the kernel, which no process is seen to have: out of memory, the
 * kernel would end the largest process of the service, the daemon. It is to end the one that loads.
 * Where this cannot be written it is as it was.
 */
static void offer_to_oom_killer(void)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj",
			      O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	syscall(SYS_write, fd, "1000", 4);
	syscall(SYS_close, fd);
}

int child_limit(pid_t parent, int socket, unsigned n_fds)
{
	int r;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	if (getppid() != parent)
		return -ESRCH;
	if (socket != CHILD_SOCKET && syscall(SYS_dup3, socket, CHILD_SOCKET, 0) < 0)
		return -errno;
	if (syscall(SYS_close_range, CHILD_SOCKET + 1, ~0U, 0) < 0)
		return -errno;

	offer_to_oom_killer();
	r = limit_files(n_fds);
	if (r == 0)
		r = set_limit(RLIMIT_CORE, 0);
	if (r == 0)
		r = set_limit(RLIMIT_FSIZE, 0);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	/* The kernel gives bpf_sys_bpf(), without which there is no loader, to CAP_PERFMON only. */
	return limit_capabilities(1ULL << CAP_BPF | 1ULL << CAP_PERFMON | 1ULL << CAP_NET_ADMIN);
}

#define LOAD_FIELD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOAD_ARG_LOW(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]))
#else
#error "the low half of a system call's argument"
#endif
#define RETURN(action)	BPF_STMT(BPF_RET | BPF_K, action)
#define ALLOW_IF(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1), RETURN(SECCOMP_RET_ALLOW)

int child_filter(void)
{
	/*
	 * What a loader does with bpf(2) in the kernel is not a system call and not seen here. The
	 * calls for memory are those that sanitizers and valgrind make behind a program's back.
	 */
	static struct sock_filter filter[] = {
		LOAD_FIELD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD_FIELD(nr),
		ALLOW_IF(SYS_exit_group),
		ALLOW_IF(SYS_exit),
		ALLOW_IF(SYS_close),
		ALLOW_IF(SYS_readlinkat),
		ALLOW_IF(SYS_sendmsg),
		ALLOW_IF(SYS_mmap),
		ALLOW_IF(SYS_munmap),
		ALLOW_IF(SYS_mremap),
		ALLOW_IF(SYS_mprotect),
		ALLOW_IF(SYS_madvise),
		ALLOW_IF(SYS_brk),
		ALLOW_IF(SYS_futex),
		ALLOW_IF(SYS_getpid),
		ALLOW_IF(SYS_gettid),
		ALLOW_IF(SYS_rt_sigprocmask),
		ALLOW_IF(SYS_rt_sigreturn),
		ALLOW_IF(SYS_sigaltstack),
		/* Which fds are open; F_SETOWN and F_SETSIG would send signals to others. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 0, 4),
		LOAD_ARG_LOW(1),
		ALLOW_IF(F_GETFD),
		RETURN(SECCOMP_RET_ERRNO | EPERM),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 1, 0),
		RETURN(SECCOMP_RET_ERRNO | EPERM),
		LOAD_ARG_LOW(0),
		ALLOW_IF(BPF_PROG_TEST_RUN),
		ALLOW_IF(BPF_OBJ_GET_INFO_BY_FD),
		RETURN(SECCOMP_RET_ERRNO | EPERM),
	};
	static const struct sock_fprog program = {ARRAY_SIZE(filter), filter};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}
