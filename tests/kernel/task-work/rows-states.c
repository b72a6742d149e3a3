// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What takes the work away from under itself, in each state that can be held: used before
 * (standby), scheduled (its task sleeps in the kernel), running (the callback sleeps on a page).
 * Nothing that was not taken away may be lost, and all must be freed in the end.
 */
#include <signal.h>
#include <sys/wait.h>

#include <bpf/bpf.h>

#include "checks.h"
#include "subject.h"

#define KEY 1

enum state { STANDBY, SCHEDULED, RUNNING };
enum action { DELETE, UPDATE, EVICT, REPLACE, CLOSE_MAPS, CLOSE_PROGRAM, CLOSE_ALL };

static struct subject s;
static struct target t;

static unsigned ran(void)
{
	return s.globals->seen[KEY].finished;
}

/* False if the state cannot be reached here. */
static bool reach(enum state state, enum kind kind)
{
	void *page = state == RUNNING ? page_make() : NULL;

	if (state == RUNNING && !page)
		return false;
	must("load", subject_load(&s, NULL));
	target_thread(&t);
	must("element", element_set(&s, kind, KEY, page ? COPY : NOTHING, page));
	must("schedule", schedule(&s, kind, RESUME, KEY, t.tid));
	sleep_ms(20); /* an interrupt hands it to the task */
	if (state == STANDBY)
		target_turn(&t);
	if (state == RUNNING) {
		target_start(&t);
		must("callback", page_wanted(20000) ? 0 : -ETIMEDOUT);
	}
	return true;
}

/*
 * Until it is gone. An element that no program has looked up goes first: one just written would
 * always go before ours.
 */
static int evict(enum kind kind)
{
	struct elem elem = {.slot = KEY + 1};
	uint32_t mine = KEY;

	for (uint32_t key = 100; key < 2100; key++) {
		must("element", element_put(&s, kind, key, &elem));
		must("look", schedule(&s, kind, LOOK, key, 0));
		if (bpf_map_lookup_elem(s.maps[kind], &mine, &elem) == -ENOENT)
			return 0;
		elem.slot = KEY + 1;
	}
	return -ENOTEMPTY;
}

static int act(enum action action, enum kind kind)
{
	switch (action) {
	case DELETE:
		return element_delete(&s, kind, KEY);
	case UPDATE:
		return element_set(&s, kind, KEY, NOTHING, NULL);
	case REPLACE:
		must("delete", element_delete(&s, kind, KEY));
		return element_set(&s, kind, KEY, NOTHING, NULL);
	case EVICT:
		return evict(kind);
	case CLOSE_MAPS:
		subject_close_maps(&s);
		return 0;
	case CLOSE_PROGRAM:
		subject_close_program(&s);
		return 0;
	default:
		subject_close(&s);
		return 0;
	}
}

/* What was begun comes to its end. Returns how often the callback ran in all. */
static unsigned finish(enum state state)
{
	if (state == RUNNING) {
		page_give();
		must("target", target_done(&t, 20000) ? 0 : -ETIMEDOUT);
	}
	target_turn(&t);
	sleep_ms(20);
	return ran();
}

/* The same element once more, if there is something to do it with. */
static void again(char *text, size_t size, enum kind kind)
{
	unsigned before = ran();
	int r;

	if (s.prog < 0) {
		snprintf(text, size, "no program");
		return;
	}
	if (s.maps[kind] >= 0)
		must("element", element_set(&s, kind, KEY, NOTHING, NULL));
	r = schedule(&s, kind, RESUME, KEY, t.tid);
	sleep_ms(20);
	target_turn(&t);
	snprintf(text, size, "again %s, ran %u", answer_name(r), ran() - before);
}

/* Nothing holds the program of work that is over; but it does not go at once. */
static bool is_held(enum state state)
{
	unsigned tries = state == STANDBY ? 200 : 10;

	while (subject_has_program(&s) && tries-- > 0)
		sleep_ms(50);
	return subject_has_program(&s);
}

