// SPDX-License-Identifier: LGPL-2.1-or-later
/* The parent's side of a load. */

#include <sys/mman.h>

#include "errno-text.h"
#include "load-attempt.h"
#include "load-error.h"
#include "loader-check.h"
#include "loader-data.h"
#include "test-hooks.h"

void loaded_done(struct loaded *loaded)
{
	for (unsigned i = 0; i < loaded->n_programs; i++)
		safe_close(loaded->programs[i]);
	for (unsigned i = 0; i < loaded->n_maps; i++)
		safe_close(loaded->maps[i]);
	*loaded = LOADED_INIT;
}

static void run_child(const void *userdata)
{
	load_child(userdata);
}

static int attempt_run(struct attempt *attempt, struct load_job *job, uint64_t end,
		       struct error *error)
{
	char buffer[ERRNO_TEXT_SIZE];
	int r;

	job->socket = CHILD_SOCKET;
	job->parent = getpid();
	if (job->input->memory)
		attempt->group = job->input->memory->folder;
	r = attempt_start(attempt, run_child, job);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_LOAD,
				 "cannot start a process to load in: %s", errno_text(-r, buffer));
	r = attempt_admit(attempt, job->input->keyring);
	if (r < 0) {
		attempt_end(attempt);
		return error_set(error, r, ERROR_FAILED, STEP_LOAD,
				 "cannot register the process that loads with the gate: %s",
				 errno_text(-r, buffer));
	}
	attempt_wait(attempt, end);
	return 0;
}

/* What the child handed over must be the declared number of programs and maps, in that order. */
static int attempt_take(struct attempt *attempt, const struct load_input *input, struct loaded *ret,
			struct error *error)
{
	char name[64];

	if (attempt->n_fds != input->n_programs + input->n_maps)
		return error_set(error, -EPROTO, ERROR_ATTESTATION, STEP_ATTEST,
				 "the process that loaded handed over %u objects, not %u",
				 attempt->n_fds, input->n_programs + input->n_maps);
	for (unsigned i = 0; i < attempt->n_fds; i++)
		if (fd_describe(attempt->fds[i], name, sizeof(name)) < 0 ||
		    !streq(name, i < input->n_programs ? FD_PROGRAM : FD_MAP))
			return error_set(error, -EPROTO, ERROR_ATTESTATION, STEP_ATTEST,
					 "object %u that the loader made is no %s", i,
					 i < input->n_programs ? "program" : "map");

	*ret = LOADED_INIT;
	for (unsigned i = 0; i < input->n_programs; i++)
		ret->programs[ret->n_programs++] = attempt->fds[i];
	for (unsigned i = 0; i < input->n_maps; i++)
		ret->maps[ret->n_maps++] = attempt->fds[input->n_programs + i];
	attempt->n_fds = 0;
	return 0;
}

static int attempt_result(struct attempt *attempt, const struct load_job *job, struct loaded *ret,
			  struct error *error)
{
	if (attempt->ending != ENDED_REPORT)
		return load_error_ended(attempt, error);
	if (attempt->report.stage == STAGE_DONE)
		return attempt_take(attempt, job->input, ret, error);
	return load_error(job->input, &attempt->report, job->log, error);
}

/* Would the verifier's log say more? */
static bool attempt_wants_log(const struct attempt *attempt)
{
	const struct load_report *report = &attempt->report;

	if (attempt->ending != ENDED_REPORT || report->offence != OFFENCE_NONE)
		return false;
	/* No log tells that a target was not found, or of memory. */
	if (report->stage == STAGE_RESULT)
		return report->errnum != ENOENT && report->errnum != ENOMEM;
	return report->stage == STAGE_LOADER &&
	       (report->errnum == EINVAL || report->errnum == EACCES);
}

/* Once more, in a new child, for the log; the errno that counts is that of the first attempt. */
static int attempt_for_log(struct attempt *first, struct load_job *job, uint64_t end,
			   struct loaded *ret, struct error *error)
{
	_cleanup_(attempt_done) struct attempt second = ATTEMPT_INIT;
	char *log;
	int r;

	log = mmap(NULL, LOAD_LOG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (log == MAP_FAILED)
		return attempt_result(first, job, ret, error);
	job->log = log;
	r = attempt_run(&second, job, end, NULL);
	if (r < 0 || second.ending != ENDED_REPORT)
		job->log = NULL;
	else if (second.report.stage == STAGE_DONE)
		first = &second;
	r = attempt_result(first, job, ret, error);
	job->log = NULL;
	munmap(log, LOAD_LOG_SIZE);
	return r;
}

static int load_once(struct load_job *job, uint64_t end, struct loaded *ret, struct error *error)
{
	_cleanup_(attempt_done) struct attempt attempt = ATTEMPT_INIT;
	int r;

	r = attempt_run(&attempt, job, end, error);
	if (r < 0)
		return r;
	if (attempt_wants_log(&attempt))
		return attempt_for_log(&attempt, job, end, ret, error);
	return attempt_result(&attempt, job, ret, error);
}

int load_unchecked(const struct load_input *input, uint64_t deadline_usec, struct loaded *ret,
		   struct error *error)
{
	struct load_job job = {.input = input, .socket = -1};
	uint64_t end = attempt_now_usec() + deadline_usec;
	struct memory_usage before = {};
	int r;

