// SPDX-License-Identifier: LGPL-2.1-or-later
#include "load-attempt.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "child.h"
#include "enforce.h"
#include "oom.h"
#include "sys-bpf.h"

#define OOM_TRIES      100
#define OOM_PAUSE_USEC 50000

void attempt_done(struct attempt *attempt)
{
	for (unsigned i = 0; i < attempt->n_fds; i++)
		safe_close(attempt->fds[i]);
	attempt->n_fds = 0;
	attempt->pidfd = safe_close(attempt->pidfd);
	attempt->socket = safe_close(attempt->socket);
}

uint64_t attempt_now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Milliseconds for poll(), rounded up; 0 when @end is over. */
static int timeout_msec(uint64_t end)
{
	uint64_t now = attempt_now_usec();

	return now >= end ? 0 : (int)MIN((end - now + 999) / 1000, (uint64_t)60 * 1000);
}

/* Waits for any of @fds until @end, however often that is more than one call can wait. */
static int wait_for(struct pollfd *fds, nfds_t n, uint64_t end)
{
	int r;

	do
		r = poll(fds, n, timeout_msec(end));
	while ((r < 0 && errno == EINTR) || (r == 0 && attempt_now_usec() < end));
	return r;
}

/* Waits for a child that does not want to die, in a thread that nobody waits for. */
static void *reap_late(void *arg)
{
	siginfo_t info;
	int pidfd = (int)(intptr_t)arg;

	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
	close(pidfd);
	return NULL;
}

/* Kills the child, which may take until @end. False if it is still there then. */
static bool end_child(struct attempt *attempt, uint64_t end, siginfo_t *ret)
{
	struct pollfd poll_fd = {.fd = attempt->pidfd, .events = POLLIN};
	pthread_attr_t detached;
	pthread_t thread;

	memset(ret, 0, sizeof(*ret));
	enforce_child_remove(attempt->pidfd);
	syscall(SYS_pidfd_send_signal, attempt->pidfd, SIGKILL, NULL, 0);
	if (wait_for(&poll_fd, 1, end) > 0) {
		waitid(P_PIDFD, (id_t)attempt->pidfd, ret, WEXITED | WNOHANG);
		return true;
	}
	if (pthread_attr_init(&detached) == 0) {
		pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
		if (pthread_create(&thread, &detached, reap_late,
				   (void *)(intptr_t)attempt->pidfd) == 0)
			attempt->pidfd = -1;
		pthread_attr_destroy(&detached);
	}
	return false;
}

bool attempt_end(struct attempt *attempt)
{
	siginfo_t info;

	return end_child(attempt, attempt_now_usec() + ATTEMPT_GRACE_USEC, &info);
}

/* Takes over the fds of @message. False when there are more than any load has. */
static bool take_fds(struct attempt *attempt, struct msghdr *message)
{
	bool fit = true;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			fit = fit && attempt->n_fds < ARRAY_SIZE(attempt->fds);
			if (fit)
				attempt->fds[attempt->n_fds++] = fd;
			else
				safe_close(fd);
		}
	}
	return fit &&
	       !(message->msg_flags & MSG_CTRUNC && attempt->n_fds == ARRAY_SIZE(attempt->fds));
}

/* True when a report has come: ENDED_REPORT or, where there was no place for its fds, ENDED_LOST.
 */
static bool receive(struct attempt *attempt)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(attempt->fds))];
	} control;
	struct load_report report;
	struct iovec part = {&report, sizeof(report)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	n = recvmsg(attempt->socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0 || !take_fds(attempt, &message) || n != sizeof(report) ||
	    message.msg_flags & MSG_TRUNC)
		return false;
	attempt->ending = message.msg_flags & MSG_CTRUNC ? ENDED_LOST : ENDED_REPORT;
	attempt->report = report;
	attempt->report.object[sizeof(report.object) - 1] = '\0';
	return true;
}

static uint64_t count_oom_kills(const char *group)
{
	char own[CGROUP_PATH_MAX];
	uint64_t n;

	if (!group)
		group = cgroup_own(own) == 0 ? own : NULL;
	return group && oom_kills(group, &n) == 0 ? n : UINT64_MAX;
}

/* Where memory ran out, there may be too little of it to open the file, until the child's is back.
 */
static bool is_out_of_memory(const struct attempt *attempt)
{
	uint64_t now = count_oom_kills(attempt->group);

	if (attempt->oom_kills == UINT64_MAX)
		return false;
	for (unsigned i = 0; i < OOM_TRIES && now == UINT64_MAX; i++) {
		usleep(OOM_PAUSE_USEC);
		now = count_oom_kills(attempt->group);
	}
	return now != UINT64_MAX && now > attempt->oom_kills;
}

/* What became of a child that ended by itself, before it was killed here. */
static void note_end(struct attempt *attempt, const siginfo_t *info)
{
	attempt->ending = ENDED_OTHERWISE;
	if (info->si_code == CLD_EXITED) {
		attempt->status = info->si_status;
		if (attempt->status == CHILD_EXIT_MUTE)
			attempt->ending = ENDED_MUTE;
		return;
	}
	attempt->ending = ENDED_KILLED;
	attempt->signal = info->si_status;
	attempt->out_of_memory = is_out_of_memory(attempt);
}

/*
 * Waits for the report, the end of the child, or of the time. That the socket ends does not say
 * that the child did (a loader may have closed it), and the child may end without the socket doing
 * so. One that has reported is killed, as it has nothing more to do; how long it takes to be gone
 * is the machine's affair, and the same deadline's.
 */
void attempt_wait(struct attempt *attempt, uint64_t end)
{
	struct pollfd fds[] = {
		{.fd = attempt->pidfd, .events = POLLIN},
		{.fd = attempt->socket, .events = POLLIN},
	};
	bool reported, by_itself = false;
	siginfo_t info;

	reported = wait_for(fds, 2, end) > 0 && receive(attempt);
	if (!reported)
		by_itself = wait_for(fds, 1, end) > 0;
	if (!end_child(attempt, end + ATTEMPT_GRACE_USEC, &info) || (!reported && !by_itself))
		attempt->ending = ENDED_DEADLINE;
	else if (by_itself)
		note_end(attempt, &info);
}

int attempt_start(struct attempt *attempt, void (*run)(const void *userdata), const void *userdata)
{
	int sockets[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return -errno;
	attempt->socket = sockets[0];
	attempt->oom_kills = count_oom_kills(attempt->group);
	r = child_start(sockets[1], run, userdata, &attempt->pidfd);
	close(sockets[1]);
	return r;
}

int attempt_admit(struct attempt *attempt, int32_t keyring)
{
	int r = enforce_child_add(attempt->pidfd, keyring);

	if (r < 0 && r != -ESRCH)
		return r;
	if (send(attempt->socket, "", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		return -errno;
	return 0;
}
