// SPDX-License-Identifier: LGPL-2.1-or-later
/* The verdict, as an LSM program sees it (sig-lsm.bpf.c), when it is asked at all. */

#include <bpf/libbpf.h>

#include "kernel.h"
#include "keys.h"
#include "nested.h"
#include "row.h"
#include "sig-lsm.h"

static int seen_fd;

static int no_output(enum libbpf_print_level level, const char *format, va_list ap)
{
	return options.verbose ? vfprintf(stderr, format, ap) : 0;
}

/* 0 or a negative errno. The program stays attached until the process ends. */
static int attach(void)
{
	char path[4200];
	struct bpf_object *object;
	struct bpf_map *map;
	uint32_t self = (uint32_t)getpid();
	struct bpf_program *program;

	libbpf_set_print(no_output);
	snprintf(path, sizeof(path), "%s/sig-lsm.bpf.o", options.directory);
	object = bpf_object__open_file(path, NULL);
	must(path, object ? 0 : -errno);
	map = bpf_object__find_map_by_name(object, ".rodata");
	must(".rodata", map ? bpf_map__set_initial_value(map, &self, sizeof(self)) : -ENOENT);
	if (bpf_object__load(object) < 0)
		return -errno;
	program = bpf_object__find_program_by_name(object, "on_load");
	if (!bpf_program__attach_lsm(program))
		return -errno;
	seen_fd = bpf_object__find_map_fd_by_name(object, "seen");
	return 0;
}

static void forget(void)
{
	struct seen nothing = {};

	must("reset", map_update(seen_fd, 0, &nothing));
}

static const char *serial_name(int32_t serial, int32_t ring)
{
	static char other[24];

	if (serial == 0)
		return "0";
	if (ring && serial == ring)
		return "the keyring's";
	if (serial < 0) {
		snprintf(other, sizeof(other), "%d", serial);
		return other;
	}
	return "another";
}

static void describe(char *out, size_t size, const struct seen_load *load, int32_t ring)
{
	if (!load->has_state)
		snprintf(out, size, "kernel %u, signature %s", load->kernel,
			 load->has_signature ? "set" : "null");
	else
		snprintf(out, size, "kernel %u, signature %s, serial %s, type %u, verdict %u",
			 load->kernel, load->has_signature ? "set" : "null",
			 serial_name(load->serial, ring), load->type, load->verdict);
}

/* What was seen since forget(); @ring is the keyring that was to be used. */
static void row_seen(const char *name, const char *expected, int result, int32_t ring)
{
	char loads[200] = "", one[100];
	struct seen seen;

	must("what was seen", map_lookup(seen_fd, 0, &seen));
	for (unsigned i = 0; i < seen.n && i < SEEN_MAX; i++) {
		describe(one, sizeof(one), &seen.loads[i], ring);
		if (i)
			strncat(loads, "; then ", sizeof(loads) - strlen(loads) - 1);
		strncat(loads, one, sizeof(loads) - strlen(loads) - 1);
	}
	row(name, expected, "%s: %s", answer_name(result), seen.n ? loads : "not asked");
}

static void load(const char *name, const char *expected, const struct signer *signer, int32_t id,
		 int32_t ring)
{
	_cleanup_request_ struct request q = {};
	int fd;

	request_init(&q, RETURN_0);
	if (signer) {
		request_sign_how(&q, signer, NULL);
		q.attr.keyring_id = id;
	}
	forget();
	fd = request_load(&q);
	row_seen(name, expected, fd, ring);
	safe_close(fd);
}

static void rows_verdicts(void)
{
	const struct signer *own = NULL;
	int32_t session =
		must("session keyring", keyctl(KEYCTL_GET_KEYRING_ID,
					       (unsigned long)KEY_SPEC_SESSION_KEYRING, 0, 0, 0));

	load("lsm/unsigned", NULL, NULL, 0, 0);
	load("lsm/user-keyring", NULL, keys.trusted, keys.ring, keys.ring);
	load("lsm/session-keyring", NULL, keys.trusted, KEY_SPEC_SESSION_KEYRING, session);
	load("lsm/unknown-signer", "ENOKEY: not asked", keys.unknown, keys.ring, keys.ring);
	load("lsm/builtin-unknown-signer", "ENOKEY: not asked", keys.trusted, 0, 0);
	if (options.builtin_key && options.builtin_cert)
		own = signer_read(options.builtin_key, options.builtin_cert);
	if (own) {
		load("lsm/builtin", "ok: kernel 0, signature set, serial 0, type 1, verdict 1", own,
		     0, 0);
		load("lsm/secondary", "ok: kernel 0, signature set, serial 0, type 2, verdict 1",
		     own, 1, 0);
	} else {
		row_skip("lsm/builtin", "no key of ours is compiled into this kernel");
		row_skip("lsm/secondary", "no key of ours is compiled into this kernel");
	}
}

static void rows_refused(void)
{
	_cleanup_request_ struct request q = {}, broken = {}, null = {};
	_cleanup_map_ struct map map = {};
	uint8_t digest[32];
	int fd;

	program_digest(RETURN_0, digest);
	map_make_open(&map, &(struct map_spec){.value_size = 8, .digest = digest}, 1);
	request_init(&q, RETURN_0);
	request_bind(&q, &map);
	request_sign(&q);
	forget();
	row_seen("lsm/map-not-frozen", "EPERM: not asked", request_load(&q), keys.ring);
	must("freeze", map_freeze(map.fd));
	forget();
	fd = request_load(&q);
	row_seen("lsm/with-a-map", NULL, fd, keys.ring);
	safe_close(fd);

	request_init(&broken, CODE(MOV_REG(0, 5), EXIT));
	request_sign(&broken);
	forget();
	row_seen("lsm/signed-but-not-verifiable", NULL, request_load(&broken), keys.ring);

	request_init(&null, RETURN_0);
	null.attr.signature_size = 16;
	null.attr.keyring_id = keys.ring;
	forget();
	fd = request_load(&null);
	row_seen("lsm/null-signature-with-size", NULL, fd, keys.ring);
	safe_close(fd);

	request_init(&broken, CODE(MOV_REG(0, 5), EXIT));
	forget();
	row_seen("lsm/unsigned-not-verifiable", NULL, request_load(&broken), 0);
}

/* A signed program that loads another, as libbpf's loaders do. */
static void row_loader(void)
{
	static const struct bpf_insn insns[] = {MOV(0, 0), EXIT};
	static struct loader loader;
	int r;

	loader_init(&loader, BPF_PROG_LOAD, ATTR_SIZE(prog_btf_fd));
	loader.attr->prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	loader.attr->insn_cnt = ARRAY_SIZE(insns);
	loader_point(&loader, offsetof(union bpf_attr, insns), insns, sizeof(insns));
	loader_point(&loader, offsetof(union bpf_attr, license), "GPL", 4);
	forget();
	r = loader_run(&loader);
	row_seen("lsm/loader-and-what-it-loads", NULL, r, keys.ring);
}

void rows_lsm(void)
{
	int r = attach();

	if (r < 0) {
		row("lsm/attached", NULL, "skip: no BPF LSM, or no such hook: %s", answer_name(r));
		return;
	}
	rows_verdicts();
	rows_refused();
	row_loader();
}
