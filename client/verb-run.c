/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpfctl run: a load that lives as long as this process. Shows its events as they come, or, where
 * there are none, its tables at each interval and at the end.
 */
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>

#include <bpf/libbpf.h>

#include "events.h"
#include "load.h"
#include "tables.h"
#include "verbs.h"

#define BATCH	      1024 /* records between two looks at signals and the clock */
#define FINAL_BATCHES 1024 /* should somebody still write */
#define INTERVAL_MSEC 2000
#define SECONDS_MAX   1e9

enum {
	OPTION_ATTACH = 1,
	OPTION_DURATION,
	OPTION_INTERVAL,
	OPTION_SET,
};

static const struct option options[] = {
	{"attach", required_argument, NULL, OPTION_ATTACH},
	{"duration", required_argument, NULL, OPTION_DURATION},
	{"interval", required_argument, NULL, OPTION_INTERVAL},
	{"set", required_argument, NULL, OPTION_SET},
	{},
};

struct run {
	struct context *ctx;
	int64_t duration_msec, interval_msec; /* 0: none */
	struct connection connection;
	struct bundle_memory memory;
	struct load_wish wish;
	struct json_object *load;
	struct load_maps maps;
	struct bundle_types types;
	struct events *events; /* NULL: no ring buffer was granted */
	int signal_fd;
};

static void run_done(struct run *run)
{
	events_close(run->events);
	load_maps_done(&run->maps);
	bundle_types_done(&run->types);
	json_object_put(run->load);
	load_wish_done(&run->wish);
	connection_close(&run->connection);
	bundle_memory_done(&run->memory);
	safe_close(run->signal_fd);
}

static int64_t now_msec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* ---- beginning ---- */

static void announce(const struct run *run)
{
	struct json_object *attachments = member_array(run->load, "attachments");
	struct json_object *tunables = member_array(run->load, "tunables");

	output_note("loaded %s %s as %s, allowed by rule \"%s\"", member_string(run->load, "name"),
		    member_string(run->load, "version"), member_string(run->load, "id"),
		    member_string(run->load, "rule"));
	for (size_t i = 0; attachments && i < json_object_array_length(attachments); i++) {
		struct json_object *a = json_object_array_get_idx(attachments, i);

		output_note("%s is attached to %s", member_string(a, "program"),
			    member_string(a, "target"));
	}
	for (size_t i = 0; tunables && i < json_object_array_length(tunables); i++) {
		struct json_object *t = json_object_array_get_idx(tunables, i);

		if (member_bool(t, "set"))
			output_note("%s is %s (default %s)", member_string(t, "name") ?: "-",
				    member_string(t, "value") ?: "-",
				    member_string(t, "default") ?: "-");
	}
}

/* From here on a signal ends the run in order; before, it ends the process. */
static int catch_signals(struct run *run, struct error *error)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_set(error, -errno, ERROR_FAILED, STEP_NONE,
				 "cannot wait for signals: %s", strerror(errno));
	return 0;
}

static int begin(struct run *run, const char *path, struct error *error)
{
	_cleanup_(fd_set_close) struct fd_set_owned fds = {};
	int r;

	r = bundle_memory_read(path, &run->memory, error);
	if (r < 0)
		return r;
	r = connection_open(run->ctx->socket, &run->connection, error);
	if (r < 0)
		return r;
	r = load_call(&run->connection, &run->memory, &run->wish, &run->load, &fds, error);
	if (r < 0)
		return r;
	r = load_maps_take(run->load, &fds, &run->maps, error);
	if (r < 0)
		return r;
	/* The daemon has authenticated the memory that the types are read from. */
	r = bundle_types(&run->memory, &run->types, error);
	if (r < 0)
		return r;
	if (events_granted(&run->maps)) {
		r = events_open(run->ctx, &run->maps, &run->types, &run->events, error);
		if (r < 0)
			return r;
	}
	return catch_signals(run, error);
}

/* ---- showing ---- */

static int show_table(struct run *run, const struct load_map *map)
{
	const struct btf *btf = bundle_types_of(&run->types, map);
	_cleanup_json_ struct json_object *object = NULL;
	int r;

	if (run->ctx->json == JSON_MODE_OFF)
		return table_print(stdout, map, btf);
	r = table_json(map, btf, &object);
	if (r == 0)
		output_json(run->ctx, object);
	return r;
}

static int show_tables(struct run *run, struct error *error)
{
	for (unsigned i = 0; i < run->maps.n; i++) {
		const struct load_map *map = &run->maps.maps[i];
		int r = table_readable(map) ? show_table(run, map) : 0;

		if (r < 0)
			return error_set(error, r, ERROR_FAILED, STEP_NONE,
					 "cannot read map %s: %s", map->name, strerror(-r));
	}
	return 0;
}

static int show_events(struct run *run, unsigned max, struct error *error)
{
	int n = events_drain(run->events, max);

	if (n < 0)
		return error_set(error, n, ERROR_FAILED, STEP_NONE, "cannot read events: %s",
				 strerror(-n));
	return n;
}

