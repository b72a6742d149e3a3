// SPDX-License-Identifier: LGPL-2.1-or-later
/* Pairs of bad arguments of BPF_PROG_LOAD, with four good requests to begin with. */

#include <linux/capability.h>

#include "keys.h"
#include "pairs.h"

/* The last two programs are good: one refers to the first map of fd_array, one to a map by its fd.
 */
enum program {
	GOOD,
	UNKNOWN_OPCODE,
	UNINITIALISED,
	NO_EXIT,
	INDEX_1,
	INDEX_MINUS_1,
	INDEX_0_BEYOND,
	CLOSED_FD,
	FILE_FD,
	HALF,
	UNKNOWN_SOURCE,
	UNKNOWN_BTF_ID,
	UNKNOWN_KFUNC,
	KFUNC_OF_INDEX_1,
	UNKNOWN_HELPER,
	CALL_BEYOND,
	INDEX_0,
	BY_FD,
	N_PROGRAMS,
};

#define PROGRAM(name, number)                           \
	{                                               \
		"program=" name,                        \
		{                                       \
			CHANGE(variant, NUMBER, number) \
		}                                       \
	}

static const struct pairs_bad bad[] = {
	PROGRAM("unknown-opcode", UNKNOWN_OPCODE),
	PROGRAM("uninitialised-register", UNINITIALISED),
	PROGRAM("no-exit", NO_EXIT),
	PROGRAM("index-1", INDEX_1),
	PROGRAM("index-minus-1", INDEX_MINUS_1),
	PROGRAM("index-0-beyond-value", INDEX_0_BEYOND),
	PROGRAM("closed-fd", CLOSED_FD),
	PROGRAM("file-fd", FILE_FD),
	PROGRAM("half-an-instruction", HALF),
	PROGRAM("unknown-source", UNKNOWN_SOURCE),
	PROGRAM("unknown-btf-id", UNKNOWN_BTF_ID),
	PROGRAM("unknown-kfunc", UNKNOWN_KFUNC),
	PROGRAM("kfunc-of-index-1", KFUNC_OF_INDEX_1),
	PROGRAM("unknown-helper", UNKNOWN_HELPER),
	PROGRAM("call-beyond", CALL_BEYOND),
	PROGRAM("index-0", INDEX_0),
	PROGRAM("by-fd", BY_FD),
	BAD("type=unspecified", prog_type, 0),
	BAD("type=unknown", prog_type, 1000),
	BAD("type=kprobe", prog_type, BPF_PROG_TYPE_KPROBE),
	BAD("type=tracing", prog_type, BPF_PROG_TYPE_TRACING),
	BAD("type=extension", prog_type, BPF_PROG_TYPE_EXT),
	BAD("type=lsm", prog_type, BPF_PROG_TYPE_LSM),
	BAD("type=cgroup-sock-addr", prog_type, BPF_PROG_TYPE_CGROUP_SOCK_ADDR),
	BAD("insns=null", insns, 0),
	BAD_AT("insns=unmapped", insns, AT_NOTHING),
	BAD_AT("insns=kernel", insns, AT_KERNEL),
	BAD_AT("insns=edge", insns, AT_EDGE_FDS),
	BAD("insn-cnt=0", insn_cnt, 0),
	BAD("insn-cnt=1", insn_cnt, 1),
	BAD("insn-cnt=1000001", insn_cnt, 1000001),
	BAD("insn-cnt=max", insn_cnt, UINT32_MAX),
	BAD("license=null", license, 0),
	BAD_AT("license=unmapped", license, AT_NOTHING),
	BAD_AT("license=kernel", license, AT_KERNEL),
	BAD_AT("license=long", license, AT_LONG_NAME),
	BAD_AT("license=proprietary", license, AT_UNTRUE_LICENSE),
	BAD("flags=unknown", prog_flags, 1u << 31),
	BAD("flags=unknown-8", prog_flags, 1u << 8),
	BAD("flags=frags", prog_flags, BPF_F_XDP_HAS_FRAGS),
	BAD("flags=dev-bound", prog_flags, BPF_F_XDP_DEV_BOUND_ONLY),
	BAD("flags=token", prog_flags, BPF_F_TOKEN_FD),
	BAD("flags=alignments", prog_flags, BPF_F_STRICT_ALIGNMENT | BPF_F_ANY_ALIGNMENT),
	BAD("log-level=unknown", log_level, 1u << 31),
	BAD("log-level=1", log_level, 1),
	BAD("log-size=1", log_size, 1),
	BAD("log-size=max", log_size, UINT32_MAX),
	BAD_AT("log-buf=unmapped", log_buf, AT_NOTHING),
	{"log=unmapped",
	 {CHANGE(attr.log_level, NUMBER, 1), CHANGE(attr.log_size, NUMBER, 4096),
	  CHANGE(attr.log_buf, AT_NOTHING, 0)}},
	{"log=full",
	 {CHANGE(attr.log_level, NUMBER, 2), CHANGE(attr.log_size, NUMBER, 8),
	  CHANGE(attr.log_buf, AT_GARBAGE, 0)}},
	BAD("kern-version=1", kern_version, 1),
	{"name=no-end", {CHANGE(attr.prog_name, BYTES, 'n')}},
	{"name=bad-byte", {CHANGE(attr.prog_name[0], NUMBER, '/')}},
	{"name=behind-the-end", {CHANGE(attr.prog_name[8], NUMBER, 'n')}},
	BAD("ifindex=none", prog_ifindex, 1u << 30),
	BAD("attach-type=unknown", expected_attach_type, 1000),
	BAD("attach-type=connect", expected_attach_type, BPF_CGROUP_INET4_CONNECT),
	BAD_AT("btf=closed", prog_btf_fd, FD_CLOSED),
	BAD_AT("btf=file", prog_btf_fd, FD_FILE),
	BAD_AT("btf=map", prog_btf_fd, FD_MAP),
	BAD_AT("btf=good", prog_btf_fd, FD_BTF),
	BAD("func-info-size=4", func_info_rec_size, 4),
	BAD("func-info-size=9", func_info_rec_size, 9),
	BAD("func-info-size=12", func_info_rec_size, 12),
	BAD("func-info-size=256", func_info_rec_size, 256),
	BAD("func-info-cnt=1", func_info_cnt, 1),
	BAD("func-info-cnt=max", func_info_cnt, UINT32_MAX),
	BAD_AT("func-info=unmapped", func_info, AT_NOTHING),
	BAD_AT("func-info=unknown-type", func_info, AT_FUNC_INFO_UNKNOWN),
	BAD_AT("func-info=offset", func_info, AT_FUNC_INFO_OFFSET),
	{"func-info=with-btf",
	 {CHANGE(attr.prog_btf_fd, FD_BTF, 0), CHANGE(attr.func_info_cnt, NUMBER, 1)}},
	BAD("line-info-size=4", line_info_rec_size, 4),
	BAD("line-info-size=20", line_info_rec_size, 20),
	BAD("line-info-cnt=1", line_info_cnt, 1),
	BAD("line-info-cnt=max", line_info_cnt, UINT32_MAX),
	{"line-info=with-btf",
	 {CHANGE(attr.prog_btf_fd, FD_BTF, 0), CHANGE(attr.line_info_cnt, NUMBER, 1)}},
	BAD_AT("line-info=unmapped", line_info, AT_NOTHING),
	BAD_AT("line-info=ones", line_info, AT_ONES),
	BAD("attach-btf-id=1", attach_btf_id, 1),
	BAD("attach-btf-id=max", attach_btf_id, UINT32_MAX),
	BAD_AT("attach-prog=closed", attach_prog_fd, FD_CLOSED),
	BAD_AT("attach-prog=file", attach_prog_fd, FD_FILE),
	BAD_AT("attach-prog=program", attach_prog_fd, FD_PROGRAM),
	BAD_AT("attach-prog=btf", attach_prog_fd, FD_BTF),
	BAD("core-relo-cnt=1", core_relo_cnt, 1),
	BAD("core-relo-cnt=max", core_relo_cnt, UINT32_MAX),
	BAD("core-relo-size=4", core_relo_rec_size, 4),
	BAD("core-relo-size=20", core_relo_rec_size, 20),
	{"core-relo=with-btf",
	 {CHANGE(attr.prog_btf_fd, FD_BTF, 0), CHANGE(attr.core_relo_cnt, NUMBER, 1)}},
	BAD_AT("core-relos=unmapped", core_relos, AT_NOTHING),
	BAD_AT("core-relos=ones", core_relos, AT_ONES),
	BAD("fd-array=null", fd_array, 0),
	BAD_AT("fd-array=unmapped", fd_array, AT_NOTHING),
	BAD_AT("fd-array=kernel", fd_array, AT_KERNEL),
	BAD_AT("fd-array=closed", fd_array, AT_FDS_CLOSED),
	BAD_AT("fd-array=minus-1", fd_array, AT_FDS_MINUS_1),
	BAD_AT("fd-array=file", fd_array, AT_FDS_FILE),
	BAD_AT("fd-array=program", fd_array, AT_FDS_PROGRAM),
	BAD_AT("fd-array=btf", fd_array, AT_FDS_BTF),
	BAD_AT("fd-array=btf,minus-1", fd_array, AT_FDS_BTF_MINUS_1),
	BAD_AT("fd-array=map,closed", fd_array, AT_FDS_MAP_CLOSED),
	BAD_AT("fd-array=map,btf", fd_array, AT_FDS_MAP_BTF),
	BAD_AT("fd-array=exclusive", fd_array, AT_FDS_EXCLUSIVE),
	BAD_AT("fd-array=minus-1,unmapped", fd_array, AT_EDGE_MINUS_1),
	BAD("fd-array-cnt=0", fd_array_cnt, 0),
	BAD("fd-array-cnt=1", fd_array_cnt, 1),
	BAD("fd-array-cnt=2", fd_array_cnt, 2),
	BAD("fd-array-cnt=3", fd_array_cnt, 3),
	BAD("fd-array-cnt=5000", fd_array_cnt, 5000),
	BAD("fd-array-cnt=2^30", fd_array_cnt, 1u << 30),
	BAD("fd-array-cnt=max", fd_array_cnt, UINT32_MAX),
	BAD_AT("token=closed", prog_token_fd, FD_CLOSED),
	BAD("token=minus-1", prog_token_fd, UINT32_MAX),
	BAD("signature=null", signature, 0),
	BAD_AT("signature=unmapped", signature, AT_NOTHING),
	BAD_AT("signature=kernel", signature, AT_KERNEL),
	BAD_AT("signature=garbage", signature, AT_GARBAGE),
	BAD("signature-size=0", signature_size, 0),
	BAD("signature-size=1", signature_size, 1),
	BAD("signature-size=8192", signature_size, 8192),
	BAD("signature-size=8193", signature_size, 8193),
	BAD("signature-size=max", signature_size, UINT32_MAX),
	BAD("keyring=builtin", keyring_id, 0),
	BAD("keyring=platform", keyring_id, 2),
	BAD("keyring=none", keyring_id, 0x7ffffff0),
	BAD("keyring=unknown-special", keyring_id, (uint32_t)-100),
	{"attr-size=0", {CHANGE(attr_size, NUMBER, 0)}},
	{"attr-size=48", {CHANGE(attr_size, NUMBER, 48)}},
	{"attr-size=144", {CHANGE(attr_size, NUMBER, 144)}},
	{"attr-size=148", {CHANGE(attr_size, NUMBER, 148)}},
	{"attr-size=150", {CHANGE(attr_size, NUMBER, 150)}},
	{"attr-size=152", {CHANGE(attr_size, NUMBER, 152)}},
	{"attr-size=160", {CHANGE(attr_size, NUMBER, 160)}},
	{"attr-size=164", {CHANGE(attr_size, NUMBER, 164)}},
	{"attr-size=4097", {CHANGE(attr_size, NUMBER, 4097)}},
	{"attr-tail=1", {CHANGE(attr_size, NUMBER, 184), CHANGE(attr_bytes[180], NUMBER, 1)}},
};

