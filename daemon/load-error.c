// SPDX-License-Identifier: LGPL-2.1-or-later
#include "load-error.h"

#include <json-c/json.h>
#include <signal.h>

#include "errno-text.h"
#include "text.h"

#define ENOTSUPP_KERNEL 524 /* include/linux/errno.h; has no name in user space */

struct hint {
	enum load_stage stage;
	int errnum;
	const char *text;
};

/* The first that fits. The causes are those of kernel/bpf/syscall.c and crypto/asymmetric_keys/. */
static const struct hint hints[] = {
	{STAGE_MAP, EINVAL, "Linux 6.18 or newer is needed, or 6.12 with bpfgate's patches"},
	{STAGE_MAP, EPERM, "the daemon needs CAP_BPF"},
	{STAGE_MAP, ENOMEM, "there is no memory left for it, or for the daemon's cgroup"},
	{STAGE_DIGEST, EINVAL, "Linux 6.18 or newer is needed, or 6.12 with bpfgate's patches"},
	{STAGE_DIGEST, EBADE, "its digest is not that of the metadata that was put into it"},
	{STAGE_LOADER, EKEYREJECTED,
	 "its signature was made over other bytes: sign the bundle again"},
	{STAGE_LOADER, ENOKEY,
	 "the signer's key is not in the kernel's keyring, or has another subjectKeyIdentifier "
	 "there: "
	 "see 'bpfctl status' for certificates that the kernel did not take"},
	{STAGE_LOADER, EKEYREVOKED,
	 "the signer's key or the keyring has been revoked in the kernel"},
	{STAGE_LOADER, EKEYEXPIRED, "the signer's key has expired in the kernel"},
	{STAGE_LOADER, ENOPKG,
	 "the kernel lacks the signature's algorithm (CONFIG_CRYPTO_SHA256, CONFIG_CRYPTO_ECDSA)"},
	{STAGE_LOADER, EBADMSG, "its signature is not PKCS#7 as the kernel reads it"},
	{STAGE_LOADER, EPERM,
	 "the daemon needs CAP_BPF and CAP_PERFMON, and no security module in its way"},
	{STAGE_LOADER, EACCES, "the kernel's verifier does not take it, or it was changed"},
	{STAGE_LOADER, EINVAL, "the kernel's verifier does not take it, or the keyring is gone"},
	{STAGE_RESULT, EINVAL,
	 "the verifier does not take a program or map, or the metadata is not what the loader was "
	 "signed with"},
	{STAGE_RESULT, EACCES, "the verifier does not take a program"},
	{STAGE_RESULT, EPERM, "more is wanted than the declared types of programs need"},
	{STAGE_RESULT, ENOENT,
	 "a kernel function or type that a program names is not in this kernel"},
	{STAGE_RESULT, ESRCH,
	 "a kernel function or type that a program names is not in this kernel"},
	{STAGE_RESULT, ENOMEM, "there is no memory left for it, or for the daemon's cgroup"},
	{STAGE_RESULT, EMFILE, "it opens more objects than a loader may"},
	{STAGE_RESULT, EOPNOTSUPP, "this kernel was built without something that it uses"},
	{STAGE_RESULT, ENOTSUPP_KERNEL, "this kernel was built without something that it uses"},
};

static const char *hint_find(enum load_stage stage, int errnum)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (hints[i].stage == stage && hints[i].errnum == errnum)
			return hints[i].text;
	return NULL;
}

static const char *stage_sentence(enum load_stage stage)
{
	switch (stage) {
	case STAGE_MAP:
		return "the kernel does not make the loader's exclusive map";
	case STAGE_DIGEST:
		return "the kernel does not vouch for the loader's map";
	case STAGE_LOADER:
		return "the kernel refuses the signed loader";
	case STAGE_RUN:
		return "the kernel does not run the signed loader";
	case STAGE_RESULT:
		return "the kernel refuses a program or map of the bundle";
	case STAGE_OBJECTS:
		return "cannot look at what the loader made";
	case STAGE_MEMORY:
		return "cannot put the process that loads into the memory group of its user and "
		       "rule";
	case STAGE_FILTER:
		return "cannot restrict the process that loads (capabilities, seccomp)";
	default:
		return "cannot set up the process that loads";
	}
}

/* Lines and tabs stay; everything else that is not printable goes. */
static void log_sanitize(char *text)
{
	char *end, delimiter;

	for (char *part = text; part; part = end) {
		end = strpbrk(part, "\n\t");
		delimiter = end ? *end : '\0';
		if (end)
			*end = '\0';
		text_sanitize(part);
		if (end)
			*end++ = delimiter;
	}
}

/*
 * One buffer serves all commands of a loader, and a program that is refused before the verifier
 * sees it leaves what was said of the BTF before it. The BTF itself is never refused with these
 * two.
 */
static bool log_is_stale(const char *log, int errnum)
{
	return strncmp(log, "magic: 0x", 9) == 0 && (errnum == EPERM || errnum == EACCES);
}

static void log_field(struct error *error, const char *log, int errnum)
{
	_cleanup_free_ char *text = NULL;

	if (!error || !log || !log[0] || log_is_stale(log, errnum))
		return;
	text = strndup(log, LOAD_LOG_SIZE - 1);
	if (!text)
		return;
	log_sanitize(text);
	error_field_string(error, "log", text);
}

