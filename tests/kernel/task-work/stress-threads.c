// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who schedules, who takes elements away, who comes and goes. */
#include <pthread.h>
#include <sys/wait.h>

#include <bpf/bpf.h>

#include "checks.h"
#include "stress.h"

atomic_bool stop, quit;
struct totals totals;

static atomic_uint stable[N_SCHEDULERS]; /* tasks that stay until the end */
static atomic_uint passing[2];		 /* tasks that do not; the second is a kernel thread */
static const char page[4096] = "what a callback copies";

static uint32_t any(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Asleep, but back in user space every now and then. */
static void linger(void)
{
	while (!quit)
		sleep_ms(10);
}

void element_renew(enum kind kind, uint32_t key)
{
	static const enum what doings[] = {NOTHING, COPY, NOTHING, DELETE_ITSELF};
	struct elem elem = {.tag = 1, .address = (uintptr_t)page, .end = ~0ULL};
	uint32_t at = key < KIND_SIZE ? key : KIND_SIZE - 1;

	elem.slot = kind * KIND_SIZE + at;
	elem.what = key < N_KEPT_KEYS ? COPY : doings[at % 4];
	if (element_put(&shared, kind, key, &elem) == 0)
		totals.updated++;
	else
		totals.not_changed++;
}

static void *scheduler(void *p)
{
	atomic_uint *self = p;
	uint32_t seed = (uint32_t)gettid();

	*self = (unsigned)gettid();
	for (unsigned i = 1; !stop; i++) {
		uint32_t key = any(&seed) % KIND_SIZE, target = any(&seed) % (N_SCHEDULERS + 2);
		uint32_t tid;

		if (target < N_SCHEDULERS)
			tid = stable[target];
		else if (key < N_KEPT_KEYS)
			tid = 0;
		else
			tid = passing[target - N_SCHEDULERS];
		schedule(&shared, any(&seed) % N_KINDS, any(&seed) % N_MODES, key, tid);
		getpgid(0);
		/* Two processors are few: the others want to have their turn. */
		if (i % 64 == 0)
			sleep_ms(1);
	}
	linger();
	return NULL;
}

static void *meddler(void *p)
{
	uint32_t seed = (uint32_t)gettid();

	while (!stop) {
		enum kind kind = any(&seed) % N_KINDS;
		uint32_t key = N_KEPT_KEYS + any(&seed) % (KIND_SIZE - N_KEPT_KEYS);

		if (kind == LRU && any(&seed) % 2)
			key = 100 + any(&seed) % 1000;
		if (kind != ARRAY && any(&seed) % 2) {
			if (element_delete(&shared, kind, key) == 0)
				totals.deleted++;
		} else {
			element_renew(kind, key);
		}
	}
	linger();
	return NULL;
}

/* Whole objects: maps and programs come, work is scheduled for tasks that stay, and they go, in
 * three orders. */
static void object_once(uint32_t *seed)
{
	struct subject s;
	bool impl = spellings[1] && (!spellings[0] || any(seed) % 2);

	checks_spelling(impl);
	if (subject_load(&s, NULL) < 0) {
		totals.not_loaded++;
		return;
	}
	for (uint32_t i = 0; i < N_KINDS * KIND_SIZE; i++) {
		struct elem elem = {.slot = i};

		if (element_put(&s, i / KIND_SIZE, i % KIND_SIZE, &elem) == 0)
			schedule(&s, i / KIND_SIZE, i % N_MODES, i % KIND_SIZE,
				 stable[any(seed) % N_SCHEDULERS]);
	}
	if (any(seed) % 3 == 0)
		subject_close_maps(&s);
	else if (any(seed) % 2)
		subject_close_program(&s);
	totals.object_schedules += subject_ok(&s);
	subject_close(&s);
	totals.object_callbacks += subject_finished(&s);
	subject_forget(&s);
	totals.objects++;
}

static void *objects(void *p)
{
	uint32_t seed = 1;

	while (!stop)
		object_once(&seed);
	linger();
	return NULL;
}

static void *tasks(void *p)
{
	while (!stop) {
		pid_t pid = fork();

		if (pid == 0) {
			for (unsigned i = 0; i < 100; i++)
				getpgid(0);
			_exit(0);
		}
		if (pid < 0)
			continue;
		passing[0] = (unsigned)pid;
		waitpid(pid, NULL, 0);
		totals.tasks++;
	}
	linger();
	return NULL;
}

static void *nmis(void *p)
{
	int fd = sysrq_open();

	while (!stop) {
		if (write(fd, "l", 1) == 1)
			totals.nmis++;
		sleep_ms(5);
	}
	close(fd);
	linger();
	return NULL;
}

static pthread_t all[N_SCHEDULERS + 5];
static size_t n_all;

static void start(void *(*thread)(void *), void *p)
{
	must("thread", -pthread_create(&all[n_all++], NULL, thread, p));
}

void threads_start(void)
{
	passing[1] = 2; /* kthreadd: for which work is pending until it is cancelled */
	for (unsigned i = 0; i < N_SCHEDULERS; i++)
		start(scheduler, &stable[i]);
	start(meddler, NULL);
	start(meddler, NULL);
	start(objects, NULL);
	start(tasks, NULL);
	start(nmis, NULL);
}

void threads_join(void)
{
	quit = true;
	while (n_all > 0)
		pthread_join(all[--n_all], NULL);
}
