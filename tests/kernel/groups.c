// SPDX-License-Identifier: LGPL-2.1-or-later
#include "groups.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

void groups_init(void)
{
	ssize_t n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	n = readlink("/proc/self/exe", options.directory, sizeof(options.directory) - 1);
	if (n > 0)
		*strrchr(options.directory, '/') = 0;
}

void groups_list(const struct group *groups, size_t n)
{
	printf("\n\nGroups:");
	for (size_t i = 0; i < n; i++)
		printf(" %s", groups[i].name);
	printf("\n");
}

/* False if an answer was wrong, or the group did not come to its end. */
static bool run(const struct group *group)
{
	int status;
	pid_t pid;

	note("group %s", group->name);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		group->rows();
		exit(row_wrong() ? 1 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = 0x100 * 3;
	if (WIFSIGNALED(status))
		printf("wrong\t%s\tends, not by signal %d\n", group->name, WTERMSIG(status));
	else if (WEXITSTATUS(status) > 1)
		printf("wrong\t%s\tends, not with status %d\n", group->name, WEXITSTATUS(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool wanted(const struct group *group, char **names)
{
	bool none = !*names;

	for (; *names; names++)
		if (streq(*names, group->name))
			return true;
	return none;
}

bool groups_run(const struct group *groups, size_t n, char **names)
{
	bool ok = true;

	printf("begin\n");
	for (size_t i = 0; i < n; i++)
		if (wanted(&groups[i], names))
			ok &= run(&groups[i]);
	printf("end\n");
	return ok;
}
