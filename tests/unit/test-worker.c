/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs of many users: nobody's keep others' waiting. */
#include "check.h"

#include <semaphore.h>

#include "worker.h"

#define SECOND (1000 * 1000)

struct slow_job {
	struct job job; /* first */
	bool began, ended;
};

static sem_t go, begun;
static sd_event *event;
static struct workers *workers;
static struct slow_job jobs[WORKERS_MAX + WORKER_QUEUE_MAX + 64];
static unsigned n_jobs;

static void run(struct job *job)
{
	struct slow_job *j = (struct slow_job *)job;

	__atomic_store_n(&j->began, true, __ATOMIC_SEQ_CST);
	sem_post(&begun);
	sem_wait(&go);
}

static void done(struct job *job)
{
	((struct slow_job *)job)->ended = true;
}

static int submit(uid_t uid, bool always)
{
	struct slow_job *j = &jobs[n_jobs++];

	*j = (struct slow_job){.job = {.run = run, .done = done}};
	return workers_submit(workers, &j->job, uid, always);
}

static bool began(unsigned i)
{
	return __atomic_load_n(&jobs[i].began, __ATOMIC_SEQ_CST);
}

static void wait_begun(unsigned n)
{
	while (n--)
		assert_int_equal(sem_wait(&begun), 0);
}

static int set_up(void **state)
{
	n_jobs = 0;
	sem_init(&go, 0, 0);
	sem_init(&begun, 0, 0);
	return sd_event_new(&event) < 0 || workers_new(event, &workers) < 0;
}

static int tear_down(void **state)
{
	for (unsigned i = 0; i < n_jobs; i++)
		sem_post(&go);
	if (!workers_drain(workers, 10 * SECOND))
		return -1;
	workers_free(workers);
	sd_event_unref(event);
	return 0;
}

/* Four users with four slow jobs each, and more that wait: root's begins at once. */
static void test_a_worker_is_roots(void **state)
{
	for (unsigned i = 0; i < WORKERS_MAX + 8; i++)
		assert_int_equal(submit(1000 + i % 4, false), 0);
	wait_begun(WORKERS_MAX);
	assert_int_equal(submit(0, false), 0);
	wait_begun(1);
	assert_true(began(n_jobs - 1));
	/* and it stays root's */
	assert_int_equal(submit(0, false), 0);
	sem_post(&go);
	wait_begun(1);
}

/* The one that is free next takes the job of whoever has the fewest running. */
static void test_fewest_first(void **state)
{
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		assert_int_equal(submit(1000, false), 0);
	wait_begun(WORKERS_MAX);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(submit(1000, false), 0);
	assert_int_equal(submit(1001, false), 0);
	sem_post(&go);
	wait_begun(1);
	assert_true(began(n_jobs - 1));
	assert_false(began(WORKERS_MAX));
}

/* A queue that is full has a place for whoever has none in it. */
static void test_a_place_each(void **state)
{
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		assert_int_equal(submit(1000, false), 0);
	wait_begun(WORKERS_MAX);
	for (unsigned i = 0; i < WORKER_QUEUE_MAX; i++)
		assert_int_equal(submit(1000 + i % 13, false), 0);
	assert_int_equal(submit(1000, false), -EAGAIN);
	n_jobs--;
	assert_int_equal(submit(2000, false), 0);
	assert_int_equal(submit(2000, false), -EAGAIN);
	n_jobs--;
	assert_int_equal(submit(1000, true), 0);
	assert_int_equal(submit(0, false), 0);
	assert_int_equal(submit(0, false), 0);
}

#define WORKER_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORKER_TEST(test_a_worker_is_roots),
		WORKER_TEST(test_fewest_first),
		WORKER_TEST(test_a_place_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
