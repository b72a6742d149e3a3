/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The method Load, as far as it needs no kernel that loads. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "front-daemon.h"
#include "front.h"
#include "hung-file.h"

#define SERVICE "org.varlink.service."
#define GATE	"org.bpfgate.Gate."

static struct front_daemon daemon_;

static int start(void **state)
{
	front_daemon_start(&daemon_);
	return 0;
}

static int stop(void **state)
{
	return front_daemon_stop(&daemon_) ? 0 : -1;
}

/* Whatever a client did: the daemon is up, and has kept nothing of it. */
static int tear_down(void **state)
{
	struct json_object *reply;
	int fd = front_connect(&daemon_);

	reply = front_call(fd, SERVICE "GetInfo", NULL, NULL, 0);
	if (!streq(front_get(reply, "parameters.product"), "bpfgated"))
		return -1;
	json_object_put(reply);
	close(fd);
	return front_daemon_is_clean(&daemon_, 0) ? 0 : -1;
}

/* One call on a connection of its own. */
static struct json_object *call(const char *method, const char *parameters, const int *fds,
				unsigned n_fds)
{
	int fd = front_connect(&daemon_);
	struct json_object *reply = front_call(fd, method, parameters, fds, n_fds);

	close(fd);
	assert_non_null(reply);
	return reply;
}

/* ---- Load ---- */

static const char *method = GATE "Load";

static void check_load_parameter(const char *parameters, unsigned n_fds, const char *wrong)
{
	int fds[VARLINK_FDS_IN_MAX];
	struct json_object *reply;

	for (unsigned i = 0; i < n_fds; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	reply = call(method, parameters, fds, n_fds);
	assert_string_equal(front_get(reply, "error"), SERVICE "InvalidParameter");
	assert_string_equal(front_get(reply, "parameters.parameter"), wrong);
	json_object_put(reply);
	for (unsigned i = 0; i < n_fds; i++)
		close(fds[i]);
}

static void check_settings(void)
{
	static const char *const wrong[] = {
		"{}",
		"\"x=1\"",
		"[1]",
		"[null]",
		"[{\"name\":\"x\"}]",
		"[{\"value\":\"1\"}]",
		"[{\"name\":\"x\",\"value\":1}]",
		"[{\"name\":\"x\",\"value\":true}]",
		"[{\"name\":\"x\",\"value\":\"1\",\"z\":1}]",
	};
	_cleanup_free_ char *many = NULL, *wide = NULL, *items = strdup("");

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_free_ char *text = NULL;

		assert_true(asprintf(&text, "{\"bundleFileDescriptor\":0,\"set\":%s}", wrong[i]) >
			    0);
		check_load_parameter(text, 1, "set");
	}
	for (unsigned i = 0; i < 65; i++) {
		_cleanup_free_ char *before = items;

		assert_true(asprintf(&items, "%s%s{\"name\":\"x\",\"value\":\"1\"}", before,
				     i ? "," : "") > 0);
	}
	assert_true(asprintf(&many, "{\"bundleFileDescriptor\":0,\"set\":[%s]}", items) > 0);
	check_load_parameter(many, 1, "set");
	assert_true(asprintf(&wide,
			     "{\"bundleFileDescriptor\":0,\"set\":[{\"name\":\"%0129d\","
			     "\"value\":\"1\"}]}",
			     1) > 0);
	check_load_parameter(wide, 1, "set");
}

static void test_load_parameters(void **state)
{
	static const char fd[] = "bundleFileDescriptor";

	check_load_parameter(NULL, 1, fd);
	check_load_parameter("{\"bundleFileDescriptor\":0}", 0, fd);
	check_load_parameter("{\"bundleFileDescriptor\":0}", 2, fd);
	check_load_parameter("{\"bundleFileDescriptor\":0}", 4, fd);
	check_load_parameter("{\"bundleFileDescriptor\":1}", 1, fd);
	check_load_parameter("{\"bundleFileDescriptor\":-1}", 1, fd);
	check_load_parameter("{\"bundleFileDescriptor\":18446744073709551615}", 1, fd);
	check_load_parameter("{\"bundleFileDescriptor\":0.0}", 1, fd);
	check_load_parameter("{\"bundleFileDescriptor\":0,\"extra\":1}", 1, "extra");
	check_load_parameter("{\"bundleFileDescriptor\":0,\"lifetime\":\"boot\"}", 1, "lifetime");
	check_load_parameter("{\"bundleFileDescriptor\":0,\"lifetime\":1}", 1, "lifetime");
	check_load_parameter("{\"bundleFileDescriptor\":0,\"attach\":{}}", 1, "attach");
	check_load_parameter("{\"bundleFileDescriptor\":0,\"attach\":[1]}", 1, "attach");
	check_load_parameter("{\"bundleFileDescriptor\":0,\"attach\":[null]}", 1, "attach");
	check_load_parameter("{\"bundleFileDescriptor\":0,\"attach\":[{\"program\":\"x\"}]}", 1,
			     "attach");
	check_load_parameter("{\"bundleFileDescriptor\":0,\"attach\":[{\"program\":\"x\","
			     "\"target\":\"y\",\"z\":1}]}",
			     1, "attach");
	check_settings();
}