	r = sha256(input->loader.data, input->loader.size, job.loader_digest);
	if (r == 0)
		r = sha256(input->metadata.data, input->metadata.size, job.metadata_digest);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_LOAD, "cannot compute a digest");
	if (input->memory)
		memory_group_usage(input->memory, &before);
	r = load_once(&job, end, ret, error);
	if (r != -ENOMEM || !input->memory || !memory_group_settles(input->memory, &before, end))
		return r;
	error_done(error);
	return load_once(&job, end, ret, error);
}

static int input_check(const struct load_input *input, struct error *error)
{
	int r;

	if (input->contract == CONTRACT_NONE && !input->daemon_only)
		return error_set(error, -EOPNOTSUPP, ERROR_CANNOT_VERIFY, STEP_LOAD,
				 "this kernel cannot verify the signature of a BPF program: see "
				 "'bpfctl status' for the reason");
	if (input->contract != CONTRACT_NONE &&
	    (input->pkcs7.size == 0 || input->pkcs7.size > BUNDLE_KERNEL_SIG_MAX))
		return error_set(
			error, -ENODATA, ERROR_NOT_AUTHENTIC, STEP_LOAD,
			"the bundle has no signature for this kernel (contract v%d): sign it "
			"again with 'bpfctl sign'",
			(int)input->contract);
	if (input->n_programs > MANIFEST_PROGRAMS_MAX || input->n_maps > MANIFEST_MAPS_MAX)
		return error_set(error, -E2BIG, ERROR_BAD_MANIFEST, STEP_LOAD,
				 "more programs or maps than a loader can make");
	/* The kernel's digest of a map is over whole 8 bytes. */
	if (input->metadata.size == 0 || input->metadata.size % 8 != 0)
		return error_set(error, -EINVAL, ERROR_MALFORMED, STEP_LOAD,
				 "the loader's metadata is not a multiple of 8 bytes");
	/* A test may want to see the kernel refuse what this would not let through to it. */
	if (test_hook_skip_authentication())
		return 0;
	r = loader_check(input->loader, error);
	return r < 0 ? r : loader_data_check(input, error);
}

/* Puts the objects of @from behind those of @to, which owns them then. */
static int append(struct loaded *to, struct loaded *from, struct error *error)
{
	if (from->n_programs > MANIFEST_PROGRAMS_MAX - to->n_programs ||
	    from->n_maps > MANIFEST_MAPS_MAX - to->n_maps)
		return error_set(error, -E2BIG, ERROR_BAD_MANIFEST, STEP_LOAD,
				 "more programs or maps than a bundle can hold");
	for (unsigned i = 0; i < from->n_programs; i++)
		to->programs[to->n_programs++] = from->programs[i];
	for (unsigned i = 0; i < from->n_maps; i++)
		to->maps[to->n_maps++] = from->maps[i];
	*from = LOADED_INIT;
	return 0;
}

/* One of several says which it is. */
static int of_payload(unsigned i, unsigned n, int r, struct error *error)
{
	if (r < 0 && n > 1)
		error_prefix(error, "payload %u", i);
	return r;
}

int loader_load(const struct load_input *inputs, unsigned n, uint64_t deadline_usec,
		struct loaded *ret, struct error *error)
{
	uint64_t end = attempt_now_usec() + deadline_usec;
	_cleanup_loaded_ struct loaded all = LOADED_INIT;
	int r;

	for (unsigned i = 0; i < n; i++) {
		r = of_payload(i, n, input_check(&inputs[i], error), error);
		if (r < 0)
			return r;
	}
	for (unsigned i = 0; i < n; i++) {
		_cleanup_loaded_ struct loaded one = LOADED_INIT;
		uint64_t now = attempt_now_usec();

		if (now >= end)
			r = error_set(error, -ETIMEDOUT, ERROR_KERNEL, STEP_LOAD,
				      "there is no time left to load it");
		else
			r = load_unchecked(&inputs[i], end - now, &one, error);
		if (r == 0)
			r = append(&all, &one, error);
		if (r < 0)
			return of_payload(i, n, r, error);
	}
	*ret = all;
	all = LOADED_INIT;
	return 0;
}
