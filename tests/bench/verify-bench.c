// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * verify-bench FOLDER RUNS: what a signature adds to the time of BPF_PROG_LOAD, and its parts. As
 * root, in a guest, where tests/bench/verify runs it. FOLDER holds rsa.key, rsa.pem, ecdsa.key,
 * ecdsa.pem and verify-bench.bpf.o.
 *
 * Prints one sample a line: what, the key's kind, the size of the metadata, microseconds. Things
 * that are compared with one another are measured right after one another, and one round through
 * all of them follows the other; a first one that warms up does not count.
 *
 *   signed      a load: a SYSCALL program with its exclusive, frozen metadata map in fd_array
 *   unsigned    the same without signature, its map not exclusive: fd_array_cnt refuses that one
 *   exclusive   unsigned with the exclusive map, by fd_array but without fd_array_cnt
 *   cost        signed minus unsigned
 *   pkcs7       the kernel verifies the same signature over the same bytes, without a load
 *   rest        cost minus pkcs7
 *   hash        SHA-256 of so many bytes, by AF_ALG
 *   public-key  the operation with the public key alone, by keyctl
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_alg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "../kernel/kernel.h"
#include "../kernel/keys.h"
#include "../kernel/row.h"
#include "verify-bench.h"

static const uint32_t sizes[] = {2 << 10, 64 << 10, METADATA_MAX};
#define N_SIZES ARRAY_SIZE(sizes)

static const struct bpf_insn loader[] = {MAP_IDX_VALUE(1, 0, 0), LOAD32(0, 1, 0), EXIT};
static const struct code code = {loader, ARRAY_SIZE(loader)};

struct key {
	const char *name, *how; /* as keyctl wants to be told of the signature */
	struct signer *signer;
	int32_t serial, ring;
	uint8_t digest[32], signature[1024];
	size_t signature_size;
};

/* One key, one size. */
struct load {
	struct map bound, plain;
	struct request is_signed, is_unsigned, is_exclusive;
};

static struct key pairs[] = {
	{.name = "rsa", .how = "enc=pkcs1 hash=sha256"},
	{.name = "ecdsa", .how = "enc=x962 hash=sha256"},
};
static struct load loads[ARRAY_SIZE(pairs)][N_SIZES];

static struct {
	struct to_verify *value; /* the map's, in our memory */
	int program;
} alone;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void check(const char *what, bool ok)
{
	must(what, ok ? 0 : -(errno ?: EIO));
}

static void make_key(struct key *key, const char *folder)
{
	char private[4096], certificate[4096];
	EVP_PKEY_CTX *context;

	snprintf(private, sizeof(private), "%s/%s.key", folder, key->name);
	snprintf(certificate, sizeof(certificate), "%s/%s.pem", folder, key->name);
	key->signer = signer_read(private, certificate);
	check(private, key->signer);
	key->ring = must("keyring", ring_make(key->name, KEY_SPEC_SESSION_KEYRING));
	key->serial = must("key", ring_add(key->ring, key->signer));

	sha256(key->name, strlen(key->name), key->digest);
	key->signature_size = sizeof(key->signature);
	context = EVP_PKEY_CTX_new(key->signer->key, NULL);
	check("signature of a digest",
	      context && EVP_PKEY_sign_init(context) > 0 &&
		      EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) > 0 &&
		      EVP_PKEY_sign(context, key->signature, &key->signature_size, key->digest,
				    sizeof(key->digest)) > 0);
	EVP_PKEY_CTX_free(context);
}

static void make_load(struct load *load, const struct key *key, uint32_t size)
{
	map_make(&load->bound, code, size, 1);
	map_make_open(&load->plain, &(struct map_spec){.value_size = size}, 1);
	must("BPF_MAP_FREEZE", map_freeze(load->plain.fd));

	request_init(&load->is_signed, code);
	request_bind(&load->is_signed, &load->bound);
	request_sign_how(&load->is_signed, key->signer, NULL);
	load->is_signed.attr.keyring_id = key->ring;

	request_init(&load->is_unsigned, code);
	request_bind_fd(&load->is_unsigned, load->plain.fd);
	request_array(&load->is_unsigned);

	request_init(&load->is_exclusive, code);
	request_bind_fd(&load->is_exclusive, load->bound.fd);
	request_array(&load->is_exclusive);
	load->is_exclusive.attr.fd_array_cnt = 0;
}

/* The time from the call to its answer, with no log of the verifier. */
static double time_load(const char *what, struct request *q)
{
	double took = now();
	int fd = sys_bpf(BPF_PROG_LOAD, &q->attr, q->attr_size);

	took = now() - took;
	close(must(what, fd));
	return took;
}

/* What is measured is a check: with an altered signature there must be no load. */
static void check_signed(struct load *load)
{
	struct request *q = &load->is_signed;
	uint8_t *last = &q->signature.data[q->signature.size - 1];
	int fd;

	*last ^= 1;
	fd = sys_bpf(BPF_PROG_LOAD, &q->attr, q->attr_size);
	*last ^= 1;
	if (fd != -EKEYREJECTED) {
		note("a load with an altered signature answers %s, not EKEYREJECTED",
		     answer_name(fd));
		exit(3);
	}
}

