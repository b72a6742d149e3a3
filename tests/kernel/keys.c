// SPDX-License-Identifier: LGPL-2.1-or-later
#include "keys.h"

#include <sys/syscall.h>

#include "row.h"

struct keys keys;

int keyctl(int cmd, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	long r = syscall(SYS_keyctl, cmd, a, b, c, d);

	return r < 0 ? -errno : (int)r;
}

static int32_t add(const char *type, const char *name, const void *data, size_t size, int32_t ring)
{
	long r = syscall(SYS_add_key, type, name, data, size, ring);

	return r < 0 ? -errno : (int32_t)r;
}

int32_t ring_make(const char *name, int32_t parent)
{
	return add("keyring", name, NULL, 0, parent);
}

int32_t ring_add(int32_t ring, const struct signer *signer)
{
	return add("asymmetric", NULL, signer->der.data, signer->der.size, ring);
}

void keys_make(void)
{
	keys.trusted = signer_make("conformance: trusted", key_rsa(2048), NULL);
	keys.unknown = signer_make("conformance: unknown", key_rsa(2048), NULL);
	must("session keyring", keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0));
	keys.ring = must("keyring", ring_make("trusted", KEY_SPEC_SESSION_KEYRING));
	keys.key = must("key", ring_add(keys.ring, keys.trusted));
}
