/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The private key of a signer: a PEM file, or "pkcs11:..." (RFC 7512), a key that stays in its
 * token and is used there, through OpenSSL's provider for PKCS#11.
 */
#pragma once

#include "certificate.h"

#define PIN_MAX 256

/* The passphrase of a key file or the PIN of a token: taken from a file or asked for on the
 * terminal, once for all that a call of bpfctl signs. */
struct pin {
	const char *file;    /* or NULL: ask */
	const char *of;	     /* what it opens, for the question */
	const char *failure; /* why there is none; static text */
	unsigned times;	     /* that the one behind @text was given since the last opening */
	size_t size;
	char text[PIN_MAX + 1];
};

/* Wipes it. */
void pin_done(struct pin *pin);
#define _cleanup_pin_ _cleanup_(pin_done)

bool signing_key_is_uri(const char *key);

/* Static text for a URI that must not be used, or NULL: a PIN on a command line can be read by
 * everybody on the machine. */
const char *signing_key_check_uri(const char *uri);

/* EVP_PKEY_free(*ret). */
int signing_key_open(const char *key, struct pin *pin, EVP_PKEY **ret, struct error *error);

/* The certificate that @uri names. With @key: the one of that key in the token that @uri, the key's
 * own, names. */
int signing_key_certificate(const char *uri, EVP_PKEY *key, struct pin *pin,
			    struct certificate *ret, struct error *error);
