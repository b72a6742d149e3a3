// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * CO-RE relocations: they change instructions when a program is loaded. What names a program by its
 * instructions (a digest, a tag, a signature) must speak of those that run.
 */

#include <bpf/btf.h>

#include "kernel.h"
#include "row.h"

/* BTF with 1: a function's type, 2: "entry" of that type, 3: a structure. */
#define STRUCTURE 3

static int btf_fd;
static uint32_t zero_string;

/* What runs: the number of the structure's type is put into the first instruction. */
static const struct bpf_insn passed[] = {MOV(0, 0), EXIT};
static const struct bpf_insn relocated[] = {MOV(0, STRUCTURE), EXIT};

static void make_btf(void)
{
	struct btf *btf = btf__new_empty();
	union bpf_attr attr;
	const void *data;
	uint32_t size;
	int integer, string;

	must("BTF", btf ? 0 : -ENOMEM);
	must("BTF", btf__add_func_proto(btf, 0));
	must("BTF", btf__add_func(btf, "entry", BTF_FUNC_GLOBAL, 1));
	must("BTF", btf__add_struct(btf, "structure", 4));
	integer = must("BTF", btf__add_int(btf, "unsigned int", 4, 0));
	/* The member belongs to the structure only if that is the last type. */
	must("BTF", integer == STRUCTURE + 1 ? 0 : -EINVAL);
	string = must("BTF", btf__add_str(btf, "0"));
	zero_string = (uint32_t)string;
	data = btf__raw_data(btf, &size);
	memset(&attr, 0, sizeof(attr));
	attr.btf = ptr(data);
	attr.btf_size = size;
	btf_fd = must("BPF_BTF_LOAD", sys_bpf(BPF_BTF_LOAD, &attr, ATTR_SIZE(btf_token_fd)));
	btf__free(btf);
}

/* Adds one to the request: the first instruction gets the type's number. */
static void relocate(struct request *q)
{
	static const struct bpf_func_info func_info = {.insn_off = 0, .type_id = 2};
	static struct bpf_core_relo relo;

	relo = (struct bpf_core_relo){
		.insn_off = 0,
		.type_id = STRUCTURE,
		.access_str_off = zero_string,
		.kind = BPF_CORE_TYPE_ID_LOCAL,
	};
	q->attr.prog_btf_fd = (uint32_t)btf_fd;
	q->attr.func_info = ptr(&func_info);
	q->attr.func_info_cnt = 1;
	q->attr.func_info_rec_size = sizeof(func_info);
	q->attr.core_relos = ptr(&relo);
	q->attr.core_relo_cnt = 1;
	q->attr.core_relo_rec_size = sizeof(relo);
}

static struct code code_of(const struct bpf_insn *insns)
{
	return (struct code){insns, 2};
}

/* With a relocation and a signature; @bind: and with a map in it. */
static void row_signed(const char *name, const char *expected, const struct bpf_insn *insns,
		       bool bind)
{
	_cleanup_request_ struct request q = {};
	_cleanup_map_ struct map map = {};

	request_init(&q, code_of(insns));
	if (bind) {
		map_make(&map, code_of(insns), 8, 1);
		request_bind(&q, &map);
	}
	request_sign(&q);
	relocate(&q);
	row_load_run(name, expected, &q);
}

/* Relocations that are counted but have no BTF to go by, which no kernel applies. */
static void row_signed_count(const char *name, const char *expected)
{
	_cleanup_request_ struct request q = {};

	request_init(&q, code_of(passed));
	request_sign(&q);
	q.attr.core_relo_cnt = 1;
	row_load(name, expected, &q);
}

/* An unsigned program, and a map that belongs to whoever has the digest of @owner. */
static void row_exclusive(const char *name, const struct bpf_insn *owner, bool bind)
{
	struct bpf_insn insns[] = {MOV(0, 0), MAP_FD(1, 0), EXIT}, owned[ARRAY_SIZE(insns)];
	_cleanup_request_ struct request q = {};
	_cleanup_close_ int fd = -1;
	uint8_t digest[32];

	memcpy(owned, insns, sizeof(owned));
	owned[0] = owner[0];
	program_digest((struct code){owned, ARRAY_SIZE(owned)}, digest);
	fd = must("exclusive map", map_create(&(struct map_spec){.digest = digest}));
	insns[1].imm = fd;
	request_init(&q, (struct code){insns, ARRAY_SIZE(insns)});
	if (bind) {
		request_bind_fd(&q, fd);
		request_array(&q);
	}
	relocate(&q);
	row_load(name, "EACCES", &q);
}

static void row_tag(void)
{
	uint8_t before[32], after[32];
	_cleanup_request_ struct request q = {};
	struct bpf_prog_info info = {};
	_cleanup_close_ int fd = -1;
	union bpf_attr attr;

	request_init(&q, code_of(passed));
	relocate(&q);
	fd = must("relocated program", request_load(&q));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = ptr(&info);
	must("its tag", sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, ATTR_SIZE(info)));
	program_digest(code_of(passed), before);
	program_digest(code_of(relocated), after);
	row("relocations/tag", "of what runs", "of %s",
	    memcmp(info.tag, after, sizeof(info.tag)) == 0    ? "what runs"
	    : memcmp(info.tag, before, sizeof(info.tag)) == 0 ? "what was passed"
							      : "something else");
}

/* What our patches promise, and are held to. */
static void rows_ours(void)
{
	row_signed("relocations/signed", "EACCES", passed, false);
	row_signed("relocations/signed-bound", "EACCES", passed, true);
	row_signed_count("relocations/signed-without-btf", "EACCES");
	row_exclusive("relocations/exclusive-map-of-what-was-passed", passed, false);
	row_exclusive("relocations/exclusive-map-of-what-would-run", relocated, false);
	row_exclusive("relocations/exclusive-map-of-what-was-passed-bound", passed, true);
	row_exclusive("relocations/exclusive-map-of-what-would-run-bound", relocated, true);
	row_tag();
}

void rows_relocations(void)
{
	static const char *const names[] = {
		"signed",
		"signed-bound",
		"signed-without-btf",
		"exclusive-map-of-what-was-passed",
		"exclusive-map-of-what-would-run",
		"exclusive-map-of-what-was-passed-bound",
		"exclusive-map-of-what-would-run-bound",
		"tag",
	};
	_cleanup_request_ struct request q = {};

	make_btf();
	request_init(&q, code_of(passed));
	relocate(&q);
	row_load_run("relocations/unsigned", "ok, returns 0x3", &q);
	row_signed("relocations/signed-and-nothing-changes", NULL, relocated, false);
	if (!options.stock) {
		rows_ours();
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		char name[80];

		snprintf(name, sizeof(name), "relocations/%s", names[i]);
		row_skip(name, "asked of the patched kernel only");
	}
}
