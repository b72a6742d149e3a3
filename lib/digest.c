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

static const char prefix[] = "sha256:";

void digest_format(const uint8_t digest[static DIGEST_SIZE], char ret[static DIGEST_TEXT_SIZE])
{
	memcpy(ret, prefix, sizeof(prefix) - 1);
	hex_encode(digest, DIGEST_SIZE, ret + sizeof(prefix) - 1);
}

int digest_parse(const char *text, uint8_t ret[static DIGEST_SIZE])
{
	if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
		return -EINVAL;
	return hex_decode(text + sizeof(prefix) - 1, ret, DIGEST_SIZE);
}
