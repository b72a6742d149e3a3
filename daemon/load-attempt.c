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
#include "sys-bpf.h"

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

/* Waits for any of @fds until @end. */
static int wait_for(struct pollfd *fds, nfds_t n, uint64_t end)
{
	int r;

	do
		r = poll(fds, n, timeout_msec(end));
	while (r < 0 && errno == EINTR);
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

static bool end_child(struct attempt *attempt, siginfo_t *ret)
{
	struct pollfd poll_fd = {.fd = attempt->pidfd, .events = POLLIN};
	uint64_t end = attempt_now_usec() + ATTEMPT_GRACE_USEC;
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

	return end_child(attempt, &info);
}

/* Takes over the fds of @message. False when it is not as it should be. */
static bool take_fds(struct attempt *attempt, struct msghdr *message)
{
	bool whole = !(message->msg_flags & (MSG_CTRUNC | MSG_TRUNC));

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (attempt->n_fds < ARRAY_SIZE(attempt->fds))
				attempt->fds[attempt->n_fds++] = fd;
			else
				whole = safe_close(fd) >= 0;
		}
	}
	return whole;
}

/* True when a whole report has come. */
static bool attempt_receive(struct attempt *attempt)
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
	if (n < 0 || !take_fds(attempt, &message) || n != sizeof(report))
		return false;
	attempt->report = report;
	attempt->report.object[sizeof(report.object) - 1] = '\0';
	return true;
}

/*
 * Waits for the report, the end of the child, or of the time. That the socket ends does not say
 * that the child did (a loader may have closed it), and the child may end without the socket doing
 * so.
 */
void attempt_wait(struct attempt *attempt, uint64_t end)
{
	struct pollfd fds[] = {
		{.fd = attempt->pidfd, .events = POLLIN},
		{.fd = attempt->socket, .events = POLLIN},
	};
	siginfo_t info;
	int r;

	r = wait_for(fds, 2, end);
	if (r > 0 && attempt_receive(attempt)) {
		attempt->ending = ENDED_REPORT;
	} else {
		if (r > 0)
			r = wait_for(fds, 1, end);
		attempt->ending = r > 0 ? ENDED_OTHERWISE : ENDED_DEADLINE;
	}
	if (!end_child(attempt, &info))
		attempt->ending = ENDED_DEADLINE;
	else if (attempt->ending == ENDED_OTHERWISE && info.si_code == CLD_EXITED &&
		 info.si_status == CHILD_EXIT_MUTE)
		attempt->ending = ENDED_MUTE;
}

int attempt_start(struct attempt *attempt, void (*run)(const void *userdata), const void *userdata)
{
	int sockets[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return -errno;
	attempt->socket = sockets[0];
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
