/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "error.h"

#include <json-c/json.h>
#include <stdarg.h>

#include "text.h"

#define INTERFACE "org.bpfgate.Gate."

static const struct {
	const char *name;
	const char *sentence; /* when there is no memory for a better one */
	int exit_status;
} codes[_ERROR_CODE_MAX] = {
	[ERROR_NONE] = {"", "no error", 0},
	[ERROR_USAGE] = {INTERFACE "Failed", "wrong arguments", 2},
	[ERROR_FAILED] = {INTERFACE "Failed", "the operation failed", 1},
	[ERROR_UNREADABLE] = {INTERFACE "BundleUnreadable", "the bundle cannot be read", 1},
	/* To a script, a file that was tampered with is one case, whichever byte it was. */
	[ERROR_MALFORMED] = {INTERFACE "BundleMalformed", "the bundle breaks a rule of the format",
			     4},
	[ERROR_NOT_AUTHENTIC] = {INTERFACE "NotAuthentic", "the bundle is not authentic", 4},
	[ERROR_REVOKED] = {INTERFACE "Revoked", "the bundle is revoked", 4},
	[ERROR_BAD_MANIFEST] = {INTERFACE "BadManifest", "the bundle's manifest breaks a rule", 1},
	[ERROR_BAD_TARGET] = {INTERFACE "BadTarget", "a target cannot be used", 1},
	[ERROR_BAD_TUNABLE] = {INTERFACE "BadTunable", "a tunable cannot be set so", 1},
	[ERROR_DENIED] = {INTERFACE "Denied", "denied by policy", 3},
	[ERROR_ROLLBACK] = {INTERFACE "Rollback", "the bundle is older than its floor", 3},
	[ERROR_CANNOT_VERIFY] = {INTERFACE "KernelCannotVerify",
				 "this kernel does not verify signatures", 5},
	[ERROR_KERNEL] = {INTERFACE "KernelRefused", "the kernel refused", 5},
	[ERROR_NO_FEATURE] = {INTERFACE "KernelLacksFeature",
			      "this kernel has not what the bundle requires", 5},
	[ERROR_ATTESTATION] = {INTERFACE "AttestationFailed",
			       "what was loaded is not what the manifest says", 1},
	[ERROR_NOT_FOUND] = {INTERFACE "NoSuchLoad", "there is no such load", 1},
	[ERROR_ENDED] = {INTERFACE "LoadEnded", "the load has been taken down", 7},
	[ERROR_NO_BASE] = {INTERFACE "BaseNotLoaded", "the bundle follows one that is not loaded",
			   1},
	[ERROR_NEEDED] = {INTERFACE "LoadNeeded", "other loads need this one", 1},
	[ERROR_BUSY] = {INTERFACE "Busy", "a limit is reached; try again later", 1},
	[ERROR_NO_DAEMON] = {INTERFACE "Failed", "bpfgated cannot be reached", 6},
};

static const char *const steps[] = {
	[STEP_NONE] = "",
	[STEP_REQUEST] = "request",
	[STEP_SEAL] = "seal",
	[STEP_AUTHENTICATE] = "authenticate",
	[STEP_AUTHORISE] = "authorise",
	[STEP_LOAD] = "load",
	[STEP_ATTEST] = "attest",
	[STEP_ATTACH] = "attach",
	[STEP_RECORD] = "record",
};

/* Messages quote names that others chose: nothing in them may drive a terminal or split a line. */
static char *format_message(const char *format, va_list ap)
{
	char *message;

	if (vasprintf(&message, format, ap) < 0)
		return NULL;
	text_sanitize(message);
	return message;
}

int error_set(struct error *e, int ret, enum error_code code, enum step step, const char *format,
	      ...)
{
	va_list ap;

	if (!e || e->code != ERROR_NONE)
		return ret;

	e->code = code;
	e->step = step;
	va_start(ap, format);
	e->message = format_message(format, ap);
	va_end(ap);
	return ret;
}

void error_field(struct error *e, const char *name, struct json_object *value)
{
	if (e && value && !e->fields)
		e->fields = json_object_new_object();
	if (!e || !value || !e->fields || json_object_object_add(e->fields, name, value) != 0)
		json_object_put(value);
}

void error_field_string(struct error *e, const char *name, const char *value)
{
	if (e && value)
		error_field(e, name, json_object_new_string(value));
}

void error_prefix(struct error *e, const char *format, ...)
{
	_cleanup_free_ char *prefix = NULL;
	char *message;
	va_list ap;

	if (!e || e->code == ERROR_NONE)
		return;

	va_start(ap, format);
	prefix = format_message(format, ap);
	va_end(ap);
	if (!prefix || asprintf(&message, "%s: %s", prefix, error_message(e)) < 0)
		return;

	free(e->message);
	e->message = message;
}

void error_done(struct error *e)
{
	if (!e)
		return;
	free(e->message);
	json_object_put(e->fields);
	*e = ERROR_INIT;
}

const char *error_message(const struct error *e)
{
	if (e->message)
		return e->message;
	return codes[(unsigned)e->code < _ERROR_CODE_MAX ? e->code : ERROR_FAILED].sentence;
}

const char *error_code_name(enum error_code code)
{
	return codes[(unsigned)code < _ERROR_CODE_MAX ? code : ERROR_FAILED].name;
}

enum error_code error_code_from_name(const char *name)
{
	for (unsigned code = ERROR_FAILED; code < _ERROR_CODE_MAX; code++)
		if (streq(codes[code].name, name))
			return code;
	return ERROR_FAILED;
}

const char *step_name(enum step step)
{
	return (unsigned)step < ARRAY_SIZE(steps) ? steps[step] : "";
}

enum step step_from_name(const char *name)
{
	for (unsigned step = 0; step < ARRAY_SIZE(steps); step++)
		if (streq(steps[step], name))
			return step;
	return STEP_NONE;
}

int error_exit_status(enum error_code code)
{
	return (unsigned)code < _ERROR_CODE_MAX ? codes[code].exit_status : 1;
}
