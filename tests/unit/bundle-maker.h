/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small bundles and test keys, made when a test runs. Everything asserts. */
#pragma once

#include <openssl/evp.h>

#include "bundle.h"

#define BLOB(text) ((struct blob){(const uint8_t *)(text), sizeof(text) - 1})

/*
 * An unsigned bundle of two payloads with manifest (10 bytes), source (20), loader (16), metadata
 * (12), btf (5), loader (8), metadata (3). Malloced.
 */
uint8_t *make_bundle(size_t *ret_size);

EVP_PKEY *make_key(enum signer_algorithm algorithm);

/* The raw signature over @message, malloced. */
uint8_t *make_raw_sig(EVP_PKEY *key, enum signer_algorithm algorithm, const uint8_t *message,
		      size_t size, size_t *ret_size);

/* Appends a record by @key with two dummy kernel signatures for payload 0. */
void sign_bundle(uint8_t **file, size_t *size, EVP_PKEY *key, enum signer_algorithm algorithm);
