/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's keyrings, by system calls of our own. Results are serials or 0, or a negative errno.
 */
#pragma once

#include <linux/keyctl.h>

#include "sign.h"

/* Made once, for all groups. */
extern struct keys {
	/* A key in the keyring @ring, and a key that no keyring holds. */
	struct signer *trusted, *unknown;
	/* In the session keyring that this process has joined. */
	int32_t ring;
	/* The key in it. */
	int32_t key;
} keys;
void keys_make(void);

int32_t ring_make(const char *name, int32_t parent);
int32_t ring_add(int32_t ring, const struct signer *signer);
int keyctl(int cmd, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
