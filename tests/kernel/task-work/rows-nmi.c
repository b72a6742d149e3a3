// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A thousand non-maskable interrupts and more hit a task that spins, and a program schedules work
 * for it from each. Every one must be accounted for: it was refused with an error, or its callback
 * ran.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "checks.h"
#include "subject.h"

static struct subject s;
static atomic_bool stop;
static atomic_uint spinner;

static void *spin(void *p)
{
	checks_pin(1);
	spinner = (unsigned)gettid();
	while (!stop)
		;
	return NULL;
}

/* NMIs of all processors since boot. */
static unsigned long long nmis(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/interrupts", "re");
	unsigned long long sum = 0, n;
	char line[512], *p;
	int used;

	while (f && fgets(line, sizeof(line), f)) {
		p = strstr(line, "NMI:");
		if (!p)
			continue;
		for (p += 4; sscanf(p, "%llu%n", &n, &used) == 1; p += used)
			sum += n;
	}
	return sum;
}

/* The backtraces, which are what they are asked for, are not wanted: a serial console is slow. */
static void inject(unsigned long long wanted)
{
	int fd = sysrq_open();
	unsigned long long start = nmis();
	time_t began = time(NULL);

	checks_pin(0);
	/* A processor that does not answer costs ten seconds each. */
	for (unsigned i = 0; i < 10 * wanted && time(NULL) - began < 300; i++) {
		if (write(fd, "l", 1) != 1)
			break;
		if (i % 100 == 99 && nmis() - start >= wanted &&
		    __atomic_load_n(&s.globals->counts.hits, __ATOMIC_RELAXED) >= wanted)
			break;
	}
	close(fd);
}

static void say(unsigned long long wanted, unsigned long long injected, unsigned long long ran)
{
	const struct counts *counts = &s.globals->counts;
	unsigned long long errors = 0, ok = subject_ok(&s);
	char text[200] = "";

	for (int i = 0; i < N_ERRNOS; i++) {
		size_t n = strlen(text);

		if (!counts->errors[i])
			continue;
		errors += counts->errors[i];
		snprintf(text + n, sizeof(text) - n, ", %llu %s", counts->errors[i],
			 answer_name(-i));
	}
	note("%llu NMIs, %llu hits, %llu schedules, %llu callbacks%s", injected, counts->hits, ok,
	     ran, text);
	if (injected < wanted || counts->hits < wanted || ok == 0)
		answer("too few: %llu NMIs, %llu hits, %llu schedules", injected, counts->hits, ok);
	else if (counts->hits != ok + errors)
		answer("%llu hits without an answer", counts->hits - ok - errors);
	else if (ran != ok)
		answer("%llu schedules, but %llu callbacks", ok, ran);
	else
		answer("all accounted for");
}

static void run(const struct check *check)
{
	unsigned long long wanted = options.tries < 1000 ? options.tries / 3 : 1000, before;
	enum kind kind = check->a;
	pthread_t thread;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		answer("skip: needs two processors");
		return;
	}
	must("load", subject_load(&s, "from_nmi_counted"));
	for (uint32_t key = 0; key < KIND_SIZE; key++)
		must("element", element_set(&s, kind, key, NOTHING, NULL));
	s.globals->request = (struct request){.kind = kind, .mode = check->b};
	s.link =
		bpf_program__attach(bpf_object__find_program_by_name(s.object, "from_nmi_counted"));
	must("attach", s.link ? 0 : -errno);
	stop = false;
	spinner = 0;
	must("thread", -pthread_create(&thread, NULL, spin, NULL));
	while (!spinner)
		sleep_ms(10);
	before = nmis();
	s.globals->counts.tid = spinner;
	inject(wanted);
	s.globals->counts.tid = 0;
	sleep_ms(200);
	before = nmis() - before;
	stop = true;
	pthread_join(thread, NULL);
	say(wanted, before, subject_quiet(&s, subject_ok(&s)));
	subject_close(&s);
}

static const struct check checks[] = {
	{"array-signal", "all accounted for", run, ARRAY, SIGNAL, 0, NULL},
	{"array-resume", "all accounted for", run, ARRAY, RESUME, 0, NULL},
	{"hash-signal", "all accounted for", run, HASH, SIGNAL, 0, NULL},
	{"lru-resume", "all accounted for", run, LRU, RESUME, 0, NULL},
};

void rows_tw_nmi(void)
{
	CHECKS_RUN("nmi", checks);
}
