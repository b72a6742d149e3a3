// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The parent's side of a load. Nothing that the child does or does not do can hold the caller up
 * for longer than the deadline and the grace below.
 */

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "child.h"
#include "enforce.h"
#include "errno-text.h"
#include "load-error.h"
#include "loader-check.h"
#include "loader-data.h"
#include "sys-bpf.h"
#include "test-hooks.h"

/* A process that has been killed may still be at work inside a system call. */
#define GRACE_USEC (2 * 1000 * 1000)
#define FDS_MAX	   (MANIFEST_PROGRAMS_MAX + MANIFEST_MAPS_MAX)

enum ending {
	ENDED_REPORT,	 /* it said how it went */
	ENDED_MUTE,	 /* it lost its socket */
	ENDED_OTHERWISE, /* killed, crashed */
	ENDED_DEADLINE,
};

struct attempt {
	int pidfd;
	int socket;
	enum ending ending;
	struct load_report report;
	unsigned n_fds;
	int fds[FDS_MAX];
};

static void attempt_done(struct attempt *attempt)
{
	for (unsigned i = 0; i < attempt->n_fds; i++)
		safe_close(attempt->fds[i]);
	attempt->n_fds = 0;
	attempt->pidfd = safe_close(attempt->pidfd);
	attempt->socket = safe_close(attempt->socket);
}
#define ATTEMPT_INIT ((struct attempt){.pidfd = -1, .socket = -1})

