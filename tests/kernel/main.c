// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * bpf-sign-conformance: asks the running kernel about every rule of signed BPF programs, one row a
 * rule (row.h says how they are printed). Needs root; is meant for a guest, where
 * tests/kernel/conformance runs it. Linux 7.3's answers are the reference: on it, the exit status
 * is 1 if an answer is not the documented one.
 */
#include "groups.h"
#include "keys.h"
#include "row.h"

static const struct group groups[] = {
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
	{"relocations", rows_relocations},
	{"hooks", rows_hooks},
	{"lock", rows_lock},
};

static _Noreturn void usage(int status)
{
	printf("Usage: bpf-sign-conformance [OPTION]... [GROUP]...\n\n"
	       "  --quick               fewer tries at races\n"
	       "  --tries N             so many (default 10000)\n"
	       "  --stock               leave out what is asked of our patches only\n"
	       "  --verbose             what the verifier says, too\n"
	       "  --builtin-key FILE    a key that is compiled into this kernel, and\n"
	       "  --builtin-cert FILE   its certificate (PEM)");
	groups_list(groups, ARRAY_SIZE(groups));
	exit(status);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (streq(argv[i], "--quick"))
			options.tries = 300;
		else if (streq(argv[i], "--stock"))
			options.stock = true;
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
	groups_init();
	keys_make();
	return groups_run(groups, ARRAY_SIZE(groups), argv + i) ? 0 : 1;
}
