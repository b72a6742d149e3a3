/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What sig-lsm.bpf.c tells rows-lsm.c. */
#pragma once

#include <linux/types.h>

#define SEEN_MAX 8 /* a power of two */

struct seen {
	__u32 n;
	struct seen_load {
		__u32 prog_type, signature_size;
		__s32 keyring_id, serial;
		__u8 kernel, has_signature, has_state, type, verdict, unused[3];
	} loads[SEEN_MAX];
};
