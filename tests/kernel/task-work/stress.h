/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of task-work-stress share. */
#pragma once

#include <stdatomic.h>

#include "subject.h"

/* Elements with a lower key are never deleted nor updated: their callbacks can be counted exactly.
 */
#define N_KEPT_KEYS  4
#define N_SCHEDULERS 4

/* The object that all threads work on. */
extern struct subject shared;
/* Which spellings this kernel has: plain, impl. */
extern bool spellings[2];

extern atomic_bool stop, quit;

struct totals {
	_Atomic uint64_t deleted, updated, inserted, not_changed;
	_Atomic uint64_t objects, object_schedules, object_callbacks, not_loaded;
	_Atomic uint64_t tasks, nmis;
};
extern struct totals totals;

/* Starts all threads; after stop they sleep, so that what is pending for them is run, and end after
 * quit. */
void threads_start(void);
void threads_join(void);
void element_renew(enum kind kind, uint32_t key);

/* The ids of programs and maps that exist. */
struct ids {
	uint32_t ids[512];
	size_t n;
};
void ids_get(struct ids *ids);
/* Each says what is wrong on standard output and returns false then. */
bool end_counts(void);
bool end_ids(const struct ids *before);
bool end_contexts(void);
