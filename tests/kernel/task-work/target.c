// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "checks.h"
#include "subject.h"

/* The other ends of a target's pipes. */
struct ends {
	int in, out;
	const bool *spins;
};

void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must("CPU", sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0);
}

/* Task work that came with a signal interrupts a read. */
static bool receive(int fd)
{
	ssize_t n;
	char c;

	do
		n = read(fd, &c, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static void serve(struct ends *ends)
{
	pid_t tid = gettid();

	if (write(ends->out, &tid, sizeof(tid)) != sizeof(tid))
		return;
	while (receive(ends->in)) {
		if (__atomic_load_n(ends->spins, __ATOMIC_ACQUIRE))
			pin(1);
		while (__atomic_load_n(ends->spins, __ATOMIC_ACQUIRE))
			;
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
	*ends = (struct ends){.in = to[0], .out = from[1], .spins = &t->spins};
	return ends;
}

static void learn_tid(struct target *t)
{
	must("target", read(t->in, &t->tid, sizeof(t->tid)) == sizeof(t->tid) ? 0 : -EIO);
	sleep_ms(20); /* until it sleeps */
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

void target_start(struct target *t)
{
	must("target", write(t->out, "", 1) == 1 ? 0 : -errno);
}

bool target_done(struct target *t, unsigned ms)
{
	struct pollfd p = {.fd = t->in, .events = POLLIN};

	return poll(&p, 1, (int)ms) == 1 && receive(t->in);
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