static struct code codes[N_PROGRAMS];
/* What is bound and covered by the signed request, for each program. */
static struct signed_program {
	bool made;
	struct map map;
	/* The second is a closed one. */
	int fds[3];
	struct bytes signature;
} signed_programs[N_PROGRAMS];
/* The third is a closed one. */
static int plain_fds[3];

#define SET_CODE(number, ...)                                                         \
	do {                                                                          \
		static struct bpf_insn insns[] = {__VA_ARGS__};                       \
		codes[number] = (struct code){insns, sizeof(insns) / sizeof(*insns)}; \
	} while (0)

static void make_codes(void)
{
	static struct bpf_insn by_fd[] = {MAP_FD(1, 0), MOV(0, 0), EXIT},
			       file_fd[] = {MAP_FD(1, 0), MOV(0, 0), EXIT};

	SET_CODE(GOOD, MOV(0, 0), EXIT);
	SET_CODE(UNKNOWN_OPCODE, I(0xff, 0, 0, 0, 0), EXIT);
	SET_CODE(UNINITIALISED, MOV_REG(0, 5), EXIT);
	SET_CODE(NO_EXIT, MOV(0, 0), MOV(1, 0));
	SET_CODE(INDEX_1, MAP_IDX(1, 1), MOV(0, 0), EXIT);
	SET_CODE(INDEX_MINUS_1, MAP_IDX(1, -1), MOV(0, 0), EXIT);
	SET_CODE(INDEX_0_BEYOND, MAP_IDX_VALUE(1, 0, 4096), MOV(0, 0), EXIT);
	SET_CODE(CLOSED_FD, MAP_FD(1, 1000), MOV(0, 0), EXIT);
	SET_CODE(HALF, MOV(0, 0), I(BPF_LD | BPF_DW | BPF_IMM, 1, 0, 0, 0));
	SET_CODE(UNKNOWN_SOURCE, LD64(1, 15, 0, 0), MOV(0, 0), EXIT);
	SET_CODE(UNKNOWN_BTF_ID, LD64(1, BPF_PSEUDO_BTF_ID, INT32_MAX, 0), MOV(0, 0), EXIT);
	SET_CODE(UNKNOWN_KFUNC, CALL_KFUNC(INT32_MAX, 0), MOV(0, 0), EXIT);
	SET_CODE(KFUNC_OF_INDEX_1, CALL_KFUNC(1, 1), MOV(0, 0), EXIT);
	SET_CODE(UNKNOWN_HELPER, CALL(100000), MOV(0, 0), EXIT);
	SET_CODE(CALL_BEYOND, CALL_LOCAL(1000), MOV(0, 0), EXIT);
	SET_CODE(INDEX_0, MAP_IDX(1, 0), MOV(0, 0), EXIT);
	by_fd[0].imm = (int)pairs_place(FD_MAP);
	file_fd[0].imm = (int)pairs_place(FD_FILE);
	codes[BY_FD] = (struct code){by_fd, ARRAY_SIZE(by_fd)};
	codes[FILE_FD] = (struct code){file_fd, ARRAY_SIZE(file_fd)};
}

