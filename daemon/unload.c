/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unload.h"

#include <systemd/sd-daemon.h>

#include "audit.h"

struct unload_job {
	struct job job; /* first */
	struct gate *gate;
	uid_t uid;
	unsigned n;
	char (*ids)[LOAD_ID_SIZE];
};

static void run(struct job *job)
{
	struct unload_job *j = (struct unload_job *)job;

	for (unsigned i = 0; i < j->n; i++) {
		_cleanup_error_ struct error error = ERROR_INIT;

		if (table_remove(j->gate->table, j->ids[i], j->uid, &error) == 0)
			audit_unloaded(j->uid, j->ids[i], "its client has gone");
		else if (error.code != ERROR_NOT_FOUND)
			fprintf(stderr, SD_ERR "Load %s: %s\n", j->ids[i], error_message(&error));
	}
}

static void done(struct job *job)
{
	struct unload_job *j = (struct unload_job *)job;

	free(j->ids);
	free(j);
}

void unload_sessions(struct front *front, uid_t uid, char (*ids)[LOAD_ID_SIZE], unsigned n)
{
	struct unload_job *job = malloc(sizeof(*job)), on_stack;
	struct unload_job *j = job ?: &on_stack;

	*j = (struct unload_job){{run, done, NULL}, front->gate, uid, n, ids};
	if (job && workers_submit(front->workers, &j->job, true) == 0)
		return;
	/* Without memory for a thread: it is slow here, but the programs must go. */
	run(&j->job);
	free(ids);
	free(job);
}
