/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parent makes of children that report, hang, crash and are killed. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "hung-file.h"
#include "load-attempt.h"
#include "load-error.h"
#include "sys-bpf.h"

#define SECOND (1000 * 1000)

static void wait_for_go(void)
{
	char byte;

	if (recv(CHILD_SOCKET, &byte, 1, 0) != 1)
		_exit(9);
}

static void send_report(const struct load_report *report, const int *fds, unsigned n)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(64 * sizeof(int))];
	} control = {};
	struct iovec part = {(void *)report, sizeof(*report)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (n) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
	}
	if (sendmsg(CHILD_SOCKET, &message, 0) < 0)
		_exit(9);
}

/* ---- children ---- */

/* @userdata: a file that hangs when it is closed, and so when the child ends. */
static void report_and_hang(const void *userdata)
{
	const struct load_report report = {.stage = STAGE_RESULT, .errnum = ENXIO};

	wait_for_go();
	if (hung_file_open((struct hung_file *)userdata) < 0)
		_exit(9);
	send_report(&report, NULL, 0);
}

static void report_files(const void *userdata)
{
	const struct load_report report = {.stage = STAGE_DONE};
	int fds[32];

	wait_for_go();
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = memfd_create("object", MFD_CLOEXEC);
	send_report(&report, fds, ARRAY_SIZE(fds));
}

static void wait_for_ever(const void *userdata)
{
	wait_for_go();
	for (;;)
		pause();
}

static void crash(const void *userdata)
{
	const struct rlimit none = {};

	wait_for_go();
	setrlimit(RLIMIT_CORE, &none);
	__builtin_trap();
}

static void end_with_three(const void *userdata)
{
	wait_for_go();
	_exit(CHILD_EXIT_MUTE);
}

static void end_with_nothing(const void *userdata)
{
	wait_for_go();
}

/* ---- */

static void begin(struct attempt *attempt, void (*run)(const void *), const void *userdata)
{
	assert_int_equal(attempt_start(attempt, run, userdata), 0);
	assert_int_equal(attempt_admit(attempt, KEYRING_NONE), 0);
}

static void *free_later(void *file)
{
	usleep(ATTEMPT_GRACE_USEC + SECOND);
	hung_file_free(file);
	return NULL;
}

/* A machine that is busy takes its time to end what has reported; the deadline is one. */
static void test_reported_is_waited_for(void **state)
{
	_cleanup_(attempt_done) struct attempt attempt = ATTEMPT_INIT;
	struct hung_file *file;
	pthread_t thread;

	if (hung_file_new(HUNG_FLUSH, &file) < 0)
		skip_as("no FUSE can be mounted here");
	begin(&attempt, report_and_hang, file);
	assert_int_equal(pthread_create(&thread, NULL, free_later, file), 0);
	attempt_wait(&attempt, attempt_now_usec() + 60 * SECOND);
	pthread_join(thread, NULL);
	assert_int_equal(attempt.ending, ENDED_REPORT);
	assert_int_equal(attempt.report.stage, STAGE_RESULT);
	assert_int_equal(attempt.report.errnum, ENXIO);
}

/* But no longer: what is still there may still hold what it loaded. */
static void test_reported_and_never_gone(void **state)
{
	_cleanup_(attempt_done) struct attempt attempt = ATTEMPT_INIT;
	uint64_t start = attempt_now_usec();
	struct hung_file *file;

	if (hung_file_new(HUNG_FLUSH, &file) < 0)
		skip_as("no FUSE can be mounted here");
	begin(&attempt, report_and_hang, file);
	attempt_wait(&attempt, start + SECOND);
	assert_int_equal(attempt.ending, ENDED_DEADLINE);
	assert_in_range(attempt_now_usec() - start, SECOND + ATTEMPT_GRACE_USEC, 30 * SECOND);
	hung_file_free(file);
}

static void ends(struct attempt *attempt, enum error_code code, enum step step, const char *part)
{
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_true(load_error_ended(attempt, &error) < 0);
	check_error(&error, code, part);
	assert_int_equal(error.step, step);
}

static void test_killed(void **state)
{
	_cleanup_(attempt_done) struct attempt attempt = ATTEMPT_INIT;

	begin(&attempt, wait_for_ever, NULL);
	assert_int_equal(syscall(SYS_pidfd_send_signal, attempt.pidfd, SIGKILL, NULL, 0), 0);
	attempt_wait(&attempt, attempt_now_usec() + 60 * SECOND);
	assert_int_equal(attempt.ending, ENDED_KILLED);
	assert_int_equal(attempt.signal, SIGKILL);
	assert_false(attempt.out_of_memory);
	ends(&attempt, ERROR_FAILED, STEP_LOAD, "was killed (SIGKILL) by somebody else");
	attempt.out_of_memory = true;
	ends(&attempt, ERROR_KERNEL, STEP_LOAD, "ran out of memory");
}

/* What it does itself is no accident: a loader may have written over it. */
static void test_crashed(void **state)
{
	_cleanup_(attempt_done) struct attempt attempt = ATTEMPT_INIT;

	begin(&attempt, crash, NULL);
	attempt_wait(&attempt, attempt_now_usec() + 60 * SECOND);
	assert_int_equal(attempt.ending, ENDED_KILLED);
	assert_true(attempt.signal == SIGILL || attempt.signal == SIGTRAP);
	ends(&attempt, ERROR_ATTESTATION, STEP_ATTEST, "crashed (SIG");
	/* nor is it one that memory ran out elsewhere at that time */
	attempt.out_of_memory = true;
	ends(&attempt, ERROR_ATTESTATION, STEP_ATTEST, "crashed (SIG");
}

static void test_mute(void **state)
{
	_cleanup_(attempt_done) struct attempt attempt = ATTEMPT_INIT, other = ATTEMPT_INIT;

	begin(&attempt, end_with_three, NULL);
	attempt_wait(&attempt, attempt_now_usec() + 60 * SECOND);
	assert_int_equal(attempt.ending, ENDED_MUTE);
	ends(&attempt, ERROR_ATTESTATION, STEP_ATTEST, "closed or replaced");
	begin(&other, end_with_nothing, NULL);
	attempt_wait(&other, attempt_now_usec() + 60 * SECOND);
	assert_int_equal(other.ending, ENDED_OTHERWISE);
	ends(&other, ERROR_ATTESTATION, STEP_ATTEST, "ended without a word (exit status 0)");
}

static void test_deadline(void **state)
{
	_cleanup_(attempt_done) struct attempt attempt = ATTEMPT_INIT;

	begin(&attempt, wait_for_ever, NULL);
	attempt_wait(&attempt, attempt_now_usec() + 100 * 1000);
	assert_int_equal(attempt.ending, ENDED_DEADLINE);
	ends(&attempt, ERROR_KERNEL, STEP_LOAD, "did not end in time");
}

static void test_no_place_for_files(void **state)
{
	_cleanup_(attempt_done) struct attempt attempt = ATTEMPT_INIT;
	struct rlimit limit, few;
	int next;

	begin(&attempt, report_files, NULL);
	next = dup(0);
	close(next);
	getrlimit(RLIMIT_NOFILE, &limit);
	few = (struct rlimit){(rlim_t)next + 8, limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	attempt_wait(&attempt, attempt_now_usec() + 60 * SECOND);
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_int_equal(attempt.ending, ENDED_LOST);
	ends(&attempt, ERROR_FAILED, STEP_LOAD, "cannot take over the objects that were loaded");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reported_is_waited_for),
		cmocka_unit_test(test_reported_and_never_gone),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_crashed),
		cmocka_unit_test(test_mute),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_no_place_for_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
