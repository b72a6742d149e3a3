/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plain signatures over a message, as any tool makes them: the raw signature of a signer record,
 * which lib/signer.c verifies, and what a kernel signature has inside (kernel-sig.h).
 */
#pragma once

#include "bundle.h"

enum raw_sig_use {
	RAW_SIG_RECORD, /* by the algorithm's own hash */
	RAW_SIG_KERNEL, /* SHA-256 with every key */
};

/* The hash's name as openssl(1) writes it, "sha256"; NULL for Ed25519, which hashes by itself. */
const char *raw_sig_hash(enum signer_algorithm algorithm, enum raw_sig_use use);

/* Signs @message with @key by @algorithm, which must be key_algorithm()'s answer. *ret is malloced,
 * at most BUNDLE_RAW_SIG_MAX bytes. */
int raw_sig_make(EVP_PKEY *key, enum signer_algorithm algorithm, enum raw_sig_use use,
		 struct blob message, uint8_t **ret, size_t *ret_size, struct error *error);

/* 0 or a negative errno; nothing but 0 means verified. */
int raw_sig_verify(EVP_PKEY *key, enum signer_algorithm algorithm, enum raw_sig_use use,
		   struct blob message, struct blob sig);

/*
 * Tokens give an ECDSA signature as r and s, one behind the other; here it has to be their DER.
 * *ret is malloced: that DER, or a copy of what is none of the two.
 */
int raw_sig_normalise(enum signer_algorithm algorithm, struct blob sig, uint8_t **ret,
		      size_t *ret_size);
