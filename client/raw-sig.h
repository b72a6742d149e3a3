/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes the raw signature of a signer record; lib/signer.c verifies it. */
#pragma once

#include "bundle.h"

/* Signs @message with @key by @algorithm, which must be key_algorithm()'s answer. *ret is malloced,
 * at most BUNDLE_RAW_SIG_MAX bytes. */
int raw_sig_make(EVP_PKEY *key, enum signer_algorithm algorithm, struct blob message, uint8_t **ret,
		 size_t *ret_size, struct error *error);
