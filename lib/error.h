/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What went wrong, for a program and for a person: a code that is also the name of a Varlink
 * error, the step of the road that refused, the errno behind it where there is one, one sentence
 * that says what, where and what to do, and further fields.
 *
 * Functions that can fail for reasons a user must hear take a struct error *, return a negative
 * errno and fill it exactly once, on failure only. A struct error starts zeroed (ERROR_INIT) and
 * is released by error_done().
 */
#pragma once

#include <json-c/json_types.h>

#include "util.h"

/* The steps of the road, in order. */
enum step {
	STEP_NONE,
	STEP_REQUEST, /* the call itself: parameters, who may ask for what */
	STEP_SEAL,
	STEP_AUTHENTICATE,
	STEP_AUTHORISE,
	STEP_LOAD,
	STEP_ATTEST,
	STEP_ATTACH,
	STEP_RECORD,
};

enum error_code {
	ERROR_NONE,
	ERROR_USAGE,	  /* client only: wrong arguments */
	ERROR_FAILED,	  /* org.bpfgate.Gate.Failed: anything else, see the message */
	ERROR_UNREADABLE, /* .BundleUnreadable: not a regular file, too large, changed, timed out */
	ERROR_MALFORMED,  /* .BundleMalformed: breaks a rule of the format */
	ERROR_NOT_AUTHENTIC, /* .NotAuthentic: no trusted signature, or one that does not verify */
	ERROR_REVOKED,	     /* .Revoked: the key, the bundle or this release of it is */
	ERROR_BAD_MANIFEST,  /* .BadManifest: authentic, but the manifest breaks a rule */
	ERROR_BAD_TARGET,    /* .BadTarget: a target that cannot be parsed, found or used here */
	ERROR_BAD_TUNABLE,   /* .BadTunable: there is none of that name, or it cannot be set so */
	ERROR_DENIED,	     /* .Denied: by policy */
	ERROR_ROLLBACK,	     /* .Rollback: older than what has been loaded of that name */
	ERROR_CANNOT_VERIFY, /* .KernelCannotVerify: this kernel does not check signatures */
	ERROR_KERNEL,	   /* .KernelRefused: an errno and, where there is one, the verifier log */
	ERROR_NO_FEATURE,  /* .KernelLacksFeature: the bundle requires what this kernel has not */
	ERROR_ATTESTATION, /* .AttestationFailed: loaded more or other than the manifest says */
	ERROR_NOT_FOUND,   /* .NoSuchLoad: no load of that id that the caller may see */
	ERROR_ENDED,	   /* .LoadEnded: a session that somebody else has taken down */
	ERROR_NO_BASE,	   /* .BaseNotLoaded: the bundle follows one that is not loaded */
	ERROR_NEEDED,	   /* .LoadNeeded: other loads follow it */
	ERROR_BUSY,	   /* .Busy: a limit of the daemon; try again later */
	ERROR_NO_DAEMON,   /* client only: the daemon cannot be reached */
	_ERROR_CODE_MAX,
};

struct error {
	enum error_code code;
	enum step step;
	int errnum;		    /* positive errno of the kernel or 0 */
	char *message;		    /* one sentence, no newline at the end; owned */
	struct json_object *fields; /* further members for the Varlink error, or NULL; owned */
};

#define ERROR_INIT	((struct error){})
#define _cleanup_error_ _cleanup_(error_done)

/*
 * Fills @e and returns @ret, a negative errno (so "return error_set(e, -EBADMSG, ...)"). @e may be
 * NULL. If @e is filled already, the first error stays. Where memory for the message runs out,
 * the message is NULL and error_message() still has a sentence.
 */
int error_set(struct error *e, int ret, enum error_code code, enum step step, const char *format,
	      ...) _printf_(5, 6);

/* Adds a member to @e's fields; takes ownership of @value. */
void error_field(struct error *e, const char *name, struct json_object *value);
void error_field_string(struct error *e, const char *name, const char *value);

/* Puts "prefix: " before the message, for instance the name of a file. */
void error_prefix(struct error *e, const char *format, ...) _printf_(2, 3);

void error_done(struct error *e);
const char *error_message(const struct error *e);

/* "org.bpfgate.Gate.NotAuthentic" and so on; error_code_from_name() gives ERROR_FAILED for others.
 */
const char *error_code_name(enum error_code code);
enum error_code error_code_from_name(const char *name);

/* "seal", "authenticate", ...; "" for STEP_NONE. */
const char *step_name(enum step step);
enum step step_from_name(const char *name);

/* bpfctl's exit status: 0 ok, 1 failure, 2 usage, 3 denied, 4 not authentic, 5 kernel, 6 daemon. */
int error_exit_status(enum error_code code);
