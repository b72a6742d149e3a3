// SPDX-License-Identifier: LGPL-2.1-or-later
#include "others.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "kernel.h"
#include "row.h"

static const char *const names[] = {
	[OTHER_CLOSED] = "closed-fd",
	[OTHER_NEGATIVE] = "negative-fd",
	[OTHER_FILE] = "plain-file",
	[OTHER_PROGRAM] = "program",
	[OTHER_LINK] = "link",
	[OTHER_BTF_VMLINUX] = "vmlinux-btf",
	[OTHER_BTF_MODULE] = "module-btf",
	[OTHER_BTF_OWN] = "own-btf",
	[OTHER_EVENTFD] = "eventfd",
	[OTHER_PERF_EVENT] = "perf-event",
};

const char *other_name(unsigned other)
{
	return names[other];
}

static int btf_info(int fd, struct bpf_btf_info *info)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(*info);
	attr.info.info = ptr(info);
	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, ATTR_SIZE(info));
}

/* The first BTF object of the kernel's own whose name @name is; NULL: the first of a module. */
static int btf_find(const char *name)
{
	uint32_t id = 0;

	while (true) {
		struct bpf_btf_info info = {};
		char found[64] = "";
		union bpf_attr attr;
		int fd;

		memset(&attr, 0, sizeof(attr));
		attr.start_id = id;
		if (sys_bpf(BPF_BTF_GET_NEXT_ID, &attr, ATTR_SIZE(open_flags)) < 0)
			return -ENOENT;
		id = attr.next_id;
		memset(&attr, 0, sizeof(attr));
		attr.btf_id = id;
		fd = sys_bpf(BPF_BTF_GET_FD_BY_ID, &attr, ATTR_SIZE(open_flags));
		if (fd < 0)
			continue;
		info.name = ptr(found);
		info.name_len = sizeof(found);
		if (btf_info(fd, &info) == 0 && info.kernel_btf &&
		    (name ? streq(found, name) : !streq(found, "vmlinux")))
			return fd;
		close(fd);
	}
}

int btf_by_name(const char *name)
{
	return btf_find(name);
}

int btf_of_a_module(void)
{
	int fd = btf_find(NULL);

	return fd == -ENOENT ? -ENODEV : fd;
}

/* A raw tracepoint that does nothing, and its link. */
static int raw_tp(bool link)
{
	_cleanup_request_ struct request q = {};
	union bpf_attr attr;
	int fd, r;

	request_init(&q, RETURN_0);
	q.attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
	q.attr.prog_flags = 0;
	fd = must("raw tracepoint", request_load(&q));
	if (!link)
		return fd;
	memset(&attr, 0, sizeof(attr));
	attr.raw_tracepoint.name = ptr("sched_process_exec");
	attr.raw_tracepoint.prog_fd = (uint32_t)fd;
	r = must("its link", sys_bpf(BPF_RAW_TRACEPOINT_OPEN, &attr, ATTR_SIZE(raw_tracepoint)));
	close(fd);
	return r;
}

static int perf_event(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
	};
	long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

int other_open(unsigned other)
{
	switch (other) {
	case OTHER_FILE:
		return must("/dev/zero", open("/dev/zero", O_RDWR | O_CLOEXEC));
	case OTHER_PROGRAM:
		return raw_tp(false);
	case OTHER_LINK:
		return raw_tp(true);
	case OTHER_BTF_VMLINUX:
		return must("BTF of vmlinux", btf_by_name("vmlinux"));
	case OTHER_BTF_MODULE:
		return btf_of_a_module();
	case OTHER_BTF_OWN:
		return btf_make();
	case OTHER_EVENTFD:
		return must("eventfd", eventfd(0, EFD_CLOEXEC));
	case OTHER_PERF_EVENT:
		return must("perf event", perf_event());
	default:
		return -1;
	}
}

int other_fd(unsigned other, int fd)
{
	if (other == OTHER_CLOSED)
		return 1000;
	return other == OTHER_NEGATIVE ? -5 : fd;
}
