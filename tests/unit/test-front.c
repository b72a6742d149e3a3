/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <time.h>

#include "front-daemon.h"
#include "front.h"
#include "testkeys.h"

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

static void check_error_reply(const char *method, const char *parameters, const char *error,
			      const char *member, const char *value)
{
	struct json_object *reply = call(method, parameters, NULL, 0);
	char path[64];

	assert_string_equal(front_get(reply, "error"), error);
	snprintf(path, sizeof(path), "parameters.%s", member);
	assert_string_equal(front_get(reply, path), value);
	json_object_put(reply);
}

/* ---- what is served ---- */

static void test_get_info(void **state)
{
	struct json_object *reply = call(SERVICE "GetInfo", NULL, NULL, 0);

	assert_string_equal(front_get(reply, "error"), "");
	assert_string_equal(front_get(reply, "parameters.version"), BPFGATE_VERSION);
	assert_string_equal(front_get(reply, "parameters.interfaces"),
			    "[ \"org.bpfgate.Gate\", \"org.varlink.service\" ]");
	json_object_put(reply);
}

static void test_get_interface_description(void **state)
{
	static const char *const parts[] = {"interface org.bpfgate.Gate\n",
					    "method Load(bundleFileDescriptor: int",
					    "error KernelRefused ("};
	struct json_object *reply;

	reply = call(SERVICE "GetInterfaceDescription", "{\"interface\":\"org.bpfgate.Gate\"}",
		     NULL, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
		assert_non_null(strstr(front_get(reply, "parameters.description"), parts[i]));
	json_object_put(reply);
	reply = call(SERVICE "GetInterfaceDescription", "{\"interface\":\"org.varlink.service\"}",
		     NULL, 0);
	assert_non_null(strstr(front_get(reply, "parameters.description"),
			       "interface org.varlink.service\n"));
	json_object_put(reply);
}

static void test_status(void **state)
{
	struct json_object *reply = call(GATE "Status", "{}", NULL, 0);
	char uid[16];

	snprintf(uid, sizeof(uid), "%u", getuid());
	assert_string_equal(front_get(reply, "parameters.uid"), uid);
	assert_string_equal(front_get(reply, "parameters.loads"), "0");
	assert_string_equal(front_get(reply, "parameters.keys"), "[ ]");
	assert_string_equal(front_get(reply, "parameters.policy.denyAll"), "false");
	assert_string_equal(front_get(reply, "parameters.floors.denyAll"), "false");
	assert_string_equal(front_get(reply, "parameters.unsafeDaemonOnly"), "false");
	json_object_put(reply);
	reply = call(GATE "List", NULL, NULL, 0);
	assert_string_equal(front_get(reply, "parameters.loads"), "[ ]");
	json_object_put(reply);
}

static void test_standard_errors(void **state)
{
	static const struct {
		const char *method, *parameters, *error, *member, *value;
	} cases[] = {
		{"Nothing", NULL, "InterfaceNotFound", "interface", "Nothing"},
		{"", NULL, "InterfaceNotFound", "interface", ""},
		{".", NULL, "InterfaceNotFound", "interface", ""},
		{"org.example.X", NULL, "InterfaceNotFound", "interface", "org.example"},
		{"org.bpfgate.gate.Load", NULL, "InterfaceNotFound", "interface",
		 "org.bpfgate.gate"},
		{GATE "Nothing", NULL, "MethodNotFound", "method", GATE "Nothing"},
		{GATE "load", NULL, "MethodNotFound", "method", GATE "load"},
		{GATE, NULL, "MethodNotFound", "method", GATE},
		{SERVICE "GetInfo", "{\"x\":1}", "InvalidParameter", "parameter", "x"},
		{SERVICE "GetInterfaceDescription", NULL, "InvalidParameter", "parameter",
		 "interface"},
		{SERVICE "GetInterfaceDescription", "{\"interface\":\"a.b\"}", "InterfaceNotFound",
		 "interface", "a.b"},
		{GATE "List", "{\"all\":true}", "InvalidParameter", "parameter", "all"},
		{GATE "Status", "{\"x\":null}", "InvalidParameter", "parameter", "x"},
		{GATE "Unload", NULL, "InvalidParameter", "parameter", "id"},
		{GATE "Unload", "{\"id\":7}", "InvalidParameter", "parameter", "id"},
		{GATE "Describe", "{\"id\":\"x\",\"openMaps\":1}", "InvalidParameter", "parameter",
		 "openMaps"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		char error[64];

		snprintf(error, sizeof(error), SERVICE "%s", cases[i].error);
		check_error_reply(cases[i].method, cases[i].parameters, error, cases[i].member,
				  cases[i].value);
	}
	check_error_reply(GATE "Unload", "{\"id\":\"0123456789abcdef\"}", GATE "NoSuchLoad", "id",
			  "0123456789abcdef");
	check_error_reply(GATE "Unload", "{\"id\":\"a-name-that-is-longer\"}", GATE "NoSuchLoad",
			  "id", "a-name-that-is-longer");
	check_error_reply(GATE "Unload", "{\"id\":\"\"}", GATE "NoSuchLoad", "id", "");
	check_error_reply(GATE "Describe", "{\"id\":\"a-name-that-is-longer\"}", GATE "NoSuchLoad",
			  "id", "a-name-that-is-longer");
	check_error_reply(GATE "Describe", "{\"id\":\"../../../etc\"}", GATE "NoSuchLoad", "id",
			  "../../../etc");
}

/* ---- what is root's ---- */

static void test_administration(void **state)
{
	static const struct {
		const char *method, *parameters;
	} calls[] = {
		{GATE "Reload", NULL},
		{GATE "ListFloors", NULL},
		{GATE "SetFloor", "{\"name\":\"x\",\"signer\":\"y\",\"sequence\":1}"},
		{GATE "Gate", NULL},
		{GATE "Gate", "{\"mode\":\"off\"}"},
	};
	char message[64];

	for (unsigned i = 0; i < ARRAY_SIZE(calls) && getuid() != 0; i++) {
		snprintf(message, sizeof(message), "%s is for root alone, not for uid %u",
			 strrchr(calls[i].method, '.') + 1, getuid());
		check_error_reply(calls[i].method, calls[i].parameters, GATE "Denied", "message",
				  message);
	}
	check_error_reply(GATE "Reload", "{\"x\":1}", SERVICE "InvalidParameter", "parameter", "x");
	check_error_reply(GATE "SetFloor", "{\"name\":\"x\",\"signer\":\"y\",\"sequence\":-1}",
			  SERVICE "InvalidParameter", "parameter", "sequence");
}

static void test_gate(void **state)
{
	struct json_object *reply = call(GATE "Status", NULL, NULL, 0);

	assert_string_equal(front_get(reply, "parameters.gate"), "off");
	json_object_put(reply);
	check_error_reply(GATE "Gate", "{\"mode\":1}", SERVICE "InvalidParameter", "parameter",
			  "mode");
	if (getuid() != 0) {
		print_message("skipped: only root may ask for a mode\n");
		skip();
	}
	check_error_reply(GATE "Gate", "{\"mode\":\"on\"}", SERVICE "InvalidParameter", "parameter",
			  "mode");
	/* what there is already */
	reply = call(GATE "Gate", "{\"mode\":\"off\"}", NULL, 0);
	assert_string_equal(front_get(reply, "error"), "");
	assert_string_equal(front_get(reply, "parameters.mode"), "off");
	assert_non_null(strstr(front_get(reply, "parameters.counts"),
			       "{ \"reason\": \"load\", \"refused\": 0, \"wouldBeRefused\": 0 }"));
	assert_string_equal(front_get(reply, "parameters.lost"), "0");
	json_object_put(reply);
}

static void check_floors(const char *expected)
{
	struct json_object *reply = call(GATE "ListFloors", NULL, NULL, 0);

	assert_string_equal(front_get(reply, "parameters.floors"), expected);
	json_object_put(reply);
}

#define KEY "sha256:0a00000000000000000000000000000000000000000000000000000000000000"

static void test_floors(void **state)
{
	struct json_object *reply;

	if (getuid() != 0)
		skip_as("it needs root");
	check_floors("[ ]");
	check_error_reply(GATE "SetFloor", "{\"name\":\"X\",\"signer\":\"" KEY "\",\"sequence\":1}",
			  GATE "Failed", "message", "'X' can be no bundle's name");
	check_error_reply(GATE "SetFloor", "{\"name\":\"x\",\"signer\":\"a.pem\",\"sequence\":1}",
			  GATE "Failed", "step", "request");
	check_error_reply(GATE "SetFloor",
			  "{\"name\":\"x\",\"signer\":\"" KEY
			  "\",\"sequence\":18446744073709551615}",
			  GATE "Failed", "message", "a sequence is at most 9223372036854775807");
	reply = call(GATE "SetFloor", "{\"name\":\"x\",\"signer\":\"" KEY "\",\"sequence\":7}",
		     NULL, 0);
	assert_string_equal(front_get(reply, "parameters.previous"), "0");
	json_object_put(reply);
	check_floors("[ { \"name\": \"x\", \"signer\": \"" KEY "\", \"sequence\": 7 } ]");
	reply = call(GATE "SetFloor", "{\"name\":\"x\",\"signer\":\"" KEY "\",\"sequence\":0}",
		     NULL, 0);
	assert_string_equal(front_get(reply, "parameters.previous"), "7");
	json_object_put(reply);
	check_floors("[ ]");
}

/* Reloads at once, and while one asks how it stands. */
static void test_reload(void **state)
{
	struct json_object *reply;
	int fds[8];

	if (getuid() != 0)
		skip_as("it needs root");
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		static const char text[] = "{\"method\":\"" GATE "Reload\"}";

		fds[i] = front_connect(&daemon_);
		front_send(fds[i], text, sizeof(text), NULL, 0);
	}
	json_object_put(call(GATE "Status", NULL, NULL, 0));
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		reply = front_receive(fds[i]);
		assert_string_equal(front_get(reply, "error"), "");
		assert_string_equal(front_get(reply, "parameters.unloaded"), "[ ]");
		assert_string_equal(front_get(reply, "parameters.kept"), "0");
		json_object_put(reply);
		close(fds[i]);
	}
	test_file_write(test_path(daemon_.folder, "policy/x.json"), "{}");
	reply = call(GATE "Reload", NULL, NULL, 0);
	assert_string_equal(front_get(reply, "error"), GATE "Failed");
	assert_non_null(strstr(front_get(reply, "parameters.message"),
			       "policy/x.json:1:1: 'rules' is missing"));
	json_object_put(reply);
	reply = call(GATE "Status", NULL, NULL, 0);
	assert_string_equal(front_get(reply, "parameters.policy.denyAll"), "false");
	assert_non_null(strstr(front_get(reply, "parameters.configuration.failure"),
			       "the previous one stays"));
	json_object_put(reply);
	unlink(test_path(daemon_.folder, "policy/x.json"));
	json_object_put(call(GATE "Reload", NULL, NULL, 0));
	reply = call(GATE "Status", NULL, NULL, 0);
	assert_string_equal(front_get(reply, "parameters.configuration.failure"), "");
	json_object_put(reply);
}

