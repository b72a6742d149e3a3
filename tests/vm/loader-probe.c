// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The loader half alone, on the running kernel: probes the contract, makes a loader of a BPF object
 * with libbpf, signs it, fills a keyring, loads. Prints what it finds; for trying things out and
 * for the guest tests of what the road never lets happen.
 *
 *   loader-probe probe
 *   loader-probe load OBJECT [KEY.pem CERT.pem] [OPTION...]
 *     flip-loader=N, flip-metadata=N   changes a byte of what is loaded after signing
 *     sign=v1|v2                       signs what that contract covers, not what the kernel wants
 *     rounds=N                         loads N times, prints the mean
 *     wrong-keyring                    loads with a keyring that does not hold the key
 *     drop                             with the three capabilities of the daemon only
 *     lie=KIND:TARGET                  what the manifest says of the first program
 *     daemon-only                      without a signature
 */

#include <bpf/libbpf.h>
#include <json-c/json.h>
#include <linux/keyctl.h>
#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <time.h>

#include "load-child.h"
#include "sys-bpf.h"

struct options {
	long flip_loader, flip_metadata, rounds;
	enum contract sign;
	bool wrong_keyring, drop, daemon_only;
	const char *key, *certificate, *object, *lie;
};

static _Noreturn void die(const char *what, int errnum)
{
	fprintf(stderr, "loader-probe: %s: %s\n", what, strerror(errnum));
	exit(1);
}

static void drop_capabilities(void)
{
	static const cap_value_t keep[] = {CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN};
	cap_t caps = cap_init();

	if (!caps || cap_set_flag(caps, CAP_PERMITTED, ARRAY_SIZE(keep), keep, CAP_SET) < 0 ||
	    cap_set_flag(caps, CAP_EFFECTIVE, ARRAY_SIZE(keep), keep, CAP_SET) < 0 ||
	    cap_set_proc(caps) < 0)
		die("capabilities", errno);
	cap_free(caps);
	/* As for any daemon that dropped privileges by itself. */
	prctl(PR_SET_DUMPABLE, 0);
}

static struct blob sign(const struct options *o, enum contract contract, struct blob loader,
			struct blob metadata)
{
	FILE *key_file = fopen(o->key, "re"), *cert_file = fopen(o->certificate, "re");
	EVP_PKEY *key = key_file ? PEM_read_PrivateKey(key_file, NULL, NULL, NULL) : NULL;
	X509 *cert = cert_file ? PEM_read_X509(cert_file, NULL, NULL, NULL) : NULL;
	unsigned flags = CMS_PARTIAL | CMS_BINARY | CMS_DETACHED | CMS_NOCERTS | CMS_STREAM;
	BIO *content = BIO_new(BIO_s_mem());
	struct blob ret = {};
	CMS_ContentInfo *cms;
	unsigned char *der = NULL;
	int size;

	if (!key || !cert)
		die("key or certificate", EINVAL);
	BIO_write(content, loader.data, (int)loader.size);
	if (contract == CONTRACT_V2)
		BIO_write(content, metadata.data, (int)metadata.size);
	cms = CMS_sign(NULL, NULL, NULL, content, flags);
	if (!cms ||
	    !CMS_add1_signer(cms, cert, key, EVP_sha256(),
			     CMS_NOCERTS | CMS_BINARY | CMS_NOSMIMECAP | CMS_USE_KEYID |
				     CMS_NOATTR) ||
	    CMS_final(cms, content, NULL, CMS_NOCERTS | CMS_BINARY) != 1)
		die("CMS", EINVAL);
	size = i2d_CMS_ContentInfo(cms, &der);
	if (size <= 0)
		die("CMS", EINVAL);
	ret.data = der;
	ret.size = (size_t)size;
	return ret;
}

