/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit.h"
#include "load-request.h"
#include "method.h"
#include "service.h"
#include "stage.h"
#include "unload.h"

struct load_job {
	struct call_job base; /* first */
	struct road_request request;
	struct road_reply reply;
};

static void load_job_free(struct load_job *job)
{
	/* borrowed, from the connection or the job */
	job->request.peer.groups = NULL;
	job->request.peer.n_groups = 0;
	road_request_done(&job->request);
	if (job->base.r == 0)
		road_reply_done(&job->reply);
	call_job_done(&job->base);
	free(job);
}

static void run(struct job *job)
{
	struct load_job *j = (struct load_job *)job;

	/* the job's own copy: the connection may be gone by now */
	j->request.peer = j->base.peer;
	j->base.r = road_load(j->base.front->gate, &j->request, &j->reply, &j->base.error);
}

/* The client has gone meanwhile, or cannot have the load: nobody will ever unload it. */
static void undo(struct load_job *j)
{
	char(*id)[LOAD_ID_SIZE] = malloc(sizeof(*id));

	if (!id) {
		stage_take_down(j->base.front->gate->table, j->reply.load->id, j->base.peer.uid,
				NULL, NULL);
		return;
	}
	memcpy(*id, j->reply.load->id, sizeof(*id));
	unload_sessions(j->base.front, j->base.peer.uid, id, 1);
}

static int hand_over(struct load_job *j)
{
	struct connection *connection = j->base.call->connection;
	const struct load *load = j->reply.load;
	_cleanup_load_ struct load *listed = NULL;

	if (!connection)
		return -ECONNRESET;
	if (load->lifetime != LIFETIME_SESSION)
		return 0;
	/* whoever takes it down from now on finds it with its connection */
	if (table_find(j->base.front->gate->table, load->id, 0, &listed, NULL) < 0)
		return -EOWNERDEAD;
	return connection_add_session(connection, load->id);
}

static void not_handed_over(struct load_job *j, int r)
{
	struct error *error = &j->base.error;

	undo(j);
	if (r == -EOWNERDEAD)
		load_ended(j->reply.load->id, "unloaded", error, "before it could be handed over");
	else if (r == -EDQUOT)
		error_set(error, r, ERROR_BUSY, STEP_RECORD,
			  "This connection has %u session loads already; use another.",
			  SESSIONS_MAX);
	else
		error_set(error, r, ERROR_FAILED, STEP_RECORD,
			  "The load cannot be handed over: %s.", strerror(-r));
}

static void done(struct job *job)
{
	struct load_job *j = (struct load_job *)job;
	struct call *call = j->base.call;
	int r = j->base.r;

	if (r < 0) {
		audit_refused(&j->base.peer, "load a bundle", NULL, &j->base.error);
	} else {
		audit_loaded(&j->base.peer, j->reply.load);
		r = hand_over(j);
		if (r < 0)
			not_handed_over(j, r);
	}
	if (r < 0)
		call_reply_error(call, &j->base.error);
	else
		call_reply_load(call, &j->reply, j->reply.load->lifetime == LIFETIME_SESSION);
	load_job_free(j);
}

static void start(struct call *call, struct load_job *j)
{
	j->base.job.run = run;
	j->base.job.done = done;
	j->base.r = -ECANCELED;
	if (call_job_submit(&j->base, call, USER_LOADS, &j->base.error) == 0)
		return;
	call_reply_error(call, &j->base.error);
	load_job_free(j);
}

void method_load(struct call *call)
{
	struct load_parameters parameters = {};
	const struct json_member members[] = {
		LOAD_PARAMETERS(parameters),
		{},
	};
	struct load_job *job;
	const char *wrong;

	if (!call_parameters(call, members))
		return;
	job = calloc(1, sizeof(*job));
	if (!job) {
		call_reply_error(call, &(struct error){.code = ERROR_FAILED, .step = STEP_REQUEST});
		return;
	}
	job->request.peer = call->connection->peer;
	job->base.r = -EINVAL;
	wrong = load_request_fill(call, &parameters, &job->request);
	if (wrong) {
		call_reply_invalid(call, wrong);
		load_job_free(job);
		return;
	}
	start(call, job);
}
