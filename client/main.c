/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl: the table of verbs, usage. */

#include <locale.h>
#include <signal.h>

#include "verbs.h"

static const struct verb verbs[] = {
	{"build", verb_build,
	 "OBJECT... -o BUNDLE [-m MANIFEST] [--source FILE]... [--after BUNDLE]...",
	 "make an unsigned bundle from BPF object files, a payload each",
	 "  -o, --output BUNDLE    file to write (replaced as a whole)\n"
	 "  -m, --manifest FILE    what the object does not say: name, grants, targets\n"
	 "      --source FILE      record the file's SHA-256 in the bundle; may be repeated\n"
	 "      --after BUNDLE     to be loaded only while that one is; may be repeated\n"},
	{"sign", verb_sign,
	 "BUNDLE... --key KEY [--cert CERT] [--pin-file FILE] [--add] [-o BUNDLE]\n"
	 "       bpfctl sign --export DIR [--cert FILE] [--add] BUNDLE\n"
	 "       bpfctl sign --import DIR [--cert FILE] [--add] [-o BUNDLE] BUNDLE",
	 "add a signer to bundles",
	 "      --key KEY          private key: a PEM file or pkcs11:... (a key in a token)\n"
	 "      --cert CERT        its certificate, the same (default: that of the key in the "
	 "token)\n"
	 "      --pin-file FILE    the token's PIN or the key's passphrase (default: ask once)\n"
	 "      --add              sign what others have signed already\n"
	 "      --export DIR       write what another tool is to sign, with the commands for it\n"
	 "      --import DIR       take its signatures\n"
	 "  -o, --output BUNDLE    write there instead of replacing the bundle\n"},
	{"keygen", verb_keygen, "--out NAME [--algorithm ALGORITHM] [--days N] [--subject CN]",
	 "make a signing key and its certificate, for trying things out",
	 "      --out NAME         writes NAME.key (mode 0600) and NAME.pem; neither may exist\n"
	 "      --algorithm NAME   rsa, ecdsa-p256 (default), ecdsa-p384 or ed25519\n"
	 "      --days N           how long the certificate is valid (default 365)\n"
	 "      --subject CN       common name (default: the base name of NAME)\n"},
	{"inspect", verb_inspect, "BUNDLE", "show what a bundle holds, without trusting it", NULL},
	{"verify", verb_verify, "BUNDLE [--keys DIR]",
	 "check every link from a trusted key to each section, without the daemon",
	 "      --keys DIR         trusted certificates (default /etc/bpfgate/keys.d)\n"},
	{"load", verb_load, "BUNDLE [--attach PROGRAM=KIND:TARGET]... [--set NAME=VALUE]...",
	 "load a bundle until it is unloaded",
	 "      --attach PROGRAM=KIND:TARGET   attach there instead of the default; may be\n"
	 "                                     repeated\n"
	 "      --set NAME=VALUE               give a tunable another value than its default; may\n"
	 "                                     be repeated\n"},
	{"run", verb_run,
	 "BUNDLE [--attach PROGRAM=KIND:TARGET]... [--set NAME=VALUE]... [--duration SECONDS] "
	 "[--interval SECONDS]",
	 "load a bundle, print its events or tables, unload it at Ctrl-C",
	 "      --attach PROGRAM=KIND:TARGET   attach there instead of the default; may be\n"
	 "                                     repeated\n"
	 "      --set NAME=VALUE               give a tunable another value than its default; may\n"
	 "                                     be repeated\n"
	 "      --duration SECONDS             stop after that time\n"
	 "      --interval SECONDS             print tables so often (default 2; with events: not\n"
	 "                                     at all)\n"},
	{"unload", verb_unload, "ID... [--with-dependents]", "detach and unload",
	 "      --with-dependents  and the loads that were made after these (see build --after)\n"},
	{"list", verb_list, "", "list your loads (root: everybody's)", NULL},
	{"show", verb_show, "ID [--maps] [--bundle BUNDLE]",
	 "show one load: programs, attachments, maps",
	 "      --maps             the contents of the maps, too, as far as policy grants them\n"
	 "      --bundle BUNDLE    the same, by the types of the bundle that was loaded\n"},
	{"explain", verb_explain,
	 "BUNDLE [--user USER] [--attach PROGRAM=KIND:TARGET]... [--set NAME=VALUE]... "
	 "[--persistent]",
	 "say which rule of the policy decides on a load, and why, without loading",
	 "      --user USER        for that user (name or uid); only root may ask that\n"
	 "      --attach PROGRAM=KIND:TARGET   as for load; may be repeated\n"
	 "      --set NAME=VALUE               as for load; may be repeated\n"
	 "      --persistent       as by load; without it, as by run\n"},
	{"policy", verb_policy, "check [FILE] [--policy DIR]...",
	 "find mistakes in the policy, or in a file that is to be one, without the daemon",
	 "      --policy DIR       a folder of drop-ins; may be repeated, the first wins\n"
	 "                         (default /etc/bpfgate/policy.d, /usr/lib/bpfgate/policy.d)\n"},
	{"floor", verb_floor, "list | set NAME SIGNER SEQUENCE | reset",
	 "show or set the lowest sequences that may be loaded (root)", NULL},
	{"gate", verb_gate, "[off | audit | enforce]",
	 "show or change who besides the daemon may load programs (root)", NULL},
	{"reload", verb_reload, "", "let the daemon read keys, policy and revocations again (root)",
	 NULL},
	{"status", verb_status, "", "show the daemon's state: kernel, keys, policy", NULL},
};

static void print_usage(FILE *f)
{
	fprintf(f, "Usage: bpfctl [OPTION]... VERB [ARGUMENT]...\n"
		   "Load eBPF programs that a trusted key has signed, without privileges.\n\n"
		   "Verbs:\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(f, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
	fprintf(f,
		"\nOptions:\n"
		"  -j, --json[=pretty|short|off]  print JSON\n"
		"      --socket PATH              the daemon's socket (default $BPFGATE_SOCKET or\n"
		"                                 " BPFCTL_SOCKET ")\n"
		"  -h, --help                     this text; after a verb: how to use it\n"
		"      --version                  the version\n\n"
		"Exit status: 0 ok, 1 failure, 2 usage, 3 denied by policy, 4 not authentic,\n"
		"5 refused by the kernel, 6 daemon not reachable. See bpfctl(1).\n");
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (streq(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const char *socket = getenv("BPFGATE_SOCKET");
	struct context ctx = {
		.socket = socket && *socket ? socket : BPFCTL_SOCKET,
	};
	int r;

	/* a message is one write(2), not one for each byte */
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
	output_setup();
	/* No setlocale(): messages and numbers are for programs, too. */
	signal(SIGPIPE, SIG_IGN);
	opterr = 0;
	r = verb_global_options(&ctx, argc, argv);
	if (r < 0)
		return EXIT_USAGE;
	if (r == VERB_GLOBAL_HELP)
		print_usage(stdout);
	if (r == VERB_GLOBAL_VERSION)
		printf("bpfctl %s\n", BPFGATE_VERSION);
	if (r > 0)
		return output_finish(EXIT_SUCCESS);

	argc -= optind;
	argv += optind;
	if (argc == 0) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (streq(argv[0], "help")) {
		print_usage(stdout);
		return output_finish(EXIT_SUCCESS);
	}
	ctx.verb = find_verb(argv[0]);
	if (!ctx.verb)
		return output_finish(verb_usage(&ctx, "there is no verb \"%s\"", argv[0]));

	optind = 0; /* a new argv: glibc starts over */
	return output_finish(ctx.verb->run(&ctx, argc, argv));
}
