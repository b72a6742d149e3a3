/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "varlink.h"

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

struct wire {
	struct varlink_reader reader;
	int ours, theirs;
	unsigned n_fds; /* before anything was opened */
};

static int set_up(void **state)
{
	static struct wire wire;
	int pair[2];

	wire.n_fds = count_fds();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	wire.ours = pair[0];
	wire.theirs = pair[1];
	varlink_reader_init(&wire.reader, 1000, VARLINK_FDS_IN_MAX);
	*state = &wire;
	return 0;
}

/* Whatever a test did: nothing of it may stay open. */
static int tear_down(void **state)
{
	struct wire *w = *state;

	varlink_reader_done(&w->reader);
	close(w->ours);
	close(w->theirs);
	return count_fds() == w->n_fds ? 0 : -1;
}

static void send_with(struct wire *w, const char *data, size_t size, unsigned n_fds)
{
	int fds[VARLINK_FDS_MAX] = {};

	for (unsigned i = 0; i < n_fds; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(varlink_send(w->theirs, data, size, fds, n_fds), size);
	for (unsigned i = 0; i < n_fds; i++)
		close(fds[i]);
}

#define SEND(w, text, n_fds) send_with(w, text, sizeof(text) - 1, n_fds)

static int next_number(struct wire *w, struct fd_set_owned *ret_fds)
{
	struct json_object *message = NULL, *value = NULL;
	int r, number = -1;

	r = varlink_reader_next(&w->reader, &message, ret_fds);
	if (r != 1) {
		assert_null(message);
		return r == 0 ? -1 : r;
	}
	if (json_object_object_get_ex(message, "n", &value))
		number = json_object_get_int(value);
	json_object_put(message);
	return number;
}

static void test_byte_by_byte(void **state)
{
	static const char text[] = "{\"n\":7}\0{\"n\":8}";
	struct wire *w = *state;
	struct fd_set_owned fds = {};

	for (size_t i = 0; i < sizeof(text); i++) {
		assert_int_equal(next_number(w, NULL), -1);
		send_with(w, text + i, 1, i == 0 ? 2 : 0);
		assert_int_equal(varlink_reader_fill(&w->reader, w->ours), 1);
		assert_int_equal(varlink_reader_fill(&w->reader, w->ours), -EAGAIN);
		if (i == 7) {
			assert_int_equal(next_number(w, &fds), 7);
			assert_int_equal(fds.n, 2);
			fd_set_close(&fds);
		}
	}
	assert_int_equal(next_number(w, &fds), 8);
	assert_int_equal(fds.n, 0);
	assert_int_equal(next_number(w, NULL), -1);
	assert_null(w->reader.buffer);
}

static void test_pipelined(void **state)
{
	struct wire *w = *state;
	struct fd_set_owned fds = {};

	SEND(w, "{\"n\":1}\0{\"n\":2}\0{\"n\":3", 0);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), 1);
	assert_int_equal(next_number(w, &fds), 1);
	assert_int_equal(next_number(w, &fds), 2);
	assert_int_equal(next_number(w, &fds), -1);
	assert_true(varlink_reader_pending(&w->reader));
	SEND(w, "}\0", 0);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), 1);
	assert_int_equal(next_number(w, &fds), 3);
	close(w->theirs);
	w->theirs = -1;
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), 0);
}

static void test_fds_belong_to_their_message(void **state)
{
	struct wire *w = *state;
	struct fd_set_owned fds = {};

	SEND(w, "{\"n\":1}\0", 3);
	SEND(w, "{\"n\":2}\0", 0);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), 1);
	varlink_reader_fill(&w->reader, w->ours);
	assert_int_equal(next_number(w, &fds), 1);
	assert_int_equal(fds.n, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(fcntl(fds.fds[i], F_GETFD) & FD_CLOEXEC);
	fd_set_close(&fds);
	assert_int_equal(next_number(w, &fds), 2);
	assert_int_equal(fds.n, 0);
}

static void test_fds_unclaimed_are_closed(void **state)
{
	struct wire *w = *state;

	SEND(w, "{\"n\":1}\0", 4);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), 1);
	assert_int_equal(next_number(w, NULL), 1);
	SEND(w, "{\"n\":2}\0", 4);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), 1);
	/* and those of a message that nobody took: tear_down() counts */
}

static unsigned n_closed;

static void count_and_close(int fd, void *userdata)
{
	n_closed++;
	close(fd);
}

static void test_close_callback(void **state)
{
	struct wire *w = *state;

	w->reader.close_fd = count_and_close;
	n_closed = 0;
	SEND(w, "{", 2);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), 1);
	SEND(w, "}\0", 3);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), -EBADMSG);
	assert_int_equal(n_closed, 3);
	varlink_reader_done(&w->reader);
	assert_int_equal(n_closed, 5);
}

