/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <limits.h>

#include "audit.h"
#include "method.h"
#include "service.h"
#include "unload.h"

#define WANTED_NAME_MAX	  256
#define WANTED_TARGET_MAX (PATH_MAX + 512) /* uprobe: a path and a symbol */

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
		table_remove(j->base.front->gate->table, j->reply.load->id, j->base.peer.uid, NULL);
		return;
	}
	memcpy(*id, j->reply.load->id, sizeof(*id));
	unload_sessions(j->base.front, j->base.peer.uid, id, 1);
}

static int hand_over(struct load_job *j)
{
	struct connection *connection = j->base.call->connection;
	const struct load *load = j->reply.load;

	if (!connection)
		return -ECONNRESET;
	if (load->lifetime != LIFETIME_SESSION)
		return 0;
	return connection_add_session(connection, load->id);
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
		if (r < 0) {
			undo(j);
			if (r == -EDQUOT)
				error_set(&j->base.error, r, ERROR_BUSY, STEP_RECORD,
					  "This connection has %u session loads already; use "
					  "another.",
					  SESSIONS_MAX);
			else
				error_set(&j->base.error, r, ERROR_FAILED, STEP_RECORD,
					  "The load cannot be handed over: %s.", strerror(-r));
		}
	}
	if (r < 0)
		call_reply_error(call, &j->base.error);
	else
		call_reply_load(call, &j->reply);
	load_job_free(j);
}

/* ---- parameters ---- */

static int parse_wanted(struct json_object *item, struct wanted *ret)
{
	const char *program = NULL, *target = NULL, *name;
	const struct json_member members[] = {
		{"program", JSON_STRING, true, &program},
		{"target", JSON_STRING, true, &target},
		{},
	};

	if (!json_object_is_type(item, json_type_object) || json_dispatch(item, members, &name) < 0)
		return -EINVAL;
	/* they are quoted in refusals, which go to the journal */
	if (strlen(program) > WANTED_NAME_MAX || strlen(target) > WANTED_TARGET_MAX)
		return -E2BIG;
	ret->program = strdup(program);
	ret->target = strdup(target);
	return ret->program && ret->target ? 0 : -ENOMEM;
}

static int parse_attach(struct json_object *attach, struct road_request *request)
{
	size_t n = attach ? json_object_array_length(attach) : 0;
	int r = 0;

	if (n > LOAD_ATTACHMENTS_MAX)
		return -E2BIG;
	request->wanted = calloc(n + 1, sizeof(*request->wanted));
	if (!request->wanted)
		return -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++) {
		request->n_wanted++;
		r = parse_wanted(json_object_array_get_idx(attach, i), &request->wanted[i]);
	}
	return r;
}

/* NULL, or the name of the parameter that is wrong. */
static const char *fill(struct call *call, struct road_request *request, uint64_t fd_index,
			const char *lifetime, struct json_object *attach)
{
	/* exactly the one that is named: nothing is accepted that nobody asked for */
	if (call->fds.n != 1)
		return "bundleFileDescriptor";
	request->fd = fd_set_take(&call->fds, fd_index);
	if (request->fd < 0)
		return "bundleFileDescriptor";
	request->deadline_usec = SEAL_DEADLINE_USEC;
	request->lifetime = LIFETIME_SESSION;
	if (lifetime && lifetime_from_name(lifetime, &request->lifetime) < 0)
		return "lifetime";
	if (parse_attach(attach, request) < 0)
		return "attach";
	return NULL;
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
	uint64_t fd_index = 0;
	const char *lifetime = NULL, *wrong;
	struct json_object *attach = NULL;
	const struct json_member members[] = {
		{"bundleFileDescriptor", JSON_U64, true, &fd_index},
		{"lifetime", JSON_STRING, false, &lifetime},
		{"attach", JSON_ARRAY, false, &attach},
		{},
	};
	struct load_job *job;

	if (!call_parameters(call, members))
		return;
	job = calloc(1, sizeof(*job));
	if (!job) {
		call_reply_error(call, &(struct error){.code = ERROR_FAILED, .step = STEP_REQUEST});
		return;
	}
	job->request.fd = -1;
	job->request.peer = call->connection->peer;
	job->base.r = -EINVAL;
	wrong = fill(call, &job->request, fd_index, lifetime, attach);
	if (wrong) {
		call_reply_invalid(call, wrong);
		load_job_free(job);
		return;
	}
	start(call, job);
}
