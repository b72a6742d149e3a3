/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "capability.h"

#include <sys/capability.h>
#include <sys/prctl.h>

/*
 * kept            what for
 * --------------  -----------------------------------------------------------------------------
 * CAP_BPF         create maps, load programs, read what was loaded, pin
 * CAP_PERFMON     tracing and LSM programs (they read kernel memory); perf_event_open(2) for
 *                 tracepoints, kprobes, uprobes and sampling. Load children of other programs
 *                 give it up: child-limits.c
 * CAP_NET_ADMIN   xdp, tcx and cgroup programs, and attaching them
 * CAP_SYS_ADMIN   only where kernel.perf_event_paranoid is above 2, as Debian has it: such kernels
 *                 let nobody else call perf_event_open(2). Permitted, but not effective: raised by
 *                 capability_raise() in one thread for that one call, and to ask whether programs
 *                 are gone whose pins cannot be seen (pin-place.c). Load children never
 *                 have it. Who does not use tracepoint, kprobe, uprobe or perf_event targets can
 *                 take it out of the unit's bounding set.
 * CAP_SYSLOG      to be shown where a program's calls of kernel functions and helpers go, and which
 *                 functions are there: neither is for others. Permitted, but not effective:
 *                 raised in one thread to open /proc/kallsyms, and a program that calls such
 *                 functions. Load children never have it. Who loads no bundle that requires a
 *                 feature and has no rule with helpers can take it out of the unit's bounding
 *                 set.
 *
 * Not kept, though one might think so:
 * CAP_SYS_ADMIN   for look-ups by id, which no load needs: the load child hands its objects over as
 *                 fds
 * CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
 *                 configuration and state are root's, and files of others come as fds
 * CAP_SYS_RESOURCE
 *                 BPF memory is charged to the control group, not to RLIMIT_MEMLOCK (Linux 5.11)
 */
static const cap_value_t kept[] = {CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN};

/* Kernels that know values above 2 want CAP_SYS_ADMIN then. 0 where it cannot be read. */
int perf_paranoia(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	int value = 0;

	return file && fscanf(file, "%d", &value) == 1 ? value : 0;
}

/* By enum capability. */
static const cap_value_t raisable[] = {CAP_SYS_ADMIN, CAP_SYSLOG};

static bool is_kept(cap_value_t cap)
{
	if (cap == CAP_SYS_ADMIN)
		return perf_paranoia() > 2;
	if (cap == CAP_SYSLOG)
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		if (kept[i] == cap)
			return true;
	return false;
}

/* Needs CAP_SETPCAP. */
static int drop_bounding_set(void)
{
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++)
		if (!is_kept(cap) && cap_get_bound(cap) == 1 && cap_drop_bound(cap) < 0)
			return -errno;
	return 0;
}

/* Of the kept ones, those that there are. */
static int keep(cap_t now, cap_t wanted)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
		cap_flag_value_t has;

		if (cap_get_flag(now, kept[i], CAP_PERMITTED, &has) < 0)
			return -errno;
		if (has == CAP_SET &&
		    (cap_set_flag(wanted, CAP_PERMITTED, 1, &kept[i], CAP_SET) < 0 ||
		     cap_set_flag(wanted, CAP_EFFECTIVE, 1, &kept[i], CAP_SET) < 0))
			return -errno;
	}
	return 0;
}

static int keep_permitted(cap_t now, cap_t wanted, cap_value_t cap)
{
	cap_flag_value_t has;

	if (cap_get_flag(now, cap, CAP_PERMITTED, &has) < 0 ||
	    (has == CAP_SET && cap_set_flag(wanted, CAP_PERMITTED, 1, &cap, CAP_SET) < 0))
		return -errno;
	return 0;
}

static void cap_freep(cap_t *cap)
{
	if (*cap)
		cap_free(*cap);
}

static int drop_sets(void)
{
	_cleanup_(cap_freep) cap_t now = cap_get_proc(), wanted = cap_init();
	int r;

	if (!now || !wanted)
		return -errno;
	r = keep(now, wanted);
	for (unsigned i = 0; i < ARRAY_SIZE(raisable) && r == 0; i++)
		if (is_kept(raisable[i]))
			r = keep_permitted(now, wanted, raisable[i]);
	if (r == 0 && cap_set_proc(wanted) < 0)
		r = -errno;
	return r;
}

static bool has_setpcap(void)
{
	_cleanup_(cap_freep) cap_t now = cap_get_proc();
	cap_flag_value_t has = CAP_CLEAR;

	return now && cap_get_flag(now, CAP_SETPCAP, CAP_EFFECTIVE, &has) == 0 && has == CAP_SET;
}

int capability_drop(struct error *error)
{
	const char *what = "no_new_privs";
	int r;

	r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
	/*
	 * Without CAP_SETPCAP it stays as the service manager made it, with CAP_SYS_ADMIN where the
	 * unit has that: no_new_privs sees to it that no exec gets what was dropped below.
	 */
	if (r == 0 && has_setpcap()) {
		what = "the bounding set";
		r = drop_bounding_set();
	}
	if (r == 0) {
		what = "the ambient set";
		r = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ? -errno : 0;
	}
	if (r == 0) {
		what = "the other sets";
		r = drop_sets();
	}
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE,
				 "Cannot drop capabilities (%s): %s.", what, strerror(-r));
	return 0;
}

int capability_raise(enum capability capability, bool raise)
{
	_cleanup_(cap_freep) cap_t now = cap_get_proc();
	const cap_value_t cap = raisable[capability];
	cap_flag_value_t has = CAP_CLEAR;

	if (!now || cap_get_flag(now, cap, CAP_PERMITTED, &has) < 0)
		return -errno;
	if (has != CAP_SET)
		return -EPERM;
	if (cap_set_flag(now, CAP_EFFECTIVE, 1, &cap, raise ? CAP_SET : CAP_CLEAR) < 0 ||
	    cap_set_proc(now) < 0)
		return -errno;
	return 0;
}
