/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of the gate's events get an entry in the journal, and what it says. */
#include "check.h"

#include <unistd.h>

#include "audit.h"
#include "gate-report.h"
#include "journal.h"

#define SEC UINT64_C(1000000)
#define NOW (100 * SEC)

static struct report_limits limits;

static int setup(void **state)
{
	memset(&limits, 0, sizeof(limits));
	return 0;
}

static struct gate_event event_of(uint32_t uid, uint32_t reason)
{
	return (struct gate_event){.uid = uid, .reason = reason, .refused = 1};
}

/* -1: none; else what it says was left out. */
static int take(uint32_t uid, uint32_t reason, uint64_t now)
{
	const struct gate_event event = event_of(uid, reason);
	uint64_t left_out = 77;

	if (!report_take(&limits, &event, now, &left_out)) {
		assert_int_equal(left_out, 77);
		return -1;
	}
	return (int)left_out;
}

static void test_limit(void **state)
{
	for (unsigned i = 0; i < REPORT_EVENTS; i++)
		assert_int_equal(take(1001, GATE_LOAD, NOW + i), 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(take(1001, GATE_LOAD, NOW + 30 * SEC), -1);
	/* others are not concerned: another reason, user, outcome */
	assert_int_equal(take(1001, GATE_RUN, NOW + 30 * SEC), 0);
	assert_int_equal(take(1002, GATE_LOAD, NOW + 30 * SEC), 0);
	/* the next minute begins with what was left out, once */
	assert_int_equal(take(1001, GATE_LOAD, NOW + REPORT_USEC), 1000);
	assert_int_equal(take(1001, GATE_LOAD, NOW + REPORT_USEC), 0);
}

/* The same user and reason, but another program, or another type: each is heard of. */
static void test_programs(void **state)
{
	struct gate_event event = event_of(0, GATE_LOAD);
	uint64_t left_out;

	memcpy(event.comm, "noisy", 6);
	for (unsigned i = 0; i < 100; i++)
		report_take(&limits, &event, NOW, &left_out);
	memcpy(event.comm, "bpftrace", 9);
	assert_true(report_take(&limits, &event, NOW, &left_out));
	assert_int_equal(left_out, 0);
	memset(event.comm, 0, sizeof(event.comm));
	memcpy(event.comm, "noisy", 6);
	assert_false(report_take(&limits, &event, NOW, &left_out));
	event.type = BPF_PROG_TYPE_XDP;
	assert_true(report_take(&limits, &event, NOW, &left_out));
}

static void test_outcome(void **state)
{
	struct gate_event event = event_of(1001, GATE_LOAD);
	uint64_t left_out;

	for (unsigned i = 0; i < REPORT_EVENTS; i++)
		assert_true(report_take(&limits, &event, NOW, &left_out));
	assert_false(report_take(&limits, &event, NOW, &left_out));
	event.refused = 0;
	assert_true(report_take(&limits, &event, NOW, &left_out));
}

/* More users than places: those that come last share one, and are counted. */
static void test_many_users(void **state)
{
	unsigned n = 0;

	for (uint32_t uid = 0; uid < 100 * REPORT_SLOTS; uid++)
		n += take(uid, GATE_LOAD, NOW) >= 0;
	assert_int_equal(n, REPORT_SLOTS + REPORT_EVENTS);
	assert_int_equal(limits.others.left_out, 99 * REPORT_SLOTS - REPORT_EVENTS);
	/* a minute later their places are free, and nothing is forgotten */
	assert_int_equal(take(1, GATE_LOAD, NOW + REPORT_USEC), 0);
	assert_int_equal(take(1, GATE_LOAD, NOW + REPORT_USEC), 0);
	for (uint32_t uid = 1000; uid < 1000 + REPORT_SLOTS - 1; uid++)
		assert_int_equal(take(uid, GATE_LOAD, NOW + REPORT_USEC), 0);
	assert_int_equal(take(5000, GATE_LOAD, NOW + REPORT_USEC),
			 99 * REPORT_SLOTS - REPORT_EVENTS);
}

/* ---- the sentences ---- */

/* What is written to stderr, which is no journal here. */
static void check_entry(const struct gate_event *event, uint64_t left_out, const char *expected)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	char text[512] = "";

	assert_non_null(file);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	audit_gate_event(event, NULL, left_out);
	journal_flush(JOURNAL_FLUSH_USEC);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_string_equal(text, expected);
}

