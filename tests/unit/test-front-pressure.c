/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients who take all that they can get, and a journal that takes nothing: others are served. */
#include "check.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "front-daemon.h"
#include "front.h"

#define SERVICE "org.varlink.service."
#define GATE	"org.bpfgate.Gate."
#define HOLDERS 8 /* of CONNECTIONS_USER each, which is all there are */

static struct front_daemon daemon_;

static int start(void **state)
{
	front_daemon_start(&daemon_);
	/* clients of other users come to the socket in it */
	return chmod(daemon_.folder, 0711);
}

static int stop(void **state)
{
	return front_daemon_stop(&daemon_) ? 0 : -1;
}

/* Runs run() as user @uid in a process of its own. */
static pid_t start_client(uid_t uid, int (*run)(int tell, int wait), int *ret_told, int *ret_end)
{
	int told[2], end[2];
	pid_t pid;

	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	signal(SIGPIPE, SIG_IGN);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(end[1]);
		if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
		    setresuid(uid, uid, uid) < 0)
			_exit(99);
		_exit(run(told[1], end[0]));
	}
	close(told[1]);
	close(end[0]);
	*ret_told = told[0];
	*ret_end = end[1];
	return pid;
}

static int end_client(pid_t pid, int told, int end)
{
	int status;

	/* others have inherited the pipe, so its end would not be seen; it may have ended by itself
	 */
	if (write(end, "", 1) != 1)
		assert_int_equal(errno, EPIPE);
	close(end);
	close(told);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* 0: the daemon answers on @fd. */
static int ask(int fd)
{
	struct json_object *reply = front_call(fd, SERVICE "GetInfo", NULL, NULL, 0);
	int r = streq(front_get(reply, "parameters.product"), "bpfgated") ? 0 : 1;

	json_object_put(reply);
	return r;
}

/* All that a user may have, until told to end; the last one has made a call. */
static int hold_all(int tell, int wait)
{
	int fd = -1;
	char byte;

	for (unsigned i = 0; i < CONNECTIONS_USER; i++)
		fd = front_connect(&daemon_);
	if (ask(fd) || write(tell, "", 1) != 1)
		return 1;
	return read(wait, &byte, 1) < 0 || ask(fd) ? 2 : 0;
}

static int ask_once(int tell, int wait)
{
	int fd = front_connect(&daemon_);

	return ask(fd) || write(tell, "", 1) != 1 ? 1 : 0;
}

static void test_a_place_each(void **state)
{
	int told[HOLDERS], end[HOLDERS], newcomer_told, newcomer_end, status, last = 0;
	pid_t pids[HOLDERS], newcomer;
	char byte;

	if (getuid() != 0)
		skip_as("only root can be many users");
	for (unsigned i = 0; i < HOLDERS; i++) {
		pids[i] = start_client(70000 + i, hold_all, &told[i], &end[i]);
		assert_int_equal(read(told[i], &byte, 1), 1);
	}
	assert_int_equal(HOLDERS * CONNECTIONS_USER, CONNECTIONS_MAX);
	newcomer = start_client(80000, ask_once, &newcomer_told, &newcomer_end);
	status = end_client(newcomer, newcomer_told, newcomer_end);
	/* who was in use last has not been sent away */
	for (unsigned i = 0; i < HOLDERS; i++)
		last |= end_client(pids[i], told[i], end[i]);
	assert_int_equal(status, 0);
	assert_int_equal(last, 0);
	assert_true(front_daemon_is_clean(&daemon_, 0));
}

/* A log that nobody reads: everybody is answered all the same, and so is SIGTERM. */
static void test_a_log_that_blocks(void **state)
{
	struct front_daemon daemon;
	struct json_object *reply;
	int fds[2], fd;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, 4096) >= 4096);
	front_daemon_start_with(&daemon, fds[1]);
	/* rather than for ever */
	alarm(60);
	fd = front_connect(&daemon);
	for (unsigned i = 0; i < 500; i++) {
		reply = front_call(fd, GATE "Unload", "{\"id\":\"0123456789abcdef\"}", NULL, 0);
		assert_string_equal(front_get(reply, "error"), GATE "NoSuchLoad");
		json_object_put(reply);
	}
	assert_int_equal(ask(fd), 0);
	close(fd);
	assert_true(front_daemon_stop(&daemon));
	alarm(0);
	close(fds[0]);
	close(fds[1]);
}

/* Threads close them: who has many that are not closed yet is not let in. One is the journal's. */
static bool many_are_closed(unsigned threads)
{
	for (unsigned i = 0; i < 3000 && front_daemon_threads(&daemon_) > threads + 1; i++)
		usleep(1000);
	return front_daemon_threads(&daemon_) <= threads + 1 && front_daemon_is_clean(&daemon_, 0);
}

static void test_many_fds(void **state)
{
	static const char text[] = "{\"method\":\"" SERVICE "GetInfo\"}";
	unsigned threads = front_daemon_threads(&daemon_);
	int fds[VARLINK_FDS_MAX], fd;

	for (unsigned i = 0; i < VARLINK_FDS_MAX; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (unsigned n = VARLINK_FDS_IN_MAX + 1; n <= VARLINK_FDS_MAX; n += 7) {
		fd = front_connect(&daemon_);
		front_send(fd, text, sizeof(text), fds, n);
		assert_true(front_is_dropped(fd));
		close(fd);
		assert_true(many_are_closed(threads));
	}
	/* few, with a call that takes none: closed */
	fd = front_connect(&daemon_);
	front_send(fd, text, sizeof(text), fds, VARLINK_FDS_IN_MAX);
	json_object_put(front_receive(fd));
	assert_true(front_daemon_is_clean(&daemon_, 1));
	close(fd);
	/* fds in the middle of a message */
	fd = front_connect(&daemon_);
	front_send(fd, text, 5, NULL, 0);
	front_wait_read(fd);
	front_send(fd, text + 5, sizeof(text) - 5, fds, 1);
	assert_true(front_is_dropped(fd));
	close(fd);
	for (unsigned i = 0; i < VARLINK_FDS_MAX; i++)
		close(fds[i]);
	assert_true(many_are_closed(threads));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_place_each, start, stop),
		cmocka_unit_test(test_a_log_that_blocks),
		cmocka_unit_test_setup_teardown(test_many_fds, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