/* Whoever reads the output is gone: "bpfctl run x.bpfb | head". */
static bool output_is_gone(void)
{
	return output_errno() != 0;
}

/* ---- going on and ending ---- */

/* Milliseconds until @deadline; -1 for a deadline of 0, which is none. */
static int left_msec(int64_t deadline)
{
	int64_t left = deadline - now_msec();

	if (deadline == 0)
		return -1;
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static int earlier(int a, int b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

/* Until a signal, the end of the time, or the end of the daemon. 0, or a negative errno. */
static int go_on(struct run *run, struct error *error)
{
	int64_t end = run->duration_msec ? now_msec() + run->duration_msec : 0;
	int64_t tick = run->interval_msec ? now_msec() + run->interval_msec : 0;
	struct pollfd fds[] = {
		{.fd = run->signal_fd, .events = POLLIN},
		{.fd = run->connection.fd, .events = POLLIN | POLLRDHUP},
		{.fd = run->events ? events_fd(run->events) : -1, .events = POLLIN},
	};

	while (!output_is_gone()) {
		int r = poll(fds, ARRAY_SIZE(fds), earlier(left_msec(end), left_msec(tick)));

		if (r < 0 && errno != EINTR)
			return error_set(error, -errno, ERROR_FAILED, STEP_NONE,
					 "cannot wait for events: %s", strerror(errno));
		if (r > 0 && fds[0].revents)
			return 0;
		if (r > 0 && fds[2].revents && show_events(run, BATCH, error) < 0)
			return -EIO;
		if (r > 0 && fds[1].revents)
			return connection_end(&run->connection, error);
		if (left_msec(end) == 0)
			return 0;
		if (left_msec(tick) == 0) {
			if (show_tables(run, error) < 0)
				return -EIO;
			tick = now_msec() + run->interval_msec;
		}
	}
	return 0;
}

/* By another connection: on that of the load its call goes on until it is over. If there is none to
 * be had, the daemon notices when that of the load is closed. */
static void unload(const struct run *run)
{
	_cleanup_connection_ struct connection connection = {.fd = -1};
	_cleanup_error_ struct error ignored = ERROR_INIT;

	if (connection_open(run->ctx->socket, &connection, &ignored) == 0)
		unload_call(&connection, member_string(run->load, "id"), true, NULL, &ignored);
}

/*
 * Unloads first, so that what is shown last is final, and what follows it with it, as the end of
 * the connection would. A load that has ended, or a daemon that is gone, has unloaded already: no
 * second error for that.
 */
static int end(struct run *run, struct error *error)
{
	int r = 0;

	if (run->connection.more && !connection_gone(&run->connection))
		unload(run);
	if (output_is_gone())
		return 0;
	for (unsigned i = 0; run->events && i < FINAL_BATCHES && !output_is_gone(); i++) {
		r = show_events(run, BATCH, error);
		if (r <= 0)
			break;
	}
	if (r > 0)
		r = 0;
	if (r == 0 && (!run->events || run->interval_msec))
		r = show_tables(run, error);
	return r;
}

/* ---- the verb ---- */

/* Seconds, with fractions, as milliseconds. */
static int parse_seconds(const char *text, int64_t *ret)
{
	char *rest;
	double seconds;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	seconds = strtod(text, &rest);
	if (*rest || !(seconds >= 0.001) || seconds > SECONDS_MAX)
		return -EINVAL;
	*ret = (int64_t)(seconds * 1000);
	return 0;
}

static int read_options(struct run *run, int argc, char **argv, struct error *error)
{
	int c;

	while ((c = verb_option(run->ctx, argc, argv, "", options)) > 0) {
		int64_t *msec = c == OPTION_DURATION ? &run->duration_msec : &run->interval_msec;

		if (c == OPTION_ATTACH) {
			if (attach_option(run->wish.attach, optarg, error) < 0)
				return output_error(run->ctx, error);
		} else if (c == OPTION_SET) {
			if (set_option(run->wish.set, optarg, error) < 0)
				return output_error(run->ctx, error);
		} else if (parse_seconds(optarg, msec) < 0) {
			return verb_usage(run->ctx, "%s: seconds are a number of at least 0.001",
					  optarg);
		}
	}
	if (c < 0)
		return run->ctx->exit_status;
	if (argc - optind != 1)
		return verb_usage(run->ctx, "exactly one bundle is needed");
	return -1;
}

int verb_run(struct context *ctx, int argc, char **argv)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_(run_done) struct run run = {
		.ctx = ctx,
		.connection = {.fd = -1},
		.memory = {.fd = -1},
		.signal_fd = -1,
	};
	int r;

	libbpf_set_print(NULL);
	load_wish_init(&run.wish, "session");
	r = read_options(&run, argc, argv, &error);
	if (r >= 0)
		return r;
	if (begin(&run, argv[optind], &error) < 0)
		return output_error(ctx, &error);
	if (!run.events && !run.interval_msec)
		run.interval_msec = INTERVAL_MSEC;

	announce(&run);
	go_on(&run, &error);
	end(&run, &error);
	return error.code == ERROR_NONE ? EXIT_SUCCESS : output_error(ctx, &error);
}