void loaded_done(struct loaded *loaded)
{
	for (unsigned i = 0; i < loaded->n_programs; i++)
		safe_close(loaded->programs[i]);
	for (unsigned i = 0; i < loaded->n_maps; i++)
		safe_close(loaded->maps[i]);
	*loaded = LOADED_INIT;
}

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Milliseconds for poll(), rounded up; 0 when @end is over. */
static int timeout_msec(uint64_t end)
{
	uint64_t now = now_usec();

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

/* Ends the child. False if it is still there: what it had cannot be trusted to be gone. */
static bool attempt_end(struct attempt *attempt, siginfo_t *ret)
{
	struct pollfd poll_fd = {.fd = attempt->pidfd, .events = POLLIN};
	uint64_t end = now_usec() + GRACE_USEC;
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
			if (attempt->n_fds < FDS_MAX)
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
		char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
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
static void attempt_wait(struct attempt *attempt, uint64_t end)
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
	if (!attempt_end(attempt, &info))
		attempt->ending = ENDED_DEADLINE;
	else if (attempt->ending == ENDED_OTHERWISE && info.si_code == CLD_EXITED &&
		 info.si_status == CHILD_EXIT_MUTE)
		attempt->ending = ENDED_MUTE;
}

static void run_child(const void *userdata)
{
	load_child(userdata);
}

static int attempt_start(struct attempt *attempt, struct load_job *job)
{
	int sockets[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return -errno;
	attempt->socket = sockets[0];
	job->socket = CHILD_SOCKET;
	job->parent = getpid();
	r = child_start(sockets[1], run_child, job, &attempt->pidfd);
	close(sockets[1]);
	return r;
}

/* Tells the gate what the child is, and the child that it may begin. One that has ended already is
 * for attempt_wait() to find. */
static int attempt_admit(struct attempt *attempt, int32_t keyring)
{
	int r = enforce_child_add(attempt->pidfd, keyring);

	if (r < 0 && r != -ESRCH)
		return r;
	if (send(attempt->socket, "", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		return -errno;
	return 0;
}

static int attempt_run(struct attempt *attempt, struct load_job *job, uint64_t end,
		       struct error *error)
{
	char buffer[ERRNO_TEXT_SIZE];
	siginfo_t info;
	int r;

	r = attempt_start(attempt, job);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_LOAD,
				 "cannot start a process to load in: %s", errno_text(-r, buffer));
	r = attempt_admit(attempt, job->input->keyring);
	if (r < 0) {
		attempt_end(attempt, &info);
		return error_set(error, r, ERROR_FAILED, STEP_LOAD,
				 "cannot register the process that loads with the gate: %s",
				 errno_text(-r, buffer));
	}
	attempt_wait(attempt, end);
	return 0;
}

/* What the child handed over must be the declared number of programs and maps, in that order. */
static int attempt_take(struct attempt *attempt, const struct load_input *input, struct loaded *ret,
			struct error *error)
{
	char name[64];

	if (attempt->n_fds != input->n_programs + input->n_maps)
		return error_set(error, -EPROTO, ERROR_ATTESTATION, STEP_ATTEST,
				 "the process that loaded handed over %u objects, not %u",
				 attempt->n_fds, input->n_programs + input->n_maps);
	for (unsigned i = 0; i < attempt->n_fds; i++)
		if (fd_describe(attempt->fds[i], name, sizeof(name)) < 0 ||
		    !streq(name, i < input->n_programs ? FD_PROGRAM : FD_MAP))
			return error_set(error, -EPROTO, ERROR_ATTESTATION, STEP_ATTEST,
					 "object %u that the loader made is no %s", i,
					 i < input->n_programs ? "program" : "map");

	*ret = LOADED_INIT;
	for (unsigned i = 0; i < input->n_programs; i++)
		ret->programs[ret->n_programs++] = attempt->fds[i];
	for (unsigned i = 0; i < input->n_maps; i++)
		ret->maps[ret->n_maps++] = attempt->fds[input->n_programs + i];
	attempt->n_fds = 0;
	return 0;
}

static int attempt_result(struct attempt *attempt, const struct load_job *job, struct loaded *ret,
			  struct error *error)
{
	switch (attempt->ending) {
	case ENDED_REPORT:
		if (attempt->report.stage == STAGE_DONE)
			return attempt_take(attempt, job->input, ret, error);
		return load_error(job->input, &attempt->report, job->log, error);
	case ENDED_MUTE:
		return error_set(
			error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
			"the loader closed or replaced file descriptors that are not its own");
	case ENDED_DEADLINE:
		return error_set(error, -ETIMEDOUT, ERROR_KERNEL, STEP_LOAD,
				 "the loader did not end in time and was stopped");
	default:
		return error_set(
			error, -EPROTO, ERROR_ATTESTATION, STEP_ATTEST,
			"the process that loads ended without a word while the loader ran");
	}
}

/* Would the verifier's log say more? */
static bool attempt_wants_log(const struct attempt *attempt)
{
	const struct load_report *report = &attempt->report;

	if (attempt->ending != ENDED_REPORT || report->offence != OFFENCE_NONE)
		return false;
	/* ENOENT: a target was not found, which no log tells. */
	if (report->stage == STAGE_RESULT)
		return report->errnum != ENOENT;
	return report->stage == STAGE_LOADER &&
	       (report->errnum == EINVAL || report->errnum == EACCES);
}

/* Once more, in a new child, for the log; the errno that counts is that of the first attempt. */
static int attempt_for_log(struct attempt *first, struct load_job *job, uint64_t end,
			   struct loaded *ret, struct error *error)
{
	_cleanup_(attempt_done) struct attempt second = ATTEMPT_INIT;
	char *log;
	int r;

	log = mmap(NULL, LOAD_LOG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (log == MAP_FAILED)
		return attempt_result(first, job, ret, error);
	job->log = log;
	r = attempt_run(&second, job, end, NULL);
	if (r < 0 || second.ending != ENDED_REPORT)
		job->log = NULL;
	else if (second.report.stage == STAGE_DONE)
		first = &second;
	r = attempt_result(first, job, ret, error);
	job->log = NULL;
	munmap(log, LOAD_LOG_SIZE);
	return r;
}

int load_unchecked(const struct load_input *input, uint64_t deadline_usec, struct loaded *ret,
		   struct error *error)
{
	_cleanup_(attempt_done) struct attempt attempt = ATTEMPT_INIT;
	struct load_job job = {.input = input, .socket = -1};
	uint64_t end = now_usec() + deadline_usec;
	int r;

	r = sha256(input->loader.data, input->loader.size, job.loader_digest);
	if (r == 0)
		r = sha256(input->metadata.data, input->metadata.size, job.metadata_digest);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_LOAD, "cannot compute a digest");
	r = attempt_run(&attempt, &job, end, error);
	if (r < 0)
		return r;
	if (attempt_wants_log(&attempt))
		return attempt_for_log(&attempt, &job, end, ret, error);
	return attempt_result(&attempt, &job, ret, error);
}

static int input_check(const struct load_input *input, struct error *error)
{
	int r;

	if (input->contract == CONTRACT_NONE && !input->daemon_only)
		return error_set(error, -EOPNOTSUPP, ERROR_CANNOT_VERIFY, STEP_LOAD,
				 "this kernel cannot verify the signature of a BPF program: see "
				 "'bpfctl status' for the reason");
	if (input->contract != CONTRACT_NONE &&
	    (input->pkcs7.size == 0 || input->pkcs7.size > BUNDLE_KERNEL_SIG_MAX))
		return error_set(
			error, -ENODATA, ERROR_NOT_AUTHENTIC, STEP_LOAD,
			"the bundle has no signature for this kernel (contract v%d): sign it "
			"again with 'bpfctl sign'",
			(int)input->contract);
	if (input->n_programs > MANIFEST_PROGRAMS_MAX || input->n_maps > MANIFEST_MAPS_MAX)
		return error_set(error, -E2BIG, ERROR_BAD_MANIFEST, STEP_LOAD,
				 "more programs or maps than a loader can make");
	/* The kernel's digest of a map is over whole 8 bytes. */
	if (input->metadata.size == 0 || input->metadata.size % 8 != 0)
		return error_set(error, -EINVAL, ERROR_MALFORMED, STEP_LOAD,
				 "the loader's metadata is not a multiple of 8 bytes");
	/* A test may want to see the kernel refuse what this would not let through to it. */
	if (test_hook_skip_authentication())
		return 0;
	r = loader_check(input->loader, error);
	return r < 0 ? r : loader_data_check(input, error);
}

/* Puts the objects of @from behind those of @to, which owns them then. */
static int append(struct loaded *to, struct loaded *from, struct error *error)
{
	if (from->n_programs > MANIFEST_PROGRAMS_MAX - to->n_programs ||
	    from->n_maps > MANIFEST_MAPS_MAX - to->n_maps)
		return error_set(error, -E2BIG, ERROR_BAD_MANIFEST, STEP_LOAD,
				 "more programs or maps than a bundle can hold");
	for (unsigned i = 0; i < from->n_programs; i++)
		to->programs[to->n_programs++] = from->programs[i];
	for (unsigned i = 0; i < from->n_maps; i++)
		to->maps[to->n_maps++] = from->maps[i];
	*from = LOADED_INIT;
	return 0;
}

/* One of several says which it is. */
static int of_payload(unsigned i, unsigned n, int r, struct error *error)
{
	if (r < 0 && n > 1)
		error_prefix(error, "payload %u", i);
	return r;
}

int loader_load(const struct load_input *inputs, unsigned n, uint64_t deadline_usec,
		struct loaded *ret, struct error *error)
{
	uint64_t end = now_usec() + deadline_usec;
	_cleanup_loaded_ struct loaded all = LOADED_INIT;
	int r;

	for (unsigned i = 0; i < n; i++) {
		r = of_payload(i, n, input_check(&inputs[i], error), error);
		if (r < 0)
			return r;
	}
	for (unsigned i = 0; i < n; i++) {
		_cleanup_loaded_ struct loaded one = LOADED_INIT;
		uint64_t now = now_usec();

		if (now >= end)
			r = error_set(error, -ETIMEDOUT, ERROR_KERNEL, STEP_LOAD,
				      "there is no time left to load it");
		else
			r = load_unchecked(&inputs[i], end - now, &one, error);
		if (r == 0)
			r = append(&all, &one, error);
		if (r < 0)
			return of_payload(i, n, r, error);
	}
	*ret = all;
	all = LOADED_INIT;
	return 0;
}
