/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit.h"
#include "method.h"
#include "service.h"
#include "stage.h"
#include "unload.h"

struct unload_call {
	struct call_job base; /* first */
	char *text;	      /* owned: which one is asked for */
	char id[LOAD_ID_SIZE];
	uid_t owner;
	bool with_dependents;
	struct removal removal; /* what went with it */
};

static void run(struct job *job)
{
	struct unload_call *j = (struct unload_call *)job;
	struct table *table = j->base.front->gate->table;
	_cleanup_load_ struct load *load = NULL;

	j->base.r = table_resolve(table, j->text, j->base.peer.uid, j->id, &j->base.error);
	if (j->base.r == 0)
		j->base.r = table_find(table, j->id, j->base.peer.uid, &load, &j->base.error);
	if (j->base.r < 0)
		return;
	j->owner = load->uid;
	/* what has no user any more goes with the last reference */
	load_unref(TAKE_PTR(load));
	if (j->with_dependents)
		j->base.r = stage_take_down(table, j->id, j->base.peer.uid, &j->removal,
					    &j->base.error);
	else
		j->base.r = table_remove(table, j->id, j->base.peer.uid, &j->base.error);
}

/* Of other users' loads only how many there were. */
static int removal_to_json(const struct removal *removal, uid_t uid, struct json_object *object)
{
	struct json_object *dependents = json_object_new_array();
	int r = json_add(object, "dependents", dependents);
	uint64_t n_others = 0;

	for (unsigned i = 0; i < removal->n && r == 0; i++) {
		if (uid != 0 && removal->items[i].uid != uid)
			n_others++;
		else
			r = json_array_add(dependents,
					   json_object_new_string(removal->items[i].id));
	}
	return r < 0 ? r : json_add_u64(object, "otherDependents", n_others);
}

static void reply(struct unload_call *j)
{
	struct json_object *parameters = json_object_new_object();

	if (json_add_string(parameters, "id", j->id) == 0 &&
	    removal_to_json(&j->removal, j->base.peer.uid, parameters) == 0) {
		call_reply(j->base.call, parameters, NULL, 0);
		return;
	}
	json_object_put(parameters);
	call_reply_error(j->base.call, &(struct error){.code = ERROR_FAILED, .step = STEP_REQUEST});
}

static void unload_call_free(struct unload_call *j)
{
	removal_done(&j->removal);
	free(j->text);
	call_job_done(&j->base);
	free(j);
}

static void done(struct job *job)
{
	struct unload_call *j = (struct unload_call *)job;
	_cleanup_error_ struct error why = ERROR_INIT;

	/* they may have been loaded by other connections than asks */
	unload_tell(j->base.front, &j->removal);
	if (j->base.r < 0) {
		const char *id = *j->id ? j->id : j->text;

		error_field_string(&j->base.error, "id", id);
		audit_refused(&j->base.peer, "unload", id, &j->base.error);
		call_reply_error(j->base.call, &j->base.error);
	} else {
		audit_unloaded(j->owner, j->id, "asked for", &j->base.peer);
		load_ended(j->id, "unloaded", &why, "user %u has unloaded it", j->base.peer.uid);
		error_field(&why, "uid", json_object_new_int64(j->base.peer.uid));
		connections_end_session(j->base.front, j->id, &why);
		reply(j);
	}
	unload_call_free(j);
}

void method_unload(struct call *call)
{
	const char *id = NULL;
	bool with_dependents = false;
	const struct json_member members[] = {
		{"id", JSON_STRING, true, &id},
		{"withDependents", JSON_BOOL, false, &with_dependents},
		{},
	};
	struct unload_call *j;

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
	j->with_dependents = with_dependents;
	j->base.job.run = run;
	j->base.job.done = done;
	if (call_job_submit(&j->base, call, USER_JOBS, &j->base.error) == 0)
		return;
	call_reply_error(call, &j->base.error);
	unload_call_free(j);
}
