/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit.h"
#include "method.h"
#include "service.h"

struct describe_job {
	struct call_job base; /* first */
	char *text;	      /* owned: which one is asked for */
	bool open_maps;
	struct road_reply reply;
};

static int describe(struct describe_job *j, struct error *error)
{
	struct gate *gate = j->base.front->gate;
	_cleanup_load_ struct load *load = NULL;
	char id[LOAD_ID_SIZE];
	int r;

	r = table_resolve(gate->table, j->text, j->base.peer.uid, id, error);
	if (r == 0)
		r = table_find(gate->table, id, j->base.peer.uid, &load, error);
	if (r < 0) {
		error_field_string(error, "id", j->text);
		return r;
	}
	if (j->open_maps)
		return road_reopen(gate, load, &j->base.peer, &j->reply, error);
	for (unsigned i = 0; i < MANIFEST_MAPS_MAX; i++)
		j->reply.map_fds[i] = -1;
	j->reply.load = TAKE_PTR(load);
	return 0;
}

static void run(struct job *job)
{
	struct describe_job *j = (struct describe_job *)job;

	j->base.r = describe(j, &j->base.error);
}

static void describe_job_free(struct describe_job *j)
{
	call_job_done(&j->base);
	free(j->text);
	free(j);
}

static void done(struct job *job)
{
	struct describe_job *j = (struct describe_job *)job;

	if (j->base.r < 0) {
		if (j->open_maps)
			audit_refused(&j->base.peer, "open maps", j->text, &j->base.error);
		call_reply_error(j->base.call, &j->base.error);
	} else {
		call_reply_load(j->base.call, &j->reply, false);
		road_reply_done(&j->reply);
	}
	describe_job_free(j);
}

void method_describe(struct call *call)
{
	const char *id = NULL;
	bool open_maps = false;
	const struct json_member members[] = {
		{"id", JSON_STRING, true, &id},
		{"openMaps", JSON_BOOL, false, &open_maps},
		{},
	};
	struct describe_job *j;

	if (!call_parameters(call, members))
		return;
	j = calloc(1, sizeof(*j));
	if (j)
		j->text = strdup(id);
	if (!j || !j->text) {
		free(j);
		call_reply_error(call, &(struct error){.code = ERROR_FAILED, .step = STEP_REQUEST});
		return;
	}
	j->open_maps = open_maps;
	j->base.job.run = run;
	j->base.job.done = done;
	if (call_job_submit(&j->base, call, USER_JOBS, &j->base.error) == 0)
		return;
	call_reply_error(call, &j->base.error);
	describe_job_free(j);
}
