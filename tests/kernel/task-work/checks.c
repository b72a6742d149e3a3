// SPDX-License-Identifier: LGPL-2.1-or-later
#include "checks.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <time.h>

#include <bpf/libbpf.h>

#define SYSLOG_ACTION_CONSOLE_LEVEL 8

#define N_KEPT 1024
#define ANSWER 200

/* What was answered in the first spelling, by all groups (each is a process): the other must agree.
 */
static struct kept {
	char name[80];
	char answer[ANSWER];
} * kept;

static bool spelling_impl;
static char current[ANSWER];

void answer(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(current, sizeof(current), format, ap);
	va_end(ap);
}

void answer_result(int result)
{
	answer("%s", answer_name(result));
}

void checks_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must("CPU", sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0);
}

const char *checks_object(const char *name)
{
	static char path[4300];

	snprintf(path, sizeof(path), "%s/task-work-%s%s.bpf.o", options.directory, name,
		 spelling_impl ? "-impl" : "");
	return path;
}

void checks_spelling(bool impl)
{
	spelling_impl = impl;
}

static int output(enum libbpf_print_level level, const char *format, va_list ap)
{
	return options.verbose ? vfprintf(stderr, format, ap) : 0;
}

void checks_init(void)
{
	kept = mmap(NULL, N_KEPT * sizeof(*kept), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must("memory", kept == MAP_FAILED ? -errno : 0);
	libbpf_set_print(output);
}

/* By trying: 7.2 has a function of the other spelling, but not for programs. */
bool checks_spelling_exists(void)
{
	struct bpf_object *object = bpf_object__open_file(checks_object("work"), NULL);
	int r;

	must(checks_object("work"), object ? 0 : -errno);
	r = bpf_object__load(object);
	bpf_object__close(object);
	return r == 0;
}

static struct kept *find_kept(const char *name)
{
	for (unsigned i = 0; i < N_KEPT; i++) {
		if (!kept[i].name[0])
			snprintf(kept[i].name, sizeof(kept[i].name), "%s", name);
		if (streq(kept[i].name, name))
			return &kept[i];
	}
	must("room for answers", -ENOSPC);
	return NULL;
}

static void run(const struct check *check, const char *group, bool exists)
{
	char name[80], full[120];
	struct kept *first;
	const char *expected = check->expected;

	snprintf(name, sizeof(name), "%s/%s", group, check->name);
	snprintf(full, sizeof(full), "task-work%s/%s", spelling_impl ? "-impl" : "", name);
	if (!exists) {
		row_skip(full, spelling_impl ? "no bpf_task_work_schedule_signal_impl here"
					     : "no bpf_task_work_schedule_signal here");
		return;
	}
	answer("no answer");
	check->run(check);
	first = find_kept(name);
	if (!spelling_impl)
		snprintf(first->answer, sizeof(first->answer), "%s", current);
	else if (!expected && first->answer[0] && strncmp(first->answer, "skip: ", 6) != 0)
		expected = first->answer;
	row(full, expected, "%s", current);
}

void checks_run(const char *group, const struct check *checks, size_t n)
{
	bool exists = checks_spelling_exists();

	for (size_t i = 0; i < n; i++)
		run(&checks[i], group, exists);
}

int sysrq_open(void)
{
	klogctl(SYSLOG_ACTION_CONSOLE_LEVEL, NULL, 1);
	return must("sysrq", open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC));
}

void sleep_ms(unsigned ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&t, NULL);
}

bool wait_for(const volatile unsigned *value, unsigned wanted, unsigned ms)
{
	for (unsigned i = 0; i < ms && *value != wanted; i++)
		sleep_ms(1);
	return *value == wanted;
}
