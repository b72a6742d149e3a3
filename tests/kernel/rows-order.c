// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A request that breaks two rules is refused for the one that is looked at first. All pairs of
 * rules, so that the order of the checks is known. What documentation there is speaks of single
 * rules only.
 */

#include "kernel.h"
#include "keys.h"
#include "row.h"

/* What a breach changes; of two that change the same, the pair says nothing. */
enum subject {
	SIGNATURE,
	SIGNATURE_POINTER,
	SIGNATURE_SIZE,
	KEYRING,
	MAP_OPEN,
	MAP_PLAIN,
	MAP_TWO,
	MAP_TYPE, /* and its size */
	MAP_DIGEST,
	FDS,
	FDS_COUNT,
	BTF,
	CODE_BAD,
	FLAGS,
	ATTR_TAIL,
	LICENSE,
	LOG,
	TYPE,
};

static const struct breach {
	const char *name;
	enum subject subject;
} breaches[] = {
	{"garbage", SIGNATURE},
	{"rejected", SIGNATURE},
	{"unknown-signer", SIGNATURE},
	{"signature-pointer", SIGNATURE_POINTER},
	{"signature-8193", SIGNATURE_SIZE},
	{"signature-0", SIGNATURE_SIZE},
	{"no-keyring", KEYRING},
	{"revoked-keyring", KEYRING},
	{"not-frozen", MAP_OPEN},
	{"not-exclusive", MAP_PLAIN},
	{"two-entries", MAP_TWO},
	{"hash-map", MAP_TYPE},
	{"other-digest", MAP_DIGEST},
	{"too-much-content", MAP_TYPE},
	{"fd-array-pointer", FDS},
	{"closed-fd", FDS},
	{"count-4097", FDS_COUNT},
	{"func-info", BTF},
	{"bad-btf-fd", BTF},
	{"unknown-opcode", CODE_BAD},
	{"uninitialised-register", CODE_BAD},
	{"index-beyond-count", CODE_BAD},
	{"fd-reference", CODE_BAD},
	{"no-instructions", CODE_BAD},
	{"instructions-pointer", CODE_BAD},
	{"unknown-flag", FLAGS},
	{"attribute-tail", ATTR_TAIL},
	{"license-pointer", LICENSE},
	{"log-level", LOG},
	{"program-type", TYPE},
};

static const struct bpf_insn unknown_opcode[] = {I(0xff, 0, 0, 0, 0), EXIT};
static const struct bpf_insn uninitialised[] = {MOV_REG(0, 5), EXIT};
static const struct bpf_insn beyond[] = {MAP_IDX(1, 1), MOV(0, 0), EXIT};
static struct bpf_insn by_fd[] = {MAP_FD(1, 0), MOV(0, 0), EXIT};
static int btf_fd, plain_fd;
static int32_t revoked_ring;

static bool has(const struct breach *first, const struct breach *second, const char *name)
{
	return streq(first->name, name) || streq(second->name, name);
}

static struct code make_code(const struct breach *x, const struct breach *y)
{
	if (has(x, y, "unknown-opcode"))
		return (struct code){unknown_opcode, ARRAY_SIZE(unknown_opcode)};
	if (has(x, y, "uninitialised-register"))
		return (struct code){uninitialised, ARRAY_SIZE(uninitialised)};
	if (has(x, y, "index-beyond-count"))
		return (struct code){beyond, ARRAY_SIZE(beyond)};
	if (has(x, y, "fd-reference"))
		return (struct code){by_fd, ARRAY_SIZE(by_fd)};
	return (struct code){uninitialised + 1, 0};
}

static void make_map(struct map *map, struct code code, const struct breach *x,
		     const struct breach *y)
{
	static const uint8_t zeros[32];
	struct map_spec spec = {.value_size = 8};
	uint8_t digest[32];

	program_digest(code, digest);
	if (has(x, y, "two-entries"))
		spec.max_entries = 2;
	if (has(x, y, "hash-map"))
		spec.kind = &map_kinds[1];
	if (has(x, y, "too-much-content"))
		spec.value_size = COVERED_MAX;
	if (!has(x, y, "not-exclusive"))
		spec.digest = has(x, y, "other-digest") ? zeros : digest;
	map_make_open(map, &spec, 1);
	if (!has(x, y, "not-frozen"))
		must("BPF_MAP_FREEZE", map_freeze(map->fd));
}