static void base_of(struct pairs_request *q, unsigned type, unsigned flags)
{
	struct code code = codes[q->variant];

	q->attr.prog_type = type;
	q->attr.prog_flags = flags;
	q->attr.insns = ptr(code.insns);
	q->attr.insn_cnt = code.n;
	q->attr.license = ptr("GPL");
	q->attr.fd_array = ptr(plain_fds);
	q->attr.func_info_rec_size = sizeof(struct bpf_func_info);
	q->attr.func_info = pairs_place(AT_FUNC_INFO);
	q->attr.line_info_rec_size = sizeof(struct bpf_line_info);
	q->attr.line_info = pairs_place(AT_LINE_INFO);
	q->attr.core_relo_rec_size = sizeof(struct bpf_core_relo);
	q->attr.core_relos = pairs_place(AT_CORE_RELOS);
	q->attr_size = ATTR_SIZE(keyring_id);
}

/* As programs are loaded without any of what is new. */
static void base_plain(struct pairs_request *q)
{
	base_of(q, BPF_PROG_TYPE_SOCKET_FILTER, 0);
}

/* With two maps bound. */
static void base_bound(struct pairs_request *q)
{
	base_of(q, BPF_PROG_TYPE_SYSCALL, BPF_F_SLEEPABLE);
	q->attr.fd_array_cnt = 2;
}

