/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpf(2) itself: programs assembled by hand, maps, and requests to load a program with a
 * signature over it and the maps bound to it. Results are fds or 0, or a negative errno.
 */
#pragma once

#include <linux/bpf.h>

#include "sign.h"

#define ATTR_SIZE(member) \
	(offsetof(union bpf_attr, member) + sizeof(((union bpf_attr *)NULL)->member))

_Static_assert(offsetof(union bpf_attr, fd_array_cnt) == 148, "linux/bpf.h of Linux 6.18 or newer");
_Static_assert(offsetof(union bpf_attr, signature) == 152, "linux/bpf.h of Linux 6.18 or newer");
_Static_assert(offsetof(union bpf_attr, keyring_id) == 164, "linux/bpf.h of Linux 6.18 or newer");
_Static_assert(offsetof(union bpf_attr, excl_prog_hash_size) == 88, "linux/bpf.h of Linux 6.18");

/* The limits that the interface has. */
#define SIGNATURE_MAX 8192
#define FD_ARRAY_MAX  4096
#define COVERED_MAX   ((1u << 24) - 1)

struct code {
	const struct bpf_insn *insns;
	unsigned n;
};

/* As long as the block that it stands in. */
#define CODE(...)                                              \
	((struct code){(const struct bpf_insn[]){__VA_ARGS__}, \
		       sizeof((const struct bpf_insn[]){__VA_ARGS__}) / sizeof(struct bpf_insn)})

#define I(c, d, s, o, i)                                                                     \
	{                                                                                    \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (int32_t)(i) \
	}
#define MOV(d, i)	       I(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOV_REG(d, s)	       I(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define EXIT		       I(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define CALL(i)		       I(BPF_JMP | BPF_CALL, 0, 0, 0, i)
#define CALL_LOCAL(i)	       I(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, i)
#define CALL_KFUNC(i, o)       I(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, o, i)
#define JEQ(d, i, o)	       I(BPF_JMP | BPF_JEQ | BPF_K, d, 0, o, i)
#define LOAD32(d, s, o)	       I(BPF_LDX | BPF_MEM | BPF_W, d, s, o, 0)
#define LOAD8(d, s, o)	       I(BPF_LDX | BPF_MEM | BPF_B, d, s, o, 0)
#define STORE64(d, o, s)       I(BPF_STX | BPF_MEM | BPF_DW, d, s, o, 0)
#define STORE32(d, o, s)       I(BPF_STX | BPF_MEM | BPF_W, d, s, o, 0)
#define LD64(d, s, lo, hi)     I(BPF_LD | BPF_DW | BPF_IMM, d, s, 0, lo), I(0, 0, 0, 0, hi)
#define MAP_FD(d, fd)	       LD64(d, BPF_PSEUDO_MAP_FD, fd, 0)
#define MAP_VALUE(d, fd)       LD64(d, BPF_PSEUDO_MAP_VALUE, fd, 0)
#define MAP_IDX(d, i)	       LD64(d, BPF_PSEUDO_MAP_IDX, i, 0)
#define MAP_IDX_VALUE(d, i, o) LD64(d, BPF_PSEUDO_MAP_IDX_VALUE, i, o)

/* The shortest program, and one that returns the first 4 bytes of map number @i of its fd_array. */
#define RETURN_0     CODE(MOV(0, 0), EXIT)
#define READS_MAP(i) CODE(MAP_IDX_VALUE(1, i, 0), LOAD32(0, 1, 0), EXIT)

int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr, size_t size);

static inline uint64_t ptr(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* SHA-256 over the instructions as the kernel's program digest is said to be. */
void program_digest(struct code code, uint8_t digest[32]);
void sha256(const void *data, size_t size, uint8_t digest[32]);

struct map_kind {
	const char *name;
	uint32_t type, key_size, value_size, max_entries, flags;
	uint64_t extra;
	/* Needs the types of key and value. */
	bool btf;
	/* The value is a map. */
	bool outer;
};
extern const struct map_kind map_kinds[];
extern const unsigned n_map_kinds;

/* BTF with 1: a 4-byte int, 2: an 8-byte int, 3: int (void), 4: "entry" of that type. An fd, or
 * dies. */
int btf_make(void);

/* Zero members: an array with one entry of 8 bytes, not exclusive. */
struct map_spec {
	const struct map_kind *kind;
	uint32_t value_size, max_entries, flags;
	const uint8_t *digest;
	int inner_fd;
};
void map_attr(const struct map_spec *spec, union bpf_attr *attr);
int map_create(const struct map_spec *spec);
int map_update(int fd, uint32_t key, const void *value);
int map_lookup(int fd, uint32_t key, void *value);
int map_freeze(int fd);
uint32_t map_id(int fd);

/* A map to be folded into a signature: exclusive to a program, with known content, frozen. {} is
 * none. */
struct map {
	int fd;
	uint32_t size;
	uint8_t *content;
};
/* Filled with a pattern that begins with @seed; dies on failure. */
void map_make(struct map *map, struct code code, uint32_t size, uint8_t seed);
/* The same from @spec (its digest is that of @code), and not yet frozen. */
void map_make_open(struct map *map, const struct map_spec *spec, uint8_t seed);
void map_drop(struct map *map);
#define _cleanup_map_ _cleanup_(map_drop)

/*
 * A request to load a program. What is in @attr is what the kernel gets: rows change it at will. By
 * default, a sleepable SYSCALL program.
 */
struct request {
	union bpf_attr attr;
	size_t attr_size;
	int fds[FD_ARRAY_MAX + 2];
	unsigned n_fds;
	struct bytes covered, signature;
};
void request_init(struct request *q, struct code code);
/* Appends a map's fd to fd_array, and its content to what is signed. */
void request_bind(struct request *q, const struct map *map);
/* Appends an fd only. */
void request_bind_fd(struct request *q, int fd);
/* Sets fd_array and its count. */
void request_array(struct request *q);
/* Signs, by the trusted key and for the trusted keyring, and sets fd_array and its count. */
void request_sign(struct request *q);
void request_sign_how(struct request *q, const struct signer *signer, const struct sign_how *how);
int request_load(struct request *q);
void request_free(struct request *q);
#define _cleanup_request_ _cleanup_(request_free)

/* What the verifier said when a program was last loaded. */
extern char verifier_log[1 << 18];
bool log_has(const char *text);

/* Loads and says the answer. */
void row_load(const char *name, const char *expected, struct request *q);
/* The same; an answer EACCES says also whether the log names the exclusive map's digest. */
void row_load_digest(const char *name, const char *expected, struct request *q);
/* The same; a program that was loaded is run, its result is part of the answer. */
void row_load_run(const char *name, const char *expected, struct request *q);
/* The same; the maps of a program that was loaded are part of the answer, as letters: 'a' is
 * fds[0]. */
void row_load_maps(const char *name, const char *expected, struct request *q, const int *fds,
		   unsigned n);

/* Runs a SYSCALL program without a context: 0 and what it returned, or a negative errno. */
int prog_run(int fd, uint32_t *ret_value);
/* The ids of its maps, at most @n: how many it has, or a negative errno. */
int prog_maps(int fd, uint32_t *ids, unsigned n);
