/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that wait for a thread while their client goes: method.h. */
#include "check.h"

#include <semaphore.h>

#include "front.h"
#include "method.h"

#define WORKERS_ALL (WORKERS_MAX + WORKERS_ROOT) /* the calls here are of uid 0 */
#define DRAIN_USEC  (60ULL * 1000 * 1000)

static sem_t gate, begun;
static struct front front;

static void block(struct job *job)
{
	sem_post(&begun);
	sem_wait(&gate);
}

static void forget(struct job *job)
{
}

struct seen_job {
	struct call_job base; /* first */
	bool ran;
};

static void run(struct job *job)
{
	((struct seen_job *)job)->ran = true;
}

/* All threads are busy when a call comes; @goes: its client does not wait. Was it run? */
static bool call_runs(bool goes, bool oneway, int *ret_r)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	static struct job blocking[WORKERS_ALL];
	struct connection connection = {.front = &front};
	struct call call = {.front = &front, .connection = &connection};
	struct seen_job job = {.base.job = {.run = run, .done = forget}};
	bool ran;

	call.call.oneway = oneway;
	for (unsigned i = 0; i < WORKERS_ALL; i++) {
		blocking[i] = (struct job){.run = block, .done = forget};
		assert_int_equal(workers_submit(front.workers, &blocking[i], 0, false), 0);
	}
	for (unsigned i = 0; i < WORKERS_ALL; i++)
		sem_wait(&begun);
	assert_int_equal(call_job_submit(&job.base, &call, USER_JOBS, &error), 0);
	if (goes)
		call_disconnect(&call);
	for (unsigned i = 0; i < WORKERS_ALL; i++)
		sem_post(&gate);
	assert_true(workers_drain(front.workers, DRAIN_USEC));
	ran = job.ran;
	*ret_r = job.base.r;
	call_job_done(&job.base);
	return ran;
}

static void test_abandoned(void **state)
{
	int r = 0;

	assert_false(call_runs(true, false, &r));
	assert_int_equal(r, -ECANCELED);
}

static void test_waited_for(void **state)
{
	int r = 1;

	assert_true(call_runs(false, false, &r));
	assert_int_equal(r, 0);
}

/* It wants no reply: that its client goes says nothing. */
static void test_oneway(void **state)
{
	int r = 1;

	assert_true(call_runs(true, true, &r));
	assert_int_equal(r, 0);
}

static int setup(void **state)
{
	if (sd_event_new(&front.event) < 0 || sem_init(&gate, 0, 0) < 0 ||
	    sem_init(&begun, 0, 0) < 0)
		return -1;
	return workers_new(front.event, &front.workers);
}

static int teardown(void **state)
{
	workers_free(front.workers);
	sd_event_unref(front.event);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waited_for),
		cmocka_unit_test(test_abandoned),
		cmocka_unit_test(test_oneway),
	};

	return cmocka_run_group_tests_name("abandoned", tests, setup, teardown);
}
