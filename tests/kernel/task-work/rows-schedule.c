// SPDX-License-Identifier: LGPL-2.1-or-later
/* From every place, in both modes, for every map: the callback runs once, where it should, and sees
 * what is right. */
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include "checks.h"
#include "subject.h"

enum from { SYSCALL, RAW_TP, TRACEPOINT, PERF_EVENT, NMI, N_FROM };

static const char *const programs[] = {
	[RAW_TP] = "from_raw_tp",
	[TRACEPOINT] = "from_tracepoint",
	[PERF_EVENT] = "from_perf_event",
	[NMI] = "from_nmi",
};

static struct subject s;
static struct target t;

/* After a while, so that what runs twice is seen, too. */
static void say_seen(int result, enum kind kind, uint32_t key)
{
	struct seen *seen = &s.globals->seen[key];

	if (result < 0) {
		answer("%s", answer_name(result));
		return;
	}
	if (!wait_for(&seen->finished, 1, 10000)) {
		answer("callback ran %u times", seen->finished);
		return;
	}
	sleep_ms(20);
	answer("ran %u; %s, %s, %s, %s", seen->finished,
	       seen->map_id == s.map_ids[kind] ? "its map" : "another map",
	       seen->key == key ? "its key" : "another key",
	       seen->tag == 1000 + key ? "its value" : "another value",
	       seen->tid == t.tid ? "in the task" : "in another task");
}

static void begin(enum from from, enum kind kind, uint32_t key)
{
	must("load", subject_load(&s, programs[from]));
	target_thread(&t);
	must("element", element_set(&s, kind, key, NOTHING, NULL));
}

static void end(void)
{
	target_end(&t);
	subject_close(&s);
}

static int attach(enum from from)
{
	struct bpf_program *program = bpf_object__find_program_by_name(s.object, programs[from]);
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 100000,
	};

	if (from == PERF_EVENT) {
		int fd = (int)syscall(SYS_perf_event_open, &attr, t.tid, -1, -1,
				      PERF_FLAG_FD_CLOEXEC);

		must("perf event", fd < 0 ? -errno : 0);
		s.link = bpf_program__attach_perf_event(program, fd);
	} else {
		s.link = bpf_program__attach(program);
	}
	return s.link ? 0 : -errno;
}

/* Until the program has met the target. */
static void meet(enum from from)
{
	int fd = from == NMI ? sysrq_open() : -1;

	for (unsigned i = 0; i < 500 && s.globals->armed; i++) {
		if (from == NMI || from == PERF_EVENT)
			target_spin(&t);
		else
			target_start(&t);
		for (unsigned k = 0; fd >= 0 && k < 5 && s.globals->armed; k++)
			if (write(fd, "l", 1) < 0)
				note("sysrq: %m");
		must("target", target_done(&t, 20000) ? 0 : -ETIMEDOUT);
	}
	safe_close(fd);
}

static void run(const struct check *check)
{
	enum from from = check->a;
	enum kind kind = check->b;
	enum mode mode = check->c;
	uint32_t key = 3 + kind;
	int r;

	begin(from, kind, key);
	if (from == SYSCALL) {
		r = schedule(&s, kind, mode, key, t.tid);
		target_turn(&t);
	} else {
		must(programs[from], attach(from));
		s.globals->request = (struct request){.kind = kind, .mode = mode, .key = key};
		s.globals->result = -EINPROGRESS;
		s.globals->armed = t.tid;
		meet(from);
		/* It may have been met on its way to sleep: RESUME waits for its next turn. */
		target_turn(&t);
		r = s.globals->result;
	}
	say_seen(r, kind, key);
	end();
}

static const char expected[] = "ran 1; its map, its key, its value, in the task";

void rows_tw_schedule(void)
{
	static const char *const from_names[] = {"syscall", "raw-tp", "tracepoint", "perf-event",
						 "nmi"};
	static struct check checks[N_FROM * N_KINDS * N_MODES];
	static char names[ARRAY_SIZE(checks)][60];

	for (unsigned i = 0; i < ARRAY_SIZE(checks); i++) {
		unsigned from = i / N_KINDS / N_MODES, kind = i / N_MODES % N_KINDS;
		unsigned mode = i % N_MODES;

		snprintf(names[i], sizeof(names[i]), "%s-%s-%s", from_names[from], kind_name(kind),
			 mode_name(mode));
		checks[i] = (struct check){names[i], expected, run, from, kind, mode, NULL};
	}
	checks_run("schedule", checks, ARRAY_SIZE(checks));
}
