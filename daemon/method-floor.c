/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods ListFloors, SetFloor and ResetFloors: for root, as they name what all users have
 * loaded. */
#include "audit.h"
#include "method.h"
#include "service.h"

void method_list_floors(struct call *call)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ struct floor *floors = NULL;
	struct json_object *parameters, *array;
	unsigned n = 0;
	int r;

	if (!call_parameters(call, (const struct json_member[]){{}}) || !call_by_root(call))
		return;
	r = floors_list(call->front->gate->floors, &floors, &n, &error);
	if (r < 0) {
		call_reply_error(call, &error);
		return;
	}
	parameters = json_object_new_object();
	array = json_object_new_array();
	r = json_add(parameters, "floors", array);
	for (unsigned i = 0; i < n && r == 0; i++)
		r = floor_to_json(&floors[i], array);
	if (r == 0) {
		call_reply(call, parameters, NULL, 0);
		return;
	}
	json_object_put(parameters);
	call_reply_error(call, &(struct error){.code = ERROR_FAILED, .step = STEP_REQUEST});
}

/* ---- SetFloor ---- */

struct floor_job {
	struct call_job base; /* first */
	struct floor floor;
	uint64_t previous;
};

static void run(struct job *job)
{
	struct floor_job *j = (struct floor_job *)job;

	j->base.r = floors_set(j->base.front->gate->floors, j->floor.name, j->floor.signer,
			       j->floor.sequence, &j->previous, &j->base.error);
}

static void done(struct job *job)
{
	struct floor_job *j = (struct floor_job *)job;
	struct json_object *parameters;

	if (j->base.r < 0) {
		audit_refused(&j->base.peer, "set a rollback floor", NULL, &j->base.error);
		call_reply_error(j->base.call, &j->base.error);
	} else {
		audit_floor(&j->base.peer, &j->floor, j->previous);
		parameters = json_object_new_object();
		json_add_u64(parameters, "previous", j->previous);
		call_reply(j->base.call, parameters, NULL, 0);
	}
	call_job_done(&j->base);
	free(j);
}

/* A digest, or the name of a file of keys.d. */
static int find_signer(struct gate *gate, const char *text, uint8_t ret[static DIGEST_SIZE])
{
	_cleanup_snapshot_ struct snapshot *snapshot = gate_snapshot(gate);
	const struct trust *trust = snapshot->trust;

	if (digest_parse(text, ret) == 0)
		return 0;
	for (unsigned i = 0; i < trust->n_keys; i++) {
		if (!trust->keys[i].key || !streq(trust->keys[i].file, text))
			continue;
		memcpy(ret, trust->keys[i].digest, DIGEST_SIZE);
		return 0;
	}
	return -ENOENT;
}

static int check(struct gate *gate, const char *name, const char *signer, struct floor *floor,
		 struct error *error)
{
	if (!manifest_name_valid(name))
		return error_set(error, -EINVAL, ERROR_FAILED, STEP_REQUEST,
				 "'%.128s' can be no bundle's name", name);
	if (find_signer(gate, signer, floor->signer) < 0)
		return error_set(error, -ENOENT, ERROR_FAILED, STEP_REQUEST,
				 "'%.128s' is neither a key's digest ('sha256:...') nor a "
				 "certificate of keys.d that could be read",
				 signer);
	if (floor->sequence > INT64_MAX)
		return error_set(error, -ERANGE, ERROR_FAILED, STEP_REQUEST,
				 "a sequence is at most 9223372036854775807");
	return 0;
}

void method_set_floor(struct call *call)
{
	const char *name = NULL, *signer = NULL;
	struct floor floor = {};
	const struct json_member members[] = {
		{"name", JSON_STRING, true, &name},
		{"signer", JSON_STRING, true, &signer},
		{"sequence", JSON_U64, true, &floor.sequence},
		{},
	};
	_cleanup_error_ struct error error = ERROR_INIT;
	struct floor_job *j;

	if (!call_parameters(call, members) || !call_by_root(call))
		return;
	if (check(call->front->gate, name, signer, &floor, &error) < 0) {
		call_reply_error(call, &error);
		return;
	}
	strcpy(floor.name, name);
	j = calloc(1, sizeof(*j));
	if (!j) {
		call_reply_error(call, &(struct error){.code = ERROR_FAILED, .step = STEP_REQUEST});
		return;
	}
	j->floor = floor;
	j->base.job.run = run;
	j->base.job.done = done;
	if (call_job_submit(&j->base, call, USER_JOBS, &j->base.error) == 0)
		return;
	call_reply_error(call, &j->base.error);
	call_job_done(&j->base);
	free(j);
}

/* ---- ResetFloors ---- */

static void run_reset(struct job *job)
{
	struct call_job *j = (struct call_job *)job;

	j->r = floors_reset(j->front->gate->floors, &j->error);
}

static void done_reset(struct job *job)
{
	struct call_job *j = (struct call_job *)job;

	if (j->r < 0) {
		audit_refused(&j->peer, "give up the rollback floors", NULL, &j->error);
		call_reply_error(j->call, &j->error);
	} else {
		audit_floors_reset(&j->peer);
		call_reply(j->call, json_object_new_object(), NULL, 0);
	}
	call_job_done(j);
	free(j);
}

void method_reset_floors(struct call *call)
{
	struct call_job *j;

	if (!call_parameters(call, (const struct json_member[]){{}}) || !call_by_root(call))
		return;
	j = calloc(1, sizeof(*j));
	if (!j) {
		call_reply_error(call, &(struct error){.code = ERROR_FAILED, .step = STEP_REQUEST});
		return;
	}
	j->job.run = run_reset;
	j->job.done = done_reset;
	if (call_job_submit(j, call, USER_JOBS, &j->error) == 0)
		return;
	call_reply_error(call, &j->error);
	call_job_done(j);
	free(j);
}