/* The verifier's words for it are many, and it has them in its log. */
static const char *hint_kernel_memory(const struct load_input *input,
				      const struct load_report *report)
{
	if (report->stage != STAGE_RESULT || load_reads_kernel(input->program_types) ||
	    (report->errnum != EINVAL && report->errnum != EACCES && report->errnum != EPERM))
		return "";
	return " (note: programs of the declared types may not read kernel memory: see "
	       "CAPABILITIES in bpfgated(8))";
}

static int load_refused(const struct load_input *input, const struct load_report *report,
			const char *log, struct error *error)
{
	const char *hint = hint_find(report->stage, report->errnum);
	bool by_kernel = report->stage != STAGE_PREPARE && report->stage != STAGE_MEMORY &&
			 report->stage != STAGE_FILTER && report->stage != STAGE_OBJECTS;
	char buffer[ERRNO_TEXT_SIZE];
	int r = report->errnum > 0 ? -report->errnum : -EPROTO;

	if (report->stage == STAGE_LOADER && report->errnum == EOPNOTSUPP &&
	    input->contract != CONTRACT_NONE)
		return error_set(
			error, r, ERROR_CANNOT_VERIFY, STEP_LOAD,
			"this kernel was built without CONFIG_SYSTEM_DATA_VERIFICATION and "
			"cannot verify signatures: use a kernel that has it");
	/* The kernel compares the context's size with what the loader touches of it. */
	if (report->stage == STAGE_RUN && report->errnum == EINVAL)
		return error_set(
			error, r, ERROR_ATTESTATION, STEP_ATTEST,
			"the loader makes more programs and maps than the manifest declares");
	error_set(error, r, by_kernel ? ERROR_KERNEL : ERROR_FAILED, STEP_LOAD, "%s: %s%s%s%s",
		  stage_sentence(report->stage), errno_text(-r, buffer), hint ? ": " : "",
		  hint ?: "", hint_kernel_memory(input, report));
	if (error)
		error->errnum = -r;
	log_field(error, log, -r);
	return r;
}

static int load_accused(const struct load_report *report, struct error *error)
{
	const char *object = report->object;

	switch ((enum load_offence)report->offence) {
	case OFFENCE_UNDECLARED:
		return error_set(
			error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
			"the loader left an object that the manifest does not declare: %.60s",
			object[0] ? object : "of unknown kind");
	case OFFENCE_MISSING_PROGRAM:
		return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
				 "the loader gave nothing for program %u of the manifest",
				 report->index);
	case OFFENCE_MISSING_MAP:
		return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
				 "the loader gave nothing for map %u of the manifest",
				 report->index);
	case OFFENCE_TWICE:
		return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
				 "the loader gave the same object for two of the manifest");
	case OFFENCE_KIND:
		return error_set(
			error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
			"the loader gave another kind of object than the manifest declares "
			"as number %u: %.60s",
			report->index, object);
	default:
		return error_set(
			error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
			"the loader closed or replaced file descriptors that are not its own");
	}
}

int load_error(const struct load_input *input, const struct load_report *report, const char *log,
	       struct error *error)
{
	if (report->offence != OFFENCE_NONE)
		return load_accused(report, error);
	return load_refused(input, report, log, error);
}

/*
 * All signals are blocked in the child, and a filter keeps it from sending any. So SIGKILL comes
 * from somebody else, and every other one from what the child did: nobody's loader does that by
 * chance.
 */
static int load_killed(const struct attempt *attempt, struct error *error)
{
	const char *name = sigabbrev_np(attempt->signal);

	if (attempt->signal != SIGKILL)
		return error_set(error, -EPROTO, ERROR_ATTESTATION, STEP_ATTEST,
				 "the process that loads crashed (SIG%s) while the loader ran",
				 name ?: "?");
	if (!attempt->out_of_memory)
		return error_set(error, -ECANCELED, ERROR_FAILED, STEP_LOAD,
				 "the process that loads was killed (SIGKILL) by somebody else: "
				 "that says nothing of the bundle, so try again");
	error_set(error, -ENOMEM, ERROR_KERNEL, STEP_LOAD,
		  "the process that loads was killed by the kernel, which ran out of memory: that "
		  "of bpfgated.service (MemoryMax=) or of the machine");
	if (error)
		error->errnum = ENOMEM;
	return -ENOMEM;
}

int load_error_ended(const struct attempt *attempt, struct error *error)
{
	switch (attempt->ending) {
	case ENDED_MUTE:
		return error_set(
			error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
			"the loader closed or replaced file descriptors that are not its own");
	case ENDED_DEADLINE:
		return error_set(error, -ETIMEDOUT, ERROR_KERNEL, STEP_LOAD,
				 "the loader did not end in time and was stopped");
	case ENDED_KILLED:
		return load_killed(attempt, error);
	case ENDED_LOST:
		return error_set(error, -EMFILE, ERROR_FAILED, STEP_LOAD,
				 "cannot take over the objects that were loaded: the daemon has "
				 "too many open files (LimitNOFILE=)");
	default:
		return error_set(error, -EPROTO, ERROR_ATTESTATION, STEP_ATTEST,
				 "the process that loads ended without a word (exit status %d) "
				 "while the loader ran",
				 attempt->status);
	}
}