static void sign_program(struct signed_program *program, struct code code)
{
	struct request *q = calloc(1, sizeof(*q));

	must("memory", q ? 0 : -ENOMEM);
	request_init(q, code);
	map_make(&program->map, code, 8, 1);
	request_bind(q, &program->map);
	request_sign(q);
	program->fds[0] = program->map.fd;
	program->fds[1] = program->fds[2] = (int)pairs_place(FD_CLOSED);
	program->signature = q->signature;
	program->made = true;
	bytes_free(&q->covered);
	free(q);
}

/* Signed, with one map that the signature covers. */
static void base_signed(struct pairs_request *q)
{
	struct signed_program *program = &signed_programs[q->variant];

	if (!program->made)
		sign_program(program, codes[q->variant]);
	base_of(q, BPF_PROG_TYPE_SYSCALL, BPF_F_SLEEPABLE);
	q->attr.fd_array = ptr(program->fds);
	q->attr.fd_array_cnt = 1;
	q->attr.signature = ptr(program->signature.data);
	q->attr.signature_size = (uint32_t)program->signature.size;
	q->attr.keyring_id = keys.ring;
}

static int ask(struct pairs_request *q)
{
	int fd = sys_bpf(BPF_PROG_LOAD, &q->attr, q->attr_size);

	safe_close(fd);
	return fd < 0 ? fd : 0;
}