/* What it has in common with Load, and whom it is about. */
static void test_explain_parameters(void **state)
{
	static const char fd[] = "bundleFileDescriptor";

	method = GATE "Explain";
	check_load_parameter(NULL, 1, fd);
	check_load_parameter("{\"bundleFileDescriptor\":0}", 2, fd);
	check_load_parameter("{\"bundleFileDescriptor\":0,\"extra\":1}", 1, "extra");
	check_load_parameter("{\"bundleFileDescriptor\":0,\"lifetime\":\"boot\"}", 1, "lifetime");
	check_load_parameter("{\"bundleFileDescriptor\":0,\"attach\":[1]}", 1, "attach");
	check_settings();
	check_load_parameter("{\"bundleFileDescriptor\":0,\"uid\":-1}", 1, "uid");
	check_load_parameter("{\"bundleFileDescriptor\":0,\"uid\":4294967295}", 1, "uid");
	check_load_parameter("{\"bundleFileDescriptor\":0,\"uid\":\"root\"}", 1, "uid");
	method = GATE "Load";
}

/* Nobody's key is trusted here: the same refusal as of a load. */
static void test_explain_refusal(void **state)
{
	struct json_object *reply;
	int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, "not a bundle", 12), 12);
	reply = call(GATE "Explain", "{\"bundleFileDescriptor\":0}", &fd, 1);
	assert_string_equal(front_get(reply, "error"), GATE "BundleMalformed");
	assert_string_equal(front_get(reply, "parameters.step"), "authenticate");
	json_object_put(reply);
	close(fd);
}

/* Takes @fd over. */
static void check_load(int fd, const char *error, const char *step)
{
	struct json_object *reply;

	assert_true(fd >= 0);
	reply = call(GATE "Load", "{\"bundleFileDescriptor\":0}", &fd, 1);
	assert_string_equal(front_get(reply, "error"), error);
	assert_string_equal(front_get(reply, "parameters.step"), step);
	assert_true(strlen(front_get(reply, "parameters.message")) > 10);
	json_object_put(reply);
	close(fd);
}

static void test_load_refusals(void **state)
{
	int memfd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING), pipe_fds[2], sockets[2];

	assert_int_equal(write(memfd, "not a bundle", 12), 12);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	check_load(dup(memfd), GATE "BundleMalformed", "authenticate");
	assert_int_equal(
		fcntl(memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
		0);
	check_load(memfd, GATE "BundleMalformed", "authenticate");
	check_load(open("/", O_RDONLY | O_CLOEXEC), GATE "BundleUnreadable", "seal");
	check_load(open("/dev/zero", O_RDONLY | O_CLOEXEC), GATE "BundleUnreadable", "seal");
	check_load(pipe_fds[0], GATE "BundleUnreadable", "seal");
	check_load(pipe_fds[1], GATE "BundleUnreadable", "seal");
	check_load(sockets[0], GATE "BundleUnreadable", "seal");
	close(sockets[1]);
}

/* The daemon's own socket, and the connection itself, are no bundles either. */
static void test_load_of_the_connection(void **state)
{
	static const char text[] =
		"{\"method\":\"" GATE "Load\",\"parameters\":{\"bundleFileDescriptor\":0}}";
	int fd = front_connect(&daemon_);
	struct json_object *reply;

	front_send(fd, text, sizeof(text), &fd, 1);
	reply = front_receive(fd);
	assert_string_equal(front_get(reply, "error"), GATE "BundleUnreadable");
	json_object_put(reply);
	close(fd);
}

/* ---- slow loads ---- */

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

#define LOAD_TEXT "{\"method\":\"" GATE "Load\",\"parameters\":{\"bundleFileDescriptor\":0}}"

static int first_readable(const int *fds, unsigned n)
{
	struct pollfd p[LOADS_USER + 1];

	for (unsigned i = 0; i < n; i++)
		p[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	assert_int_equal(poll(p, n, 4000), 1);
	for (unsigned i = 0; i < n; i++)
		if (p[i].revents)
			return p[i].fd;
	return -1;
}

static void test_slow_load(void **state)
{
	int slow[LOADS_USER + 1], bundle;
	struct hung_file *file;
	struct json_object *reply;
	uint64_t start;

	if (hung_file_new(HUNG_READ | HUNG_GETATTR, &file) < 0)
		skip_as("no FUSE can be mounted here");
	for (unsigned i = 0; i <= LOADS_USER; i++) {
		bundle = hung_file_open(file);
		slow[i] = front_connect(&daemon_);
		front_send(slow[i], LOAD_TEXT, sizeof(LOAD_TEXT), &bundle, 1);
		close(bundle);
	}
	/* one more than a user may have under way, whichever of them is the last to be looked at */
	reply = front_receive(first_readable(slow, LOADS_USER + 1));
	assert_string_equal(front_get(reply, "error"), GATE "Busy");
	json_object_put(reply);
	/* others are answered meanwhile */
	start = now_usec();
	json_object_put(call(GATE "Status", NULL, NULL, 0));
	reply = call(GATE "Unload", "{\"id\":\"0\"}", NULL, 0);
	assert_string_equal(front_get(reply, "error"), GATE "NoSuchLoad");
	json_object_put(reply);
	assert_true(now_usec() - start < 1000000);
	/* clients that go do not wait for their answer; nor does the daemon wait for the file */
	for (unsigned i = 0; i <= LOADS_USER; i++)
		close(slow[i]);
	hung_file_free(file);
}

#define FRONT_TEST(f) cmocka_unit_test_teardown(f, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRONT_TEST(test_load_parameters),	 FRONT_TEST(test_load_refusals),
		FRONT_TEST(test_explain_parameters),	 FRONT_TEST(test_explain_refusal),
		FRONT_TEST(test_load_of_the_connection), FRONT_TEST(test_slow_load),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
