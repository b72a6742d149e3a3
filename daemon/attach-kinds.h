/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of attach: one file a family of kinds. What these functions report is at STEP_ATTACH;
 * attach.c adds the target, puts the step right and takes half made links away.
 */
#pragma once

#include <linux/perf_event.h>
#include <sys/types.h>

#include "loader.h"

/* Appends to @links, perhaps some even on failure. */
typedef int (*attach_fn)(int prog_fd, const struct target *target, unsigned attachment,
			 struct links *links, struct error *error);
typedef int (*resolve_fn)(const struct target *target, struct error *error);

/* attach-trace.c: tracepoint; raw_tp; tp_btf, fentry, fexit, lsm and iter, which are baked in */
int trace_attach_tracepoint(int prog_fd, const struct target *target, unsigned attachment,
			    struct links *links, struct error *error);
int trace_resolve_tracepoint(const struct target *target, struct error *error);
int trace_attach_raw(int prog_fd, const struct target *target, unsigned attachment,
		     struct links *links, struct error *error);
int trace_attach_baked(int prog_fd, const struct target *target, unsigned attachment,
		       struct links *links, struct error *error);

/* attach-probe.c: kprobe and kretprobe; uprobe and uretprobe */
int probe_attach_kernel(int prog_fd, const struct target *target, unsigned attachment,
			struct links *links, struct error *error);
int probe_attach_user(int prog_fd, const struct target *target, unsigned attachment,
		      struct links *links, struct error *error);
int probe_resolve_user(const struct target *target, struct error *error);

/* probe-file.c: the file of a uprobe */
int probe_file_open(const struct target *target, int *ret_fd, struct error *error);
/* Where in the file the target's symbol (and offset) is. What is told by an offset must be where a
 * function begins: probe-entry.h. */
int probe_file_offset(int fd, const struct target *target, uint64_t *ret, struct error *error);

/* attach-perf.c */
int perf_attach(int prog_fd, const struct target *target, unsigned attachment, struct links *links,
		struct error *error);
int perf_resolve(const struct target *target, struct error *error);

/* An event of all processes on @cpu, not yet enabled: an owned fd or a negative errno. */
int perf_open(struct perf_event_attr *attr, int cpu);
/* Links @prog_fd to the event, then enables it. The link keeps the event: @perf_fd may be closed.
 */
int perf_link(int prog_fd, int perf_fd, unsigned attachment, struct links *links);

/* perf_open() said no: as attach_refused(), and what to do where a distribution closes perf. */
int perf_refused(const struct target *target, int r, struct error *error);

/* attach-net.c: xdp, tcx */
int net_attach(int prog_fd, const struct target *target, unsigned attachment, struct links *links,
	       struct error *error);
int net_resolve(const struct target *target, struct error *error);

/* attach-cgroup.c */
int cgroup_attach(int prog_fd, const struct target *target, unsigned attachment,
		  struct links *links, struct error *error);
int cgroup_resolve(const struct target *target, struct error *error);

/* "the target cannot be used": ERROR_BAD_TARGET with a sentence. Returns @r. */
#define attach_bad_target(error, r, ...) \
	error_set(error, r, ERROR_BAD_TARGET, STEP_ATTACH, __VA_ARGS__)
/* The kernel said no for a reason that is not the target's: ERROR_KERNEL with a sentence. */
int attach_refused(const struct target *target, int r, struct error *error);
/* The path behind @fd is exactly the target's: no other spelling of it can have matched a rule. */
int attach_check_path(int fd, const struct target *target, struct error *error);
