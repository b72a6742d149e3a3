/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that are closed although nobody calls close(2): those that come with a message without
 * being wanted, and those in a socket that nobody has read. Closing a file can take its user's
 * time: here it is a TCP socket that lingers, as its peer does not read.
 */
#include "check.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "seal.h"
#include "varlink.h"

#define LINGER_SEC    4
#define AT_ONCE_MSEC  1500
#define MANY	      40
#define UID_OF_CLIENT 4711

struct lingering {
	int closed; /* takes LINGER_SEC to be closed, if it is the last of it */
	int peer;
};

static struct lingering lingering_new(void)
{
	struct linger linger = {.l_onoff = 1, .l_linger = LINGER_SEC};
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(address);
	struct lingering ret;
	char data[65536] = {};

	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	ret.closed = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(ret.closed, (struct sockaddr *)&address, size), 0);
	ret.peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(ret.peer >= 0);
	close(listener);
	while (send(ret.closed, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(setsockopt(ret.closed, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	return ret;
}

static void lingering_done(struct lingering *lingering)
{
	close(lingering->peer);
	/* the thread that closes it */
	while (stuck_count(UID_OF_CLIENT))
		poll(NULL, 0, 10);
}

static int64_t now_msec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* @n times the file, with one byte; the sender has none any more. */
static void send_file(int fd, struct lingering *file, unsigned n)
{
	int fds[MANY];

	for (unsigned i = 0; i < n; i++)
		fds[i] = file->closed;
	assert_int_equal(varlink_send(fd, "{", 1, fds, n), 1);
	/* not its last, so this does not linger */
	close(file->closed);
}

static void close_for_client(int fd, void *userdata)
{
	close_async(fd, UID_OF_CLIENT);
}

static void receive_too_many(unsigned n)
{
	struct lingering file = lingering_new();
	struct varlink_reader reader;
	int ends[2];
	int64_t start;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	varlink_reader_init(&reader, 1000, VARLINK_FDS_IN_MAX);
	reader.close_fd = close_for_client;
	send_file(ends[0], &file, n);
	start = now_msec();
	assert_int_equal(varlink_reader_fill(&reader, ends[1]), -EBADMSG);
	varlink_reader_done(&reader);
	assert_true(now_msec() - start < AT_ONCE_MSEC);
	lingering_done(&file);
	close(ends[0]);
	close(ends[1]);
}

static void test_too_many(void **state)
{
	receive_too_many(VARLINK_FDS_IN_MAX + 1);
	receive_too_many(MANY);
}

static void test_unread(void **state)
{
	struct lingering file = lingering_new();
	int ends[2];
	int64_t start;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	send_file(ends[0], &file, 1);
	start = now_msec();
	close_socket(ends[1], UID_OF_CLIENT);
	assert_true(now_msec() - start < AT_ONCE_MSEC);
	/* it is closed, in time */
	lingering_done(&file);
	close(ends[0]);
}

/* One with nothing in it needs no thread, and nothing can come into it while it is closed. */
static void test_empty(void **state)
{
	struct lingering file = lingering_new();
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	close_socket(ends[1], UID_OF_CLIENT);
	assert_int_equal(stuck_count(UID_OF_CLIENT), 0);
	assert_int_equal(varlink_send(ends[0], "{", 1, &file.closed, 1), -EPIPE);
	close(file.peer);
	close(file.closed);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_unread),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