static void break_signature(struct request *q, const struct breach *x, const struct breach *y)
{
	if (has(x, y, "rejected"))
		q->covered.data[0] ^= 1;
	request_sign_how(q, has(x, y, "unknown-signer") ? keys.unknown : keys.trusted, NULL);
	if (has(x, y, "garbage"))
		memset(q->signature.data, 'g', q->signature.size);
	if (has(x, y, "signature-pointer"))
		q->attr.signature = 4096;
	if (has(x, y, "signature-8193"))
		q->attr.signature_size = SIGNATURE_MAX + 1;
	if (has(x, y, "signature-0"))
		q->attr.signature_size = 0;
	if (has(x, y, "no-keyring"))
		q->attr.keyring_id = 0x7ffffff0;
	if (has(x, y, "revoked-keyring"))
		q->attr.keyring_id = revoked_ring;
}

static void break_rest(struct request *q, const struct breach *x, const struct breach *y)
{
	static const struct bpf_func_info info = {.insn_off = 0, .type_id = 4};

	if (has(x, y, "fd-array-pointer"))
		q->attr.fd_array = 4096;
	if (has(x, y, "closed-fd"))
		q->fds[0] = 1000;
	if (has(x, y, "count-4097"))
		q->attr.fd_array_cnt = FD_ARRAY_MAX + 1;
	if (has(x, y, "func-info")) {
		q->attr.prog_btf_fd = (uint32_t)btf_fd;
		q->attr.func_info = ptr(&info);
		q->attr.func_info_cnt = 1;
		q->attr.func_info_rec_size = sizeof(info);
	}
	if (has(x, y, "bad-btf-fd")) {
		q->attr.prog_btf_fd = 1000;
		q->attr.func_info = ptr(&info);
		q->attr.func_info_cnt = 1;
		q->attr.func_info_rec_size = sizeof(info);
	}
	if (has(x, y, "no-instructions"))
		q->attr.insn_cnt = 0;
	if (has(x, y, "instructions-pointer"))
		q->attr.insns = 4096;
	if (has(x, y, "unknown-flag"))
		q->attr.prog_flags |= 1u << 31;
	if (has(x, y, "license-pointer"))
		q->attr.license = 4096;
	if (has(x, y, "program-type"))
		q->attr.prog_type = 1000;
}

/* With what request_load() sets, and a tail that no kernel knows. */
static int load(struct request *q, const struct breach *x, const struct breach *y)
{
	struct {
		union bpf_attr attr;
		uint64_t tail;
	} longer;

	verifier_log[0] = 0;
	q->attr.log_buf = ptr(verifier_log);
	q->attr.log_size = sizeof(verifier_log);
	q->attr.log_level = has(x, y, "log-level") ? 1u << 31 : 1;
	if (!has(x, y, "attribute-tail"))
		return sys_bpf(BPF_PROG_LOAD, &q->attr, q->attr_size);
	longer.attr = q->attr;
	longer.tail = 1;
	return sys_bpf(BPF_PROG_LOAD, &longer.attr, sizeof(longer));
}

static void both(const char *name, const struct breach *x, const struct breach *y)
{
	struct code code = make_code(x, y);
	static struct request q;
	_cleanup_map_ struct map map = {};
	int fd;

	if (code.n == 0)
		code = RETURN_0;
	make_map(&map, code, x, y);
	request_init(&q, code);
	request_bind(&q, &map);
	break_signature(&q, x, y);
	break_rest(&q, x, y);
	fd = load(&q, x, y);
	row_result(name, NULL, fd);
	safe_close(fd);
	request_free(&q);
}

void rows_order(void)
{
	char name[64];

	btf_fd = btf_make();
	plain_fd = must("map", map_create(&(struct map_spec){}));
	by_fd[0].imm = plain_fd;
	revoked_ring = must("keyring", ring_make("order: revoked", KEY_SPEC_SESSION_KEYRING));
	must("revoke", keyctl(KEYCTL_REVOKE, (unsigned long)revoked_ring, 0, 0, 0));
	for (unsigned i = 0; i < ARRAY_SIZE(breaches); i++) {
		const struct breach *x = &breaches[i];

		snprintf(name, sizeof(name), "order/%s", x->name);
		both(name, x, x);
		for (unsigned k = i + 1; k < ARRAY_SIZE(breaches); k++) {
			const struct breach *y = &breaches[k];

			if (x->subject == y->subject)
				continue;
			snprintf(name, sizeof(name), "order/%s+%s", x->name, y->name);
			both(name, x, y);
		}
	}
}
