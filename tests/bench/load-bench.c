/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * load-bench raw|daemon BUNDLE CERTIFICATE.der COUNT: the microseconds of each of COUNT loads, one
 * line each, after one that warms up and does not count.
 *
 * raw: what a light skeleton's bpf_load_and_run does with the bundle's loader, nothing else:
 * digest, map, update, freeze, hash, signed program load, run, and closing map and loader. As root,
 * in a guest. The environment's CONTRACT says which of the bundle's signatures to use: v1, v2, or
 * none where the kernel checks none.
 * daemon: the Load call of org.bpfgate.Gate, from sending it to having the reply and its fds; the
 * daemon does all steps of the road, attaching included.
 * Neither counts taking the objects out of the kernel again.
 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "bundle.h"
#include "manifest.h"
#include "varlink.h"

#define SOCKET_PATH "/run/bpfgate/org.bpfgate.Gate"

struct loader_context {
	uint32_t size, flags, log_level, log_size;
	uint64_t log_buf;
	uint8_t descriptors[MANIFEST_MAPS_MAX * 16 + MANIFEST_PROGRAMS_MAX * 4];
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "load-bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static struct blob read_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *data;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	/* touched now, not in the first load */
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (data == MAP_FAILED)
		die(path);
	return (struct blob){data, (size_t)st.st_size};
}

static int metadata_map(struct blob metadata, const uint8_t *loader_digest)
{
	struct bpf_map_info info = {};
	uint8_t hash[DIGEST_SIZE];
	uint32_t key = 0;
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = (uint32_t)metadata.size;
	attr.max_entries = 1;
	attr.excl_prog_hash = address(loader_digest);
	attr.excl_prog_hash_size = DIGEST_SIZE;
	fd = bpf(BPF_MAP_CREATE, &attr);
	if (fd < 0)
		die("creating the metadata map");

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = address(&key);
	attr.value = address(metadata.data);
	if (bpf(BPF_MAP_UPDATE_ELEM, &attr) < 0)
		die("filling the metadata map");
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	if (bpf(BPF_MAP_FREEZE, &attr) < 0)
		die("freezing the metadata map");
	memset(&attr, 0, sizeof(attr));
	info.hash = address(hash);
	info.hash_size = sizeof(hash);
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info = address(&info);
	attr.info.info_len = sizeof(info);
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0)
		die("hashing the metadata map");
	return fd;
}

static int load_loader(struct blob loader, struct blob signature, enum contract contract, int map)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SYSCALL;
	attr.insns = address(loader.data);
	attr.insn_cnt = (uint32_t)(loader.size / sizeof(struct bpf_insn));
	attr.license = address("Dual BSD/GPL");
	attr.fd_array = address(&map);
	attr.fd_array_cnt = contract == CONTRACT_V2;
	attr.prog_flags = BPF_F_SLEEPABLE;
	if (contract != CONTRACT_NONE) {
		attr.signature = address(signature.data);
		attr.signature_size = (uint32_t)signature.size;
		attr.keyring_id = KEY_SPEC_SESSION_KEYRING;
	}
	fd = bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		die("loading the loader");
	return fd;
}

static void run_loader(int prog, struct loader_context *context)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)prog;
	attr.test.ctx_in = address(context);
	attr.test.ctx_size_in = context->size;
	if (bpf(BPF_PROG_RUN, &attr) < 0)
		die("running the loader");
	if ((int)attr.test.retval < 0) {
		errno = -(int)attr.test.retval;
		die("what the loader returned");
	}
}

/* Closes what the loader has made: each must be there, or the load was none. */
static void close_made(const struct loader_context *context, const struct manifest *manifest)
{
	const uint8_t *programs = context->descriptors + (size_t)manifest->n_maps * 16;

	for (unsigned i = 0; i < manifest->n_maps + manifest->n_programs; i++) {
		int fd;

		memcpy(&fd,
		       i < manifest->n_maps ? context->descriptors + (size_t)i * 16
					    : programs + (size_t)(i - manifest->n_maps) * 4,
		       sizeof(fd));
		if (fd <= STDERR_FILENO || close(fd) < 0)
			die("what the loader has made");
	}
}

static double load_raw(const struct bundle *bundle, const struct manifest *manifest,
		       struct blob signature, enum contract contract)
{
	const struct blob loader = bundle_find(bundle, BUNDLE_LOADER, 0)->content;
	struct loader_context context = {
		.size = 24 + manifest->n_maps * 16 + manifest->n_programs * 4,
	};
	uint8_t digest[DIGEST_SIZE];
	double start = now();
	int map, prog;

	if (sha256(loader.data, loader.size, digest) < 0)
		die("digest");
	map = metadata_map(bundle_find(bundle, BUNDLE_METADATA, 0)->content, digest);
	prog = load_loader(loader, signature, contract, map);
	run_loader(prog, &context);
	close(map);
	close(prog);
	start = now() - start;
	close_made(&context, manifest);
	return start;
}