static void open_alone(const char *folder)
{
	struct bpf_object *object;
	char path[4096];

	snprintf(path, sizeof(path), "%s/verify-bench.bpf.o", folder);
	object = bpf_object__open_file(path, NULL);
	check(path, object);
	check("mappable", bpf_map__set_map_flags(bpf_object__find_map_by_name(object, "to_verify"),
						 BPF_F_MMAPABLE) == 0);
	check("loading verify-bench.bpf.o", bpf_object__load(object) == 0);
	alone.program = bpf_program__fd(bpf_object__find_program_by_name(object, "verify"));
	alone.value = mmap(NULL, sizeof(*alone.value), PROT_READ | PROT_WRITE, MAP_SHARED,
			   bpf_object__find_map_fd_by_name(object, "to_verify"), 0);
	check("map", alone.value != MAP_FAILED);
}

static double time_alone(const struct request *q, const struct key *key)
{
	struct to_verify *v = alone.value;
	uint32_t returned;

	check("size",
	      q->covered.size <= sizeof(v->data) && q->signature.size <= sizeof(v->signature));
	v->size = (uint32_t)q->covered.size;
	v->signature_size = (uint32_t)q->signature.size;
	v->keyring = key->ring;
	memcpy(v->data, q->covered.data, q->covered.size);
	memcpy(v->signature, q->signature.data, q->signature.size);
	must("BPF_PROG_RUN", prog_run(alone.program, &returned));
	must("verification alone", returned ? -EINVAL : v->result);
	return (double)v->nanoseconds / 1e3;
}

/* Less than 0 where the kernel has no such thing. */
static double time_public_key(const struct key *key)
{
	struct keyctl_pkey_params params = {
		.key_id = key->serial,
		.in_len = sizeof(key->digest),
		.in2_len = (uint32_t)key->signature_size,
	};
	double took = now();
	int r = keyctl(KEYCTL_PKEY_VERIFY, ptr(&params), ptr(key->how), ptr(key->digest),
		       ptr(key->signature));

	took = now() - took;
	if (r == -EOPNOTSUPP)
		return -1;
	must("KEYCTL_PKEY_VERIFY", r);
	return took;
}

/* An operation's socket, or -1 where the kernel has no such thing. */
static int open_hash(void)
{
	struct sockaddr_alg name = {
		.salg_family = AF_ALG,
		.salg_type = "hash",
		.salg_name = "sha256",
	};
	_cleanup_close_ int fd = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		return -1;
	return accept(fd, NULL, NULL);
}

static double time_hash(int fd, const uint8_t *data, size_t size)
{
	uint8_t digest[32];
	double took = now();

	check("AF_ALG", send(fd, data, size, 0) == (ssize_t)size &&
				read(fd, digest, sizeof(digest)) == sizeof(digest));
	return now() - took;
}

static void sample(const char *what, const char *key, uint32_t size, double microseconds)
{
	if (microseconds >= 0 || streq(what, "cost") || streq(what, "rest"))
		printf("%s\t%s\t%u\t%.1f\n", what, key, size, microseconds);
}

/* Which of the two is first changes from @round to @round. */
static void measure(const struct key *key, struct load *load, uint32_t size, unsigned round,
		    bool counts)
{
	double is_signed = 0, is_unsigned = 0, is_exclusive, pkcs7;

	for (unsigned i = 0; i < 2; i++) {
		if ((i + round) % 2 == 0)
			is_signed = time_load("signed load", &load->is_signed);
		else
			is_unsigned = time_load("unsigned load", &load->is_unsigned);
	}
	is_exclusive = time_load("unsigned load with the exclusive map", &load->is_exclusive);
	pkcs7 = time_alone(&load->is_signed, key);
	if (!counts)
		return;
	sample("signed", key->name, size, is_signed);
	sample("unsigned", key->name, size, is_unsigned);
	sample("exclusive", key->name, size, is_exclusive);
	sample("cost", key->name, size, is_signed - is_unsigned);
	sample("pkcs7", key->name, size, pkcs7);
	sample("rest", key->name, size, is_signed - is_unsigned - pkcs7);
}

static void measure_all(unsigned round, int hash, bool counts)
{
	double took;

	for (unsigned k = 0; k < ARRAY_SIZE(pairs); k++) {
		for (unsigned s = 0; s < N_SIZES; s++)
			measure(&pairs[k], &loads[k][s], sizes[s], round, counts);
		took = time_public_key(&pairs[k]);
		if (counts)
			sample("public-key", pairs[k].name, 0, took);
	}
	for (unsigned s = 0; s < N_SIZES && hash >= 0; s++) {
		took = time_hash(hash, loads[0][s].bound.content, sizes[s]);
		if (counts)
			sample("hash", "-", sizes[s], took);
	}
}

int main(int argc, char **argv)
{
	unsigned runs = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
	int hash;

	if (runs == 0 || runs > 100000) {
		fprintf(stderr, "usage: verify-bench FOLDER RUNS\n");
		return 2;
	}
	must("session keyring", keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0));
	open_alone(argv[1]);
	for (unsigned k = 0; k < ARRAY_SIZE(pairs); k++) {
		make_key(&pairs[k], argv[1]);
		for (unsigned s = 0; s < N_SIZES; s++) {
			make_load(&loads[k][s], &pairs[k], sizes[s]);
			check_signed(&loads[k][s]);
		}
	}
	hash = open_hash();
	for (unsigned i = 0; i <= runs; i++)
		measure_all(i, hash, i > 0);
	return fflush(stdout) == 0 ? 0 : 1;
}
