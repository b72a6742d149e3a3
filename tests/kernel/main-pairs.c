// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * bpf-pairs-conformance: asks the running kernel about pairs of bad arguments, one row a pair
 * (row.h says how they are printed). Needs root; is meant for a guest, where tests/kernel/pairs
 * runs it. No answer is wrong by itself: tests/kernel/compare-pairs compares those of three
 * kernels.
 */
#include "groups.h"
#include "keys.h"
#include "pairs.h"

static const struct group groups[] = {
	{"pairs-load", pairs_load},
	{"pairs-map", pairs_map},
	{"pairs-info", pairs_info},
};

static _Noreturn void usage(int status)
{
	printf("Usage: bpf-pairs-conformance [GROUP]...");
	groups_list(groups, ARRAY_SIZE(groups));
	exit(status);
}

int main(int argc, char **argv)
{
	if (argc > 1 && argv[1][0] == '-')
		usage(streq(argv[1], "--help") ? 0 : 2);
	groups_init();
	keys_make();
	return groups_run(groups, ARRAY_SIZE(groups), argv + 1) ? 0 : 1;
}
