/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signatures made by another tool or on another machine: a folder with the exact bytes to be
 * signed, into which the signatures come, each beside what it is of:
 *
 *   certificate.pem          the signer's
 *   README                   what to do now, with the commands of the usual tools
 *   kernel-PAYLOAD-vN.tbs    the bytes of a kernel signature, for contract vN
 *   record.tbs               the message of the record, once all kernel signatures are there
 *   NAME.sig                 the plain signature over NAME.tbs
 *   NAME.p7s                 of kernel signatures: a PKCS#7 instead
 *
 * Nothing of the folder is believed: what is to be signed comes from bundle and certificate each
 * time, and a signature counts if it verifies.
 */
#pragma once

#include "sign-record.h"

#define DETACHED_PARTS_MAX (BUNDLE_KERNEL_SIGS_MAX + 1)
#define DETACHED_NAME_MAX  32

struct detached {
	const char *folder; /* borrowed */
	const struct certificate *certificate;
	bool export;
	unsigned n_missing; /* parts without a signature, in the order of the format */
	struct sign_part missing[DETACHED_PARTS_MAX];
};

/* "kernel-0-v1" or "record". */
void detached_name(const struct sign_part *part, char ret[static DETACHED_NAME_MAX]);

/* The signer's certificate: @file, which must be of the same key as the folder's own if that is
 * there already; without @file the folder's own. */
int detached_certificate(const char *folder, const char *file, struct certificate *ret,
			 struct error *error);

/* Makes the folder, or takes an empty one, and puts the certificate there, if it has none. */
int detached_create(const char *folder, const struct certificate *certificate, struct error *error);

/* The source of sign_record_add(). With ->export it writes what is to be signed; each part that
 * has no signature is listed. */
int detached_sign(void *arg, const struct sign_part *part, struct blob message, uint8_t **ret,
		  size_t *ret_size, struct error *error);

/* README, for what is missing now (nothing: import it). */
int detached_write_readme(const struct detached *d, const struct signee *signee,
			  struct error *error);