static void test_fds_out_of_place(void **state)
{
	struct wire *w = *state;

	/* not with the first byte */
	SEND(w, "{\"n\"", 0);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), 1);
	SEND(w, ":1}\0", 1);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), -EBADMSG);
}

static void test_fds_glued(void **state)
{
	struct wire *w = *state;

	/* both halves are there when the daemon looks: the kernel could give them in one go */
	SEND(w, "{\"n\"", 0);
	SEND(w, ":1}\0", 1);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), -EBADMSG);
}

static void test_fds_around_another(void **state)
{
	struct wire *w = *state;

	SEND(w, "{\"n\":1}\0", 0);
	SEND(w, "{\"n\":2}\0", 1);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), -EBADMSG);
}

static void test_fds_behind_unread(void **state)
{
	struct wire *w = *state;

	SEND(w, "{\"n\":1}\0", 1);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), 1);
	SEND(w, "{\"n\":2}\0", 1);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), -EBADMSG);
}

static void test_too_many_fds(void **state)
{
	struct wire *w = *state;

	for (unsigned n = VARLINK_FDS_IN_MAX; n < 12; n++) {
		struct fd_set_owned fds = {};

		SEND(w, "{\"n\":1}\0", n);
		if (n > VARLINK_FDS_IN_MAX) {
			assert_int_equal(varlink_reader_fill(&w->reader, w->ours), -EBADMSG);
			continue;
		}
		assert_int_equal(varlink_reader_fill(&w->reader, w->ours), 1);
		assert_int_equal(next_number(w, &fds), 1);
		assert_int_equal(fds.n, n);
		fd_set_close(&fds);
	}
}

/* Not the sender's fault: the receiver has no number left for them. */
static void test_no_place_for_fds(void **state)
{
	struct wire *w = *state;
	struct rlimit limit, low;
	char rest[64];
	int next, r;

	SEND(w, "{\"n\":1}\0", 2);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	next = dup(w->ours);
	assert_true(next >= 0);
	close(next);
	/* one of the two finds a place, or none */
	for (int places = 1; places >= 0; places--) {
		low = (struct rlimit){(rlim_t)next + places, limit.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		r = varlink_reader_fill(&w->reader, w->ours);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(r, -EMFILE);
		assert_int_equal(dup(w->ours), next);
		close(next);
		varlink_reader_done(&w->reader);
		varlink_reader_init(&w->reader, VARLINK_MESSAGE_MAX, VARLINK_FDS_IN_MAX);
		while (recv(w->ours, rest, sizeof(rest), MSG_DONTWAIT) > 0)
			;
		SEND(w, "{\"n\":1}\0", 2);
	}
}

static void test_no_fds_wanted(void **state)
{
	struct wire *w = *state;

	varlink_reader_init(&w->reader, 1000, 0);
	SEND(w, "{\"n\":1}\0", 1);
	assert_int_equal(varlink_reader_fill(&w->reader, w->ours), -EBADMSG);
}

static void test_too_long(void **state)
{
	char text[1001];
	struct wire *w = *state;
	int r;

	memset(text, ' ', sizeof(text));
	memcpy(text, "{\"n\":9}", 7);
	text[1000] = 0;
	send_with(w, text, 1001, 0);
	while ((r = varlink_reader_fill(&w->reader, w->ours)) == 1)
		;
	assert_int_equal(r, -ENOBUFS);
	assert_int_equal(next_number(w, NULL), 9);

	text[1000] = ' ';
	send_with(w, text, 1001, 0);
	while ((r = varlink_reader_fill(&w->reader, w->ours)) == 1)
		assert_int_equal(next_number(w, NULL), -1);
	assert_int_equal(r, -EMSGSIZE);
}

static void test_not_json(void **state)
{
	static const char *const bad[] = {
		"", " ", "[]", "1", "null", "{", "{}{}", "{\"a\":\"\xff\"}", "{\"a\":1,\"a\":2}"};
	struct wire *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		send_with(w, bad[i], strlen(bad[i]) + 1, 0);
		assert_int_equal(varlink_reader_fill(&w->reader, w->ours), 1);
		assert_int_equal(next_number(w, NULL), -EBADMSG);
		varlink_reader_done(&w->reader);
	}
}

static int parse_call(const char *text, struct varlink_call *ret, struct json_object **ret_message)
{
	assert_int_equal(json_parse(text, strlen(text), 1000, ret_message, NULL, NULL), 0);
	return varlink_call_parse(*ret_message, ret);
}

