/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a program is attached, written kind:target everywhere (manifest, policy, command line,
 * messages), and which kernel program type and attach type belong to a kind.
 */
#pragma once

#include <linux/bpf.h>

#include "error.h"

enum target_kind {
	TARGET_TRACEPOINT, /* tracepoint:GROUP/NAME */
	TARGET_RAW_TP,	   /* raw_tp:NAME */
	TARGET_TP_BTF,	   /* tp_btf:NAME */
	TARGET_FENTRY,	   /* fentry:FUNCTION */
	TARGET_FEXIT,	   /* fexit:FUNCTION */
	TARGET_KPROBE,	   /* kprobe:FUNCTION[+0xOFFSET] */
	TARGET_KRETPROBE,  /* kretprobe:FUNCTION */
	TARGET_UPROBE,	   /* uprobe:/PATH:SYMBOL[+0xOFFSET] or uprobe:/PATH:0xOFFSET */
	TARGET_URETPROBE,  /* uretprobe:/PATH:SYMBOL */
	TARGET_PERF_EVENT, /* perf_event:EVENT@FREQUENCY, EVENT cpu-clock, task-clock, cycles, ...
			    */
	TARGET_XDP,	   /* xdp:INTERFACE */
	TARGET_TCX,	   /* tcx:INTERFACE/ingress or /egress */
	TARGET_CGROUP,	   /* cgroup:/sys/fs/cgroup/PATH/HOOK: ingress, egress, sock_create,
			    * sock_release, device */
	TARGET_LSM,	   /* lsm:HOOK */
	TARGET_ITER,	   /* iter:NAME; task, bpf_map, ... without arguments */
	_TARGET_KIND_MAX,
};

/* One target, taken apart. Strings are owned; unused members are NULL or 0. */
struct target {
	enum target_kind kind;
	char *text;	    /* the whole, canonical: "uprobe:/usr/bin/bash:readline" */
	char *name;	    /* tracepoint "GROUP/NAME", function, hook, interface, event, symbol */
	char *path;	    /* uprobe file, cgroup folder */
	char *hook;	    /* tcx: ingress, egress; cgroup: hook */
	uint64_t offset;    /* kprobe, uprobe */
	uint64_t frequency; /* perf_event: samples a second, 1..10000 */
};

const char *target_kind_name(enum target_kind kind);
int target_kind_from_name(const char *name, size_t size, enum target_kind *ret);

/* Kinds whose target is baked into the signed loader: patterns are not allowed for them in a
 * manifest, and what was loaded is compared with attach_btf_id. */
bool target_kind_is_baked(enum target_kind kind);
/* Kinds that belong to a network namespace: xdp, tcx. */
bool target_kind_is_network(enum target_kind kind);

/* An exact target (no '*'). ERROR_BAD_TARGET says what is wrong with it. */
int target_parse(const char *text, struct target *ret, struct error *error);
void target_done(struct target *target);
#define _cleanup_target_ _cleanup_(target_done)

/*
 * Patterns: '*' matches any run of characters without '/', '**' is an error, everything else
 * stands for itself; the kind is never a pattern. "fentry:*" matches "fentry:do_unlinkat".
 */
int target_pattern_check(const char *pattern, struct error *error);
bool target_match(const char *pattern, const char *text);
/*
 * For what allows: the same, but an offset is not what '*' stands for, since it can lead out of the
 * function that it is counted from, into any other. "kprobe:vfs_*" and "kprobe:*" do not cover
 * "kprobe:vfs_read+0x10"; "kprobe:vfs_*+0x*" does. Nor does "uprobe:/usr/bin/x:*" cover
 * "uprobe:/usr/bin/x:0x400", but "uprobe:/usr/bin/x:0x*".
 */
bool target_covered(const char *pattern, const struct target *target);
/*
 * For what denies: as target_match(), and whatever has an offset is in any function of the kernel
 * or of the same file. "kprobe:commit_creds" touches "kprobe:vfs_read+0x10".
 */
bool target_touched(const char *pattern, const struct target *target);
/* The same without a kind: bundle names, "net-*". (Not "glob_match": libbpf.a has one.) */
bool pattern_match(const char *pattern, const char *text);

/* ---- program types ---- */

/*
 * Names of the program types that bpfgate loads, as libbpf_bpf_prog_type_str() has them:
 * "tracepoint", "raw_tracepoint", "tracing", "kprobe", "perf_event", "xdp", "sched_cls",
 * "cgroup_skb", "cgroup_sock", "cgroup_device", "lsm". NULL, -EOPNOTSUPP for all others.
 */
const char *program_type_name(enum bpf_prog_type type);
int program_type_from_name(const char *name, enum bpf_prog_type *ret);

/* May a program of this type be attached to a target of this kind? (kprobe programs: kprobe,
 * kretprobe, uprobe, uretprobe; tracing: tp_btf, fentry, fexit, iter; ...) */
bool program_type_fits(enum bpf_prog_type type, enum target_kind kind);

/* The same for one target: a cgroup_device program fits cgroup:.../device, not .../egress. */
bool program_type_fits_target(enum bpf_prog_type type, const struct target *target);

/* May a program of this type be loaded with this expected attach type? Any will do where the kernel
 * compares it when the program is attached; where it is bound to the program (tracing, lsm), one of
 * our kinds of target must have it. */
bool program_type_fits_attach(enum bpf_prog_type type, enum bpf_attach_type attach);

/* Is @hook one of the hooks of @kind (tcx, cgroup)? */
bool target_hook_valid(enum target_kind kind, const char *hook);

/* The attach type that BPF_LINK_CREATE needs for @target, or -EOPNOTSUPP where a kind has none
 * (tracepoint, raw_tp, kprobes, perf_event: attached by other means). */
int target_attach_type(const struct target *target, enum bpf_attach_type *ret);

/*
 * The target that an ELF section name of libbpf stands for, in *ret_text (malloced):
 * "tp/sched/sched_process_exec" -> "tracepoint:sched/sched_process_exec", "fentry/x" (and
 * "fentry.s/x"), "kprobe/x", "uprobe//usr/bin/bash:readline", "xdp" -> NULL with 0 (a kind without
 * a default target). *ret_kind is set in both cases. -EOPNOTSUPP for a section that bpfgate cannot
 * attach.
 */
int target_from_section(const char *section, enum target_kind *ret_kind, char **ret_text);

/* ---- map types ---- */

/*
 * Names of map types as libbpf has them ("ringbuf", "percpu_array", ...), for those that a bundle
 * may declare. Types that hold other objects (prog_array, array_of_maps, hash_of_maps, devmap*,
 * cpumap, sockmap, sockhash, struct_ops, cgroup_array) are not among them: what they hide could
 * not be attested. NULL, -EOPNOTSUPP.
 */
const char *map_type_name(enum bpf_map_type type);
int map_type_from_name(const char *name, enum bpf_map_type *ret);
