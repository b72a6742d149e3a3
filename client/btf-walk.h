/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Takes a record apart by its BTF type. The record is data of a program that somebody else wrote,
 * and the BTF came with it: every read is checked against the record's size, depth and number of
 * values are bounded, and names and text are to be escaped by whoever shows them.
 *
 * Little endian only, as bundles are.
 */
#pragma once

#include <bpf/btf.h>

#include "bundle.h"

#define BTF_DEPTH_MAX  16
#define BTF_VALUES_MAX 65536 /* in one record */

enum btf_value_kind {
	BTF_VALUE_STRUCT, /* begins a struct or union; BTF_VALUE_END ends it */
	BTF_VALUE_ARRAY,  /* begins an array, its elements have no name; BTF_VALUE_END */
	BTF_VALUE_END,
	BTF_VALUE_UNSIGNED,
	BTF_VALUE_SIGNED,
	BTF_VALUE_BOOL,
	BTF_VALUE_TEXT, /* char and char arrays, up to the first NUL; any bytes */
	BTF_VALUE_NAME, /* an enumerator */
	BTF_VALUE_HEX,	/* pointers, floats, integers of 128 bits */
};

struct btf_value {
	enum btf_value_kind kind;
	const char *name; /* of the member; NULL for the record itself and for elements */
	uint64_t bit;	  /* where in the record; together with bits for numbers and names */
	unsigned bits;
	uint64_t number;     /* UNSIGNED, BOOL, NAME; SIGNED: as an int64_t */
	const char *text;    /* TEXT: text_size bytes of the record; NAME: of the BTF */
	const uint8_t *data; /* HEX: text_size bytes of the record, least significant first */
	size_t text_size;
};

/* 0 to go on, a negative errno to stop with it. */
typedef int (*btf_visit)(void *userdata, const struct btf_value *value);

/*
 * Visits the values of @record, of type @id, in the order of its members; members of unnamed
 * structs and unions count as those of what is around. -EBADMSG: the record is shorter than the
 * type; -E2BIG: too deep or too many values; -EOPNOTSUPP: a type without a value.
 */
int btf_walk(const struct btf *btf, uint32_t id, struct blob record, btf_visit visit,
	     void *userdata);

/* The BTF of a bundle's section. Owned: btf__free(). -EINVAL and others of libbpf. */
int btf_open(struct blob section, struct btf **ret);

static inline void btf_freep(struct btf **btf)
{
	btf__free(*btf);
}
#define _cleanup_btf_ _cleanup_(btf_freep)

/* The type named @name ("u32", "exec_event", "struct exec_event"). -ENOENT. */
int btf_find(const struct btf *btf, const char *name, uint32_t *ret);

/* Bytes that a record of this type has. */
int btf_record_size(const struct btf *btf, uint32_t id, size_t *ret);
