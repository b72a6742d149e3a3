// SPDX-License-Identifier: LGPL-2.1-or-later
/* Exclusive maps: which program may use them, and by what road they may not get anywhere else. */

#include <bpf/btf.h>

#include "kernel.h"
#include "keys.h"
#include "row.h"

static int load(struct code code, const int *fds, unsigned n)
{
	_cleanup_request_ struct request q = {};

	request_init(&q, code);
	q.attr.fd_array = ptr(fds);
	q.attr.fd_array_cnt = n;
	return request_load(&q);
}

static int exclusive_to(struct code code)
{
	uint8_t digest[32];

	program_digest(code, digest);
	return must("exclusive map", map_create(&(struct map_spec){.digest = digest}));
}

/* An unsigned program with a map that is exclusive to it, or to another one. */
static void row_use(const char *name, const char *expected, struct code code, bool matches,
		    bool in_array, unsigned count)
{
	_cleanup_close_ int map = exclusive_to(matches ? code : CODE(MOV(0, 3), EXIT));
	_cleanup_request_ struct request q = {};
	struct bpf_insn insns[8];

	memcpy(insns, code.insns, code.n * sizeof(*insns));
	if (insns[0].src_reg == BPF_PSEUDO_MAP_FD || insns[0].src_reg == BPF_PSEUDO_MAP_VALUE)
		insns[0].imm = map;
	request_init(&q, (struct code){insns, code.n});
	if (in_array)
		q.attr.fd_array = ptr(&map);
	q.attr.fd_array_cnt = count;
	row_load_digest(name, expected, &q);
}

static void rows_unsigned_use(void)
{
	static const char digest[] = "EACCES, log: digest";
	struct code fd = CODE(MAP_FD(1, 0), MOV(0, 0), EXIT);
	struct code value = CODE(MAP_VALUE(1, 0), MOV(0, 0), EXIT);
	struct code idx = CODE(MAP_IDX(1, 0), MOV(0, 0), EXIT);
	struct code idx_value = CODE(MAP_IDX_VALUE(1, 0, 0), MOV(0, 0), EXIT);

	row_use("use/by-fd", "ok", fd, true, false, 0);
	row_use("use/by-fd-of-another-program", digest, fd, false, false, 0);
	row_use("use/value-by-fd", "ok", value, true, false, 0);
	row_use("use/value-by-fd-of-another-program", digest, value, false, false, 0);
	row_use("use/by-index-count-0", "ok", idx, true, true, 0);
	row_use("use/by-index-count-0-of-another-program", digest, idx, false, true, 0);
	row_use("use/value-by-index-count-0", "ok", idx_value, true, true, 0);
	row_use("use/value-by-index-count-0-of-another-program", digest, idx_value, false, true, 0);
	row_use("use/bound", NULL, RETURN_0, true, true, 1);
	row_use("use/bound-of-another-program", NULL, RETURN_0, false, true, 1);
	row_use("use/bound-by-index", NULL, idx, true, true, 1);
	row_use("use/bound-by-index-of-another-program", NULL, idx, false, true, 1);
	row_use("use/bound-by-fd", NULL, fd, true, true, 1);
}

/* A program that sleeps may use few types, one on a socket any. False: this kernel has none for it.
 */
static bool fits(struct request *q, const struct code *code, bool sleeps)
{
	int fd;

	request_init(q, *code);
	if (!sleeps) {
		q->attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
		q->attr.prog_flags = 0;
	}
	fd = request_load(q);
	safe_close(fd);
	return fd >= 0;
}

