/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the bundle's reader and writer: little endian integers at any alignment, sizes of the
 * signer records, and the reader's part that takes them apart.
 */
#pragma once

#include "bundle.h"

#define SIGNER_FIXED_SIZE      44u /* of a record's body: up to the kernel signatures */
#define SIGNER_KERNEL_SIG_SIZE 12u /* of a kernel signature, without its bytes */
#define SIGNER_BODY_MAX      \
	(SIGNER_FIXED_SIZE + \
	 BUNDLE_KERNEL_SIGS_MAX * (SIGNER_KERNEL_SIG_SIZE + BUNDLE_KERNEL_SIG_MAX))
#define SIGNER_MESSAGE_FIRST 0xff

static inline uint32_t load_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t load_le64(const uint8_t *p)
{
	return load_le32(p) | (uint64_t)load_le32(p + 4) << 32;
}

/* Store and move on: p = store_le32(p, ...). */
static inline uint8_t *store_le32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		*p++ = v >> 8 * i;
	return p;
}

static inline uint8_t *store_le64(uint8_t *p, uint64_t v)
{
	return store_le32(store_le32(p, v), v >> 32);
}

static inline uint8_t *store_bytes(uint8_t *p, const void *data, size_t size)
{
	if (size > 0)
		memcpy(p, data, size);
	return p + size;
}

/* Takes the records behind the signed part apart: @b->signers, owned by @b also on failure. */
int bundle_read_signers(struct bundle *b, struct error *error);
