/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client against the whole front, in one process: what it sends is a list of pieces, each with
 * one byte for the descriptors that go with it, two for its size, then the bytes. There are a
 * trusted key and a rule that allows, so that calls come as far as they can where the kernel loads
 * nothing.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "connection.h"
#include "fuzz.h"
#include "seal.h"
#include "testkeys.h"

#define PIECES_MAX 32
#define TURNS_MAX  3000 /* of 10 ms: as long as a call may take on a busy machine */

static sd_event *event;
static struct front *front;
static char *folder;
static int kinds[8]; /* of descriptors that a client may pass */

static void cleanup(void)
{
	if (folder)
		test_folder_remove(TAKE_PTR(folder));
}

static int memfd(const uint8_t *data, size_t size, bool seal)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	fuzz_require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (seal)
		fuzz_require(fcntl(fd, F_ADD_SEALS,
				   F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0);
	return fd;
}

/* A key that is trusted, and the bundles that it has signed or not. */
static void make_bundles(void)
{
	static const struct test_cert options = {.not_before = 1, .not_after = INT64_C(4102444800)};
	EVP_PKEY *key = test_key_new(TEST_P256);
	X509 *cert = test_cert_new(key, &options);
	uint8_t *bundle;
	size_t size;

	test_cert_write(cert, test_path(folder, "keys/fuzz.pem"));
	test_bundle_new(NULL, &bundle, &size);
	kinds[0] = memfd(bundle, size, true);
	test_bundle_sign(&bundle, &size, key, true);
	kinds[1] = kinds[2] = memfd(bundle, size, true);
	kinds[3] = memfd(bundle, size, false);
	bundle[size - 1] ^= 1;
	kinds[4] = memfd(bundle, size, true);
	kinds[5] = open("/dev/null", O_RDWR | O_CLOEXEC);
	kinds[6] = open(folder, O_PATH | O_CLOEXEC);
	kinds[7] = open(test_path(folder, "keys/fuzz.pem"), O_RDONLY | O_CLOEXEC);
	free(bundle);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static const char rules[] =
	"{\"rules\": [{\"name\": \"fuzz\", \"effect\": \"allow\", \"subjects\": {\"uids\": "
	"[\"0-65533\"]}, \"grant\": [\"events\"], \"limits\": {\"loads\": 2}}]}";

static void make_gate(struct gate *gate)
{
	static const char *dirs[2];
	_cleanup_error_ struct error error = ERROR_INIT;

	dirs[0] = strdup(test_path(folder, "policy"));
	gate->configuration = (struct configuration){
		.keys_dir = strdup(test_path(folder, "keys")),
		.revoked_dir = strdup(test_path(folder, "revoked")),
		.floors = {.dir = strdup(test_path(folder, "store"))},
		.policy_dirs = dirs,
		.owner = geteuid(),
	};
	fuzz_require(mkdir(dirs[0], 0755) == 0);
	fuzz_require(mkdir(gate->configuration.keys_dir, 0755) == 0);
	test_file_write(test_path(folder, "policy/50.json"), rules);
	make_bundles();
	fuzz_require(gate_setup(gate, test_path(folder, "state"), &error) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct gate gate;
	_cleanup_error_ struct error error = ERROR_INIT;
	int fd;

	fuzz_confine();
	folder = test_folder_new();
	atexit(cleanup);
	/* what the daemon logs; sanitizers write to the descriptor */
	stderr = fopen("/dev/null", "we");
	make_gate(&gate);
	fuzz_require(sd_event_new(&event) >= 0);
	fuzz_require(listen_open(test_path(folder, "s"), &fd, &error) == 0);
	fuzz_require(front_new(event, &gate, fd, &front) == 0);
	return 0;
}

/* What the client gets; the descriptors with it are dropped, as a client may. */
static void drain(int fd)
{
	static char buffer[65536];

	while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
		;
}

/* One piece of the input; false at its end. */
static bool send_piece(int fd, const uint8_t **data, size_t *size)
{
	unsigned n_fds, first;
	size_t n;
	int fds[8];

	if (*size < 4)
		return false;
	n_fds = (*data)[0] % 6;
	first = (*data)[0] / 6 % ARRAY_SIZE(kinds);
	for (unsigned i = 0; i < n_fds; i++)
		fds[i] = kinds[(first + i) % ARRAY_SIZE(kinds)];
	n = MIN((size_t)((*data)[1] | (*data)[2] << 8), *size - 3);
	/* a daemon that has hung up, or does not read on before it has answered */
	if (!n || varlink_send(fd, (const char *)*data + 3, n, fds, n_fds) != (ssize_t)n)
		return false;
	*data += 3 + n;
	*size -= 3 + n;
	return true;
}

/* Some are closed by threads, which are counted a little longer: a user with many is not served. */
static void check_fds(int lowest)
{
	for (unsigned i = 0; i < TURNS_MAX && (fuzz_lowest_fd() > lowest || stuck_count_all()); i++)
		usleep(fuzz_lowest_fd() > lowest ? 10000 : 100);
	fuzz_require(fuzz_lowest_fd() <= lowest);
	fuzz_require(!stuck_count_all());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ends[2], lowest = fuzz_lowest_fd();

	if (size > 60000)
		return 0;
	fuzz_require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
	connection_new(front, ends[1]);
	fuzz_require(front->n_connections == 1);
	for (unsigned i = 0; i < PIECES_MAX && send_piece(ends[0], &data, &size); i++) {
		fuzz_require(sd_event_run(event, 0) >= 0);
		drain(ends[0]);
	}
	shutdown(ends[0], SHUT_WR);
	for (unsigned i = 0; i < TURNS_MAX && front->n_connections; i++) {
		fuzz_require(sd_event_run(event, 10000) >= 0);
		drain(ends[0]);
	}
	/* every call is answered, and then the connection is dropped */
	fuzz_require(!front->n_connections);
	close(ends[0]);
	fuzz_require(workers_drain(front->workers, UINT64_C(60000000)));
	check_fds(lowest);
	return 0;
}
