// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "checks.h"
#include "subject.h"

#define TURN 't'
#define SPIN 's'

/* The other ends of a target's pipes. */
struct ends {
	int in, out;
};

/* Task work that came with a signal interrupts a read. */
static bool receive(int fd, char *ret)
{
	ssize_t n;

	do
		n = read(fd, ret, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static void spin(void)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec < 20000000);
}

static void serve(struct ends *ends)
{
	pid_t tid = gettid();
	char command;

	if (write(ends->out, &tid, sizeof(tid)) != sizeof(tid))
		return;
	while (receive(ends->in, &command)) {
		if (command == SPIN)
			spin();
		getpgid(0);
		if (write(ends->out, "", 1) != 1)
			break;
	}
	close(ends->in);
	close(ends->out);
}

static void *thread_main(void *p)
{
	serve(p);
	free(p);
	return NULL;
}

static struct ends *make_pipes(struct target *t)
{
	struct ends *ends = malloc(sizeof(*ends));
	int to[2], from[2];

	must("memory", ends ? 0 : -ENOMEM);
	must("pipe", pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0 ? -errno : 0);
	*t = (struct target){.in = from[0], .out = to[1]};
	*ends = (struct ends){.in = to[0], .out = from[1]};
	return ends;
}

static bool sleeps(uint32_t tid)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[40], line[400], *state;

	snprintf(path, sizeof(path), "/proc/%u/stat", tid);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f))
		return false;
	state = strrchr(line, ')'); /* the name before it may hold anything */
	return state && strncmp(state, ") S", 3) == 0;
}

/* It has said its number, and goes to sleep. */
static void learn_tid(struct target *t)
{
	bool asleep = false;

	must("target", read(t->in, &t->tid, sizeof(t->tid)) == sizeof(t->tid) ? 0 : -EIO);
	for (unsigned i = 0; i < 10000 && !asleep; i++) {
		sleep_ms(1);
		asleep = sleeps(t->tid);
	}
	must("target", asleep ? 0 : -ETIMEDOUT);
}

int target_thread(struct target *t)
{
	struct ends *ends = make_pipes(t);

	must("thread", -pthread_create(&t->thread, NULL, thread_main, ends));
	learn_tid(t);
	return 0;
}

int target_process(struct target *t)
{
	struct ends *ends = make_pipes(t);

	t->pid = must("fork", fork());
	if (t->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(t->in);
		close(t->out);
		serve(ends);
		_exit(0);
	}
	close(ends->in);
	close(ends->out);
	free(ends);
	learn_tid(t);
	return 0;
}

static void command(struct target *t, char c)
{
	must("target", write(t->out, &c, 1) == 1 ? 0 : -errno);
}

void target_start(struct target *t)
{
	command(t, TURN);
}

void target_spin(struct target *t)
{
	command(t, SPIN);
}

bool target_done(struct target *t, unsigned ms)
{
	struct pollfd p = {.fd = t->in, .events = POLLIN};
	char c;

	return poll(&p, 1, (int)ms) == 1 && receive(t->in, &c);
}

bool target_turn(struct target *t)
{
	target_start(t);
	return target_done(t, 20000);
}

void target_end(struct target *t)
{
	t->out = safe_close(t->out);
	if (t->thread)
		pthread_join(t->thread, NULL);
	if (t->pid)
		waitpid(t->pid, NULL, 0);
	t->in = safe_close(t->in);
}
