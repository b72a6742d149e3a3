/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "method.h"

#include "audit.h"
#include "load-json.h"

static int busy(struct error *error, int r, const char *what)
{
	return error_set(error, r, ERROR_BUSY, STEP_REQUEST, "%s; try again later.", what);
}

bool call_job_abandoned(const void *job)
{
	const struct call *call = ((const struct call_job *)job)->call;

	return !call->call.oneway && !__atomic_load_n(&call->connection, __ATOMIC_ACQUIRE);
}

static void run_unless_abandoned(struct job *job)
{
	struct call_job *j = (struct call_job *)job;

	if (call_job_abandoned(j))
		j->r = error_set(&j->error, -ECANCELED, ERROR_FAILED, STEP_REQUEST,
				 "The client had gone before it was begun.");
	else
		j->run(job);
}

int call_job_submit(struct call_job *job, struct call *call, enum user_slot slot,
		    struct error *error)
{
	struct front *front = call->front;

	job->call = call;
	job->front = front;
	job->slot = slot;
	job->run = job->job.run;
	job->job.run = run_unless_abandoned;
	if (peer_copy(&call->connection->peer, &job->peer) < 0)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_REQUEST, "Out of memory.");
	if (users_charge(&front->users, call->uid, slot,
			 slot == USER_LOADS ? LOADS_USER : JOBS_USER) < 0)
		return busy(error, -EDQUOT, "Too many calls of this user are under way");
	job->charged = true;
	if (workers_submit(front->workers, &job->job, call->uid, false) < 0)
		return busy(error, -EAGAIN, "The daemon has too much to do");
	return 0;
}

void call_job_done(struct call_job *job)
{
	if (job->charged)
		users_release(&job->front->users, job->peer.uid, job->slot);
	job->charged = false;
	peer_done(&job->peer);
	error_done(&job->error);
}

bool call_by_root(struct call *call)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	const char *dot = strrchr(call->call.method, '.');

	if (call->uid == 0)
		return true;
	error_set(&error, -EPERM, ERROR_DENIED, STEP_REQUEST,
		  "%s is for root alone, not for uid %u", dot ? dot + 1 : call->call.method,
		  call->uid);
	audit_refused(&call->connection->peer, "administer bpfgated", NULL, &error);
	call_reply_error(call, &error);
	return false;
}

void call_reply_load(struct call *call, struct road_reply *reply, bool goes_on)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct json_object *parameters = json_object_new_object(), *load = NULL;
	int fds[MANIFEST_MAPS_MAX];
	unsigned n_fds = 0;

	if (load_to_json(reply->load, reply->map_fds, &load, fds, &n_fds) < 0 ||
	    json_add(parameters, "load", load) < 0) {
		json_object_put(parameters);
		error_set(&error, -ENOMEM, ERROR_FAILED, STEP_RECORD, "Out of memory.");
		call_reply_error(call, &error);
		return;
	}
	for (unsigned i = 0; i < MANIFEST_MAPS_MAX; i++)
		reply->map_fds[i] = -1;
	if (goes_on)
		call_reply_session(call, reply->load->id, parameters, fds, n_fds);
	else
		call_reply(call, parameters, fds, n_fds);
}