/* ---- the wire ---- */

static void check_dropped(const char *data, size_t size)
{
	int fd = front_connect(&daemon_);

	front_send(fd, data, size, NULL, 0);
	if (!front_is_dropped(fd))
		fail_msg("%.*s", (int)size, data);
	close(fd);
}

#define CHECK_DROPPED(text) check_dropped(text, sizeof(text))

static void test_malformed(void **state)
{
	CHECK_DROPPED("");
	CHECK_DROPPED("[]");
	CHECK_DROPPED("null");
	CHECK_DROPPED("{}");
	CHECK_DROPPED("{\"method\":");
	CHECK_DROPPED("{\"method\":7}");
	CHECK_DROPPED("{\"method\":\"" SERVICE "GetInfo\"} {}");
	CHECK_DROPPED("{\"method\":\"" SERVICE "GetInfo\",\"unknown\":1}");
	CHECK_DROPPED("{\"method\":\"" SERVICE "GetInfo\",\"method\":\"" SERVICE "GetInfo\"}");
	CHECK_DROPPED("{\"method\":\"" SERVICE "GetInfo\",\"oneway\":1}");
	CHECK_DROPPED("{\"method\":\"" SERVICE "GetInfo\",\"oneway\":true,\"more\":true}");
	CHECK_DROPPED("{\"method\":\"" SERVICE "GetInfo\",\"parameters\":[]}");
	CHECK_DROPPED("{\"method\":\"\xff\"}");
	CHECK_DROPPED("{\"method\":\"\\u0000\"}");
	CHECK_DROPPED(
		"{\"method\":\"x\",\"parameters\":{\"a\":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}}");
	CHECK_DROPPED("GET / HTTP/1.1\r\n\r\n");
}

