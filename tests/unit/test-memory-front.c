/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's front without memory: whichever allocation fails while it answers a call, it goes
 * on. */
#include "check.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "connection.h"
#include "fail-alloc.h"
#include "testkeys.h"

static sd_event *event;
static struct front *front;
static char *folder;
static int bundle_fd = -1, client = -1;
static const char *message;

static const char rules[] = "{\"rules\": [{\"name\": \"r\", \"effect\": \"allow\", \"subjects\": "
			    "{\"uids\": [\"0-65533\"]}, "
			    "\"grant\": [\"events\"], \"limits\": {\"loads\": 2}}]}";

static void make_bundle(void)
{
	static const struct test_cert options = {.not_before = 1, .not_after = INT64_C(4102444800)};
	EVP_PKEY *key = test_key_new(TEST_P256);
	X509 *cert = test_cert_new(key, &options);
	uint8_t *bundle;
	size_t size;

	test_cert_write(cert, test_path(folder, "keys/a.pem"));
	test_bundle_new(NULL, &bundle, &size);
	test_bundle_sign(&bundle, &size, key, true);
	bundle_fd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(write(bundle_fd, bundle, size) == (ssize_t)size);
	assert_int_equal(fcntl(bundle_fd, F_ADD_SEALS,
			       F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL),
			 0);
	free(bundle);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static int group_setup(void **state)
{
	folder = test_folder_new();
	assert_int_equal(mkdir(test_path(folder, "keys"), 0755), 0);
	assert_int_equal(mkdir(test_path(folder, "policy"), 0755), 0);
	test_file_write(test_path(folder, "policy/50.json"), rules);
	make_bundle();
	return 0;
}

static int group_teardown(void **state)
{
	close(bundle_fd);
	test_folder_remove(folder);
	return 0;
}

/* In the process of the attempt: neither threads nor an event loop live through a fork. */
static void start(void)
{
	static struct gate gate;
	static const char *dirs[2];
	_cleanup_error_ struct error error = ERROR_INIT;
	int fd;

	if (!freopen("/dev/null", "w", stderr))
		abort();
	dirs[0] = strdup(test_path(folder, "policy"));
	gate.configuration = (struct configuration){
		.keys_dir = strdup(test_path(folder, "keys")),
		.revoked_dir = strdup(test_path(folder, "revoked")),
		.floors = {.dir = strdup(test_path(folder, "store"))},
		.policy_dirs = dirs,
		.owner = geteuid(),
	};
	unlink(test_path(folder, "s"));
	if (gate_setup(&gate, test_path(folder, "state"), &error) < 0 || sd_event_new(&event) < 0 ||
	    listen_open(test_path(folder, "s"), &fd, &error) < 0 ||
	    front_new(event, &gate, fd, &front) < 0)
		abort();
}

static void turn(unsigned n)
{
	char reply[65536];

	for (unsigned i = 0; i < n && front->n_connections; i++) {
		sd_event_run(event, 10000);
		while (recv(client, reply, sizeof(reply), MSG_DONTWAIT) > 0)
			;
	}
}

static int run(void)
{
	unsigned n_fds = strstr(message, "bundleFileDescriptor") ? 1 : 0;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
		abort();
	client = ends[0];
	connection_new(front, ends[1]);
	if (!front->n_connections)
		return 0;
	varlink_send(client, message, strlen(message) + 1, &bundle_fd, n_fds);
	shutdown(client, SHUT_WR);
	turn(200);
	return 0;
}

/* Every client is done with in the end. */
static void check(int r)
{
	turn(1000);
	close(client);
	if (front->n_connections || !workers_drain(front->workers, 10000000))
		abort();
}

#define CALL(name, parameters) "{\"method\":\"" name "\",\"parameters\":{" parameters "}}"
#define GATE(name, parameters) CALL("org.bpfgate.Gate." name, parameters)

static void test_calls(void **state)
{
	static const char *const calls[] = {
		CALL("org.varlink.service.GetInfo", ""),
		CALL("org.varlink.service.GetInterfaceDescription",
		     "\"interface\":\"org.bpfgate.Gate\""),
		GATE("Status", ""),
		GATE("List", ""),
		GATE("ListFloors", ""),
		GATE("Gate", ""),
		GATE("Describe", "\"id\":\"0123456789abcdef\""),
		GATE("Unload", "\"id\":\"0123456789abcdef\""),
		GATE("Explain", "\"bundleFileDescriptor\":0"),
		GATE("Nothing", "\"a\":[1]"),
	};

	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		const struct attempt attempt = {calls[i], run, check, start};

		message = calls[i];
		assert_true(fail_alloc_all(&attempt));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
	};

	fail_alloc_setup();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
