/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <openssl/evp.h>

#include "bundle.h"

int sha256(const void *data, size_t size, uint8_t ret[static DIGEST_SIZE])
{
	uint8_t digest[DIGEST_SIZE];

	if (EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	memcpy(ret, digest, sizeof(digest));
	return 0;
}

void digest_format(const uint8_t digest[static DIGEST_SIZE], char ret[static DIGEST_TEXT_SIZE])
{
	static const char prefix[] = "sha256:";

	memcpy(ret, prefix, sizeof(prefix) - 1);
	hex_encode(digest, DIGEST_SIZE, ret + sizeof(prefix) - 1);
}
