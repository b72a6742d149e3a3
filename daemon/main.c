/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#include "audit.h"
#include "break-glass.h"
#include "capability.h"
#include "child.h"
#include "front.h"
#include "journal.h"
#include "reload.h"

#define POLICY_DIRS_MAX 16
#define STATE_DIR	"/run/bpfgate-state"
#define DRAIN_USEC	(10 * 1000 * 1000) /* for the calls under way when the daemon ends */

struct options {
	int32_t keyring;
	bool has_keyring;
	const char *socket, *keys, *revoked, *state, *store, *marks, *memory;
	bool allow_missing_floors;
	unsigned n_policy;
	const char *policy[POLICY_DIRS_MAX + 1]; /* ends with NULL */
	bool daemon_only;
	enum gate_mode gate;
	uint64_t gate_types;
	bool break_glass, gate_only;
};

static void help(void)
{
	printf("bpfgated [OPTION...]\n\n"
	       "Loads signed BPF bundles for users without privileges.\n\n"
	       "  --socket PATH         listen there, without socket activation\n"
	       "                        (default: " GATE_SOCKET ")\n"
	       "  --keys DIR            trusted certificates (default: /etc/bpfgate/keys.d)\n"
	       "  --revoked DIR         what is revoked (default: /etc/bpfgate/revoked.d)\n"
	       "  --policy DIR          policy files; may be repeated, the first wins\n"
	       "                        (default: /etc/bpfgate/policy.d, "
	       "/usr/lib/bpfgate/policy.d)\n"
	       "  --state DIR           records of persistent loads (default: "
	       "/run/bpfgate-state)\n"
	       "  --store DIR           what outlives a reboot: rollback floors (default: "
	       "/var/lib/bpfgate)\n"
	       "  --marks DIR           that there were floors (default: /var/lib/bpfgate-marks)\n"
	       "  --memory-groups DIR   control group below which the memory of maps is bounded\n"
	       "                        (default: that of bpfgate-memory.service)\n"
	       "  --missing-floors ACTION\n"
	       "                        where they have got lost: deny (all loads; default) or "
	       "warn\n"
	       "  --keyring NAME        let the kernel verify with a keyring of its own: builtin, "
	       "secondary\n"
	       "                        or platform (default: one that holds the trusted "
	       "certificates)\n"
	       "  --unsafe-daemon-only  load where the kernel does not verify signatures\n"
	       "  --gate MODE           who else may load programs: off (all that could before), "
	       "audit (the same,\n"
	       "                        and say what enforce would refuse) or enforce (nobody but "
	       "PID 1)\n"
	       "                        (default: off, or what is in force already)\n"
	       "  --gate-types TYPES    with a gate, what PID 1 may load: program types, with "
	       "commas\n"
	       "                        (default: what systemd needs)\n"
	       "  --gate-only           put the gate up and exit, for PID 1 to start early at "
	       "boot; "
	       "it takes no\n"
	       "                        clients and loads nothing\n"
	       "  --break-glass         take the gate away and exit; for PID 1 to start\n"
	       "  --help                print this and exit\n"
	       "  --version             print the version and exit\n");
}

enum {
	SOCKET = 256,
	KEYS,
	REVOKED,
	STATE,
	STORE,
	MARKS,
	MEMORY,
	MISSING_FLOORS,
	POLICY,
	KEYRING,
	UNSAFE,
	GATE_MODE,
	GATE_TYPES,
	GATE_ONLY,
	BREAK_GLASS,
	HELP,
	VERSION,
};

/* Where the value of an option goes that has one and may be anything; NULL for others. */
static const char **plain_option(struct options *o, int c)
{
	switch (c) {
	case SOCKET:
		return &o->socket;
	case KEYS:
		return &o->keys;
	case REVOKED:
		return &o->revoked;
	case STATE:
		return &o->state;
	case STORE:
		return &o->store;
	case MARKS:
		return &o->marks;
	case MEMORY:
		return &o->memory;
	case POLICY:
		return o->n_policy < POLICY_DIRS_MAX ? &o->policy[o->n_policy++] : NULL;
	default:
		return NULL;
	}
}