static int32_t make_keyring(const struct options *o)
{
	FILE *file = fopen(o->certificate, "re");
	X509 *cert = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	unsigned char *der = NULL;
	struct blob blob;
	int32_t ring;
	int rejected = 0;

	blob.size = (size_t)i2d_X509(cert, &der);
	blob.data = der;
	if (keyring_make(&blob, o->wrong_keyring ? 0 : 1, &rejected, &ring, &error) < 0) {
		fprintf(stderr, "keyring: %s\n", error_message(&error));
		exit(1);
	}
	printf("keyring: %d, rejected: %s\n", ring, rejected ? strerrorname_np(rejected) : "none");
	/* Nobody may change it, we no more than others. */
	if (syscall(SYS_add_key, "user", "x", "x", 1, ring) >= 0 ||
	    syscall(SYS_add_key, "asymmetric", NULL, blob.data, blob.size, ring) >= 0 ||
	    syscall(SYS_keyctl, KEYCTL_SETPERM, ring, 0x3f3f0000) >= 0 ||
	    syscall(SYS_keyctl, KEYCTL_CLEAR, ring) >= 0 ||
	    syscall(SYS_keyctl, KEYCTL_REVOKE, ring) >= 0)
		printf("keyring: NOT CLOSED\n");
	return ring;
}

/* What bpfctl build would derive. */
static struct manifest manifest;

static void describe_program(const struct bpf_program *program)
{
	struct manifest_program *p = &manifest.programs[manifest.n_programs++];
	enum target_kind kind;
	char *text = NULL;

	p->name = strdup(bpf_program__name(program));
	p->type = bpf_program__type(program);
	p->attach = calloc(1, sizeof(*p->attach));
	if (target_from_section(bpf_program__section_name(program), &kind, &text) == 0 && text)
		p->attach[p->n_attach++] = text;
	printf("program: %s (%s)\n", p->name, text ?: "no target");
}

static void describe_map(const struct bpf_map *map)
{
	struct manifest_map *m = &manifest.maps[manifest.n_maps++];

	m->name = strdup(bpf_map__name(map));
	m->type = bpf_map__type(map);
	m->key_size = bpf_map__key_size(map);
	m->value_size = bpf_map__value_size(map);
	m->max_entries = bpf_map__max_entries(map);
	printf("map: %s\n", m->name);
}

static void attest_and_print(const struct loaded *loaded)
{
	struct program_info programs[MANIFEST_PROGRAMS_MAX];
	struct map_info maps[MANIFEST_MAPS_MAX];
	_cleanup_error_ struct error error = ERROR_INIT;

	if (attest(&manifest, loaded, NULL, &(struct kfunc_grant){}, programs, maps, &error) < 0) {
		printf("refused: %s (%s, %s, errno %d)\n", error_message(&error),
		       error_code_name(error.code), step_name(error.step), error.errnum);
		return;
	}
	for (unsigned i = 0; i < manifest.n_programs; i++)
		printf("attested: %s id %u tag %s\n", manifest.programs[i].name, programs[i].id,
		       programs[i].tag);
	for (unsigned i = 0; i < manifest.n_maps; i++)
		printf("attested: %s id %u entries %u\n", manifest.maps[i].name, maps[i].id,
		       maps[i].max_entries);
}

static void generate(const char *path, struct load_input *input)
{
	LIBBPF_OPTS(gen_loader_opts, gen, .gen_hash = true);
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;
	struct bpf_map *map;
	int r;

	if (!object)
		die(path, errno);
	r = bpf_object__gen_loader(object, &gen);
	if (r == 0)
		r = bpf_object__load(object);
	if (r < 0)
		die("gen_loader", -r);
	input->loader = (struct blob){(const void *)gen.insns, gen.insns_sz};
	input->metadata = (struct blob){(const void *)gen.data, gen.data_sz};
	manifest.programs = calloc(MANIFEST_PROGRAMS_MAX, sizeof(*manifest.programs));
	manifest.maps = calloc(MANIFEST_MAPS_MAX, sizeof(*manifest.maps));
	bpf_object__for_each_program (program, object)
		describe_program(program);
	bpf_object__for_each_map (map, object)
		describe_map(map);
	input->n_programs = manifest.n_programs;
	input->program_types = manifest_types(&manifest, 0);
	input->n_maps = manifest.n_maps;
}

