/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a bundle to the same bundle with one signer record more. Who makes the signatures, a key in
 * a file, a token or a tool on another machine, is the caller's: he is asked for them part by part.
 */
#pragma once

#include "certificate.h"
#include "raw-sig.h"

/* One of the signatures of a record. */
struct sign_part {
	enum raw_sig_use use;
	unsigned payload;	/* of kernel signatures, as the next */
	enum contract contract; /* CONTRACT_NONE: the record's */
};

/*
 * The plain signature over @message; *ret is malloced. -EINPROGRESS, with @error as it was: it is
 * not made yet; the other parts of that round are asked for all the same.
 */
struct sign_source {
	int (*sign)(void *arg, const struct sign_part *part, struct blob message, uint8_t **ret,
		    size_t *ret_size, struct error *error);
	void *arg;
};

/* A bundle that somebody is about to sign. */
struct signee {
	const char *path; /* borrowed */
	char *file;
	size_t size;
	struct bundle bundle; /* of @file */
};

/* What has to hold of a certificate, called @name, before its key signs anything. */
int sign_check_certificate(const struct certificate *certificate, const char *name,
			   struct error *error);

/*
 * Reads @path and refuses what nobody may sign: what breaks the rules of the format (a loader that
 * is not whole instructions or begins with 0xFF, digests), a bundle that is signed already unless
 * @add, one that is not if @add, and a second signature by one key.
 */
int signee_open(const char *path, bool add, const struct certificate *certificate,
		struct signee *ret, struct error *error);
void signee_done(struct signee *signee);
#define _cleanup_signee_ _cleanup_(signee_done)

/*
 * The bundle with the new record behind it; *ret is malloced. All of its signatures have been
 * verified with the certificate. First all kernel signatures are asked for, then, over them, the
 * record's. -EINPROGRESS as from the source.
 */
int sign_record_add(const struct signee *signee, const struct certificate *certificate,
		    const struct sign_source *source, uint8_t **ret, size_t *ret_size,
		    unsigned *ret_kernel_sigs, struct error *error);
