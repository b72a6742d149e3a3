/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls against a server that answers what a test wants: replies, errors, nonsense, nothing. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "connect.h"
#include "load.h"

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

/* One call in, @size bytes of @answer out (with @n_fds descriptors), then the connection ends. */
struct server {
	int fd;
	const char *answer;
	size_t size;
	unsigned n_fds;
	char *method; /* what was asked */
	struct json_object *parameters;
	unsigned n_received;
	pthread_t thread;
};

static void read_call(struct server *server)
{
	struct varlink_reader reader;
	struct fd_set_owned fds = {};
	struct json_object *message = NULL;
	struct varlink_call call;

	varlink_reader_init(&reader, VARLINK_MESSAGE_MAX, VARLINK_FDS_IN_MAX);
	while (varlink_reader_next(&reader, &message, &fds) == 0)
		if (varlink_reader_fill(&reader, server->fd) <= 0)
			break;
	if (message && varlink_call_parse(message, &call) == 0) {
		server->method = strdup(call.method);
		server->parameters = json_object_get(call.parameters);
	}
	server->n_received = fds.n;
	json_object_put(message);
	fd_set_close(&fds);
	varlink_reader_done(&reader);
}

static void *serve(void *userdata)
{
	struct server *server = userdata;
	int fds[VARLINK_FDS_MAX];

	read_call(server);
	for (unsigned i = 0; i < server->n_fds; i++)
		fds[i] = memfd_create("granted", MFD_CLOEXEC);
	for (size_t sent = 0; sent < server->size;) {
		ssize_t n = varlink_send(server->fd, server->answer + sent, server->size - sent,
					 fds, sent ? 0 : server->n_fds);

		if (n < 0)
			break;
		sent += n;
	}
	for (unsigned i = 0; i < server->n_fds; i++)
		close(fds[i]);
	close(server->fd);
	return NULL;
}

static void server_start(struct server *server, struct connection *connection)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	server->fd = pair[0];
	connection_init(connection, pair[1]);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
	pthread_join(server->thread, NULL);
	free(server->method);
	json_object_put(server->parameters);
}

/* An answer, its NUL included. */
#define ANSWER(text)                                 \
	{                                            \
		.answer = text, .size = sizeof(text) \
	}

static void check_answer(struct server server, int expected, enum error_code code, enum step step,
			 const char *message, struct error *ret)
{
	struct json_object *parameters = NULL;
	struct connection connection;
	unsigned n_fds = count_fds();
	int r;

	server_start(&server, &connection);
	r = connection_call(&connection, "Status", NULL, NULL, 0, &parameters, NULL, ret);
	server_stop(&server);
	connection_close(&connection);
	json_object_put(parameters);

	assert_int_equal(r, expected);
	check_error(ret, code, message);
	assert_int_equal(ret->step, step);
	assert_int_equal(count_fds(), n_fds);
}

static void test_call(void **state)
{
	struct server server = ANSWER("{\"parameters\":{\"version\":\"1\"}}");
	_cleanup_json_ struct json_object *parameters = json_object_new_object(), *reply = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	struct connection connection;
	int fd = memfd_create("bundle", MFD_CLOEXEC);

	json_object_object_add(parameters, "bundleFileDescriptor", json_object_new_int(0));
	server_start(&server, &connection);
	assert_int_equal(
		connection_call(&connection, "Load", parameters, &fd, 1, &reply, NULL, &error), 0);
	pthread_join(server.thread, NULL);

	assert_string_equal(server.method, "org.bpfgate.Gate.Load");
	assert_int_equal(server.n_received, 1);
	assert_string_equal(json_object_to_json_string_ext(server.parameters, 0),
			    "{\"bundleFileDescriptor\":0}");
	assert_string_equal(member_string(reply, "version"), "1");
	assert_int_equal(error.code, ERROR_NONE);

	/* The server has gone: seen at once, and the next call says so. */
	assert_true(connection_gone(&connection));
	assert_true(connection_call(&connection, "List", NULL, NULL, 0, NULL, NULL, &error) < 0);
	check_error(&error, ERROR_NO_DAEMON, "journalctl -u bpfgated");
	assert_int_equal(error_exit_status(error.code), 6);

	close(fd);
	connection_close(&connection);
	free(server.method);
	json_object_put(server.parameters);
}

