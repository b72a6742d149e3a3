/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What verify-bench.c and verify-bench.bpf.c tell one another. */
#pragma once

#include <linux/types.h>

#define METADATA_MAX (1 << 20)

struct to_verify {
	__u32 size, signature_size;
	__s32 keyring, result;
	__u64 nanoseconds;
	__u8 signature[8192];
	/* The instructions, too. */
	__u8 data[METADATA_MAX + 4096];
};
