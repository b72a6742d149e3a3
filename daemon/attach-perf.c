/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * perf_event:EVENT@FREQUENCY, one event and one link for each CPU that is online; and what the
 * other kinds that go through perf need. A CPU that comes later is not sampled.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "attach-kinds.h"
#include "capability.h"

static const struct {
	const char *name;
	uint32_t type;
	uint64_t config;
} events[] = {
	{"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
	{"task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
	{"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
	{"minor-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
	{"major-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
	{"context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
	{"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
	{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
	{"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
	{"cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
	{"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
	{"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
	{"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
	{"bus-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES},
};

int perf_open(struct perf_event_attr *attr, int cpu)
{
	bool raised = capability_raise(CAPABILITY_PERF, true) == 0;
	int fd;

	attr->size = sizeof(*attr);
	attr->disabled = 1;
	fd = (int)syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	/* a thread that could not be lowered again must not go on */
	if (raised && capability_raise(CAPABILITY_PERF, false) < 0)
		abort();
	return fd;
}

int perf_link(int prog_fd, int perf_fd, unsigned attachment, struct links *links)
{
	int r;

	r = bpf_link_create(prog_fd, perf_fd, BPF_PERF_EVENT, NULL);
	if (r < 0)
		return r;
	r = links_add(links, r, attachment);
	if (r < 0)
		return r;
	return ioctl(perf_fd, PERF_EVENT_IOC_ENABLE, 0) < 0 ? -errno : 0;
}

/*
 * Debian, Ubuntu and others have kernels that know values above 2, where perf_event_open(2) is for
 * CAP_SYS_ADMIN alone, whatever CAP_PERFMON says.
 */
int perf_refused(const struct target *target, int r, struct error *error)
{
	int paranoia = r == -EACCES || r == -EPERM ? perf_paranoia() : 0;

	if (paranoia <= 2)
		return attach_refused(target, r, error);
	return error_set(
		error, r, ERROR_KERNEL, STEP_ATTACH,
		"the kernel refused to attach to %s: with kernel.perf_event_paranoid = %d "
		"perf events are for CAP_SYS_ADMIN, which bpfgated does not have; add it to "
		"the unit's CapabilityBoundingSet and restart, set the sysctl to 2, or use a "
		"program for raw_tp, tp_btf or fentry",
		target->text, paranoia);
}

static int event_attr(const struct target *target, struct perf_event_attr *ret, struct error *error)
{
	for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
		if (!streq(events[i].name, target->name))
			continue;
		*ret = (struct perf_event_attr){
			.type = events[i].type,
			.config = events[i].config,
			.freq = 1,
			.sample_freq = target->frequency,
		};
		return 0;
	}
	return attach_bad_target(error, -ENOENT,
				 "no perf event is called %s; there are cpu-clock, task-clock, "
				 "page-faults, minor-faults, major-faults, context-switches, "
				 "cpu-migrations, cycles, instructions, cache-references, "
				 "cache-misses, branches, branch-misses and bus-cycles",
				 target->name);
}

static int event_refused(const struct target *target, int r, struct error *error)
{
	if (r == -ENOENT || r == -EOPNOTSUPP)
		return attach_bad_target(
			error, r,
			"this machine has no counter for %s; a virtual machine often "
			"has none, cpu-clock works everywhere",
			target->name);
	if (r == -EINVAL)
		return attach_bad_target(
			error, r,
			"%llu samples a second are more than this machine allows: see "
			"kernel.perf_event_max_sample_rate",
			(unsigned long long)target->frequency);
	return perf_refused(target, r, error);
}

int perf_attach(int prog_fd, const struct target *target, unsigned attachment, struct links *links,
		struct error *error)
{
	struct perf_event_attr attr;
	unsigned before = links->n;
	int r, n;

	r = event_attr(target, &attr, error);
	if (r < 0)
		return r;
	n = libbpf_num_possible_cpus();
	if (n < 0)
		return n;
	for (int cpu = 0; cpu < n; cpu++) {
		_cleanup_close_ int perf = perf_open(&attr, cpu);

		if (perf == -ENODEV) /* not online */
			continue;
		if (perf < 0)
			return event_refused(target, perf, error);
		r = perf_link(prog_fd, perf, attachment, links);
		if (r < 0)
			return attach_refused(target, r, error);
	}
	return links->n > before ? 0 : event_refused(target, -ENOENT, error);
}

int perf_resolve(const struct target *target, struct error *error)
{
	_cleanup_close_ int perf = -1;
	struct perf_event_attr attr;
	int r;

	r = event_attr(target, &attr, error);
	if (r < 0)
		return r;
	perf = perf_open(&attr, 0);
	return perf < 0 ? event_refused(target, perf, error) : 0;
}
