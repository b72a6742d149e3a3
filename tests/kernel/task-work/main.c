// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * bpf-task-work-conformance: asks the running kernel about every rule of bpf_task_work, one row a
 * rule
 * (../row.h says how they are printed), in both spellings of the kfuncs. Needs root; is meant for a
 * guest, where tests/kernel/conformance runs it. Linux 7.3's answers are the reference: on it, the
 * exit status is 1 if an answer is not the documented one.
 */
#include "../groups.h"
#include "checks.h"

#define BOTH(name)                      \
	static void plain_##name(void)  \
	{                               \
		checks_spelling(false); \
		rows_tw_##name();       \
	}                               \
	static void impl_##name(void)   \
	{                               \
		checks_spelling(true);  \
		rows_tw_##name();       \
	}
BOTH(schedule)
BOTH(ends)
BOTH(last)
BOTH(nmi)
BOTH(race)
BOTH(states)
BOTH(types)
BOTH(values)
BOTH(verifier)
static void plain_maps(void)
{
	checks_spelling(false);
	rows_tw_maps();
}

#define PLAIN(name)                 \
	{                           \
#name, plain_##name \
	}
#define IMPL(name)                         \
	{                                  \
		"impl-" #name, impl_##name \
	}
static const struct group groups[] = {
	PLAIN(maps),	PLAIN(verifier), PLAIN(types), PLAIN(values),  PLAIN(schedule),
	PLAIN(states),	PLAIN(nmi),	 PLAIN(race),  PLAIN(ends),    PLAIN(last),
	IMPL(verifier), IMPL(types),	 IMPL(values), IMPL(schedule), IMPL(states),
	IMPL(nmi),	IMPL(race),	 IMPL(ends),   IMPL(last),
};

static _Noreturn void usage(int status)
{
	printf("Usage: bpf-task-work-conformance [OPTION]... [GROUP]...\n\n"
	       "  --quick               fewer tries at races\n"
	       "  --tries N             so many (default 10000)\n"
	       "  --stock               leave out what can crash Linux 7.3\n"
	       "  --verbose             what the verifier says, too");
	groups_list(groups, ARRAY_SIZE(groups));
	exit(status);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (streq(argv[i], "--quick"))
			options.tries = 300;
		else if (streq(argv[i], "--verbose"))
			options.verbose = true;
		else if (streq(argv[i], "--stock"))
			options.stock = true;
		else if (streq(argv[i], "--tries") && argv[i + 1])
			options.tries = (unsigned)atoi(argv[++i]);
		else
			usage(streq(argv[i], "--help") ? 0 : 2);
	}
	groups_init();
	checks_init();
	return groups_run(groups, ARRAY_SIZE(groups), argv + i) ? 0 : 1;
}
