/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Effects: what a program can change besides its own maps. A tracing program is there to look on;
 * one with effects does more, and a rule of the policy has to grant them by name. What packets
 * become and what is decided is no effect: types that exist for that (xdp, sched_cls, cgroup_*,
 * lsm) are granted by their type.
 */
#pragma once

#include <linux/bpf.h>

#include "util.h"

enum effect {
	EFFECT_REGISTERS,      /* registers of what it probes: Linux 6.18, kprobe and uprobe */
	EFFECT_RETURN_VALUES,  /* what a function of the kernel returns: bpf_override_return() */
	EFFECT_USER_MEMORY,    /* memory of processes: bpf_probe_write_user() */
	EFFECT_SIGNALS,	       /* signals to processes: bpf_send_signal() */
	EFFECT_KERNEL_OBJECTS, /* sockets, sysctl values, what a program is started with, ... */
	_EFFECT_MAX,
};

/* A set of them has bit 1 << EFFECT. */
#define EFFECTS_ALL ((1u << _EFFECT_MAX) - 1)

/* "registers", "return-values", "user-memory", "signals", "kernel-objects" */
const char *effect_name(enum effect effect);
int effect_from_name(const char *name, enum effect *ret);
/* The first of a set that is not empty. */
enum effect effects_first(uint32_t effects);
/* All names, for messages. */
#define EFFECT_NAMES "registers, return-values, user-memory, signals, kernel-objects"

struct effects {
	uint32_t found;
	size_t at[_EFFECT_MAX]; /* an instruction for each that was found */
};

/*
 * Which effects can the program of type @type have whose @n instructions are @insns, as they are
 * given to the kernel? Whatever cannot be determined counts as having the effect: helpers that are
 * not known here, and every store or helper that may write by an address that may come from the
 * program's context, which is where the registers are. Calls of kernel functions (kfuncs) are not
 * looked at: which ones are called is found out, and granted, by name (daemon/kfunc.h), and none
 * that can be granted has effects.
 *
 * @relocated: for each instruction, whether the kernel will change it (CO-RE); NULL: none. -ENOMEM.
 */
int effects_find(const struct bpf_insn *insns, size_t n, enum bpf_prog_type type,
		 const bool *relocated, struct effects *ret);