/* A program that uses an exclusive map of this type: its own, and that of another one. */
static void rows_type(const struct map_kind *kind)
{
	struct bpf_insn insns[] = {MAP_FD(1, 0), MOV(0, 0), EXIT};
	struct code code = {insns, ARRAY_SIZE(insns)};
	struct map_spec spec = {.kind = kind};
	_cleanup_request_ struct request q = {};
	uint8_t digest[32], other[32] = {};
	char name[64], name_other[64];
	bool found;

	program_digest(code, digest);
	snprintf(name, sizeof(name), "use-type/%s", kind->name);
	snprintf(name_other, sizeof(name_other), "use-type/%s-of-another-program", kind->name);
	insns[0].imm = map_create(&spec);
	if (insns[0].imm < 0) {
		row_skip(name, "no such map here");
		row_skip(name_other, "no such map here");
		return;
	}
	found = fits(&q, &code, true);
	if (!found) {
		request_free(&q);
		found = fits(&q, &code, false);
	}
	close(insns[0].imm);
	if (!found) {
		row_skip(name, "no program here may use one");
		row_skip(name_other, "no program here may use one");
		return;
	}
	spec.digest = digest;
	insns[0].imm = must("exclusive map", map_create(&spec));
	row_load_digest(name, "ok", &q);
	close(insns[0].imm);
	spec.digest = other;
	insns[0].imm = must("exclusive map", map_create(&spec));
	row_load_digest(name_other, "EACCES, log: digest", &q);
	close(insns[0].imm);
}

static void rows_inner(const char *outer_name, unsigned kind)
{
	_cleanup_close_ int map = exclusive_to(RETURN_0);
	_cleanup_close_ int plain = must("map", map_create(&(struct map_spec){}));
	_cleanup_close_ int outer = -1, exclusive_outer = -1;
	uint8_t digest[32] = {};
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "inner/template-of-%s", outer_name);
	fd = map_create(&(struct map_spec){.kind = &map_kinds[kind], .inner_fd = map});
	row_result(name, "ENOTSUPP", fd);
	safe_close(fd);

	outer = must("map of maps",
		     map_create(&(struct map_spec){.kind = &map_kinds[kind], .inner_fd = plain}));
	snprintf(name, sizeof(name), "inner/plain-into-%s", outer_name);
	row_result(name, "ok", map_update(outer, 0, &plain));
	snprintf(name, sizeof(name), "inner/exclusive-into-%s", outer_name);
	row_result(name, "ENOTSUPP", map_update(outer, 0, &map));
	must("BPF_MAP_FREEZE", map_freeze(map));
	snprintf(name, sizeof(name), "inner/exclusive-frozen-into-%s", outer_name);
	row_result(name, "ENOTSUPP", map_update(outer, 0, &map));

	snprintf(name, sizeof(name), "inner/plain-into-exclusive-%s", outer_name);
	exclusive_outer = map_create(
		&(struct map_spec){.kind = &map_kinds[kind], .inner_fd = plain, .digest = digest});
	row_result(name, NULL,
		   exclusive_outer < 0 ? exclusive_outer : map_update(exclusive_outer, 0, &plain));
}

/* An iterator over the elements of @map. */
static void row_iterator(const char *name, const char *expected, const char *target, int map)
{
	struct btf *btf = btf__load_vmlinux_btf();
	char function[64];
	union bpf_attr attr;
	struct request q;
	int prog, link;

	must("BTF of vmlinux", btf ? 0 : -ENOENT);
	snprintf(function, sizeof(function), "bpf_iter_%s", target);
	request_init(&q, RETURN_0);
	q.attr.prog_type = BPF_PROG_TYPE_TRACING;
	q.attr.prog_flags = 0;
	q.attr.expected_attach_type = BPF_TRACE_ITER;
	q.attr.attach_btf_id = (uint32_t)btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
	btf__free(btf);
	prog = request_load(&q);
	request_free(&q);
	if (prog < 0) {
		row(name, NULL, "skip: no such iterator: %s", answer_name(prog));
		return;
	}
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)prog;
	attr.link_create.attach_type = BPF_TRACE_ITER;
	attr.link_create.iter_info = ptr(&map); /* union bpf_iter_link_info begins with map_fd */
	attr.link_create.iter_info_len = sizeof(map);
	link = sys_bpf(BPF_LINK_CREATE, &attr, ATTR_SIZE(link_create));
	row_result(name, expected, link);
	safe_close(link);
	close(prog);
}