static void test_too_long(void **state)
{
	size_t size = VARLINK_MESSAGE_MAX + 2;
	char *text = malloc(size);

	memset(text, ' ', size);
	check_dropped(text, size);
	free(text);
}

static void test_pipelined(void **state)
{
	static const char text[] = "{\"method\":\"" SERVICE "GetInfo\"}\0"
				   "{\"method\":\"" GATE "Unload\",\"parameters\":{\"id\":\"0\"}}\0"
				   "{\"method\":\"" GATE "Nothing\",\"oneway\":true}\0"
				   "{\"method\":\"" GATE "Nothing\"}\0"
				   "{\"method\":\"" SERVICE "GetInfo\",\"more\":true}\0"
				   "{\"method\":\"" SERVICE "GetInfo\",\"upgrade\":true}";
	static const char *const errors[] = {"", GATE "NoSuchLoad", SERVICE "MethodNotFound", "",
					     SERVICE "MethodNotImplemented"};
	int fd = front_connect(&daemon_);

	front_send(fd, text, sizeof(text), NULL, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
		struct json_object *reply = front_receive(fd);

		assert_string_equal(front_get(reply, "error"), errors[i]);
		assert_string_equal(front_get(reply, "continues"), "");
		json_object_put(reply);
	}
	close(fd);
}

