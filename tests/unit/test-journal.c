/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A journal that does not read: stderr is a pipe that is full. */
#include "check.h"

#include <fcntl.h>
#include <time.h>

#include "audit-limit.h"
#include "journal.h"

#define USERS 400

static int output = -1, saved = -1;

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int redirect(void **state)
{
	int fds[2];

	unsetenv("JOURNAL_STREAM");
	/* let nothing of cmocka's get in between */
	fflush(NULL);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, 4096) >= 4096);
	saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	close(fds[1]);
	output = fds[0];
	return 0;
}

static int restore(void **state)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(output);
	return 0;
}

/* All that is written until a line has @last. */
static char *read_until(const char *last)
{
	size_t size = 0, room = 4 * 1024 * 1024;
	char *text = calloc(1, room);

	while (!strstr(text, last) && size + 4096 < room) {
		ssize_t n = read(output, text + size, 4096);

		assert_true(n > 0);
		size += (size_t)n;
		text[size] = '\0';
	}
	return text;
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
		n++;
	return n;
}

static void send_load(unsigned i)
{
	struct journal_entry *entry = journal_new(LOG_INFO, "load %u.", i);

	journal_add(entry, "BPFGATE_UID=%u", i);
	journal_send(entry, JOURNAL_LOADS);
}

static void test_a_journal_that_does_not_read(void **state)
{
	_cleanup_free_ char *text = NULL;
	uint64_t start = now_usec();

	/* more than there is room for, by users of whom each has only his first few */
	for (unsigned i = 0; i < 10 * USERS; i++)
		journal_send_refusal(journal_new(LOG_NOTICE, "refusal %0100u.", i),
				     1000 + i % USERS);
	for (unsigned i = 0; i < JOURNAL_ENTRIES_MAX; i++)
		send_load(i);
	journal_line(LOG_WARNING, "the gate");
	journal_flush(100 * 1000);
	assert_true(now_usec() - start < 10ull * 1000 * 1000);

	text = read_until(" lost are ");
	assert_int_equal(count(text, "<6>load "), JOURNAL_ENTRIES_MAX);
	assert_int_equal(count(text, "<4>the gate\n"), 1);
	assert_true(count(text, "<5>refusal ") >= JOURNAL_ENTRIES_MAX);
	assert_true(count(text, "<5>refusal ") < 3 * USERS + REFUSAL_ALL);
	assert_null(strstr(text, " lost are 0 of refusals"));
	assert_non_null(strstr(text, " of refusals, 0 of loads, 0 others.\n"));
}

/* And then it reads again: nothing more is lost. */
static void test_a_journal_that_reads(void **state)
{
	_cleanup_free_ char *text = NULL;

	for (unsigned i = 0; i < 5; i++)
		send_load(i);
	journal_line(LOG_WARNING, "the last");
	journal_send(journal_new(LOG_INFO, "end"), JOURNAL_REFUSALS);
	text = read_until("<6>end\n");
	assert_int_equal(count(text, "<6>load "), 5);
	assert_int_equal(count(text, "lost"), 0);
}

/* What has no entry of its own is said, if nothing else comes. */
static void test_left_out_is_told(void **state)
{
	_cleanup_free_ char *text = NULL;

	for (unsigned i = 0; i < REFUSAL_ENTRIES + 7; i++)
		journal_send_refusal(journal_new(LOG_NOTICE, "no."), 7);
	text = read_until("of user 7,");
	assert_int_equal(count(text, "<5>no.\n"), REFUSAL_ENTRIES);
	assert_non_null(strstr(text, "<5>And 7 more refusals of user 7, without an entry of their "
				     "own."));
}

/* ---- the limits ---- */

static unsigned take(struct refusal_limits *limits, uid_t uid, unsigned n, uint64_t now,
		     uint64_t *ret_left_out)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++)
		taken += refusal_take(limits, uid, now, ret_left_out);
	return taken;
}

static void test_limit_of_a_user(void **state)
{
	struct refusal_limits limits = {};
	uint64_t left_out = 99;

	assert_int_equal(refusal_due(&limits), 0);
	assert_int_equal(take(&limits, 5, 1000, 1, &left_out), REFUSAL_ENTRIES);
	assert_int_equal(left_out, 0);
	/* others and root are not meant */
	assert_int_equal(take(&limits, 6, 10, 1, &left_out), 10);
	assert_int_equal(take(&limits, 0, 1000, 1, &left_out), REFUSAL_ENTRIES);
	assert_int_equal(refusal_due(&limits), 1 + REFUSAL_USEC);
	assert_int_equal(take(&limits, 5, 1, REFUSAL_USEC, &left_out), 0);
	assert_int_equal(take(&limits, 5, 1, REFUSAL_USEC + 1, &left_out), 1);
	assert_int_equal(left_out, 1000 - REFUSAL_ENTRIES + 1);
}

static void test_summary(void **state)
{
	struct refusal_limits limits = {};
	uint64_t left_out;
	uid_t uid;

	take(&limits, 5, REFUSAL_ENTRIES + 3, 1, &left_out);
	assert_false(refusal_summary(&limits, REFUSAL_USEC, &uid, &left_out));
	assert_true(refusal_summary(&limits, REFUSAL_USEC + 1, &uid, &left_out));
	assert_int_equal(uid, 5);
	assert_int_equal(left_out, 3);
	assert_false(refusal_summary(&limits, 3 * REFUSAL_USEC, &uid, &left_out));
	assert_int_equal(refusal_due(&limits), 0);
}

/* However many uids somebody has: the journal gets no more than so much. */
static void test_limit_of_all(void **state)
{
	struct refusal_limits limits = {};
	unsigned taken = 0, told = 0;
	uint64_t left_out, sum = 0;
	uid_t uid;

	for (uid_t i = 1; i <= 20000; i++)
		taken += take(&limits, i, 10, 1, &left_out);
	assert_true(taken <= (REFUSAL_SLOTS + 1) * REFUSAL_FIRST + REFUSAL_ALL);
	/* root always has his */
	assert_int_equal(take(&limits, 0, 10, 1, &left_out), REFUSAL_FIRST);
	while (refusal_summary(&limits, REFUSAL_USEC + 1, &uid, &left_out)) {
		sum += left_out;
		told++;
	}
	assert_true(told <= REFUSAL_SLOTS + 2);
	assert_int_equal(sum, 200000 - taken + 10 - REFUSAL_FIRST);
	/* and those who have gone make room */
	assert_int_equal(take(&limits, 70000, 1, 3 * REFUSAL_USEC, &left_out), 1);
	assert_int_equal(left_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_left_out_is_told, redirect, restore),
		cmocka_unit_test_setup_teardown(test_a_journal_that_does_not_read, redirect,
						restore),
		cmocka_unit_test_setup_teardown(test_a_journal_that_reads, redirect, restore),
		cmocka_unit_test(test_limit_of_a_user),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_limit_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
