/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kprobe, kretprobe, uprobe and uretprobe. First through a multi link (fprobe for the kernel's own
 * functions, since Linux 5.18; for user space since 6.6), which needs no perf event and takes only
 * programs that were loaded for it: "bpfctl build" sees to that. Then, for other programs and for
 * offsets in the kernel, through the dynamic PMUs of perf. For user space those want CAP_SYS_ADMIN
 * since Linux 6.17 and in the stable kernels of that time (kernel/events/core.c,
 * perf_uprobe_event_init()), and distributions can close perf altogether, see perf_refused().
 */
#include <bpf/bpf.h>
#include <fcntl.h>

#include "attach-kinds.h"

/* The one line in FILE of the dynamic PMU's folder, without its newline. */
static int read_pmu(const char *pmu, const char *file, char *buffer, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[96];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/%s", pmu, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buffer, size - 1);
	if (n < 0)
		return -errno;
	buffer[n] = '\0';
	buffer[strcspn(buffer, "\n")] = '\0';
	return 0;
}

/* The bit after @prefix in the format file, "config:0", or the number in the type file. */
static int read_pmu_number(const char *pmu, const char *file, const char *prefix, unsigned *ret)
{
	unsigned long value;
	char text[64], *end;
	int r;

	r = read_pmu(pmu, file, text, sizeof(text));
	if (r < 0)
		return r;
	if (strncmp(text, prefix, strlen(prefix)) != 0)
		return -EBADMSG;
	errno = 0;
	value = strtoul(text + strlen(prefix), &end, 10);
	if (errno || *end || end == text + strlen(prefix) || value > UINT32_MAX)
		return -EBADMSG;
	*ret = (unsigned)value;
	return 0;
}

/* Type and return bit of an event of @pmu, "kprobe" or "uprobe". */
static int pmu_attr(const char *pmu, bool at_return, struct perf_event_attr *ret)
{
	unsigned type, bit;
	int r;

	r = read_pmu_number(pmu, "type", "", &type);
	if (r < 0)
		return r;
	r = read_pmu_number(pmu, "format/retprobe", "config:", &bit);
	if (r < 0)
		return r;
	if (bit >= 64)
		return -EBADMSG;
	*ret = (struct perf_event_attr){
		.type = type,
		.config = at_return ? 1ull << bit : 0,
	};
	return 0;
}

static int kernel_attr(const struct target *target, struct perf_event_attr *ret,
		       struct error *error)
{
	int r;

	r = pmu_attr("kprobe", target->kind == TARGET_KRETPROBE, ret);
	if (r == -ENOENT)
		return error_set(error, r, ERROR_KERNEL, STEP_ATTACH,
				 "this kernel has no kprobes (CONFIG_KPROBE_EVENTS)");
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_ATTACH,
				 "cannot read how to make kprobes: %s", strerror(-r));
	return 0;
}

static int kernel_refused(const struct target *target, int r, struct error *error)
{
	switch (r) {
	case -ENOENT:
	case -ESRCH:
		return attach_bad_target(
			error, r,
			"no function %s in this kernel, or none that can be "
			"probed; /proc/kallsyms lists them (one that was inlined is "
			"not there)",
			target->name);
	case -EADDRNOTAVAIL:
		return attach_bad_target(error, r, "several functions are called %s", target->name);
	case -EINVAL:
	case -EILSEQ:
		return attach_bad_target(error, r,
					 "%s cannot be probed: not the start of an instruction, or "
					 "kept from being probed by the kernel",
					 target->text);
	}
	return perf_refused(target, r, error);
}

/* -EINVAL: the program was not loaded for such a link. */
static int attach_multi_kernel(int prog_fd, const struct target *target)
{
	const char *symbols[] = {target->name};
	LIBBPF_OPTS(bpf_link_create_opts, options, .kprobe_multi.syms = symbols,
		    .kprobe_multi.cnt = 1,
		    .kprobe_multi.flags =
			    target->kind == TARGET_KRETPROBE ? BPF_F_KPROBE_MULTI_RETURN : 0);

	return bpf_link_create(prog_fd, 0, BPF_TRACE_KPROBE_MULTI, &options);
}