/* As take_option(). */
static int take_gate_option(struct options *o, int c, const char *value)
{
	const char *bad;
	size_t size;

	if (c == BREAK_GLASS || c == GATE_ONLY) {
		*(c == GATE_ONLY ? &o->gate_only : &o->break_glass) = true;
		return 1;
	}
	if (c == GATE_MODE) {
		if (gate_mode_parse(value, &o->gate) == 0)
			return 1;
		fprintf(stderr, "bpfgated: --gate %s: must be off, audit or enforce\n", value);
		return -EINVAL;
	}
	if (gate_types_parse(value, &o->gate_types, &bad, &size) == 0)
		return 1;
	fprintf(stderr, "bpfgated: --gate-types %s: '%.*s' is no program type\n", value,
		(int)MIN(size, 64u), bad);
	return -EINVAL;
}

/* 1: go on, 0: done, below 0: wrong usage. */
static int take_option(struct options *o, int c, const char *value)
{
	const char **plain = plain_option(o, c);

	if (plain) {
		*plain = value;
		return 1;
	}
	switch (c) {
	case POLICY:
		fprintf(stderr, "bpfgated: more than %d --policy\n", POLICY_DIRS_MAX);
		return -E2BIG;
	case KEYRING:
		o->has_keyring = true;
		if (keyring_system(value, &o->keyring) == 0)
			return 1;
		fprintf(stderr, "bpfgated: --keyring %s: must be builtin, secondary or platform\n",
			value);
		return -EINVAL;
	case MISSING_FLOORS:
		o->allow_missing_floors = streq(value, "warn");
		if (o->allow_missing_floors || streq(value, "deny"))
			return 1;
		fprintf(stderr, "bpfgated: --missing-floors %s: must be deny or warn\n", value);
		return -EINVAL;
	case UNSAFE:
		o->daemon_only = true;
		return 1;
	case GATE_MODE:
	case GATE_TYPES:
	case GATE_ONLY:
	case BREAK_GLASS:
		return take_gate_option(o, c, value);
	case HELP:
		help();
		return 0;
	case VERSION:
		puts("bpfgated " BPFGATE_VERSION);
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{"socket", required_argument, NULL, SOCKET},
		{"keys", required_argument, NULL, KEYS},
		{"revoked", required_argument, NULL, REVOKED},
		{"policy", required_argument, NULL, POLICY},
		{"state", required_argument, NULL, STATE},
		{"store", required_argument, NULL, STORE},
		{"marks", required_argument, NULL, MARKS},
		{"memory-groups", required_argument, NULL, MEMORY},
		{"missing-floors", required_argument, NULL, MISSING_FLOORS},
		{"keyring", required_argument, NULL, KEYRING},
		{"unsafe-daemon-only", no_argument, NULL, UNSAFE},
		{"gate", required_argument, NULL, GATE_MODE},
		{"gate-types", required_argument, NULL, GATE_TYPES},
		{"gate-only", no_argument, NULL, GATE_ONLY},
		{"break-glass", no_argument, NULL, BREAK_GLASS},
		{"help", no_argument, NULL, HELP},
		{"version", no_argument, NULL, VERSION},
		{},
	};
	int c, r = 1;

	while (r > 0 && (c = getopt_long(argc, argv, "", table, NULL)) >= 0)
		r = take_option(o, c, optarg);
	if (r <= 0 || optind == argc)
		return r;
	fprintf(stderr, "bpfgated: no arguments are taken: %s\n", argv[optind]);
	return -EINVAL;
}

/* SIGHUP waits until there is somebody to answer it: reload_on_signal(). */
static int add_signals(sd_event *event)
{
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
	return r;
}

