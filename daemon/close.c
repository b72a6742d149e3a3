/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Things that can block for ever because of a client's file system: close (FUSE is asked to flush,
 * and the caller cannot be killed while it waits) and the end of a child that reads. Each gets a
 * thread of its own; they are counted by user, and a user with too many is no longer served. A user
 * may have many uids (subuid(5)), so there is a limit for all together: what comes then waits until
 * one of the threads is done. What no thread could be started for is remembered, without memory,
 * and tried again.
 */
#include <limits.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "journal.h"
#include "seal.h"

struct account {
	struct account *next;
	uid_t uid;
	unsigned n;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct account *accounts; /* only users with n > 0 */
static unsigned n_all, n_threads;

struct task {
	struct task *next;
	int fd;
	uid_t uid;
	void (*run)(int fd);
};

static struct task *waiting, **waiting_end = &waiting;

/* By the number of the fd: what is left to do with it. LimitNOFILE= is not above this. */
#define LEFT_MAX 65536
static struct {
	void (*run)(int fd);
	uid_t uid;
} left[LEFT_MAX];
static unsigned n_left;
static int left_end; /* above the highest of them */

static struct account **find(uid_t uid)
{
	struct account **a = &accounts;

	while (*a && (*a)->uid != uid)
		a = &(*a)->next;
	return a;
}

/* Lock held. */
static int charge(uid_t uid)
{
	struct account **a = find(uid);

	if (!*a) {
		*a = calloc(1, sizeof(**a));
		if (!*a)
			return -ENOMEM;
		(*a)->uid = uid;
	}
	(*a)->n++;
	n_all++;
	return 0;
}

/* Lock held. */
static void release(uid_t uid)
{
	struct account **a = find(uid), *gone = *a;

	n_all--;
	if (--gone->n == 0) {
		*a = gone->next;
		free(gone);
	}
}

unsigned stuck_count(uid_t uid)
{
	struct account *a;
	unsigned n;

	pthread_mutex_lock(&lock);
	a = *find(uid);
	n = a ? a->n : 0;
	pthread_mutex_unlock(&lock);
	return n;
}

unsigned stuck_count_all(void)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	n = n_all + n_left;
	pthread_mutex_unlock(&lock);
	return n;
}

bool stuck_serves(uid_t uid)
{
	unsigned n = stuck_count(uid), all = stuck_count_all();

	if (uid == 0 || all < STUCK_ALL_MAX)
		return n <= STUCK_DROP_MAX;
	return n == 0 && all < STUCK_ALL_DROP_MAX;
}

/* Lock held. */
static void push_waiting(struct task *task)
{
	*waiting_end = task;
	waiting_end = &task->next;
}

/* Lock held. NULL: the thread has ended, as far as anybody counts. */
static struct task *pop_waiting(void)
{
	struct task *task = waiting;

	if (!task) {
		n_threads--;
		return NULL;
	}
	waiting = task->next;
	if (!waiting)
		waiting_end = &waiting;
	return task;
}

static void *task_main(void *userdata)
{
	struct task *task = userdata;

	while (task) {
		task->run(task->fd);
		pthread_mutex_lock(&lock);
		release(task->uid);
		free(task);
		task = pop_waiting();
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static int start_thread(struct task *task)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN + 16384);
	r = pthread_create(&thread, &attr, task_main, task);
	pthread_attr_destroy(&attr);
	return -r;
}

/* Lock held. Takes @task over on success. */
static int start_locked(struct task *task)
{
	int r;

	r = charge(task->uid);
	if (r < 0)
		return r;
	r = n_threads < STUCK_THREADS_MAX ? start_thread(task) : -EAGAIN;
	if (r == 0) {
		n_threads++;
		return 0;
	}
	if (n_threads == 0) {
		release(task->uid);
		return r;
	}
	push_waiting(task);
	return 0;
}

/* Lock held. */
static int start_task(int fd, uid_t uid, void (*run)(int fd))
{
	struct task *task = malloc(sizeof(*task));
	int r;

	if (!task)
		return -ENOMEM;
	*task = (struct task){NULL, fd, uid, run};
	r = start_locked(task);
	if (r < 0)
		free(task);
	return r;
}

/*
 * Closing it may free all its memory, so it must not have more than a bundle. The size of a sealed
 * one stays as it is.
 */
static bool is_small_memfd(int fd)
{
	struct stat st;

	return fd_is_sealed(fd) && fstat(fd, &st) == 0 && st.st_size <= (off_t)BUNDLE_SIZE_MAX;
}

/* Lock held. */
static void retry(void)
{
	for (int fd = 0; fd < left_end && n_left > 0; fd++) {
		if (!left[fd].run)
			continue;
		if (start_task(fd, left[fd].uid, left[fd].run) < 0)
			return;
		left[fd].run = NULL;
		n_left--;
	}
	left_end = n_left > 0 ? left_end : 0;
}

unsigned stuck_retry(void)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	retry();
	n = n_left;
	pthread_mutex_unlock(&lock);
	return n;
}

unsigned stuck_left(void)
{
	return __atomic_load_n(&n_left, __ATOMIC_RELAXED);
}

/* Lock held. Better a fd too many than a daemon that hangs. */
static void leave(int fd, uid_t uid, void (*run)(int fd), int why)
{
	bool fits = fd < LEFT_MAX;

	if (fits && n_left++ == 0)
		journal_line(
			LOG_WARNING,
			"Cannot start a thread to close a client's file, which is tried again: %s",
			strerror(-why));
	else if (!fits)
		journal_line(LOG_ERR, "Cannot start a thread to close a client's file: %s",
			     strerror(-why));
	if (!fits)
		return;
	left[fd].run = run;
	left[fd].uid = uid;
	left_end = fd < left_end ? left_end : fd + 1;
}

static void start(int fd, uid_t uid, void (*run)(int fd))
{
	int r;

	pthread_mutex_lock(&lock);
	r = start_task(fd, uid, run);
	if (r < 0)
		leave(fd, uid, run, r);
	else
		retry();
	pthread_mutex_unlock(&lock);
}

static void close_now(int fd)
{
	close(fd);
}

void close_async(int fd, uid_t uid)
{
	if (fd < 0)
		return;
	if (is_small_memfd(fd)) {
		close(fd);
		return;
	}
	start(fd, uid, close_now);
}

void close_socket(int fd, uid_t uid)
{
	int n;

	/* nothing more can come in from here on */
	shutdown(fd, SHUT_RD);
	if (ioctl(fd, SIOCINQ, &n) == 0 && n == 0)
		close(fd);
	else
		start(fd, uid, close_now);
}

static void reap_now(int pidfd)
{
	siginfo_t info;

	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
	close(pidfd);
}

void reap_async(int pidfd, uid_t uid)
{
	start(pidfd, uid, reap_now);
}
