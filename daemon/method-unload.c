/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit.h"
#include "method.h"
#include "service.h"

struct unload_call {
	struct call_job base; /* first */
	char id[LOAD_ID_SIZE];
};

static void run(struct job *job)
{
	struct unload_call *j = (struct unload_call *)job;

	j->base.r =
		table_remove(j->base.front->gate->table, j->id, j->base.peer.uid, &j->base.error);
}

static void done(struct job *job)
{
	struct unload_call *j = (struct unload_call *)job;
	_cleanup_error_ struct error why = ERROR_INIT;
	struct call *call = j->base.call;

	if (j->base.r < 0) {
		error_field_string(&j->base.error, "id", j->id);
		audit_refused(&j->base.peer, "unload", j->id, &j->base.error);
		call_reply_error(call, &j->base.error);
	} else {
		audit_unloaded(j->base.peer.uid, j->id, "asked for");
		load_ended(j->id, "unloaded", &why, "user %u has unloaded it", j->base.peer.uid);
		error_field(&why, "uid", json_object_new_int64(j->base.peer.uid));
		connections_end_session(j->base.front, j->id, &why);
		call_reply(call, NULL, NULL, 0);
	}
	call_job_done(&j->base);
	free(j);
}

void method_unload(struct call *call)
{
	const char *id = NULL;
	const struct json_member members[] = {{"id", JSON_STRING, true, &id}, {}};
	struct unload_call *j;

	if (!call_parameters(call, members))
		return;
	if (strlen(id) >= LOAD_ID_SIZE) {
		call_reply_invalid(call, "id");
		return;
	}
	j = calloc(1, sizeof(*j));
	if (!j) {
		call_reply_error(call, &(struct error){.code = ERROR_FAILED, .step = STEP_REQUEST});
		return;
	}
	strcpy(j->id, id);
	j->base.job.run = run;
	j->base.job.done = done;
	if (call_job_submit(&j->base, call, USER_JOBS, &j->base.error) == 0)
		return;
	call_reply_error(call, &j->base.error);
	call_job_done(&j->base);
	free(j);
}