static int serve(sd_event *event, struct gate *gate, int listen_fd)
{
	struct front *front;
	int r;

	r = front_new(event, gate, listen_fd, &front);
	if (r < 0)
		return r;
	r = reload_on_signal(front);
	/* by the loop itself: a loop that hangs does not say that it is alive */
	if (r >= 0)
		r = sd_event_set_watchdog(event, true);
	if (r >= 0) {
		audit_started();
		sd_notify(0, "READY=1");
		r = sd_event_loop(event);
	}
	sd_notify(0, "STOPPING=1");
	/* A call that hangs may use all there is: leave it to the kernel to take down. */
	if (!front_free(front, DRAIN_USEC)) {
		journal_flush(JOURNAL_FLUSH_USEC);
		_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	return r;
}

/* What must be there before the gate is. */
static int prepare(sd_event **ret_event, struct error *error)
{
	int r;

	/* two arenas are enough, and an idle daemon is to be small */
	mallopt(M_ARENA_MAX, 2);
	r = keyring_setup();
	if (r == 0)
		r = sd_event_new(ret_event);
	if (r >= 0)
		r = add_signals(*ret_event);
	if (r >= 0)
		r = child_setup();
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "Cannot start: %s.",
				 strerror(-r));
	return 0;
}

/*
 * Before there is a daemon, so that it finds the gate and takes it over. Not beside one: that would
 * not know of the new gate, and nothing could be loaded.
 */
static int put_up_gate(const struct options *o, struct error *error)
{
	int r;

	if (access(o->state ?: STATE_DIR, F_OK) == 0)
		return error_set(error, -EBUSY, ERROR_FAILED, STEP_NONE,
				 "bpfgated has run since the boot: bpfctl gate %s",
				 gate_mode_name(o->gate));
	r = enforce_setup(o->gate, o->gate_types, error);
	if (r < 0)
		return r;
	/* there are no links of loads yet that the gate would have to be told of */
	enforce_links_begin();
	enforce_links_end();
	printf("The gate (%s) is in force.\n", gate_mode_name(enforce_mode()));
	enforce_done();
	return 0;
}

static int run(const struct options *o, struct error *error)
{
	static const char *const default_policy[] = {POLICY_DIR_ETC, POLICY_DIR_USR, NULL};
	struct gate gate = {
		.configuration =
			{
				.keys_dir = o->keys ?: "/etc/bpfgate/keys.d",
				.revoked_dir = o->revoked ?: "/etc/bpfgate/revoked.d",
				.policy_dirs = o->n_policy ? o->policy : default_policy,
				.floors =
					{
						.dir = o->store ?: "/var/lib/bpfgate",
						.marks = o->marks ?: "/var/lib/bpfgate-marks",
						.allow_missing = o->allow_missing_floors,
					},
				.memory_groups = o->memory ?: MEMORY_GROUPS,
				.owner = geteuid(),
				.keyring = o->has_keyring ? &o->keyring : NULL,
			},
		.daemon_only = o->daemon_only,
	};
	sd_event *event = NULL;
	int listen_fd = -1, r;

	r = listen_open(o->socket, &listen_fd, error);
	if (r == 0)
		r = prepare(&event, error);
	if (r == 0)
		r = capability_drop(error);
	if (r == 0)
		r = enforce_setup(o->gate, o->gate_types, error);
	if (r == 0)
		r = gate_setup(&gate, o->state ?: STATE_DIR, error);
	if (r == 0) {
		r = serve(event, &gate, listen_fd);
		if (r < 0)
			error_set(error, r, ERROR_FAILED, STEP_NONE, "Cannot serve: %s.",
				  strerror(-r));
		/* what outlives the daemon stays guarded */
		enforce_done();
		gate_done(&gate);
	}
	sd_event_unref(event);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct options options = {.gate_types = gate_init_types};
	int r;

	r = parse_options(argc, argv, &options);
	if (r > 0 && options.gate_only && options.gate == GATE_OFF) {
		fprintf(stderr, "bpfgated: --gate-only: needs --gate audit or --gate enforce\n");
		r = -EINVAL;
	}
	if (r <= 0)
		return r < 0 ? 2 : EXIT_SUCCESS;
	r = options.break_glass ? break_glass(&error)
	    : options.gate_only ? put_up_gate(&options, &error)
				: run(&options, &error);
	/* what is still to be told goes before the last word, and a journal that does not read
	 * holds nothing up */
	journal_flush(JOURNAL_FLUSH_USEC);
	if (r < 0) {
		fprintf(stderr, SD_ERR "bpfgated: %s\n", error_message(&error));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