/* More than the daemon hands out in one go, by a client that has nothing more to say. */
static void test_pipelined_many(void **state)
{
	static const char text[] = "{\"method\":\"" SERVICE "GetInfo\"}";
	static char many[100][sizeof(text)];
	int fd = front_connect(&daemon_);
	unsigned n = 0;
	struct json_object *reply;

	for (unsigned i = 0; i < 100; i++)
		memcpy(many[i], text, sizeof(text));
	front_send(fd, many, sizeof(many), NULL, 0);
	shutdown(fd, SHUT_WR);
	while ((reply = front_receive(fd))) {
		json_object_put(reply);
		n++;
	}
	assert_int_equal(n, 100);
	close(fd);
}

static void test_byte_by_byte(void **state)
{
	static const char text[] = "{\"method\":\"" SERVICE "GetInfo\"}";
	int fd = front_connect(&daemon_);
	struct json_object *reply;

	for (size_t i = 0; i < sizeof(text); i++)
		front_send(fd, text + i, 1, NULL, 0);
	reply = front_receive(fd);
	assert_string_equal(front_get(reply, "parameters.product"), "bpfgated");
	json_object_put(reply);
	close(fd);
}

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Half a message has its time, however slowly more of it comes; nothing at all may stay. */
static void test_half_message(void **state)
{
	int idle = front_connect(&daemon_), half = front_connect(&daemon_);
	int drip = front_connect(&daemon_), file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint64_t start = now_usec();
	struct json_object *reply;

	front_send(half, "{\"method\":", 10, &file, 1);
	close(file);
	while (now_usec() - start < 2 * FRONT_STALL_USEC) {
		front_send(drip, " ", 1, NULL, 0);
		usleep(20000);
	}
	assert_true(front_is_dropped(half));
	assert_true(front_is_dropped(drip));
	reply = front_call(idle, SERVICE "GetInfo", NULL, NULL, 0);
	assert_non_null(reply);
	json_object_put(reply);
	close(idle);
	close(half);
	close(drip);
}

/* Replies that nobody reads do not pile up: the client is dropped. */
static void test_reply_not_read(void **state)
{
	static const char text[] =
		"{\"method\":\"" SERVICE
		"GetInterfaceDescription\",\"parameters\":{\"interface\":\"org.bpfgate.Gate\"}}";
	int fd = front_connect(&daemon_);

	for (unsigned i = 0; i < 1000; i++)
		if (varlink_send(fd, text, sizeof(text), NULL, 0) < 0)
			break;
	assert_true(front_daemon_is_clean(&daemon_, 0));
	close(fd);
}

static void test_too_many_connections(void **state)
{
	int fds[CONNECTIONS_USER + 1];
	struct json_object *reply;

	for (unsigned i = 0; i <= CONNECTIONS_USER; i++)
		fds[i] = front_connect(&daemon_);
	/* one too many is told so, before it has asked anything */
	reply = front_receive(fds[CONNECTIONS_USER]);
	assert_string_equal(front_get(reply, "error"), GATE "Busy");
	assert_non_null(strstr(front_get(reply, "parameters.message"), "128 connections already"));
	json_object_put(reply);
	assert_true(front_is_dropped(fds[CONNECTIONS_USER]));
	reply = front_call(fds[0], SERVICE "GetInfo", NULL, NULL, 0);
	assert_non_null(reply);
	json_object_put(reply);
	for (unsigned i = 0; i <= CONNECTIONS_USER; i++)
		close(fds[i]);
	assert_true(front_daemon_is_clean(&daemon_, 0));
}

#define FRONT_TEST(f) cmocka_unit_test_teardown(f, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRONT_TEST(test_get_info),	 FRONT_TEST(test_get_interface_description),
		FRONT_TEST(test_status),	 FRONT_TEST(test_standard_errors),
		FRONT_TEST(test_administration), FRONT_TEST(test_gate),
		FRONT_TEST(test_floors),	 FRONT_TEST(test_reload),
		FRONT_TEST(test_malformed),	 FRONT_TEST(test_too_long),
		FRONT_TEST(test_pipelined),	 FRONT_TEST(test_pipelined_many),
		FRONT_TEST(test_byte_by_byte),	 FRONT_TEST(test_half_message),
		FRONT_TEST(test_reply_not_read), FRONT_TEST(test_too_many_connections),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
