/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reload.h"

#include <signal.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "audit.h"
#include "journal.h"
#include "method.h"
#include "service.h"
#include "unload.h"

/* systemd's sd_notify(3): since when, so that it can tell this reload from an earlier one. */
static void notify_begin(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)now.tv_sec * 1000000 +
			   (unsigned long long)now.tv_nsec / 1000);
}

static void notify_end(const struct error *error)
{
	if (error->code == ERROR_NONE)
		sd_notify(0, "READY=1\nSTATUS=");
	else
		sd_notifyf(0, "READY=1\nSTATUS=The last reload: %s", error_message(error));
}

static int reload(struct gate *gate, const struct peer *peer, struct examination *ret,
		  struct error *error)
{
	int r;

	notify_begin();
	r = gate_reload(gate, ret, error);
	notify_end(error);
	audit_reloaded(peer, error);
	return r;
}

static void end_sessions(struct front *front, const struct examination *examination)
{
	unload_tell(front, &examination->unloaded);
	unload_tell(front, &examination->dependents);
}

/* ---- SIGHUP ---- */

struct signal_job {
	struct job job; /* first */
	struct front *front;
	struct examination examination;
};

static void signal_run(struct job *job)
{
	struct signal_job *j = (struct signal_job *)job;
	_cleanup_error_ struct error error = ERROR_INIT;

	reload(j->front->gate, NULL, &j->examination, &error);
}

static void signal_start(struct front *front);

static void signal_done(struct job *job)
{
	struct signal_job *j = (struct signal_job *)job;
	struct front *front = j->front;
	bool again = front->reload_again;

	end_sessions(front, &j->examination);
	examination_done(&j->examination);
	free(j);
	front->reloading = false;
	if (again)
		signal_start(front);
}

/* However many signals come: one is under way, and one more follows it. */
static void signal_start(struct front *front)
{
	struct signal_job *j;

	front->reload_again = front->reloading;
	if (front->reloading)
		return;
	j = calloc(1, sizeof(*j));
	if (j) {
		j->job.run = signal_run;
		j->job.done = signal_done;
		j->front = front;
		front->reloading = workers_submit(front->workers, &j->job, 0, true) == 0;
	}
	if (front->reloading)
		return;
	free(j);
	journal_line(LOG_ERR, "Reload: out of memory; nothing was read");
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	signal_start(userdata);
	return 0;
}

int reload_on_signal(struct front *front)
{
	return sd_event_add_signal(front->event, NULL, SIGHUP, on_signal, front);
}

/* ---- the method Reload ---- */

struct reload_call {
	struct call_job base; /* first */
	struct examination examination;
};

static void run(struct job *job)
{
	struct reload_call *j = (struct reload_call *)job;

	j->base.r = reload(j->base.front->gate, &j->base.peer, &j->examination, &j->base.error);
}

static int add_ids(struct json_object *object, const char *name, const struct removal *removal)
{
	struct json_object *array = json_object_new_array();
	int r = json_add(object, name, array);

	for (unsigned i = 0; i < removal->n && r == 0; i++)
		r = json_array_add(array, json_object_new_string(removal->items[i].id));
	return r;
}

static void reply(struct call *call, const struct examination *examination)
{
	struct json_object *parameters = json_object_new_object();
	int r = add_ids(parameters, "unloaded", &examination->unloaded);

	if (r == 0)
		r = add_ids(parameters, "dependents", &examination->dependents);
	if (r == 0)
		r = json_add_u64(parameters, "kept", examination->n_kept);
	if (r == 0)
		r = json_add_u64(parameters, "untrusted", examination->n_untrusted);
	if (r == 0) {
		call_reply(call, parameters, NULL, 0);
		return;
	}
	json_object_put(parameters);
	call_reply_error(call, &(struct error){.code = ERROR_FAILED, .step = STEP_REQUEST});
}

static void done(struct job *job)
{
	struct reload_call *j = (struct reload_call *)job;

	end_sessions(j->base.front, &j->examination);
	if (j->base.r < 0)
		call_reply_error(j->base.call, &j->base.error);
	else
		reply(j->base.call, &j->examination);
	examination_done(&j->examination);
	call_job_done(&j->base);
	free(j);
}

void method_reload(struct call *call)
{
	struct reload_call *j;

	if (!call_parameters(call, (const struct json_member[]){{}}) || !call_by_root(call))
		return;
	j = calloc(1, sizeof(*j));
	if (!j) {
		call_reply_error(call, &(struct error){.code = ERROR_FAILED, .step = STEP_REQUEST});
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
