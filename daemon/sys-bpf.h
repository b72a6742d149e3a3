/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpf(2) itself, for the calls that must be made exactly so: what libbpf adds (fallbacks, retries,
 * memory) is in the way when the kernel's errno is the answer, and in a child of a process with
 * several threads. Nothing here allocates or takes a lock.
 */
#pragma once

#include <linux/bpf.h>
#include <sys/syscall.h>

#include "util.h"

/* The size that BPF_PROG_LOAD and so on is called with: up to the end of the last member used. */
#define ATTR_SIZE(member) \
	(offsetof(union bpf_attr, member) + sizeof(((union bpf_attr *)NULL)->member))

_Static_assert(offsetof(union bpf_attr, fd_array_cnt) == 148, "linux/bpf.h of Linux 6.18 or newer");
_Static_assert(offsetof(union bpf_attr, signature) == 152, "linux/bpf.h of Linux 6.18 or newer");
_Static_assert(offsetof(union bpf_attr, keyring_id) == 164, "linux/bpf.h of Linux 6.18 or newer");
_Static_assert(offsetof(union bpf_attr, excl_prog_hash_size) == 88, "linux/bpf.h of Linux 6.18");

/* A new fd or 0, or a negative errno. */
static inline int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr, size_t size)
{
	long ret = syscall(SYS_bpf, cmd, attr, (unsigned int)size);

	return ret < 0 ? -errno : (int)ret;
}

static inline uint64_t sys_ptr(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* BPF_OBJ_GET_INFO_BY_FD into @info, which the caller has zeroed and may have put requests into. */
static inline int sys_bpf_info(int fd, void *info, uint32_t size)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = size;
	attr.info.info = sys_ptr(info);
	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, ATTR_SIZE(info));
}
