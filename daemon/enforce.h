/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside and outside of the loader half: the gate, a BPF LSM (bpf/gate.bpf.c) that lets programs
 * into the kernel by way of the daemon alone. It is pinned below PIN_ROOT/gate and stays in force
 * without the daemon; there is one for the whole system, so its state is this module's own.
 *
 * Without a gate (GATE_OFF, the default) every function here does nothing and succeeds.
 */
#pragma once

#include "../bpf/gate.h"
#include "loader.h"

#define GATE_OBJECT_FILE "/usr/lib/bpfgate/gate.bpf.o"

/* What systemd itself loads: see bpfgated(8). Bits by enum bpf_prog_type. */
extern const uint64_t gate_init_types;

/* "off", "audit", "enforce": -EINVAL for others. */
int gate_mode_parse(const char *name, enum gate_mode *ret);
const char *gate_mode_name(enum gate_mode mode);
/* "load", "run"...: for the journal and the interface. NULL for what is none. */
const char *gate_reason_name(uint32_t reason);
/* As the kernel's headers and bpftool have them; NULL for what is none. */
const char *gate_type_name(uint32_t type);
/* A list of program types by name, with commas: -EINVAL, and *ret_bad names the one that is none,
 * in @list. */
int gate_types_parse(const char *list, uint64_t *ret, const char **ret_bad, size_t *ret_size);

/*
 * At the start, before anything is loaded or taken up again: takes over the gate that an earlier
 * daemon left, or puts one up if @mode asks for it. What is in force and stricter than @mode stays.
 * One made by another version is replaced, the new one first. @init_types: what PID 1 may load.
 * ERROR_FAILED, ERROR_KERNEL; then the daemon must not go on: who asked for a gate must not get
 * none, and without its role nothing can be loaded.
 */
int enforce_setup(enum gate_mode mode, uint64_t init_types, struct error *error);
void enforce_done(void); /* lets go of it; it stays in force */

/* What is in force now. Another process may have taken it away. */
enum gate_mode enforce_mode(void);

/* Changes what is in force: puts a new gate up, or takes it away. One call at a time. */
int enforce_set_mode(enum gate_mode mode, struct error *error);

/* Does the kernel say that it calls BPF security modules? */
bool enforce_kernel_has_lsm(void);

/* By enum gate_reason; all 0 without a gate. *ret_lost: events that nobody could be told of. */
void enforce_counts(struct gate_count ret[static _GATE_REASON_MAX], uint64_t *ret_lost);

/* The ring buffer of its events (struct gate_event): owned by the caller. -ENOENT without a gate.
 */
int enforce_events_dup(void);

/* The same of the map of refusals by program (struct gate_program, uint64_t). *ret_unlisted: how
 * often there was no room in it. */
int enforce_programs_dup(uint32_t *ret_unlisted);

/* What is pinned of the gate, of any version: the strictest mode of what can be opened. Fails in a
 * process that the gate does not take for the daemon. */
int enforce_find(enum gate_mode *ret, struct error *error);
/* Takes all of that away: what can be, also where something fails. */
int enforce_remove(struct error *error);
/* Does a gate refuse something now? Also one whose pins are hidden from this process. */
bool enforce_is_felt(void);

/* ---- for load.c ---- */

/* Registers the load child behind @pidfd before it may begin: its loader must be verified with
 * @keyring. */
int enforce_child_add(int pidfd, int32_t keyring);
void enforce_child_remove(int pidfd);

/* ---- for what makes and opens links ---- */

/*
 * Around the time in which there are links that enforce_link_add() has not been told of: nobody
 * else gets any link by its id then. A gate that has just been put up stays so until the next end.
 */
void enforce_links_begin(void);
void enforce_links_end(void);
int enforce_link_add(int link_fd);
/* Closes it, and then forgets it. With -1 it does nothing. */
void enforce_link_close(int link_fd);
/* Those of loads that an earlier daemon had. */
void enforce_links_forget(void);

/*
 * What was loaded before the gate was put up, or an earlier one: its objects are guarded from when
 * the daemon opens them again. The epoch is another one after each gate.
 */
unsigned enforce_epoch(void);
int enforce_guard(const struct loaded *loaded, const struct links *links);