static void test_sentences(void **state)
{
	static const struct {
		uint32_t reason;
		const char *expected;
	} cases[] = {
		{GATE_LOAD, "load a program of type xdp, which is for bpfgated and PID 1"},
		{GATE_LOADER, "load a loader, which is for bpfgated"},
		{GATE_INIT_TYPE,
		 "load a program of type xdp, which is none of those that PID 1 may load"},
		{GATE_SIGNATURE, "load a loader that was not verified with bpfgated's keyring"},
		{GATE_COMMAND, "use command 28 of bpf(2) in a loader, which needs it for no map or "
			       "program"},
		{GATE_RUN, "run a program by BPF_PROG_RUN, which is for bpfgated"},
		{GATE_OBJECT, "open a program or map of bpfgated's"},
		{GATE_PIN, "change what is pinned in /sys/fs/bpf/bpfgate, or add to it"},
		{GATE_MOUNT, "change a mount that /sys/fs/bpf/bpfgate is in"},
		{GATE_TRACE, "trace bpfgated or a process of it"},
		{GATE_FTRACE, "write to kernel.ftrace_enabled, which can switch the gate off"},
		{GATE_HELPER, "change, from a root directory of its own, by what the kernel starts "
			      "programs"},
		{GATE_DEVICE,
		 "reach devices, or what sets them up, from a root directory of its own"},
		{_GATE_REASON_MAX, "do what this version of bpfgated has no name for"},
	};

	assert_int_equal(ARRAY_SIZE(cases), _GATE_REASON_MAX + 1);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gate_event event = {.reason = cases[i].reason,
					   .refused = 1,
					   .tgid = 321,
					   .uid = 1001,
					   .command = 28,
					   .type = BPF_PROG_TYPE_XDP,
					   .comm = "evil"};
		char expected[256];

		snprintf(expected, sizeof(expected),
			 "<5>The gate refused user 1001 (process 321, \"evil\") to %s.\n",
			 cases[i].expected);
		check_entry(&event, 0, expected);
	}
}

/* Whose a link is cannot always be told, and an agent's own is not called the daemon's. */
static void test_links(void **state)
{
	static const struct {
		uint32_t command;
		const char *expected;
	} cases[] = {
		{BPF_LINK_UPDATE, "update a link, and whose it is cannot be told"},
		{BPF_LINK_DETACH, "detach a link, and whose it is cannot be told"},
		{BPF_LINK_GET_FD_BY_ID, "open a link that is, or may be, bpfgated's"},
		{GATE_NO_COMMAND, "open a program or map of bpfgated's"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gate_event event = event_of(0, GATE_OBJECT);
		char expected[256];

		event.command = cases[i].command;
		snprintf(expected, sizeof(expected),
			 "<5>The gate refused user 0 (process 0, \"\") to %s.\n",
			 cases[i].expected);
		check_entry(&event, 0, expected);
	}
}

/* Who is refused chooses his name: all 16 bytes of it, and lines are lines. */
static void test_hostile_name(void **state)
{
	struct gate_event event = event_of(1001, GATE_RUN);

	memcpy(event.comm, "a\nb\x1b[2Jcccccccccc", GATE_COMM_SIZE);
	event.type = 4000;
	event.refused = 0;
	check_entry(&event, 0,
		    "<5>The gate would have refused user 1001 (process 0, \"a?b?[2Jccccccccc\") to "
		    "run a program by BPF_PROG_RUN, which is for bpfgated.\n");
	event.reason = GATE_LOAD;
	memset(event.comm, 0, sizeof(event.comm));
	check_entry(&event, 12,
		    "<5>The gate would have refused user 1001 (process 0, \"\") to load a program "
		    "of type unknown, which is for bpfgated and PID 1 (and 12 times since the last "
		    "entry).\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_limit, setup),
		cmocka_unit_test_setup(test_programs, setup),
		cmocka_unit_test_setup(test_outcome, setup),
		cmocka_unit_test_setup(test_many_users, setup),
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_hostile_name),
	};

	return cmocka_run_group_tests_name("gate-report", tests, NULL, NULL);
}
