// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * bpf-sign-conformance: asks the running kernel about every rule of signed BPF programs, one row a
 * rule (row.h says how they are printed). Needs root; is meant for a guest, where
 * tests/kernel/conformance runs it. Linux 7.3's answers are the reference: on it, the exit status
 * is 1 if an answer is not the documented one.
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include "keys.h"
#include "row.h"

static const struct group {
	const char *name;
	void (*rows)(void);
} groups[] = {
	{"signature", rows_signature},
	{"algorithms", rows_algorithms},
	{"keyrings", rows_keyrings},
	{"fold", rows_fold},
	{"fold-types", rows_fold_types},
	{"fd-array", rows_fd_array},
	{"fd-array-signed", rows_fd_array_signed},
	{"order", rows_order},
	{"btf", rows_btf},
	{"digest", rows_digest},
	{"exclusive", rows_exclusive},
	{"exclusive-use", rows_exclusive_use},
	{"info", rows_info},
	{"unsigned", rows_unsigned},
	{"kinds", rows_kinds},
	{"loader", rows_loader},
	{"lsm", rows_lsm},
	{"race", rows_race},
};

static _Noreturn void usage(int status)
{
	printf("Usage: bpf-sign-conformance [OPTION]... [GROUP]...\n\n"
	       "  --quick               fewer tries at races\n"
	       "  --tries N             so many (default 10000)\n"
	       "  --verbose             what the verifier says, too\n"
	       "  --builtin-key FILE    a key that is compiled into this kernel, and\n"
	       "  --builtin-cert FILE   its certificate (PEM)\n\nGroups:");
	for (unsigned i = 0; i < ARRAY_SIZE(groups); i++)
		printf(" %s", groups[i].name);
	printf("\n");
	exit(status);
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

int main(int argc, char **argv)
{
	bool ok = true;
	ssize_t n;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (streq(argv[i], "--quick"))
			options.tries = 300;
		else if (streq(argv[i], "--verbose"))
			options.verbose = true;
		else if (streq(argv[i], "--tries") && argv[i + 1])
			options.tries = (unsigned)atoi(argv[++i]);
		else if (streq(argv[i], "--builtin-key") && argv[i + 1])
			options.builtin_key = argv[++i];
		else if (streq(argv[i], "--builtin-cert") && argv[i + 1])
			options.builtin_cert = argv[++i];
		else
			usage(streq(argv[i], "--help") ? 0 : 2);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	n = readlink("/proc/self/exe", options.directory, sizeof(options.directory) - 1);
	if (n > 0)
		*strrchr(options.directory, '/') = 0;
	keys_make();
	for (unsigned k = 0; k < ARRAY_SIZE(groups); k++)
		if (wanted(&groups[k], argv + i))
			ok &= run(&groups[k]);
	printf("end\n");
	return ok ? 0 : 1;
}