static void flip(struct blob blob, long offset)
{
	if (offset >= 0 && (size_t)offset < blob.size)
		((uint8_t *)(uintptr_t)blob.data)[offset] ^= 1;
}

static int load(const struct options *o, const struct kernel_probe *probe)
{
	struct load_input input = {.contract = probe->contract, .daemon_only = o->daemon_only};
	struct timespec a, b;
	int r = 0;

	generate(o->object, &input);
	printf("loader: %zu bytes, metadata: %zu bytes\n", input.loader.size, input.metadata.size);
	if (o->daemon_only)
		input.contract = CONTRACT_NONE;
	if (o->key)
		input.pkcs7 = sign(o, o->sign ?: input.contract, input.loader, input.metadata);
	if (o->certificate)
		input.keyring = make_keyring(o);
	if (o->drop)
		drop_capabilities();
	if (o->lie && manifest.n_programs > 0) {
		manifest.programs[0].attach[0] = (char *)(uintptr_t)o->lie;
		manifest.programs[0].n_attach = 1;
	}
	flip(input.loader, o->flip_loader);
	flip(input.metadata, o->flip_metadata);

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (long i = 0; r == 0 && i < o->rounds; i++) {
		_cleanup_loaded_ struct loaded loaded = LOADED_INIT;
		_cleanup_error_ struct error error = ERROR_INIT;

		r = loader_load(&input, 1, LOAD_DEADLINE_USEC, &loaded, &error);
		if (r < 0)
			printf("refused: %s (%s, %s, errno %d)\n", error_message(&error),
			       error_code_name(error.code), step_name(error.step), error.errnum);
		if (r == 0 && i == 0)
			attest_and_print(&loaded);
		if (r < 0 && error.fields)
			printf("%s\n", json_object_to_json_string_ext(error.fields,
								      JSON_C_TO_STRING_PRETTY));
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (r == 0)
		printf("loaded %ld times, %.0f us each\n", o->rounds,
		       ((double)(b.tv_sec - a.tv_sec) * 1e6 +
			(double)(b.tv_nsec - a.tv_nsec) / 1e3) /
			       (double)o->rounds);
	keyring_drop(input.keyring);
	return r == 0 ? 0 : 5;
}

static void parse(struct options *o, int argc, char **argv)
{
	int i = 3;

	o->object = argv[2];
	if (argc >= 5 && strstr(argv[3], ".pem")) {
		o->key = argv[3];
		o->certificate = argv[4];
		i = 5;
	}
	for (; i < argc; i++) {
		if (sscanf(argv[i], "flip-loader=%ld", &o->flip_loader) == 1 ||
		    sscanf(argv[i], "flip-metadata=%ld", &o->flip_metadata) == 1 ||
		    sscanf(argv[i], "rounds=%ld", &o->rounds) == 1)
			continue;
		if (streq(argv[i], "sign=v1") || streq(argv[i], "sign=v2"))
			o->sign = argv[i][6] == '1' ? CONTRACT_V1 : CONTRACT_V2;
		else if (streq(argv[i], "wrong-keyring"))
			o->wrong_keyring = true;
		else if (strncmp(argv[i], "lie=", 4) == 0)
			o->lie = argv[i] + 4;
		else if (streq(argv[i], "drop"))
			o->drop = true;
		else if (streq(argv[i], "daemon-only"))
			o->daemon_only = true;
		else
			die(argv[i], EINVAL);
	}
}

int main(int argc, char **argv)
{
	struct options options = {.flip_loader = -1, .flip_metadata = -1, .rounds = 1};
	struct kernel_probe probe;

	if (argc < 2 || (!streq(argv[1], "probe") && argc < 3))
		die("usage: probe | load OBJECT [KEY.pem CERT.pem] [OPTION...]", EINVAL);
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	kernel_probe(&probe);
	printf("contract: %d %s (%s)\n", (int)probe.contract, probe.reason, probe.release);
	if (streq(argv[1], "probe"))
		return 0;
	parse(&options, argc, argv);
	return load(&options, &probe);
}