/* A daemon that lets nobody in says why and closes, before it is asked or after. */
static void test_told_before_asked(void **state)
{
	static const char refusal[] = "{\"error\":\"org.bpfgate.Gate.Busy\",\"parameters\":"
				      "{\"message\":\"too many files open\"}}";

	for (unsigned asked = 0; asked < 2; asked++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		struct connection connection;
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		connection_init(&connection, pair[1]);
		/* what has not been read when a socket is closed makes it one that was reset */
		if (asked)
			assert_int_equal(write(pair[1], "{}", 2), 2);
		assert_int_equal(write(pair[0], refusal, sizeof(refusal)), sizeof(refusal));
		close(pair[0]);
		assert_true(connection_call(&connection, "List", NULL, NULL, 0, NULL, NULL,
					    &error) < 0);
		check_error(&error, ERROR_BUSY, "too many files open");
		connection_close(&connection);
	}
}

/* Descriptors are the caller's when it wants them, and closed when it does not. */
static void test_fds(void **state)
{
	struct server wanted = ANSWER("{\"parameters\":{}}"), unwanted = wanted;
	struct fd_set_owned fds = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	struct connection connection;
	unsigned n_fds = count_fds();

	wanted.n_fds = unwanted.n_fds = 3;
	server_start(&wanted, &connection);
	assert_int_equal(connection_call(&connection, "Load", NULL, NULL, 0, NULL, &fds, &error),
			 0);
	server_stop(&wanted);
	connection_close(&connection);
	assert_int_equal(fds.n, 3);
	assert_int_equal(count_fds(), n_fds + 3);
	fd_set_close(&fds);

	server_start(&unwanted, &connection);
	assert_int_equal(connection_call(&connection, "Load", NULL, NULL, 0, NULL, NULL, &error),
			 0);
	server_stop(&unwanted);
	connection_close(&connection);
	assert_int_equal(count_fds(), n_fds);
}

