/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pairs of bad arguments: a good request, with each bad argument alone and with each two of them.
 * What a kernel answers shows what it looks at, and what it looks at first. Each is a row:
 * pairs-load/plain/A+B.
 */
#pragma once

#include "kernel.h"
#include "row.h"

/* What the kernel is asked. Bad arguments are changes at offsets in it. */
struct pairs_request {
	union {
		union bpf_attr attr;
		uint8_t attr_bytes[8192];
	};
	/* How much of it the kernel is told of. */
	uint32_t attr_size;
	/* Which program, or which object: each command has its own. Known before the base is made.
	 */
	uint32_t variant;
	/* For BPF_OBJ_GET_INFO_BY_FD, and what is behind the object. */
	union {
		uint8_t info_bytes[512];
		struct bpf_map_info map;
		struct bpf_prog_info prog;
		struct bpf_btf_info btf;
		struct bpf_link_info link;
	};
};

/* Values that are known when the program runs: descriptors and addresses. */
enum pairs_place {
	NUMBER, /* none: the value itself */
	BYTES,	/* none: all bytes have that value */
	AT_NOTHING,
	AT_KERNEL,
	AT_ZEROS,
	AT_ONES,
	/* 4 and 8 bytes before an unmapped page. */
	AT_EDGE_MINUS_1,
	AT_EDGE_FDS,
	AT_LONG_NAME,
	AT_UNTRUE_LICENSE,
	/* Arrays of descriptors. */
	AT_FDS_CLOSED,
	AT_FDS_MINUS_1,
	AT_FDS_FILE,
	AT_FDS_PROGRAM,
	AT_FDS_BTF,
	AT_FDS_BTF_MINUS_1,
	AT_FDS_MAP_CLOSED,
	AT_FDS_MAP_BTF,
	AT_FDS_EXCLUSIVE,
	/* BTF records: good, of an unknown type, and of a wrong offset. */
	AT_FUNC_INFO,
	AT_FUNC_INFO_UNKNOWN,
	AT_FUNC_INFO_OFFSET,
	AT_LINE_INFO,
	AT_CORE_RELOS,
	AT_GARBAGE,
	FD_CLOSED,
	FD_FILE,
	FD_MAP,
	FD_MAP_EXCLUSIVE,
	FD_PROGRAM,
	FD_BTF,
	N_PLACES,
};

struct pairs_change {
	size_t offset, size;
	enum pairs_place place;
	uint64_t value;
};

struct pairs_bad {
	const char *name;
	struct pairs_change changes[3];
};

#define CHANGE(member, place, value)                                                     \
	{                                                                                \
		offsetof(struct pairs_request, member),                                  \
			sizeof(((struct pairs_request *)NULL)->member), (place), (value) \
	}
/* A member of bpf_attr with another value, and with one that is only known here. */
#define BAD(name, member, value)                           \
	{                                                  \
		(name),                                    \
		{                                          \
			CHANGE(attr.member, NUMBER, value) \
		}                                          \
	}
#define BAD_AT(name, member, place)                   \
	{                                             \
		(name),                               \
		{                                     \
			CHANGE(attr.member, place, 0) \
		}                                     \
	}

struct pairs {
	const char *name;
	/* Makes the good request, for the variant in it. */
	void (*base)(struct pairs_request *);
	/* 0 or an fd, or a negative errno. */
	int (*ask)(struct pairs_request *);
	const struct pairs_bad *bad;
	unsigned n_bad;
};

/* Opens what the places stand for; dies on failure. Once in each group. */
void pairs_open(void);
uint64_t pairs_place(enum pairs_place place);
void pairs_run(const struct pairs *pairs);
/* The same in a process of a user with no capability but those in @capabilities. */
void pairs_run_as(const struct pairs *pairs, uint64_t capabilities);

/* The groups. */
void pairs_load(void);
void pairs_map(void);
void pairs_info(void);
