// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * taskwork-bench FOLDER RUNS: what bpf_task_work costs. As root, in a guest, where
 * tests/bench/taskwork runs it. FOLDER holds taskwork-bench.bpf.o.
 *
 * Prints one sample a line, WHAT<TAB>NUMBER:
 *
 *   empty      ns of a run of an empty program (a socket filter, by BPF_PROG_TEST_RUN)
 *   first      ns of a call that schedules, on elements without a context: it is allocated
 *   call       ns of a call that schedules, on elements that have one
 *   rate       callbacks a second: one task schedules a thousand for itself and runs them, by turns
 *   latency    ns from the schedule in an NMI to the start of the callback, in a task that spins
 *
 * A call contains the interrupt that it raises and which hands the work to the task, for a system
 * call's program may be interrupted at once. What the loop and the look-up of the element take is
 * measured and subtracted.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/klog.h>
#include <time.h>

#include "../kernel/row.h"
#include "taskwork-bench.h"

#define SYSLOG_ACTION_CONSOLE_LEVEL 8
#define EMPTY_REPEAT		    100000
#define N_NMIS			    1000

static struct bpf_object *object;
static volatile struct results *results;
static atomic_bool stop;

static void load(const char *folder)
{
	char path[4200];
	size_t size;

	snprintf(path, sizeof(path), "%s/taskwork-bench.bpf.o", folder);
	object = bpf_object__open_file(path, NULL);
	must(path, object ? bpf_object__load(object) : -errno);
	results = bpf_map__initial_value(bpf_object__find_map_by_name(object, ".bss"), &size);
}

static int program(const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(object, name));
}

static unsigned long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000000000 + (unsigned long long)t.tv_nsec;
}

static void sample(const char *what, double number)
{
	printf("%s\t%.1f\n", what, number);
}

static void run_empty(void)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = EMPTY_REPEAT);

	must("empty", bpf_prog_test_run_opts(program("empty"), &opts));
	sample("empty", opts.duration);
}

/* ns of a turn of the loop. */
static double run_loop(const char *name)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	must(name, bpf_prog_test_run_opts(program(name), &opts));
	return (double)results->loop / N_ELEMENTS;
}

static void run_calls(const char *what)
{
	double looks = run_loop("only_look"), all = run_loop("schedule_all");

	sample(what, all - looks);
}

static void run_rate(void)
{
	unsigned long long before = results->callbacks, start = now();

	for (unsigned i = 0; i < 20; i++)
		run_loop("schedule_all");
	sample("rate", (double)(results->callbacks - before) * 1e9 / (double)(now() - start));
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must("CPU", sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0);
}

static void *spin(void *p)
{
	pin(1);
	results->spinner = (unsigned)gettid();
	while (!stop)
		;
	return NULL;
}

/*
 * An NMI's backtrace is printed by the next irq_work of its CPU, which is the one that hands over
 * the work: how long a serial port takes for that is no cost of it, and differs with a kernel's
 * printk().
 */
static void set_consoles(const char *on)
{
	glob_t found;

	must("consoles", glob("/sys/class/tty/*/console", 0, NULL, &found) ? -ENOENT : 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		int fd = open(found.gl_pathv[i], O_WRONLY | O_CLOEXEC);

		/* a port that is none has the file, too */
		if (fd < 0 || write(fd, on, 1) < 0)
			continue;
		close(fd);
	}
	globfree(&found);
}

static void run_nmis(void)
{
	struct bpf_link *link =
		bpf_program__attach(bpf_object__find_program_by_name(object, "on_nmi"));
	int fd = must("sysrq", open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC));
	pthread_t thread;

	must("attach", link ? 0 : -errno);
	klogctl(SYSLOG_ACTION_CONSOLE_LEVEL, NULL, 1);
	set_consoles("N");
	must("thread", -pthread_create(&thread, NULL, spin, NULL));
	pin(0);
	for (unsigned i = 0; i < 10 * N_NMIS && results->n_samples < N_NMIS; i++)
		must("sysrq", write(fd, "l", 1) == 1 ? 0 : -errno);
	stop = true;
	pthread_join(thread, NULL);
	bpf_link__destroy(link);
	close(fd);
	set_consoles("Y");
	for (unsigned i = 0; i < results->n_samples && i < N_SAMPLES; i++)
		sample("latency", (double)results->latency[i]);
}

int main(int argc, char **argv)
{
	int runs = argc == 3 ? atoi(argv[2]) : 0;

	if (runs < 1) {
		fprintf(stderr, "usage: taskwork-bench FOLDER RUNS\n");
		return 2;
	}
	load(argv[1]);
	pin(0);
	run_calls("first");
	for (int i = 0; i < runs; i++) {
		run_empty();
		run_calls("call");
		run_rate();
	}
	must("every schedule succeeds", results->failed ? -EBUSY : 0);
	run_nmis();
	return 0;
}
