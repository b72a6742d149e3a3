/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "audit-limit.h"

#define JOURNAL_STACK (256 * 1024) /* touched pages only */

struct queue {
	struct journal_entry *first, **end;
	unsigned n;
	size_t size;
	uint64_t lost;
};

static struct {
	pthread_mutex_t lock; /* guards all */
	pthread_cond_t work;  /* something was queued */
	pthread_cond_t idle;  /* all is handed on */
	pthread_once_t once;
	struct queue queues[_JOURNAL_KIND_MAX];
	struct refusal_limits limits;
	bool thread;  /* there is one */
	bool sending; /* it is handing something on */
} journal = {.lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT};

static void set_up(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&journal.work, &attr);
	pthread_cond_init(&journal.idle, &attr);
	pthread_condattr_destroy(&attr);
	for (unsigned i = 0; i < _JOURNAL_KIND_MAX; i++)
		journal.queues[i].end = &journal.queues[i].first;
}

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- entries ---- */

static void entry_free(struct journal_entry *entry)
{
	for (unsigned i = 0; entry && i < entry->n; i++)
		free(entry->fields[i].iov_base);
	free(entry);
}

static void add_text(struct journal_entry *entry, char *text, int size)
{
	if (size < 0)
		return;
	if (entry->n == JOURNAL_FIELDS_MAX) {
		free(text);
		return;
	}
	entry->fields[entry->n++] = (struct iovec){text, (size_t)size};
	entry->size += (size_t)size;
}

static struct journal_entry *new_with(int priority, const char *format, va_list ap)
{
	struct journal_entry *entry = calloc(1, sizeof(*entry));
	_cleanup_free_ char *message = NULL;
	char *text;
	int size;

	if (!entry || vasprintf(&message, format, ap) < 0) {
		message = NULL;
		free(entry);
		return NULL;
	}
	entry->priority = priority;
	entry->size = sizeof(*entry);
	size = asprintf(&text, "MESSAGE=%s", message);
	add_text(entry, text, size);
	size = asprintf(&text, "PRIORITY=%d", priority);
	add_text(entry, text, size);
	if (entry->n == 2)
		return entry;
	entry_free(entry);
	return NULL;
}

struct journal_entry *journal_new(int priority, const char *message, ...)
{
	struct journal_entry *entry;
	va_list ap;

	va_start(ap, message);
	entry = new_with(priority, message, ap);
	va_end(ap);
	return entry;
}

void journal_add(struct journal_entry *entry, const char *format, ...)
{
	char *text;
	va_list ap;
	int size;

	if (!entry)
		return;
	va_start(ap, format);
	size = vasprintf(&text, format, ap);
	va_end(ap);
	add_text(entry, text, size);
}

/* ---- handing on ---- */