static int attach_perf_kernel(int prog_fd, const struct target *target, unsigned attachment,
			      struct links *links, struct error *error)
{
	_cleanup_close_ int perf = -1;
	struct perf_event_attr attr;
	int r;

	r = kernel_attr(target, &attr, error);
	if (r < 0)
		return r;
	attr.kprobe_func = (uint64_t)(uintptr_t)target->name;
	attr.probe_offset = target->offset;
	perf = perf_open(&attr, 0);
	if (perf < 0)
		return kernel_refused(target, perf, error);
	r = perf_link(prog_fd, perf, attachment, links);
	return r < 0 ? attach_refused(target, r, error) : 0;
}

int probe_attach_kernel(int prog_fd, const struct target *target, unsigned attachment,
			struct links *links, struct error *error)
{
	int fd = -1;

	if (target->offset == 0)
		fd = attach_multi_kernel(prog_fd, target);
	if (fd >= 0)
		return links_add(links, fd, attachment);
	if (fd == -ESRCH || fd == -ENOENT)
		return kernel_refused(target, fd, error);
	return attach_perf_kernel(prog_fd, target, attachment, links, error);
}

static int attach_multi_user(int prog_fd, const char *path, uint64_t offset, bool at_return)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .uprobe_multi.path = path,
		    .uprobe_multi.offsets = &offset, .uprobe_multi.cnt = 1,
		    .uprobe_multi.flags = at_return ? BPF_F_UPROBE_MULTI_RETURN : 0);

	return bpf_link_create(prog_fd, 0, BPF_TRACE_UPROBE_MULTI, &options);
}

static int attach_perf_user(int prog_fd, const char *path, uint64_t offset, bool at_return,
			    unsigned attachment, struct links *links)
{
	_cleanup_close_ int perf = -1;
	struct perf_event_attr attr;
	int r;

	r = pmu_attr("uprobe", at_return, &attr);
	if (r < 0)
		return r;
	attr.uprobe_path = (uint64_t)(uintptr_t)path;
	attr.probe_offset = offset;
	perf = perf_open(&attr, 0);
	return perf < 0 ? perf : perf_link(prog_fd, perf, attachment, links);
}

static int user_refused(const struct target *target, int r, struct error *error)
{
	if (r == -EACCES || r == -EPERM)
		return error_set(
			error, r, ERROR_KERNEL, STEP_ATTACH,
			"%s cannot be probed: it is not the start of an instruction that the "
			"kernel can probe, or the program was not loaded for a multi uprobe "
			"link (make the bundle anew with bpfctl build); for any other link "
			"this kernel wants CAP_SYS_ADMIN, which bpfgated does not have",
			target->text);
	if (r == -EINVAL || r == -EILSEQ || r == -ENOTSUP)
		return attach_bad_target(error, r,
					 "%s cannot be probed: not the start of an instruction the "
					 "kernel can probe",
					 target->text);
	return attach_refused(target, r, error);
}

int probe_attach_user(int prog_fd, const struct target *target, unsigned attachment,
		      struct links *links, struct error *error)
{
	bool at_return = target->kind == TARGET_URETPROBE;
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	_cleanup_close_ int file = -1;
	uint64_t offset;
	int r;

	r = probe_file_open(target, &file, error);
	if (r < 0)
		return r;
	r = probe_file_offset(file, target, &offset, error);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	r = attach_multi_user(prog_fd, path, offset, at_return);
	if (r >= 0)
		return links_add(links, r, attachment);
	if (r == -EINVAL)
		r = attach_perf_user(prog_fd, path, offset, at_return, attachment, links);
	return r < 0 ? user_refused(target, r, error) : 0;
}

int probe_resolve_user(const struct target *target, struct error *error)
{
	_cleanup_close_ int file = -1;
	uint64_t offset;
	int r;

	r = probe_file_open(target, &file, error);
	if (r < 0)
		return r;
	return probe_file_offset(file, target, &offset, error);
}
