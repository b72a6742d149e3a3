/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Certificates as the client uses them: what the user who runs bpfctl points at is what he trusts,
 * so nothing is asked of the files' owners. The daemon has its own, stricter reading of keys.d.
 */
#pragma once

#include "certificate.h"

#define KEYS_DIR "/etc/bpfgate/keys.d"
#define KEYS_MAX 256

struct key_file {
	char *file;	    /* name in the folder */
	const char *reason; /* why it could not be read or used, or NULL */
	char *owned_reason; /* what it points to, where it is no static text */
	bool misnamed_list;
	/* its dates: with those of all that it hangs on (chain.h) */
	struct certificate certificate;
};

struct keys {
	size_t n;
	struct key_file *files; /* sorted by name */
};

/* One certificate; ERROR_FAILED names the file and what is wrong. A certificate that is not fit for
 * use is no error here: see its reason. */
int certificate_read(const char *path, struct certificate *ret, struct error *error);

/* All *.pem of @dir, as the *.crl beside them let them be. Files that cannot be used stay in the
 * list with their reason. It is an error when @dir cannot be read or has more than KEYS_MAX of
 * them. */
int keys_read(const char *dir, struct keys *ret, struct error *error);
void keys_done(struct keys *keys);
#define _cleanup_keys_ _cleanup_(keys_done)

/* The usable key of that digest, or NULL. Dates are the caller's. */
const struct key_file *keys_find(const struct keys *keys, const uint8_t digest[static DIGEST_SIZE]);
