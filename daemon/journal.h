/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way out to the journal, or to stderr where that is not the journal. Nobody who has something
 * to say ever waits for a journal that does not read: entries are queued, and a thread of their own
 * hands them on, which may block. It is there while there is something to hand on.
 *
 * The queue is bounded, each kind by itself, so that no kind takes another one's room. What finds
 * no room is lost, counted, and said as soon as the journal reads again. All functions may be
 * called from any thread.
 */
#pragma once

#include <sys/syslog.h>
#include <sys/uio.h>

#include "util.h"

enum journal_kind {
	JOURNAL_REFUSALS, /* what anybody can cause, as often as he likes */
	JOURNAL_LOADS,	  /* what was loaded and unloaded */
	JOURNAL_DAEMON,	  /* the gate, reloads, and what goes wrong */
	_JOURNAL_KIND_MAX,
};

#define JOURNAL_ENTRIES_MAX 1024u	   /* of one kind, waiting */
#define JOURNAL_BYTES_MAX   (1024u * 1024) /* and so large, all together */
#define JOURNAL_FIELDS_MAX  16
#define JOURNAL_IDLE_SEC    2 /* how long the thread waits for more */
#define JOURNAL_PAUSE_SEC   1 /* between tries where the journal takes nothing */
#define JOURNAL_FLUSH_USEC  (2 * 1000 * 1000)

/* Fields "NAME=value", "MESSAGE=..." first; without a field that there was no memory for. */
struct journal_entry {
	struct journal_entry *next;
	enum journal_kind kind; /* once it is sent */
	int priority;		/* LOG_ERR... of syslog(3) */
	size_t size;
	unsigned n;
	struct iovec fields[JOURNAL_FIELDS_MAX]; /* owned */
};

/* NULL: no memory. journal_add() takes that, and journal_send() counts it as lost. */
struct journal_entry *journal_new(int priority, const char *message, ...) _printf_(2, 3);
void journal_add(struct journal_entry *entry, const char *format, ...) _printf_(2, 3);
/* Takes @entry over. */
void journal_send(struct journal_entry *entry, enum journal_kind kind);
/* A refusal of @uid, if he has not had too many (audit-limit.h). Takes @entry over. */
void journal_send_refusal(struct journal_entry *entry, uid_t uid);

/* One line of JOURNAL_DAEMON without further fields. */
void journal_line(int priority, const char *format, ...) _printf_(2, 3);

/* Waits up to @usec until all is handed on. */
void journal_flush(uint64_t usec);

/* Now, in this thread: a negative errno where there is no journal. Takes @entry over. */
int journal_send_now(struct journal_entry *entry);
