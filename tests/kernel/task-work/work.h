/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0-only */
/* What work.bpf.c and the rows agree on. */
#pragma once

#include <linux/bpf.h>

/* The maps; each has a struct elem per key. */
enum kind { ARRAY, HASH, HASH_ALLOC, LRU, N_KINDS };
enum mode { SIGNAL, RESUME, N_MODES, LOOK = N_MODES /* only looks the element up */ };
#define KIND_SIZE 8

/* What the callback does. */
enum what {
	NOTHING,
	COPY,	       /* reads 8 bytes at .address in the task, whatever that takes */
	AGAIN_ITSELF,  /* schedules itself again, .times */
	AGAIN_ANOTHER, /* schedules the element .other of the same map */
	DELETE_ITSELF, /* deletes its own element */
};

struct elem {
	__u64 tag;
	__u64 address;
	__u32 slot; /* where the callback leaves what it saw */
	__u32 what;
	__u32 times;
	__u32 other;
	struct bpf_task_work work;
	__u64 end;
};

struct seen {
	__u64 tag, copied;
	__u32 started, finished;
	__u32 key, map_id, tid;
	__s32 before; /* of COPY: what a read that may not sleep answered before */
	__s32 result; /* of what it did */
};
#define N_SLOTS 64

/* The context of the syscall program; and what the others do, once, for the task that is .armed. */
struct request {
	__u32 kind, mode, key;
	__u32 tid; /* 0: the running one */
};

#define N_ERRNOS 128

/* Every schedule, by its answer. */
struct counts {
	__u64 ok[N_KINDS][KIND_SIZE]; /* by key, the last for all keys beyond */
	__u64 errors[N_ERRNOS];
	__u64 hits; /* of what follows */
	/* For from_nmi_counted and from_tracepoint_counted: this task, or all of this process. */
	__u32 tid, tgid;
};

struct globals {
	struct request request;
	__u32 armed;  /* a tid, until the program has seen it */
	__s32 result; /* of that schedule */
	__u32 hits;
	struct seen seen[N_SLOTS];
	struct counts counts;
};
