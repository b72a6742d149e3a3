// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Two threads schedule work for each other in the same elements, while a third takes the elements
 * away. A schedule that succeeded has its callback run once, or it was cancelled: so there are
 * never more callbacks than schedules, and exactly as many where nobody cancels.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "checks.h"
#include "subject.h"

enum meddler { NOBODY, DELETER, UPDATER, EVICTER };

static struct subject s;
static enum kind kind;
static atomic_bool stop;
static atomic_uint tids[2], ready, n_busy, n_absent, n_meddled;
static atomic_int unexpected;
static _Atomic unsigned long long n_scheduled;

static void *scheduler(void *p)
{
	unsigned self = *(const unsigned *)p;

	tids[self] = (unsigned)gettid();
	for (ready++; ready < 2;)
		sched_yield();
	for (unsigned i = 0; i < options.tries; i++) {
		int r = schedule(&s, kind, i & 1 ? SIGNAL : RESUME, i % KIND_SIZE,
				 tids[i & 2 ? self : !self]);

		if (r == 0)
			n_scheduled++;
		else if (r == -EBUSY)
			n_busy++;
		else if (r == -ENOENT)
			n_absent++;
		else
			unexpected = r;
	}
	/* Work for a task that is past its end is accepted, and never runs: so both stay. */
	for (ready++; ready < 4;)
		sched_yield();
	return NULL;
}

static void *meddle(void *p)
{
	enum meddler meddler = *(const enum meddler *)p;
	struct elem elem = {.tag = 1};

	for (uint32_t i = 0; !stop; i++) {
		elem.slot = i % N_SLOTS;
		if (meddler == DELETER && element_delete(&s, kind, i % KIND_SIZE) == 0)
			n_meddled++;
		if (meddler == EVICTER && element_put(&s, kind, 100 + i % 1000, &elem) == 0)
			n_meddled++;
		if (element_put(&s, kind, i % KIND_SIZE, &elem) == 0)
			n_meddled++;
	}
	return NULL;
}

static void say(enum meddler meddler, unsigned long long ran)
{
	note("%llu schedules, %u busy, %u absent, %u meddled with, %llu callbacks", n_scheduled,
	     n_busy, n_absent, n_meddled, ran);
	if (unexpected)
		answer("error %s", answer_name(unexpected));
	else if (n_scheduled == 0 || ran == 0)
		answer("nothing ran");
	else if (meddler != NOBODY && options.tries >= 1000 && n_meddled < 10)
		answer("they have not met");
	else if (ran > n_scheduled)
		answer("more callbacks than schedules");
	else if (meddler == NOBODY && ran != n_scheduled)
		answer("callbacks lost");
	else
		answer("ok");
}

static void run(const struct check *check)
{
	enum meddler meddler = check->b;
	static const unsigned numbers[] = {0, 1};
	pthread_t threads[2], third;
	unsigned long long ran;

	if (options.stock && meddler != NOBODY) {
		answer("skip: a stock kernel can crash here");
		return;
	}
	kind = check->a;
	must("load", subject_load(&s, NULL));
	for (uint32_t key = 0; key < KIND_SIZE; key++)
		must("element", element_set(&s, kind, key, NOTHING, NULL));
	stop = false;
	ready = n_busy = n_absent = n_meddled = 0;
	n_scheduled = 0;
	unexpected = 0;
	if (meddler != NOBODY)
		must("thread", -pthread_create(&third, NULL, meddle, &meddler));
	for (unsigned i = 0; i < 2; i++)
		must("thread", -pthread_create(&threads[i], NULL, scheduler, (void *)&numbers[i]));
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	stop = true;
	if (meddler != NOBODY)
		pthread_join(third, NULL);
	ran = subject_quiet(&s, n_scheduled);
	say(meddler, ran);
	subject_close(&s);
	if (!streq(subject_gone(&s), "all freed"))
		answer("not freed");
	if (subject_finished(&s) != ran)
		answer("callbacks after the end");
}

#define ROW(name, kind, meddler)                        \
	{                                               \
		name, "ok", run, kind, meddler, 0, NULL \
	}
static const struct check checks[] = {
	ROW("array", ARRAY, NOBODY),
	ROW("hash", HASH, NOBODY),
	ROW("lru", LRU, NOBODY),
	ROW("delete-hash", HASH, DELETER),
	ROW("delete-hash-no-prealloc", HASH_ALLOC, DELETER),
	ROW("delete-lru", LRU, DELETER),
	ROW("update-array", ARRAY, UPDATER),
	ROW("update-hash", HASH, UPDATER),
	ROW("update-hash-no-prealloc", HASH_ALLOC, UPDATER),
	ROW("update-lru", LRU, UPDATER),
	ROW("evict-lru", LRU, EVICTER),
};

void rows_tw_race(void)
{
	CHECKS_RUN("race", checks);
}
