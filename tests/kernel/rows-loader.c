// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a signed loader may do: the rules that bind it do not bind what it makes. */

#include "keys.h"
#include "nested.h"
#include "row.h"

static struct loader loader;

/* A program of two instructions, or one that uses map number 0. */
static void load_begin(struct code code)
{
	loader_init(&loader, BPF_PROG_LOAD, ATTR_SIZE(keyring_id));
	loader.attr->prog_type = BPF_PROG_TYPE_SYSCALL;
	loader.attr->prog_flags = BPF_F_SLEEPABLE;
	loader.attr->insn_cnt = code.n;
	loader_point(&loader, offsetof(union bpf_attr, insns), code.insns,
		     code.n * sizeof(*code.insns));
	loader_point(&loader, offsetof(union bpf_attr, license), "GPL", 4);
}

static void rows_load(void)
{
	struct code index = CODE(MAP_IDX(1, 0), MOV(0, 0), EXIT);
	_cleanup_close_ int map = must("map", map_create(&(struct map_spec){}));
	_cleanup_close_ int btf = btf_make(), exclusive = -1;
	struct code by_fd = CODE(MAP_FD(1, map), MOV(0, 0), EXIT);
	uint8_t digest[32];
	int fds[2] = {map, btf};

	load_begin(RETURN_0);
	row_result("loader/loads-a-program", "ok", loader_run(&loader));
	load_begin(CODE(MOV_REG(0, 5), EXIT));
	row_result("loader/loads-a-bad-program", "EACCES", loader_run(&loader));
	load_begin(by_fd);
	row_result("loader/loads-one-with-a-map-by-fd", "ok", loader_run(&loader));
	load_begin(index);
	loader_point(&loader, offsetof(union bpf_attr, fd_array), fds, sizeof(fds));
	row_result("loader/loads-one-with-a-map-by-index", "ok", loader_run(&loader));
	load_begin(index);
	loader_point(&loader, offsetof(union bpf_attr, fd_array), fds, sizeof(fds));
	loader.attr->fd_array_cnt = 2;
	row_result("loader/loads-one-with-a-bound-map-and-btf", NULL, loader_run(&loader));

	program_digest(index, digest);
	exclusive = must("exclusive map", map_create(&(struct map_spec){.digest = digest}));
	fds[0] = exclusive;
	load_begin(index);
	loader_point(&loader, offsetof(union bpf_attr, fd_array), fds, sizeof(fds));
	row_result("loader/loads-one-with-its-exclusive-map", "ok", loader_run(&loader));
	load_begin(RETURN_0);
	loader_point(&loader, offsetof(union bpf_attr, fd_array), fds, sizeof(fds));
	loader.attr->fd_array_cnt = 1;
	row_result("loader/loads-one-with-another's-exclusive-map", "EACCES", loader_run(&loader));
}

/* Loads RETURN_0, signed; everything in kernel memory. */
static void row_signed(const char *name, const char *expected, bool spoil, bool bind)
{
	_cleanup_bytes_ struct bytes covered = {}, signature = {};
	struct code code = RETURN_0;
	struct map map = {.fd = -1};

	bytes_add(&covered, code.insns, code.n * sizeof(*code.insns));
	load_begin(code);
	if (bind) {
		map_make(&map, code, 8, 1);
		bytes_add(&covered, map.content, map.size);
		loader_point(&loader, offsetof(union bpf_attr, fd_array), &map.fd, sizeof(map.fd));
		loader.attr->fd_array_cnt = 1;
	}
	signature = sign(keys.trusted, covered.data, covered.size, NULL);
	if (spoil)
		signature.data[signature.size - 1] ^= 1;
	loader_point(&loader, offsetof(union bpf_attr, signature), signature.data, signature.size);
	loader.attr->signature_size = (uint32_t)signature.size;
	loader.attr->keyring_id = keys.ring;
	row_result(name, expected, loader_run(&loader));
	map_drop(&map);
}

static void rows_create(void)
{
	uint8_t digest[32] = {1};

	loader_init(&loader, BPF_MAP_CREATE, ATTR_SIZE(excl_prog_hash_size));
	map_attr(&(struct map_spec){}, loader.attr);
	row_result("loader/makes-a-map", "ok", loader_run(&loader));
	loader_init(&loader, BPF_MAP_CREATE, ATTR_SIZE(excl_prog_hash_size));
	map_attr(&(struct map_spec){}, loader.attr);
	loader.attr->excl_prog_hash_size = 32;
	loader_point(&loader, offsetof(union bpf_attr, excl_prog_hash), digest, sizeof(digest));
	row_result("loader/makes-an-exclusive-map", "ok", loader_run(&loader));
	loader_init(&loader, BPF_MAP_CREATE, ATTR_SIZE(excl_prog_hash_size));
	map_attr(&(struct map_spec){}, loader.attr);
	loader.attr->excl_prog_hash_size = 31;
	loader_point(&loader, offsetof(union bpf_attr, excl_prog_hash), digest, sizeof(digest));
	row_result("loader/makes-an-exclusive-map-hash-of-31", "EINVAL", loader_run(&loader));
}

void rows_loader(void)
{
	rows_load();
	row_signed("loader/loads-a-signed-one", NULL, false, false);
	row_signed("loader/loads-a-signed-one-with-map", NULL, false, true);
	row_signed("loader/loads-one-with-a-bad-signature", NULL, true, false);
	rows_create();
}
