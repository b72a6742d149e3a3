/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* work.bpf.c, loaded; and the tasks that its work is for. */
#pragma once

#include <sys/types.h>

#include <bpf/libbpf.h>

#include "uffd.h"
#include "work.h"

#include "../row.h"

struct subject {
	struct bpf_object *object;
	struct globals *globals; /* the program's own memory */
	int prog, maps[N_KINDS]; /* the object's descriptors, or -1 */
	bool own;		 /* they are ours to close */
	uint32_t prog_id, map_ids[N_KINDS];
	struct bpf_link *link;
};

/* Loads it; @extra: the name of a program besides from_syscall, or NULL. 0 or a negative errno. */
int subject_load(struct subject *s, const char *extra);
/* The same; @extras ends with NULL. */
int subject_load_with(struct subject *s, const char *const *extras);
/* Closes every descriptor and link; what is left in globals can still be read. */
void subject_close(struct subject *s);
/* ... but the program's, or those of the maps; a second subject_close() closes them, too. */
void subject_close_maps(struct subject *s);
void subject_close_program(struct subject *s);
/* Whether the program is still there, now. */
bool subject_has_program(const struct subject *s);
/* Lets go of globals, which also keep a map. */
void subject_forget(struct subject *s);
/* Program and maps are gone, a moment after subject_close(). */
const char *subject_gone(const struct subject *s);

/* How often callbacks ended, of all slots. */
uint64_t subject_finished(const struct subject *s);
/* The same, when that has not changed for a while: a longer one if it is not what is @expected. */
uint64_t subject_quiet(const struct subject *s, uint64_t expected);
/* Schedules that succeeded. */
uint64_t subject_ok(const struct subject *s);

const char *kind_name(enum kind kind);
const char *mode_name(enum mode mode);

/* Writes an element whose callback does @what; its slot is its key and its tag 1000 + the key. */
int element_set(struct subject *s, enum kind kind, uint32_t key, enum what what,
		const void *address);
int element_put(struct subject *s, enum kind kind, uint32_t key, const struct elem *elem);
int element_delete(struct subject *s, enum kind kind, uint32_t key);

/* What the kfunc answered. @prog: -1 is the subject's. */
int schedule(struct subject *s, enum kind kind, enum mode mode, uint32_t key, uint32_t tid);
int schedule_by(int prog, enum kind kind, enum mode mode, uint32_t key, uint32_t tid);

/* A task that sleeps in the kernel, interruptibly, until it is told to do something. */
struct target {
	uint32_t tid;
	pid_t pid; /* 0: a thread of this process */
	int in, out;
	unsigned long thread;
};

int target_thread(struct target *t);
int target_process(struct target *t);
/* It comes out of the kernel, calls getpgid() and goes to sleep again. False if it does not come
 * back. */
bool target_turn(struct target *t);
/* The same, but does not wait for the end of it; target_done() does. */
void target_start(struct target *t);
/* Before it goes to sleep again it stays on its processor for a moment, so that an interrupt meets
 * it. */
void target_spin(struct target *t);
bool target_done(struct target *t, unsigned ms);
void target_end(struct target *t);