static void run(const struct check *check)
{
	enum state state = check->a;
	enum action action = check->b;
	enum kind kind = check->c;
	char more[80];
	const char *held = "";
	unsigned n;
	int r;

	if (!reach(state, kind)) {
		answer("skip: no userfaultfd here");
		return;
	}
	r = act(action, kind);
	if (action == CLOSE_PROGRAM)
		held = is_held(state) ? "held, " : "freed, ";
	n = finish(state);
	again(more, sizeof(more), kind);
	target_end(&t);
	subject_close(&s);
	answer("%s, %sran %u; %s; %s", answer_name(r), held, n, more, subject_gone(&s));
}

enum special { ZOMBIE, KTHREAD, STOPPED, KILLED, EXITS };

static void end_process(void)
{
	siginfo_t info;

	/* A zombie stays until target_end(). */
	must("wait", waitid(P_PID, (id_t)t.pid, &info, WEXITED | WNOWAIT) < 0 ? -errno : 0);
}

/* Tasks for which the work runs late, or never. The second schedule says whether it is pending. */
static void run_task(const struct check *check)
{
	enum special special = check->a;
	enum mode mode = check->b;
	int first, second, status = 0;
	unsigned n, late;

	must("load", subject_load(&s, NULL));
	target_process(&t);
	must("element", element_set(&s, HASH, KEY, NOTHING, NULL));
	if (special == STOPPED) {
		kill(t.pid, SIGSTOP);
		must("stop", waitpid(t.pid, &status, WUNTRACED) < 0 ? -errno : 0);
	}
	if (special == ZOMBIE) {
		kill(t.pid, SIGKILL);
		end_process();
	}
	first = schedule(&s, HASH, mode, KEY, special == KTHREAD ? 2 : t.tid);
	sleep_ms(50);
	second = schedule(&s, HASH, mode, KEY, special == KTHREAD ? 2 : t.tid);
	sleep_ms(50);
	n = ran();
	if (special == STOPPED)
		kill(t.pid, SIGCONT);
	if (special == STOPPED)
		target_turn(&t);
	if (special == KILLED)
		kill(t.pid, SIGKILL);
	if (special == EXITS)
		t.out = safe_close(t.out);
	if (special == KILLED || special == EXITS)
		end_process();
	sleep_ms(100);
	late = ran();
	target_end(&t);
	subject_close(&s);
	answer("%s, second %s; ran %u, in the end %u; %s",
	       first < 0 ? strerrorname_np(-first) : "ok", answer_name(second), n, late,
	       subject_gone(&s));
}

#define ROW(name, state, action, kind, expected)               \
	{                                                      \
		name, expected, run, state, action, kind, NULL \
	}
#define GONE "; again ok, ran 1; all freed"

