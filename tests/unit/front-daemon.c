/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "front-daemon.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "front.h"
#include "journal.h"
#include "testkeys.h"

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "front-daemon: %s: %m\n", what);
	abort();
}

static unsigned count(pid_t pid, const char *what)
{
	char path[32];
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	dir = opendir(path);
	require(dir, path);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* What main.c does, but for options, capabilities and the log. */
static int daemon_main(const char *folder, int ready, int log)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ char *keys = strdup(test_path(folder, "keys"));
	_cleanup_free_ char *policy = strdup(test_path(folder, "policy"));
	const char *const policy_dirs[] = {policy, NULL};
	_cleanup_free_ char *store = strdup(test_path(folder, "store"));
	_cleanup_free_ char *revoked = strdup(test_path(folder, "revoked"));
	struct gate gate = {.configuration = {.keys_dir = keys,
					      .revoked_dir = revoked,
					      .floors = {.dir = store},
					      .policy_dirs = policy_dirs,
					      .owner = geteuid()}};
	sd_event *event = NULL;
	struct front *front;
	sigset_t set;
	int fd, r;

	require(log < 0 ? !!freopen("/dev/null", "w", stderr)
			: dup2(log, STDERR_FILENO) == STDERR_FILENO,
		"stderr");
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (sd_event_new(&event) < 0 || sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL) < 0 ||
	    listen_open(test_path(folder, "s"), &fd, &error) < 0 ||
	    gate_setup(&gate, test_path(folder, "state"), &error) < 0 ||
	    front_new(event, &gate, fd, &front) < 0)
		return 10;
	front->stall_usec = FRONT_STALL_USEC;
	/* its thread opens files for a moment, and what is open will be counted */
	journal_flush(JOURNAL_FLUSH_USEC);
	require(write(ready, "", 1) == 1, "ready");
	close(ready);
	r = sd_event_loop(event);
	if (!front_free(front, 5 * 1000 * 1000))
		return 11;
	gate_done(&gate);
	sd_event_unref(event);
	return r < 0 ? 12 : 0;
}

void front_daemon_start(struct front_daemon *daemon)
{
	front_daemon_start_with(daemon, -1);
}

void front_daemon_start_with(struct front_daemon *daemon, int log)
{
	int ready[2];
	char byte;

	daemon->folder = test_folder_new();
	require(mkdir(test_path(daemon->folder, "keys"), 0755) == 0, "keys");
	require(mkdir(test_path(daemon->folder, "policy"), 0755) == 0, "policy");
	require(pipe2(ready, O_CLOEXEC) == 0, "pipe");
	fflush(NULL);
	daemon->pid = fork();
	if (daemon->pid == 0) {
		close(ready[0]);
		/* exit() and not _exit(): leaks are looked for there */
		exit(daemon_main(daemon->folder, ready[1], log));
	}
	close(ready[1]);
	require(read(ready[0], &byte, 1) == 1, "the daemon did not start");
	require(read(ready[0], &byte, 1) == 0, "the daemon did not close its end");
	close(ready[0]);
	daemon->n_fds = count(daemon->pid, "fd");
}

bool front_daemon_stop(struct front_daemon *daemon)
{
	int status;

	kill(daemon->pid, SIGTERM);
	require(waitpid(daemon->pid, &status, 0) == daemon->pid, "waitpid");
	test_folder_remove(daemon->folder);
	if (status)
		fprintf(stderr, "the daemon ended with status 0x%x\n", status);
	return status == 0;
}

bool front_daemon_is_clean(const struct front_daemon *daemon, unsigned n)
{
	unsigned found = 0;

	for (unsigned i = 0; i < 300; i++) {
		found = count(daemon->pid, "fd");
		if (found == daemon->n_fds + n)
			return true;
		usleep(10000);
	}
	fprintf(stderr, "%u fds, expected %u\n", found, daemon->n_fds + n);
	return false;
}

unsigned front_daemon_threads(const struct front_daemon *daemon)
{
	return count(daemon->pid, "task");
}

int front_connect(const struct front_daemon *daemon)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {5, 0};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", test_path(daemon->folder, "s"));
	require(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "connect");
	require(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0,
		"SO_RCVTIMEO");
	return fd;
}

/* A daemon that hangs up meanwhile is what some tests are for. */
void front_send(int fd, const void *data, size_t size, const int *fds, unsigned n_fds)
{
	const char *at = data;

	while (size) {
		ssize_t n = varlink_send(fd, at, size, fds, n_fds);

		if (n == -EPIPE || n == -ECONNRESET)
			return;
		require(n > 0, "send");
		at += n;
		size -= (size_t)n;
		n_fds = 0;
	}
}

struct json_object *front_receive(int fd)
{
	static char buffer[1024 * 1024];
	struct json_object *reply = NULL;
	size_t size = 0;
	ssize_t n;

	/* byte by byte: what follows belongs to the next */
	do {
		n = recv(fd, buffer + size, 1, 0);
		require(n >= 0 || errno == ECONNRESET, "receive");
		if (n <= 0)
			return NULL;
	} while (buffer[size++]);
	require(json_parse(buffer, size - 1, sizeof(buffer), &reply, NULL, NULL) == 0, "reply");
	return reply;
}

void front_wait_read(int fd)
{
	int unread = 1;

	for (unsigned i = 0; i < 5000 && unread > 0; i++) {
		require(ioctl(fd, SIOCOUTQ, &unread) == 0, "SIOCOUTQ");
		usleep(1000);
	}
	require(unread == 0, "the daemon does not read");
}

bool front_is_dropped(int fd)
{
	struct json_object *reply = front_receive(fd);

	if (reply)
		fprintf(stderr, "not dropped: %s\n", json_object_to_json_string(reply));
	json_object_put(reply);
	return !reply;
}

struct json_object *front_call(int fd, const char *method, const char *parameters, const int *fds,
			       unsigned n_fds)
{
	char text[4096];
	int n = snprintf(text, sizeof(text), "{\"method\":\"%s\",\"parameters\":%s}", method,
			 parameters ?: "null");

	front_send(fd, text, (size_t)n + 1, fds, n_fds);
	return front_receive(fd);
}

const char *front_get(struct json_object *reply, const char *path)
{
	static char copy[128];
	struct json_object *value = reply;
	char *name, *rest;

	snprintf(copy, sizeof(copy), "%s", path);
	for (name = strtok_r(copy, ".", &rest); name; name = strtok_r(NULL, ".", &rest))
		if (!json_object_is_type(value, json_type_object) ||
		    !json_object_object_get_ex(value, name, &value))
			return "";
	return json_object_get_string(value) ?: "";
}
