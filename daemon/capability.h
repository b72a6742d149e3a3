/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Root without root's powers: the few capabilities that the daemon keeps, listed in capability.c.
 */
#pragma once

#include "error.h"

/*
 * Drops everything else from the permitted, effective, inheritable, ambient and bounding sets, and
 * sets no_new_privs. What is not there to begin with (tests, containers) is not missed. To be
 * called while there is one thread.
 */
int capability_drop(struct error *error);

/* What is permitted but not effective, see capability.c. */
enum capability {
	CAPABILITY_PERF,    /* CAP_SYS_ADMIN, for perf_event_open(2) and look-ups by id */
	CAPABILITY_SYMBOLS, /* CAP_SYSLOG, to open what shows where kernel functions are */
};

/*
 * Makes one of them effective in the calling thread, or no longer so: around the one call that
 * needs it. -EPERM where it was not kept.
 */
int capability_raise(enum capability capability, bool raise);

/* kernel.perf_event_paranoid, 0 where it cannot be read. */
int perf_paranoia(void);
