/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The method Gate: for root, which sees and changes what the gate does. */

#include "audit.h"
#include "gate-programs.h"
#include "gate-report.h"
#include "journal.h"
#include "method.h"
#include "service.h"

struct gate_job {
	struct call_job base; /* first */
	bool change;
	enum gate_mode mode, before, after;
	struct json_object
		*programs; /* owned; looks at the groups of processes, so not in the loop */
	uint32_t unlisted;
};

static void run(struct job *job)
{
	struct gate_job *j = (struct gate_job *)job;

	if (j->change) {
		j->base.r = gate_enforce(j->base.front->gate, j->mode, &j->before,
					 call_job_abandoned, j, &j->base.error);
		j->after = enforce_mode();
	}
	if (j->base.r == 0)
		j->programs = gate_programs_to_json(&j->unlisted);
}

static struct json_object *counts_to_json(const struct gate_count *counts)
{
	struct json_object *array = json_object_new_array(), *object;

	for (uint32_t i = 0; i < _GATE_REASON_MAX; i++) {
		object = json_object_new_object();
		json_add(object, "reason", json_object_new_string(gate_reason_name(i)));
		json_add_u64(object, "refused", counts[i].refused);
		json_add_u64(object, "wouldBeRefused", counts[i].would);
		json_array_add(array, object);
	}
	return array;
}

static void reply(struct gate_job *j)
{
	struct json_object *parameters = json_object_new_object();
	struct gate_count counts[_GATE_REASON_MAX];
	uint64_t lost;

	enforce_counts(counts, &lost);
	json_add(parameters, "mode", json_object_new_string(gate_mode_name(enforce_mode())));
	json_add(parameters, "securityModule", json_object_new_boolean(enforce_kernel_has_lsm()));
	json_add(parameters, "counts", counts_to_json(counts));
	json_add(parameters, "programs", TAKE_PTR(j->programs));
	json_add_u64(parameters, "unlisted", j->unlisted);
	json_add_u64(parameters, "lost", lost);
	call_reply(j->base.call, parameters, NULL, 0);
}

static void done(struct job *job)
{
	struct gate_job *j = (struct gate_job *)job;

	if (j->change && j->base.front->report)
		gate_report_follow(j->base.front->report);
	if (j->before != j->after)
		audit_gate(&j->base.peer, j->before, j->after);
	if (j->base.r < 0) {
		journal_line(LOG_ERR, "The gate could not be changed for user %u: %s",
			     j->base.peer.uid, error_message(&j->base.error));
		call_reply_error(j->base.call, &j->base.error);
	} else {
		reply(j);
	}
	json_object_put(j->programs);
	call_job_done(&j->base);
	free(j);
}

void method_gate(struct call *call)
{
	const char *mode = NULL;
	const struct json_member members[] = {{"mode", JSON_STRING, false, &mode}, {}};
	struct gate_job *j;

	if (!call_parameters(call, members) || !call_by_root(call))
		return;
	j = calloc(1, sizeof(*j));
	if (!j) {
		call_reply_error(call, &(struct error){.code = ERROR_FAILED, .step = STEP_REQUEST});
		return;
	}
	j->change = mode;
	if (mode && gate_mode_parse(mode, &j->mode) < 0) {
		call_reply_invalid(call, "mode");
		free(j);
		return;
	}
	j->base.job.run = run;
	j->base.job.done = done;
	if (call_job_submit(&j->base, call, USER_JOBS, &j->base.error) == 0)
		return;
	call_reply_error(call, &j->base.error);
	call_job_done(&j->base);
	free(j);
}