/* A session keyring of our own, with the certificate: as bpftool does before it loads. */
static void trust_certificate(struct blob certificate)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
	    syscall(SYS_add_key, "asymmetric", "load-bench", certificate.data, certificate.size,
		    KEY_SPEC_SESSION_KEYRING) < 0)
		die("adding the certificate to a keyring");
}

static enum contract contract_wanted(void)
{
	const char *name = getenv("CONTRACT");

	if (name && streq(name, "v1"))
		return CONTRACT_V1;
	if (name && streq(name, "v2"))
		return CONTRACT_V2;
	if (name && streq(name, "none"))
		return CONTRACT_NONE;
	errno = EINVAL;
	die("CONTRACT is v1, v2 or none");
}

static void bench_raw(struct blob file, struct blob certificate, unsigned count)
{
	_cleanup_bundle_ struct bundle bundle = {};
	_cleanup_manifest_ struct manifest *manifest = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	enum contract contract = contract_wanted();
	const struct bundle_kernel_sig *sig;
	const struct bundle_section *text;
	struct blob signature = {};

	if (bundle_open(file.data, file.size, &bundle, &error) < 0 || !bundle.n_signers)
		die("not a signed bundle");
	text = bundle_find(&bundle, BUNDLE_MANIFEST, 0);
	if (manifest_parse((const char *)text->content.data, text->content.size, &manifest,
			   &error) < 0)
		die("manifest");
	if (contract != CONTRACT_NONE) {
		sig = bundle_find_kernel_sig(&bundle.signers[0], 0, contract);
		if (!sig)
			die("no kernel signature");
		signature = sig->pkcs7;
		trust_certificate(certificate);
	}
	load_raw(&bundle, manifest, signature, contract);
	for (unsigned i = 0; i < count; i++)
		printf("%.0f\n", load_raw(&bundle, manifest, signature, contract));
}

/* The reply's parameters; a reply that is an error ends the program. */
static struct json_object *call(int sock, struct varlink_reader *reader, const char *method,
				struct json_object *parameters, const int *fds, unsigned n_fds)
{
	_cleanup_free_ char *text = NULL;
	struct json_object *message = NULL;
	struct fd_set_owned received = {};
	size_t size;
	int r;

	if (varlink_format_call(method, parameters, false, &text, &size) < 0 ||
	    varlink_send(sock, text, size, fds, n_fds) != (ssize_t)size)
		die(method);
	while ((r = varlink_reader_next(reader, &message, &received)) == 0)
		if (varlink_reader_fill(reader, sock) <= 0)
			die(method);
	fd_set_close(&received);
	if (r < 0 || json_object_object_get(message, "error")) {
		fprintf(stderr, "load-bench: %s: %s\n", method,
			json_object_to_json_string(message));
		exit(1);
	}
	return message;
}

static double load_by_daemon(int sock, struct varlink_reader *reader, int bundle)
{
	_cleanup_json_ struct json_object *parameters = json_object_new_object();
	_cleanup_json_ struct json_object *id = json_object_new_object();
	_cleanup_json_ struct json_object *reply = NULL, *gone = NULL;
	struct json_object *value = NULL, *load = NULL;
	double took;

	json_add(parameters, "bundleFileDescriptor", json_object_new_int(0));
	took = now();
	reply = call(sock, reader, "org.bpfgate.Gate.Load", parameters, &bundle, 1);
	took = now() - took;
	json_object_object_get_ex(reply, "parameters", &value);
	json_object_object_get_ex(value, "load", &load);
	json_object_object_get_ex(load, "id", &value);
	json_add_string(id, "id", json_object_get_string(value));
	gone = call(sock, reader, "org.bpfgate.Gate.Unload", id, NULL, 0);
	return took;
}

static void bench_daemon(struct blob file, unsigned count)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const char *path = getenv("BPFGATE_SOCKET") ?: SOCKET_PATH;
	_cleanup_close_ int memfd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	_cleanup_close_ int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct varlink_reader reader;

	if (write(memfd, file.data, file.size) != (ssize_t)file.size ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		die("memfd");
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	if (sock < 0 || connect(sock, (struct sockaddr *)&name, sizeof(name)) < 0)
		die(path);
	varlink_reader_init(&reader, VARLINK_REPLY_MAX, VARLINK_FDS_MAX);
	load_by_daemon(sock, &reader, memfd);
	for (unsigned i = 0; i < count; i++)
		printf("%.0f\n", load_by_daemon(sock, &reader, memfd));
	varlink_reader_done(&reader);
}

int main(int argc, char **argv)
{
	int count = argc == 5 ? atoi(argv[4]) : 0;
	bool raw = count > 0 && streq(argv[1], "raw");

	if (count <= 0 || (!raw && !streq(argv[1], "daemon"))) {
		fprintf(stderr, "usage: load-bench raw|daemon BUNDLE CERTIFICATE.der COUNT\n");
		return 2;
	}
	if (raw)
		bench_raw(read_file(argv[2]), read_file(argv[3]), (unsigned)count);
	else
		bench_daemon(read_file(argv[2]), (unsigned)count);
	return fflush(stdout) == 0 ? 0 : 1;
}