static void test_call_parse(void **state)
{
	static const struct {
		const char *text;
		bool parameters, oneway;
	} good[] = {
		{"{\"method\":\"a.b.C\"}", false, false},
		{"{\"method\":\"a.b.C\",\"parameters\":null,\"oneway\":null}", false, false},
		{"{\"method\":\"a.b.C\",\"parameters\":{}}", false, false},
		{"{\"method\":\"a.b.C\",\"parameters\":{\"x\":1},\"oneway\":true}", true, true},
		{"{\"method\":\"a.b.C\",\"oneway\":true,\"more\":false}", false, true},
		{"{\"method\":\"a.b.C\",\"com.example\":{\"x\":1},\"org.example\":{}}", false,
		 false},
	};
	static const char *const bad[] = {
		"{}",
		"{\"method\":1}",
		"{\"method\":null}",
		"{\"method\":\"a.b.C\",\"parameters\":[]}",
		"{\"method\":\"a.b.C\",\"parameters\":\"\"}",
		"{\"method\":\"a.b.C\",\"extra\":null}",
		"{\"method\":\"a.b.C\",\"x-extra\":{}}",
		"{\"method\":\"a.b.C\",\"com.example\":1}",
		"{\"method\":\"a.b.C\",\"oneway\":1}",
		"{\"method\":\"a.b.C\",\"oneway\":true,\"more\":true}",
		"{\"method\":\"a.b.C\",\"upgrade\":true,\"more\":true}",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		struct json_object *message = NULL;
		struct varlink_call call;

		assert_int_equal(parse_call(good[i].text, &call, &message), 0);
		assert_string_equal(call.method, "a.b.C");
		assert_int_equal(!!call.parameters, good[i].parameters);
		assert_int_equal(call.oneway, good[i].oneway);
		json_object_put(message);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct json_object *message = NULL;
		struct varlink_call call;

		if (parse_call(bad[i], &call, &message) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
		json_object_put(message);
	}
}

static void test_reply(void **state)
{
	struct json_object *parameters = json_object_new_object(), *message = NULL;
	struct varlink_reply reply;
	char *text = NULL;
	size_t size = 0;

	assert_int_equal(json_add(parameters, "path", json_object_new_string("/a/b")), 0);
	assert_int_equal(varlink_format_reply("x.y.Z", parameters, &text, &size), 0);
	assert_string_equal(text, "{\"error\":\"x.y.Z\",\"parameters\":{\"path\":\"/a/b\"}}");
	assert_int_equal(size, strlen(text) + 1);
	assert_int_equal(json_parse(text, size - 1, size, &message, NULL, NULL), 0);
	assert_int_equal(varlink_reply_parse(message, &reply), 0);
	assert_string_equal(reply.error, "x.y.Z");
	assert_non_null(reply.parameters);
	json_object_put(message);
	json_object_put(parameters);
	free(text);

	assert_int_equal(varlink_format_reply(NULL, NULL, &text, &size), 0);
	assert_string_equal(text, "{}");
	free(text);
	assert_int_equal(varlink_format_call("a.b.C", NULL, false, &text, &size), 0);
	assert_string_equal(text, "{\"method\":\"a.b.C\"}");
	free(text);

	message = json_tokener_parse("{\"error\":\"x.y.Z\",\"continues\":true}");
	assert_int_equal(varlink_reply_parse(message, &reply), -EBADMSG);
	json_object_put(message);
}

static void test_fd_set_take(void **state)
{
	struct fd_set_owned set = {.n = 2, .fds = {dup(0), dup(0)}};
	int fd = fd_set_take(&set, 1);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(fd_set_take(&set, 1), -EBADF);
	assert_int_equal(fd_set_take(&set, 2), -EBADF);
	assert_int_equal(fd_set_take(&set, UINT64_MAX), -EBADF);
	fd_set_close(&set);
	assert_int_equal(fd_set_take(&set, 0), -EBADF);
}

#define WIRE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WIRE_TEST(test_byte_by_byte),
		WIRE_TEST(test_pipelined),
		WIRE_TEST(test_fds_belong_to_their_message),
		WIRE_TEST(test_fds_unclaimed_are_closed),
		WIRE_TEST(test_close_callback),
		WIRE_TEST(test_fds_out_of_place),
		WIRE_TEST(test_fds_glued),
		WIRE_TEST(test_fds_around_another),
		WIRE_TEST(test_fds_behind_unread),
		WIRE_TEST(test_too_many_fds),
		WIRE_TEST(test_no_place_for_fds),
		WIRE_TEST(test_no_fds_wanted),
		WIRE_TEST(test_too_long),
		WIRE_TEST(test_not_json),
		cmocka_unit_test(test_call_parse),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_fd_set_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
