/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tracepoints through perf, raw tracepoints by name, and the kinds whose target is baked into the
 * program.
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "attach-kinds.h"

static const char *const tracefs[] = {
	"/sys/kernel/tracing/events",
	"/sys/kernel/debug/tracing/events",
};

static int open_events(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(tracefs); i++) {
		int fd = open(tracefs[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0)
			return fd;
	}
	return -errno;
}

/* The number in the small file @path below folder @at, and nowhere else. */
static int read_id(int at, const char *path, uint64_t *ret)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_close_ int fd = -1;
	unsigned long long value;
	char text[32], *end;
	ssize_t n;

	fd = (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || (*end && *end != '\n'))
		return -EBADMSG;
	*ret = value;
	return 0;
}

static int tracepoint_id(const struct target *target, uint64_t *ret, struct error *error)
{
	_cleanup_close_ int events = -1;
	_cleanup_free_ char *path = NULL;
	int r;

	events = open_events();
	if (events < 0)
		return error_set(error, events, ERROR_FAILED, STEP_ATTACH,
				 "cannot open %s: %s; tracepoints need tracefs: systemctl start "
				 "sys-kernel-tracing.mount",
				 tracefs[0], strerror(-events));
	if (asprintf(&path, "%s/id", target->name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = read_id(events, path, ret);
	/* ENODEV: a folder that is there, but is no event's. */
	if (r == -ENOENT || r == -ENODEV || r == -ENOTDIR)
		return attach_bad_target(error, r,
					 "no tracepoint %s in this kernel; available_events in "
					 "/sys/kernel/tracing lists them",
					 target->name);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_ATTACH,
				 "cannot read the id of tracepoint %s: %s", target->name,
				 strerror(-r));
	return 0;
}

int trace_attach_tracepoint(int prog_fd, const struct target *target, unsigned attachment,
			    struct links *links, struct error *error)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT};
	_cleanup_close_ int perf = -1;
	uint64_t id;
	int r;

	r = tracepoint_id(target, &id, error);
	if (r < 0)
		return r;
	attr.config = id;
	/* A program on a tracepoint runs on all CPUs, wherever its event is said to be. */
	perf = perf_open(&attr, 0);
	if (perf < 0)
		return perf_refused(target, perf, error);
	r = perf_link(prog_fd, perf, attachment, links);
	if (r == -EACCES)
		return attach_bad_target(error, r,
					 "the program reads behind the end of what %s records",
					 target->text);
	return r < 0 ? attach_refused(target, r, error) : 0;
}

int trace_resolve_tracepoint(const struct target *target, struct error *error)
{
	uint64_t id;

	return tracepoint_id(target, &id, error);
}

int trace_attach_raw(int prog_fd, const struct target *target, unsigned attachment,
		     struct links *links, struct error *error)
{
	int fd = bpf_raw_tracepoint_open(target->name, prog_fd);

	if (fd == -ENOENT)
		return attach_bad_target(error, fd, "no raw tracepoint %s in this kernel",
					 target->name);
	if (fd < 0)
		return attach_refused(target, fd, error);
	return links_add(links, fd, attachment);
}

/*
 * Not bpf_link_create() of libbpf: where the kernel refuses an attach type with EINVAL, that tries
 * BPF_RAW_TRACEPOINT_OPEN, which takes any. A program that was loaded to change return values must
 * not be attached where a rule allows fentry.
 */
static int link_create(int prog_fd, enum bpf_attach_type type)
{
	union bpf_attr attr = {0};
	int fd;

	attr.link_create.prog_fd = (uint32_t)prog_fd;
	attr.link_create.attach_type = type;
	fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr.link_create));
	return fd < 0 ? -errno : fd;
}

int trace_attach_baked(int prog_fd, const struct target *target, unsigned attachment,
		       struct links *links, struct error *error)
{
	enum bpf_attach_type type;
	int r;

	r = target_attach_type(target, &type);
	if (r < 0)
		return r;
	r = link_create(prog_fd, type);
	if (r == -EINVAL)
		return attach_bad_target(
			error, r,
			"the program was not loaded for a target of kind %s: bundle "
			"and manifest do not fit",
			target_kind_name(target->kind));
	if (r < 0)
		return attach_refused(target, r, error);
	return links_add(links, r, attachment);
}