static void test_errors(void **state)
{
	static const struct {
		struct server server;
		int r;
		enum error_code code;
		enum step step;
		int exit_status;
	} cases[] = {
		{ANSWER("{\"error\":\"org.bpfgate.Gate.Denied\",\"parameters\":{\"message\":"
			"\"why\","
			"\"step\":\"authorise\",\"rule\":\"r\",\"reasons\":[\"a\",\"b\"]}}"),
		 -EREMOTEIO, ERROR_DENIED, STEP_AUTHORISE, 3},
		{ANSWER("{\"error\":\"org.bpfgate.Gate.NotAuthentic\",\"parameters\":{"
			"\"message\":\"why\",\"step\":\"authenticate\"}}"),
		 -EREMOTEIO, ERROR_NOT_AUTHENTIC, STEP_AUTHENTICATE, 4},
		{ANSWER("{\"error\":\"org.bpfgate.Gate.BundleMalformed\",\"parameters\":{"
			"\"message\":\"why\",\"step\":\"authenticate\"}}"),
		 -EREMOTEIO, ERROR_MALFORMED, STEP_AUTHENTICATE, 4},
		{ANSWER("{\"error\":\"org.bpfgate.Gate.KernelRefused\",\"parameters\":{"
			"\"message\":\"why\",\"step\":\"load\",\"errno\":13,\"log\":\"R1\"}}"),
		 -EACCES, ERROR_KERNEL, STEP_LOAD, 5},
		{ANSWER("{\"error\":\"org.bpfgate.Gate.KernelCannotVerify\",\"parameters\":{"
			"\"message\":\"why\"}}"),
		 -EREMOTEIO, ERROR_CANNOT_VERIFY, STEP_NONE, 5},
		{ANSWER("{\"error\":\"org.bpfgate.Gate.NoSuchLoad\",\"parameters\":{"
			"\"message\":\"why\",\"step\":\"request\"}}"),
		 -EREMOTEIO, ERROR_NOT_FOUND, STEP_REQUEST, 1},
		{ANSWER("{\"error\":\"org.bpfgate.Gate.Busy\",\"parameters\":{\"message\":\"why\"}"
			"}"),
		 -EREMOTEIO, ERROR_BUSY, STEP_NONE, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error error = ERROR_INIT;

		check_answer(cases[i].server, cases[i].r, cases[i].code, cases[i].step, "why",
			     &error);
		assert_int_equal(error_exit_status(error.code), cases[i].exit_status);
	}
}

/* What the error says beyond message, step and errno is kept for whoever prints it. */
static void test_error_fields(void **state)
{
	struct server denied =
		ANSWER("{\"error\":\"org.bpfgate.Gate.Denied\",\"parameters\":{\"message\":\"why\","
		       "\"step\":\"authorise\",\"rule\":\"r\",\"reasons\":[\"a\",\"b\"]}}");
	struct server refused =
		ANSWER("{\"error\":\"org.bpfgate.Gate.KernelRefused\",\"parameters\":{"
		       "\"message\":\"why\",\"errno\":13,\"log\":\"R1 !read_ok\"}}");
	_cleanup_error_ struct error e = ERROR_INIT, f = ERROR_INIT;

	check_answer(denied, -EREMOTEIO, ERROR_DENIED, STEP_AUTHORISE, "why", &e);
	assert_string_equal(json_object_to_json_string_ext(e.fields, 0),
			    "{\"rule\":\"r\",\"reasons\":[\"a\",\"b\"]}");
	check_answer(refused, -EACCES, ERROR_KERNEL, STEP_NONE, "why", &f);
	assert_int_equal(f.errnum, EACCES);
	assert_string_equal(json_object_to_json_string_ext(f.fields, 0),
			    "{\"log\":\"R1 !read_ok\"}");
}

/* Errors that are not ours, or without a sentence, still say something. */
static void test_foreign_errors(void **state)
{
	struct server method = ANSWER("{\"error\":\"org.varlink.service.MethodNotFound\","
				      "\"parameters\":{\"method\":\"x\"}}");
	struct server bare = ANSWER("{\"error\":\"org.bpfgate.Gate.Denied\"}");
	struct server odd = ANSWER("{\"error\":\"org.bpfgate.Gate.Failed\",\"parameters\":{"
				   "\"message\":3,\"step\":[],\"errno\":-99999999999}}");
	_cleanup_error_ struct error a = ERROR_INIT, b = ERROR_INIT, c = ERROR_INIT;

	check_answer(method, -EREMOTEIO, ERROR_FAILED, STEP_NONE,
		     "org.varlink.service.MethodNotFound", &a);
	check_answer(bare, -EREMOTEIO, ERROR_DENIED, STEP_NONE, "org.bpfgate.Gate.Denied", &b);
	check_answer(odd, -EREMOTEIO, ERROR_FAILED, STEP_NONE, "different versions", &c);
	assert_int_equal(c.errnum, 0);
}

/* A daemon that goes away or talks nonsense is one that cannot be reached: exit status 6. */
static void test_nonsense(void **state)
{
	static const struct {
		struct server server;
		int r;
		const char *message;
	} cases[] = {
		{{.answer = ""}, -ECONNRESET, "closed the connection without an answer"},
		{{.answer = "{\"parameters\":{", .size = 15}, -ECONNRESET, "without an answer"},
		{ANSWER("hello"), -EBADMSG, "no Varlink message"},
		{ANSWER("[]"), -EBADMSG, "no Varlink message"},
		{ANSWER("{\"parameters\":[]}"), -EBADMSG, "no answer"},
		{ANSWER("{\"error\":7}"), -EBADMSG, "no answer"},
		{ANSWER("{\"continues\":true}"), -EBADMSG, "no answer"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error error = ERROR_INIT;

		check_answer(cases[i].server, cases[i].r, ERROR_NO_DAEMON, STEP_NONE,
			     cases[i].message, &error);
	}
}

static void test_unreachable(void **state)
{
	_cleanup_error_ struct error missing = ERROR_INIT, refused = ERROR_INIT,
				     longer = ERROR_INIT;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char folder[] = "/tmp/test-connect.XXXXXX", path[64], too_long[200];
	struct connection connection = {.fd = -1};
	int fd;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	assert_int_equal(connection_open(path, &connection, &missing), -ENOENT);
	check_error(&missing, ERROR_NO_DAEMON, "systemctl start bpfgated.socket");

	/* Bound, but nobody listens. */
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(connection_open(path, &connection, &refused), -ECONNREFUSED);
	check_error(&refused, ERROR_NO_DAEMON, "systemctl status bpfgated.socket");
	close(fd);
	unlink(path);
	rmdir(folder);

	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = 0;
	assert_int_equal(connection_open(too_long, &connection, &longer), -ENAMETOOLONG);
	check_error(&longer, ERROR_NO_DAEMON, "too long");
	assert_int_equal(connection.fd, -1);
}

/* ---- what the daemon says of maps is compared with what came ---- */

static int take(const char *text, unsigned n_fds, struct error *error)
{
	_cleanup_json_ struct json_object *load = json_tokener_parse(text);
	_cleanup_(fd_set_close) struct fd_set_owned fds = {};
	struct load_maps maps = {};
	int r;

	assert_non_null(load);
	while (fds.n < n_fds)
		fds.fds[fds.n++] = memfd_create("no map", MFD_CLOEXEC);
	r = load_maps_take(load, &fds, &maps, error);
	if (r == 0) {
		assert_int_equal(maps.n, 1);
		assert_int_equal(maps.maps[0].fd, -1);
		assert_int_equal(maps.maps[0].grant, GRANT_READ_WRITE);
	}
	load_maps_done(&maps);
	return r;
}

static void test_maps(void **state)
{
	_cleanup_error_ struct error none = ERROR_INIT, no_fd = ERROR_INIT, no_map = ERROR_INIT,
				     type = ERROR_INIT, bare = ERROR_INIT;
	unsigned n_fds = count_fds();

	assert_int_equal(
		take("{\"maps\":[{\"name\":\"m\",\"type\":\"hash\",\"grant\":\"read_write\"}]}", 0,
		     &none),
		0);
	assert_int_equal(
		take("{\"maps\":[{\"name\":\"m\",\"type\":\"hash\",\"mapFileDescriptor\":1}]}", 1,
		     &no_fd),
		-EBADF);
	check_error(&no_fd, ERROR_FAILED, "map m");
	/* A descriptor of something else than a map. */
	assert_true(take("{\"maps\":[{\"name\":\"m\",\"type\":\"hash\",\"mapFileDescriptor\":0}]}",
			 1, &no_map) < 0);
	check_error(&no_map, ERROR_FAILED, "what map m is");
	assert_int_equal(take("{\"maps\":[{\"name\":\"m\",\"type\":\"sieve\"}]}", 0, &type),
			 -EBADMSG);
	check_error(&type, ERROR_FAILED, "different versions");
	assert_int_equal(take("{\"maps\":[7]}", 0, &bare), -EBADMSG);
	check_error(&bare, ERROR_FAILED, "different versions");
	assert_int_equal(count_fds(), n_fds);
}

static void test_attach_option(void **state)
{
	_cleanup_json_ struct json_object *attach = json_object_new_array();
	static const char *const wrong[] = {"", "xdp:eth0", "=xdp:eth0", "p=", "p=eth0", "p=xdp:"};
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_int_equal(attach_option(attach, "p=uprobe:/usr/bin/x:a+0x1", &error), 0);
	assert_string_equal(json_object_to_json_string_ext(attach, JSON_C_TO_STRING_NOSLASHESCAPE),
			    "[{\"program\":\"p\",\"target\":\"uprobe:/usr/bin/x:a+0x1\"}]");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_error_ struct error e = ERROR_INIT;

		assert_true(attach_option(attach, wrong[i], &e) < 0);
		check_error(&e, strchr(wrong[i], '=') > wrong[i] ? ERROR_BAD_TARGET : ERROR_USAGE,
			    "--attach");
	}
	assert_int_equal(json_object_array_length(attach), 1);
}

/* ---- the bundle that is handed over ---- */

static void test_memfd(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT, empty = ERROR_INIT, folder = ERROR_INIT,
				     large = ERROR_INIT;
	_cleanup_memory_ struct bundle_memory memory = {.fd = -1};
	struct bundle_memory none = {.fd = -1};
	char path[] = "/tmp/test-memfd.XXXXXX";
	int fd = mkstemp(path), seals;

	assert_int_equal(bundle_memory_read(path, &none, &empty), -ENODATA);
	check_error(&empty, ERROR_UNREADABLE, "is empty");

	assert_int_equal(write(fd, "bundle", 6), 6);
	assert_int_equal(bundle_memory_read(path, &memory, &error), 0);
	assert_int_equal(memory.bytes.size, 6);
	assert_memory_equal(memory.bytes.data, "bundle", 6);
	seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	assert_int_equal(fcntl(memory.fd, F_GET_SEALS) & seals, seals);
	assert_int_equal(pwrite(memory.fd, "x", 1, 0), -1);

	assert_int_equal(ftruncate(fd, BUNDLE_SIZE_MAX + 1), 0);
	assert_int_equal(bundle_memory_read(path, &none, &large), -EFBIG);
	check_error(&large, ERROR_UNREADABLE, "larger than a bundle can be");
	assert_int_equal(bundle_memory_read("/", &none, &folder), -EISDIR);
	check_error(&folder, ERROR_UNREADABLE, "/");
	assert_int_equal(none.fd, -1);

	close(fd);
	unlink(path);
}

/* A call that goes on, and what ends it. */
static void check_more(struct server server, int r, enum error_code code, const char *message)
{
	_cleanup_json_ struct json_object *reply = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	struct connection connection;

	server_start(&server, &connection);
	assert_int_equal(
		connection_call_more(&connection, "Load", NULL, NULL, 0, &reply, NULL, &error), 0);
	assert_true(connection.more);
	assert_string_equal(member_string(reply, "id"), "1");
	assert_int_equal(connection_end(&connection, &error), r);
	check_error(&error, code, message);
	server_stop(&server);
	connection_close(&connection);
}

static void test_more(void **state)
{
#define GOES_ON "{\"parameters\":{\"id\":\"1\"},\"continues\":true}\0"
	_cleanup_error_ struct error error = ERROR_INIT;
	struct server final = ANSWER("{\"parameters\":{}}"), unasked = ANSWER(GOES_ON);
	struct connection connection;

	check_more((struct server)ANSWER(GOES_ON "{\"error\":\"org.bpfgate.Gate.LoadEnded\","
						 "\"parameters\":{\"message\":\"why\"}}"),
		   -EREMOTEIO, ERROR_ENDED, "why");
	assert_int_equal(error_exit_status(ERROR_ENDED), 7);
	/* it goes away, says that all is well, goes on for ever */
	check_more((struct server){.answer = GOES_ON, .size = sizeof(GOES_ON) - 1}, -ECONNRESET,
		   ERROR_NO_DAEMON, "has gone away, and the load with it");
	check_more((struct server)ANSWER(GOES_ON "{\"parameters\":{}}"), -EBADMSG, ERROR_NO_DAEMON,
		   "has gone away");
	check_more((struct server)ANSWER(GOES_ON GOES_ON), -EBADMSG, ERROR_NO_DAEMON, "no answer");

	server_start(&final, &connection);
	assert_int_equal(
		connection_call_more(&connection, "Load", NULL, NULL, 0, NULL, NULL, &error), 0);
	assert_false(connection.more);
	server_stop(&final);
	connection_close(&connection);

	server_start(&unasked, &connection);
	assert_int_equal(connection_call(&connection, "Load", NULL, NULL, 0, NULL, NULL, &error),
			 -EBADMSG);
	check_error(&error, ERROR_NO_DAEMON, "no answer");
	server_stop(&unasked);
	connection_close(&connection);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told_before_asked),
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_fds),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_error_fields),
		cmocka_unit_test(test_foreign_errors),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_attach_option),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_memfd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
