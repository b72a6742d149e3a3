/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unload.h"

#include "audit.h"
#include "connection.h"
#include "journal.h"
#include "stage.h"

struct unload_job {
	struct job job; /* first */
	struct front *front;
	uid_t uid;
	unsigned n;
	char (*ids)[LOAD_ID_SIZE];
	struct removal *removals; /* what went with each; NULL: no memory, or nothing was done */
};

void unload_tell(struct front *front, const struct removal *removal)
{
	for (unsigned i = 0; i < removal->n; i++) {
		const struct removed *gone = &removal->items[i];
		_cleanup_error_ struct error why = ERROR_INIT;

		load_ended(gone->id, gone->why ? "revoked" : "unloaded", &why, "%s",
			   gone->why ?: "it followed another, which has been taken down");
		connections_end_session(front, gone->id, &why);
	}
}

static void run(struct job *job)
{
	struct unload_job *j = (struct unload_job *)job;

	j->removals = calloc(j->n, sizeof(*j->removals));
	for (unsigned i = 0; i < j->n; i++) {
		_cleanup_error_ struct error error = ERROR_INIT;

		if (stage_take_down(j->front->gate->table, j->ids[i], j->uid,
				    j->removals ? &j->removals[i] : NULL, &error) == 0)
			audit_unloaded(j->uid, j->ids[i], "its client has gone", NULL);
		else if (error.code != ERROR_NOT_FOUND)
			journal_line(LOG_ERR, "Load %s: %s", j->ids[i], error_message(&error));
	}
}

static void finish(struct unload_job *j)
{
	for (unsigned i = 0; j->removals && i < j->n; i++) {
		unload_tell(j->front, &j->removals[i]);
		removal_done(&j->removals[i]);
	}
	free(j->removals);
	free(j->ids);
}

static void done(struct job *job)
{
	finish((struct unload_job *)job);
	free(job);
}

void unload_sessions(struct front *front, uid_t uid, char (*ids)[LOAD_ID_SIZE], unsigned n)
{
	struct unload_job *job = malloc(sizeof(*job)), on_stack;
	struct unload_job *j = job ?: &on_stack;

	*j = (struct unload_job){{.run = run, .done = done}, front, uid, n, ids, NULL};
	if (job && workers_submit(front->workers, &j->job, uid, true) == 0)
		return;
	/* Without memory for a thread: it is slow here, but the programs must go. */
	run(&j->job);
	finish(j);
	free(job);
}