#define PAIRS(name, base)                                           \
	{                                                           \
		"pairs-load/" name, base, ask, bad, ARRAY_SIZE(bad) \
	}

void pairs_load(void)
{
	static const struct pairs plain = PAIRS("plain", base_plain),
				  bound = PAIRS("bound", base_bound),
				  by_signature = PAIRS("signed", base_signed),
				  one = PAIRS("cap-bpf", base_plain),
				  none = PAIRS("no-capability", base_plain);
	union bpf_attr attr = {};
	uint8_t digest[32] = {};
	int fd;

	pairs_open();
	make_codes();
	plain_fds[0] = must("map", map_create(&(struct map_spec){}));
	plain_fds[1] = must("map", map_create(&(struct map_spec){}));
	plain_fds[2] = (int)pairs_place(FD_CLOSED);
	pairs_run(&plain);
	pairs_run(&bound);
	/* A kernel that knows no exclusive maps knows no signatures either. */
	map_attr(&(struct map_spec){.digest = digest}, &attr);
	fd = sys_bpf(BPF_MAP_CREATE, &attr, ATTR_SIZE(excl_prog_hash_size));
	if (fd >= 0)
		pairs_run(&by_signature);
	else
		note("no exclusive maps: %s", answer_name(fd));
	safe_close(fd);
	pairs_run_as(&one, 1ull << CAP_BPF);
	pairs_run_as(&none, 0);
}