static const struct check checks[] = {
	ROW("standby-delete-hash", STANDBY, DELETE, HASH, "ok, ran 1" GONE),
	ROW("standby-delete-hash-no-prealloc", STANDBY, DELETE, HASH_ALLOC, "ok, ran 1" GONE),
	ROW("standby-delete-lru", STANDBY, DELETE, LRU, "ok, ran 1" GONE),
	ROW("standby-update-array", STANDBY, UPDATE, ARRAY, "ok, ran 1" GONE),
	ROW("standby-update-hash", STANDBY, UPDATE, HASH, "ok, ran 1" GONE),
	ROW("standby-evict-lru", STANDBY, EVICT, LRU, "ok, ran 1" GONE),
	ROW("standby-close-maps-hash", STANDBY, CLOSE_MAPS, HASH, NULL),
	ROW("standby-close-maps-array", STANDBY, CLOSE_MAPS, ARRAY, NULL),
	ROW("standby-close-program", STANDBY, CLOSE_PROGRAM, HASH, NULL),
	ROW("standby-close-all", STANDBY, CLOSE_ALL, HASH, "ok, ran 1; no program; all freed"),

	ROW("scheduled-delete-hash", SCHEDULED, DELETE, HASH, "ok, ran 0" GONE),
	ROW("scheduled-delete-hash-no-prealloc", SCHEDULED, DELETE, HASH_ALLOC, "ok, ran 0" GONE),
	ROW("scheduled-delete-lru", SCHEDULED, DELETE, LRU, "ok, ran 0" GONE),
	ROW("scheduled-update-array", SCHEDULED, UPDATE, ARRAY, "ok, ran 0" GONE),
	ROW("scheduled-update-hash", SCHEDULED, UPDATE, HASH, "ok, ran 0" GONE),
	ROW("scheduled-update-hash-no-prealloc", SCHEDULED, UPDATE, HASH_ALLOC, "ok, ran 0" GONE),
	ROW("scheduled-update-lru", SCHEDULED, UPDATE, LRU, "ok, ran 0" GONE),
	ROW("scheduled-evict-lru", SCHEDULED, EVICT, LRU, "ok, ran 0" GONE),
	ROW("scheduled-replace-hash", SCHEDULED, REPLACE, HASH, "ok, ran 0" GONE),
	ROW("scheduled-close-maps-hash", SCHEDULED, CLOSE_MAPS, HASH, NULL),
	ROW("scheduled-close-maps-array", SCHEDULED, CLOSE_MAPS, ARRAY, NULL),
	ROW("scheduled-close-maps-lru", SCHEDULED, CLOSE_MAPS, LRU, NULL),
	ROW("scheduled-close-program", SCHEDULED, CLOSE_PROGRAM, HASH, NULL),
	ROW("scheduled-close-program-array", SCHEDULED, CLOSE_PROGRAM, ARRAY, NULL),
	ROW("scheduled-close-all", SCHEDULED, CLOSE_ALL, HASH, "ok, ran 0; no program; all freed"),
	ROW("scheduled-close-all-array", SCHEDULED, CLOSE_ALL, ARRAY,
	    "ok, ran 0; no program; all freed"),

	ROW("running-delete-hash", RUNNING, DELETE, HASH, "ok, ran 1" GONE),
	ROW("running-delete-hash-no-prealloc", RUNNING, DELETE, HASH_ALLOC, "ok, ran 1" GONE),
	ROW("running-delete-lru", RUNNING, DELETE, LRU, "ok, ran 1" GONE),
	ROW("running-update-array", RUNNING, UPDATE, ARRAY, "ok, ran 1" GONE),
	ROW("running-update-hash", RUNNING, UPDATE, HASH, "ok, ran 1" GONE),
	ROW("running-update-lru", RUNNING, UPDATE, LRU, "ok, ran 1" GONE),
	ROW("running-evict-lru", RUNNING, EVICT, LRU, "ok, ran 1" GONE),
	ROW("running-replace-hash", RUNNING, REPLACE, HASH, "ok, ran 1" GONE),
	ROW("running-close-maps-hash", RUNNING, CLOSE_MAPS, HASH, NULL),
	ROW("running-close-maps-array", RUNNING, CLOSE_MAPS, ARRAY, NULL),
	ROW("running-close-program", RUNNING, CLOSE_PROGRAM, HASH, NULL),
	ROW("running-close-all", RUNNING, CLOSE_ALL, HASH, "ok, ran 1; no program; all freed"),
	ROW("running-close-all-array", RUNNING, CLOSE_ALL, ARRAY,
	    "ok, ran 1; no program; all freed"),

	{"task-zombie-signal", NULL, run_task, ZOMBIE, SIGNAL, 0, NULL},
	{"task-zombie-resume", NULL, run_task, ZOMBIE, RESUME, 0, NULL},
	{"task-kthread-signal", NULL, run_task, KTHREAD, SIGNAL, 0, NULL},
	{"task-kthread-resume", NULL, run_task, KTHREAD, RESUME, 0, NULL},
	{"task-stopped-signal", NULL, run_task, STOPPED, SIGNAL, 0, NULL},
	{"task-stopped-resume", NULL, run_task, STOPPED, RESUME, 0, NULL},
	{"task-killed", NULL, run_task, KILLED, RESUME, 0, NULL},
	{"task-exits", NULL, run_task, EXITS, RESUME, 0, NULL},
};

void rows_tw_states(void)
{
	CHECKS_RUN("states", checks);
}
