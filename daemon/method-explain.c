/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "explain.h"
#include "load-request.h"
#include "service.h"

struct explain_job {
	struct call_job base; /* first */
	struct road_request request;
	uid_t uid;
	struct json_object *reply;
};

static void explain_job_free(struct explain_job *job)
{
	/* borrowed from the job */
	job->request.peer.groups = NULL;
	job->request.peer.n_groups = 0;
	road_request_done(&job->request);
	json_object_put(job->reply);
	call_job_done(&job->base);
	free(job);
}

static void run(struct job *job)
{
	struct explain_job *j = (struct explain_job *)job;

	j->request.peer = j->base.peer;
	j->base.r = explain(j->base.front->gate, &j->request, j->uid, &j->reply, &j->base.error);
}

static void done(struct job *job)
{
	struct explain_job *j = (struct explain_job *)job;

	if (j->base.r < 0)
		call_reply_error(j->base.call, &j->base.error);
	else
		call_reply(j->base.call, TAKE_PTR(j->reply), NULL, 0);
	explain_job_free(j);
}

static void start(struct call *call, struct explain_job *j)
{
	j->base.job.run = run;
	j->base.job.done = done;
	/* as much work as a load is, as far as it goes */
	if (call_job_submit(&j->base, call, USER_LOADS, &j->base.error) == 0)
		return;
	call_reply_error(call, &j->base.error);
	explain_job_free(j);
}

void method_explain(struct call *call)
{
	struct load_parameters parameters = {};
	uint64_t uid = call->uid;
	const struct json_member members[] = {
		LOAD_PARAMETERS(parameters),
		{"uid", JSON_U64, false, &uid},
		{},
	};
	struct explain_job *job;
	const char *wrong;

	if (!call_parameters(call, members))
		return;
	job = calloc(1, sizeof(*job));
	if (!job) {
		call_reply_error(call, &(struct error){.code = ERROR_FAILED, .step = STEP_REQUEST});
		return;
	}
	job->request.peer.uid = call->uid;
	wrong = load_request_fill(call, &parameters, &job->request);
	if (!wrong && uid >= UINT32_MAX)
		wrong = "uid";
	if (wrong) {
		call_reply_invalid(call, wrong);
		explain_job_free(job);
		return;
	}
	job->uid = (uid_t)uid;
	start(call, job);
}