static const struct map_kind *kind_by_name(const char *name)
{
	for (unsigned i = 0; i < n_map_kinds; i++)
		if (streq(map_kinds[i].name, name))
			return &map_kinds[i];
	must(name, -ENOENT);
	return NULL;
}

static void rows_iterators(void)
{
	static const char *const iterators[][2] = {
		{"bpf_map_elem", "array"},
		{"bpf_map_elem", "hash"},
		{"bpf_map_elem", "percpu-hash"},
		{"bpf_map_elem", "percpu-array"},
		{"bpf_sk_storage_map", "sk-storage"},
		{"sockmap", "sockmap"},
		{"sockmap", "sockhash"},
	};
	uint8_t digest[32];

	program_digest(RETURN_0, digest);
	for (unsigned i = 0; i < ARRAY_SIZE(iterators); i++) {
		const struct map_kind *kind = kind_by_name(iterators[i][1]);
		int plain = map_create(&(struct map_spec){.kind = kind});
		int exclusive = map_create(&(struct map_spec){.kind = kind, .digest = digest});
		char name[64];

		snprintf(name, sizeof(name), "iterator/plain-%s", kind->name);
		row_iterator(name, "ok", iterators[i][0], plain);
		snprintf(name, sizeof(name), "iterator/exclusive-%s", kind->name);
		row_iterator(name, streq(iterators[i][0], "bpf_map_elem") ? "EPERM" : NULL,
			     iterators[i][0], exclusive);
		safe_close(plain);
		safe_close(exclusive);
	}
}

static int bind_map(int prog, int map)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_bind_map.prog_fd = (uint32_t)prog;
	attr.prog_bind_map.map_fd = (uint32_t)map;
	return sys_bpf(BPF_PROG_BIND_MAP, &attr, ATTR_SIZE(prog_bind_map));
}

static void rows_bind(void)
{
	_cleanup_close_ int prog = must("program", load(RETURN_0, NULL, 0));
	_cleanup_close_ int plain = must("map", map_create(&(struct map_spec){}));
	_cleanup_close_ int mine = exclusive_to(RETURN_0), theirs = exclusive_to(CODE(EXIT));
	_cleanup_request_ struct request q = {};
	_cleanup_map_ struct map map = {};
	uint32_t ids[8];
	int fd;

	row_result("bind/plain", "ok", bind_map(prog, plain));
	row_result("bind/exclusive-to-it", NULL, bind_map(prog, mine));
	row_result("bind/exclusive-to-another", NULL, bind_map(prog, theirs));
	row("bind/maps-after-that", NULL, "%d maps", prog_maps(prog, ids, ARRAY_SIZE(ids)));

	map_make(&map, RETURN_0, 8, 1);
	request_init(&q, RETURN_0);
	request_bind(&q, &map);
	request_sign(&q);
	fd = must("signed program", request_load(&q));
	row_result("bind/plain-to-a-signed-program", NULL, bind_map(fd, plain));
	row_result("bind/exclusive-to-a-signed-program", NULL, bind_map(fd, mine));
	row_result("bind/another's-to-a-signed-program", NULL, bind_map(fd, theirs));
	close(fd);
}

/* Maps that hold programs, and programs that replace others. */
static void rows_roads(void)
{
	_cleanup_close_ int prog = must("program", load(RETURN_0, NULL, 0));
	_cleanup_close_ int array = -1;
	uint8_t digest[32] = {};

	array = must("program array",
		     map_create(&(struct map_spec){.kind = kind_by_name("prog-array"),
						   .digest = digest}));
	row_result("use/program-into-an-exclusive-program-array", NULL,
		   map_update(array, 0, &prog));
}

void rows_exclusive_use(void)
{
	rows_unsigned_use();
	for (unsigned i = 0; i < n_map_kinds; i++)
		rows_type(&map_kinds[i]);
	rows_inner("array-of-maps", 11);
	rows_inner("hash-of-maps", 12);
	rows_iterators();
	rows_bind();
	rows_roads();
}