/* Does what we write to stderr end up in the journal? Then it can have the fields as well. */
static bool under_journald(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%lu:%lu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* Not by stdio: its lock would be held while this waits. */
static int write_line(const struct journal_entry *entry)
{
	const char *message = (const char *)entry->fields[0].iov_base + strlen("MESSAGE=");
	_cleanup_free_ char *line = NULL;
	int size = asprintf(&line, "<%d>%s\n", entry->priority, message);

	if (size < 0) {
		line = NULL;
		return -ENOMEM;
	}
	for (int at = 0; at < size;) {
		struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
		ssize_t n = write(STDERR_FILENO, line + at, (size_t)(size - at));

		if (n >= 0)
			at += (int)n;
		else if (errno == EAGAIN)
			poll(&p, 1, -1);
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static int hand_on(const struct journal_entry *entry)
{
	return under_journald() ? sd_journal_sendv(entry->fields, (int)entry->n)
				: write_line(entry);
}

/* Lock held. What was lost so far; NULL: nothing. */
static struct journal_entry *tell_lost(uint64_t told[static _JOURNAL_KIND_MAX])
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < _JOURNAL_KIND_MAX; i++) {
		told[i] = journal.queues[i].lost;
		sum += told[i];
	}
	if (sum == 0)
		return NULL;
	return journal_new(LOG_WARNING,
			   "The journal did not take all entries in time: lost are %llu of "
			   "refusals, %llu of loads, %llu others.",
			   (unsigned long long)told[JOURNAL_REFUSALS],
			   (unsigned long long)told[JOURNAL_LOADS],
			   (unsigned long long)told[JOURNAL_DAEMON]);
}

/* Lock held. */
static bool has_work(void)
{
	for (unsigned i = 0; i < _JOURNAL_KIND_MAX; i++)
		if (journal.queues[i].first)
			return true;
	return false;
}

/* Lock held. */
static struct journal_entry *pop(void)
{
	/* the first kinds are the least important */
	for (unsigned i = _JOURNAL_KIND_MAX; i-- > 0;) {
		struct queue *q = &journal.queues[i];
		struct journal_entry *entry = q->first;

		if (!entry)
			continue;
		q->first = entry->next;
		if (!q->first)
			q->end = &q->first;
		q->n--;
		q->size -= entry->size;
		return entry;
	}
	return NULL;
}

/* Lock held, but for the time it takes. Takes @entry over. */
static int send_unlocked(struct journal_entry *entry)
{
	int r;

	journal.sending = true;
	pthread_mutex_unlock(&journal.lock);
	r = hand_on(entry);
	pthread_mutex_lock(&journal.lock);
	journal.sending = false;
	if (r < 0)
		journal.queues[entry->kind].lost++;
	entry_free(entry);
	return r;
}

/* Lock held. One of somebody's whose refusals have had too many entries; NULL: none is due. */
static struct journal_entry *tell_left_out(void)
{
	struct journal_entry *entry;
	char who[64] = "further users";
	uint64_t n;
	uid_t uid;

	if (!refusal_summary(&journal.limits, now_usec(), &uid, &n))
		return NULL;
	if (uid != REFUSAL_OTHERS)
		snprintf(who, sizeof(who), "user %u", uid);
	entry = journal_new(LOG_NOTICE,
			    "And %llu more refusals of %s, without an entry of their own.",
			    (unsigned long long)n, who);
	if (uid != REFUSAL_OTHERS)
		journal_add(entry, "BPFGATE_UID=%u", uid);
	journal_add(entry, "BPFGATE_LEFT_OUT=%llu", (unsigned long long)n);
	if (!entry)
		journal.queues[JOURNAL_REFUSALS].lost += n;
	return entry;
}

/* Lock held. @r: what sending ended with. False when it is time to end. */
static bool wait_for_work(int r)
{
	uint64_t due = refusal_due(&journal.limits), now = now_usec();
	uint64_t until = due ?: now + JOURNAL_IDLE_SEC * 1000000ull;
	struct timespec t;

	pthread_cond_broadcast(&journal.idle);
	/* what came while the lock was not held woke nobody */
	if (has_work())
		return true;
	/* what is due stays so where nothing gets through */
	if (r < 0 && until < now + JOURNAL_PAUSE_SEC * 1000000ull)
		until = now + JOURNAL_PAUSE_SEC * 1000000ull;
	t = (struct timespec){(time_t)(until / 1000000), (long)(until % 1000000) * 1000};
	return pthread_cond_timedwait(&journal.work, &journal.lock, &t) == 0 || due || has_work();
}

/* Lock held. All that waits; then, if that got through, what did not wait. 0 or a negative errno.
 */
static int send_all(void)
{
	uint64_t told[_JOURNAL_KIND_MAX];
	struct journal_entry *entry;
	int r = 0;

	while ((entry = pop()))
		r = send_unlocked(entry);
	entry = r == 0 ? tell_lost(told) : NULL;
	r = entry ? send_unlocked(entry) : r;
	for (unsigned i = 0; i < _JOURNAL_KIND_MAX && entry && r == 0; i++)
		journal.queues[i].lost -= told[i];
	while (r == 0 && (entry = tell_left_out()))
		r = send_unlocked(entry);
	return r;
}

static void *journal_main(void *userdata)
{
	int r;

	pthread_mutex_lock(&journal.lock);
	do {
		r = send_all();
	} while (wait_for_work(r));
	journal.thread = false;
	pthread_mutex_unlock(&journal.lock);
	return NULL;
}

/* Lock held. Signals are the loop's. Without memory for it the next entry tries again. */
static void start_thread(void)
{
	sigset_t all, saved;
	pthread_attr_t attr;
	pthread_t thread;

	if (journal.thread || pthread_attr_init(&attr) != 0)
		return;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, JOURNAL_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	journal.thread = pthread_create(&thread, &attr, journal_main, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	pthread_attr_destroy(&attr);
}

/* ---- queueing ---- */

/* Lock held. Takes @entry over. */
static void push(struct journal_entry *entry, enum journal_kind kind)
{
	struct queue *q = &journal.queues[kind];

	if (!entry || q->n >= JOURNAL_ENTRIES_MAX || q->size + entry->size > JOURNAL_BYTES_MAX) {
		q->lost++;
		entry_free(entry);
		return;
	}
	entry->kind = kind;
	entry->next = NULL;
	*q->end = entry;
	q->end = &entry->next;
	q->n++;
	q->size += entry->size;
}

static void lock(void)
{
	pthread_once(&journal.once, set_up);
	pthread_mutex_lock(&journal.lock);
}

static void unlock(void)
{
	start_thread();
	pthread_cond_signal(&journal.work);
	pthread_mutex_unlock(&journal.lock);
}

void journal_send(struct journal_entry *entry, enum journal_kind kind)
{
	lock();
	push(entry, kind);
	unlock();
}

static void say_left_out(struct journal_entry *entry, uint64_t n)
{
	struct iovec *message = &entry->fields[0];
	char *text;
	int size;

	size = asprintf(&text, "%s (and %llu more before it)", (char *)message->iov_base,
			(unsigned long long)n);
	if (size >= 0) {
		free(message->iov_base);
		*message = (struct iovec){text, (size_t)size};
	}
	journal_add(entry, "BPFGATE_LEFT_OUT=%llu", (unsigned long long)n);
}

void journal_send_refusal(struct journal_entry *entry, uid_t uid)
{
	uint64_t left_out;

	lock();
	if (refusal_take(&journal.limits, uid, now_usec(), &left_out)) {
		if (entry && left_out)
			say_left_out(entry, left_out);
		push(entry, JOURNAL_REFUSALS);
	} else {
		entry_free(entry);
	}
	unlock();
}

void journal_line(int priority, const char *format, ...)
{
	struct journal_entry *entry;
	va_list ap;

	va_start(ap, format);
	entry = new_with(priority, format, ap);
	va_end(ap);
	journal_send(entry, JOURNAL_DAEMON);
}

void journal_flush(uint64_t usec)
{
	uint64_t until = now_usec() + usec;
	struct timespec t = {(time_t)(until / 1000000), (long)(until % 1000000) * 1000};
	int r = 0;

	lock();
	start_thread();
	while ((has_work() || journal.sending) && r == 0)
		r = pthread_cond_timedwait(&journal.idle, &journal.lock, &t);
	pthread_mutex_unlock(&journal.lock);
}

int journal_send_now(struct journal_entry *entry)
{
	int r;

	if (!entry)
		return -ENOMEM;
	r = sd_journal_sendv(entry->fields, (int)entry->n);
	entry_free(entry);
	return r;
}
