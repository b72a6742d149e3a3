// SPDX-License-Identifier: LGPL-2.1-or-later
/* The program's digest, of which the tag that everyone sees is the beginning. */

#include <bpf/btf.h>

#include "kernel.h"
#include "row.h"

static int prog_tag(int fd, uint8_t tag[BPF_TAG_SIZE])
{
	struct bpf_prog_info info;
	union bpf_attr attr;
	int r;

	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = ptr(&info);
	r = sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, ATTR_SIZE(info));
	memcpy(tag, info.tag, BPF_TAG_SIZE);
	return r;
}

/* Compares the tag with the documented digest; @fds for MAP_IDX. */
static void tag(const char *name, struct code code, const int *fds, unsigned n)
{
	_cleanup_request_ struct request q = {};
	uint8_t digest[32], seen[BPF_TAG_SIZE];
	int fd;

	request_init(&q, code);
	for (unsigned i = 0; i < n; i++)
		request_bind_fd(&q, fds[i]);
	request_array(&q);
	fd = request_load(&q);
	if (fd < 0) {
		row_result(name, "ok, tag is the digest's", fd);
		return;
	}
	must("the program's tag", prog_tag(fd, seen));
	program_digest(code, digest);
	row(name, "ok, tag is the digest's", "ok, tag is %s",
	    memcmp(seen, digest, sizeof(seen)) == 0 ? "the digest's" : "another");
	close(fd);
}

static void rows_lengths(void)
{
	static const unsigned lengths[] = {2, 3, 6, 7, 8, 9, 15, 16, 511, 512, 4096};
	static struct bpf_insn insns[4096];

	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		unsigned n = lengths[i];
		char name[32];

		for (unsigned k = 0; k + 1 < n; k++)
			insns[k] = (struct bpf_insn)MOV(0, k * 3);
		insns[n - 2] = (struct bpf_insn)MOV(0, 0);
		insns[n - 1] = (struct bpf_insn)EXIT;
		snprintf(name, sizeof(name), "digest/%u-instructions", n);
		tag(name, (struct code){insns, n}, NULL, 0);
	}
}

static void rows_references(void)
{
	int a = must("map", map_create(&(struct map_spec){}));
	int b = must("map", map_create(&(struct map_spec){}));
	int fds[2] = {a, b};
	struct btf *btf = btf__load_vmlinux_btf();
	int lock = btf__find_by_name_kind(btf, "bpf_rcu_read_lock", BTF_KIND_FUNC);
	int unlock = btf__find_by_name_kind(btf, "bpf_rcu_read_unlock", BTF_KIND_FUNC);
	int variable = btf__find_by_name_kind(btf, "runqueues", BTF_KIND_VAR);

	tag("digest/number-of-64-bits", CODE(LD64(1, 0, 0x12345678, 0x7654321), MOV(0, 0), EXIT),
	    NULL, 0);
	tag("digest/map-by-fd", CODE(MAP_FD(1, a), MOV(0, 0), EXIT), NULL, 0);
	tag("digest/map-by-another-fd", CODE(MAP_FD(1, b), MOV(0, 0), EXIT), NULL, 0);
	tag("digest/value-by-fd", CODE(MAP_VALUE(1, a), MOV(0, 0), EXIT), NULL, 0);
	tag("digest/value-by-fd-and-offset",
	    CODE(LD64(1, BPF_PSEUDO_MAP_VALUE, a, 4), MOV(0, 0), EXIT), NULL, 0);
	tag("digest/map-by-index-0", CODE(MAP_IDX(1, 0), MOV(0, 0), EXIT), fds, 2);
	tag("digest/map-by-index-1", CODE(MAP_IDX(1, 1), MOV(0, 0), EXIT), fds, 2);
	tag("digest/value-by-index-1-and-offset", CODE(MAP_IDX_VALUE(1, 1, 4), MOV(0, 0), EXIT),
	    fds, 2);
	tag("digest/subprogram", CODE(CALL_LOCAL(1), EXIT, MOV(0, 0), EXIT), NULL, 0);
	if (lock > 0 && unlock > 0)
		tag("digest/kfunc",
		    CODE(CALL_KFUNC(lock, 0), CALL_KFUNC(unlock, 0), MOV(0, 0), EXIT), NULL, 0);
	else
		row_skip("digest/kfunc", "no bpf_rcu_read_lock()");
	if (variable > 0)
		tag("digest/variable",
		    CODE(LD64(1, BPF_PSEUDO_BTF_ID, variable, 0), MOV(0, 0), EXIT), NULL, 0);
	else
		row_skip("digest/variable", "no runqueues in this kernel's BTF");
	btf__free(btf);
	close(a);
	close(b);
}

/* That an exclusive map wants the whole digest, not only the tag. */
static void rows_whole(void)
{
	static const unsigned places[] = {0, 7, 8, 31};

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		struct bpf_insn insns[] = {MAP_FD(1, 0), MOV(0, 0), EXIT};
		struct code code = {insns, ARRAY_SIZE(insns)};
		_cleanup_request_ struct request q = {};
		uint8_t digest[32];
		char name[48];

		program_digest(code, digest);
		digest[places[i]] ^= 1;
		insns[0].imm =
			must("exclusive map", map_create(&(struct map_spec){.digest = digest}));
		request_init(&q, code);
		snprintf(name, sizeof(name), "digest/exclusive-map-byte-%u-differs", places[i]);
		row_load_digest(name, "EACCES, log: digest", &q);
		close(insns[0].imm);
	}
}

void rows_digest(void)
{
	rows_lengths();
	rows_references();
	rows_whole();
}
