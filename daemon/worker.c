/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker.h"

#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>

#define WORKER_STACK (1024 * 1024) /* touched pages only; OpenSSL and json-c need little */

struct queue {
	struct job *first, **end;
};

struct workers {
	pthread_mutex_t lock; /* guards all but the event source */
	pthread_cond_t work;  /* something was queued, or it is time to end */
	pthread_cond_t gone;  /* a thread ended, or finished a job */
	struct queue waiting, finished;
	unsigned n_waiting, n_threads, n_idle;
	unsigned n_running, n_users; /* of all, and of all but root */
	uid_t running[WORKERS_MAX + WORKERS_ROOT];
	bool ending;
	int wakeup; /* eventfd */
	sd_event_source *source;
};

static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->end = &q->first;
}

static void queue_push(struct queue *q, struct job *job)
{
	job->next = NULL;
	*q->end = job;
	q->end = &job->next;
}

/* The job that *@at points to. */
static struct job *queue_take(struct queue *q, struct job **at)
{
	struct job *job = *at;

	*at = job->next;
	if (!*at)
		q->end = at;
	return job;
}

static unsigned count_running(const struct workers *w, uid_t uid)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n_running; i++)
		n += w->running[i] == uid;
	return n;
}

/* Which of those that wait is to run next; NULL: none may. */
static struct job *pick_job(struct workers *w)
{
	unsigned least = UINT_MAX;
	struct job **best = NULL;

	for (struct job **at = &w->waiting.first; *at && least > 0; at = &(*at)->next) {
		unsigned n;

		if ((*at)->uid != 0 && w->n_users >= WORKERS_MAX)
			continue;
		n = count_running(w, (*at)->uid);
		if (n < least) {
			least = n;
			best = at;
		}
	}
	if (!best)
		return NULL;
	w->n_waiting--;
	return queue_take(&w->waiting, best);
}

static void begin(struct workers *w, const struct job *job)
{
	w->running[w->n_running++] = job->uid;
	w->n_users += job->uid != 0;
}

static void end(struct workers *w, const struct job *job)
{
	unsigned i = 0;

	while (w->running[i] != job->uid)
		i++;
	w->running[i] = w->running[--w->n_running];
	w->n_users -= job->uid != 0;
}

/* A job to do, or NULL when the thread is to end. */
static struct job *wait_for_job(struct workers *w)
{
	struct timespec until;
	struct job *job;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WORKER_IDLE_SEC;
	w->n_idle++;
	while (!(job = pick_job(w)) && !w->ending && r == 0)
		r = pthread_cond_timedwait(&w->work, &w->lock, &until);
	w->n_idle--;
	return job;
}

static void wake_loop(struct workers *w)
{
	const uint64_t one = 1;

	/* only fails when the counter is full, and then the loop is awake */
	if (write(w->wakeup, &one, sizeof(one)) < 0)
		return;
}

static void *thread_main(void *userdata)
{
	struct workers *w = userdata;
	struct job *job;
	bool last;

	pthread_mutex_lock(&w->lock);
	while ((job = wait_for_job(w))) {
		begin(w, job);
		pthread_mutex_unlock(&w->lock);
		job->run(job);
		pthread_mutex_lock(&w->lock);
		end(w, job);
		queue_push(&w->finished, job);
		wake_loop(w);
		pthread_cond_signal(&w->gone);
	}
	last = --w->n_threads == 0;
	pthread_cond_signal(&w->gone);
	pthread_mutex_unlock(&w->lock);
	/* the last to go gives back what a burst has taken; @w may be gone by now */
	if (last)
		malloc_trim(0);
	return NULL;
}

/* Signals are the loop's: threads are born with all of them blocked. */
static int start_thread(struct workers *w)
{
	sigset_t all, saved;
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, WORKER_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	r = pthread_create(&thread, &attr, thread_main, w);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	pthread_attr_destroy(&attr);
	if (r == 0)
		w->n_threads++;
	return -r;
}

static bool has_waiting(const struct workers *w, uid_t uid)
{
	for (const struct job *job = w->waiting.first; job; job = job->next)
		if (job->uid == uid)
			return true;
	return false;
}

int workers_submit(struct workers *w, struct job *job, uid_t uid, bool always)
{
	unsigned max = WORKERS_MAX + (uid == 0 ? WORKERS_ROOT : 0);
	bool full;
	int r = 0;

	job->uid = uid;
	pthread_mutex_lock(&w->lock);
	full = !always && uid != 0 && w->n_waiting >= WORKER_QUEUE_MAX && has_waiting(w, uid);
	if (!full && w->n_idle <= w->n_waiting && w->n_threads < max)
		r = start_thread(w);
	/* no further thread is no trouble as long as there is one */
	if (w->n_threads)
		r = 0;
	if (full)
		r = -EAGAIN;
	if (r == 0) {
		queue_push(&w->waiting, job);
		w->n_waiting++;
		/* all: one that may only do root's work must not be the one that hears of it */
		pthread_cond_broadcast(&w->work);
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

static void finish_jobs(struct workers *w)
{
	struct job *job, *next;

	pthread_mutex_lock(&w->lock);
	job = w->finished.first;
	queue_init(&w->finished);
	pthread_mutex_unlock(&w->lock);
	for (; job; job = next) {
		next = job->next;
		job->done(job);
	}
}

static int on_wakeup(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	finish_jobs(userdata);
	return 0;
}

int workers_new(sd_event *event, struct workers **ret)
{
	struct workers *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int r;

	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->work, &attr);
	pthread_cond_init(&w->gone, &attr);
	pthread_condattr_destroy(&attr);
	queue_init(&w->waiting);
	queue_init(&w->finished);
	w->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = w->wakeup < 0 ? -errno
			  : sd_event_add_io(event, &w->source, w->wakeup, EPOLLIN, on_wakeup, w);
	if (r < 0) {
		workers_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

bool workers_drain(struct workers *w, uint64_t usec)
{
	struct timespec until;
	bool busy;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(usec / 1000000);
	do {
		pthread_mutex_lock(&w->lock);
		while ((w->n_running || w->waiting.first) && !w->finished.first && r == 0)
			r = pthread_cond_timedwait(&w->gone, &w->lock, &until);
		pthread_mutex_unlock(&w->lock);
		/* what is done may submit more */
		finish_jobs(w);
		pthread_mutex_lock(&w->lock);
		busy = w->n_running || w->waiting.first || w->finished.first;
		pthread_mutex_unlock(&w->lock);
	} while (busy && r == 0);
	return !busy;
}

void workers_free(struct workers *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_broadcast(&w->work);
	while (w->n_threads)
		pthread_cond_wait(&w->gone, &w->lock);
	pthread_mutex_unlock(&w->lock);
	sd_event_source_disable_unref(w->source);
	safe_close(w->wakeup);
	pthread_cond_destroy(&w->work);
	pthread_cond_destroy(&w->gone);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
