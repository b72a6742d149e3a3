// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the verifier takes: each row loads one program of an object. The expected answer is about
 * arguments as the interface documents them; how an error is called, and where the documentation
 * says nothing, Linux 7.3 decides.
 */
#include <bpf/libbpf.h>

#include "checks.h"

static char log_text[1 << 20];
static enum bpf_prog_type last_type;

unsigned verify_type(void)
{
	return last_type;
}

/* The verifier's last words, for people; what is indented after a heading is advice. */
static void note_log(const char *name)
{
	char *end = strstr(log_text, "processed "), *line = log_text;
	size_t n;

	if (end)
		*end = 0;
	for (char *next = log_text; next && *next; next = strchr(next, '\n')) {
		next += *next == '\n';
		n = strcspn(next, "\n");
		if (n && !strchr(" ", *next) && next[n - 1] != ':')
			line = next;
	}
	note("%s: %.*s", name, (int)strcspn(line, "\n"), line);
}

int verify_with(const char *object_name, const char *name, const char *map, int fd)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = log_text,
		    .kernel_log_size = sizeof(log_text), .kernel_log_level = 1);
	struct bpf_object *object = bpf_object__open_file(checks_object(object_name), &opts);
	struct bpf_program *program;
	int r;

	must(object_name, object ? 0 : -errno);
	program = bpf_object__find_program_by_name(object, name);
	must(name, program ? bpf_program__set_autoload(program, true) : -ENOENT);
	last_type = bpf_program__type(program);
	if (map)
		must(map, bpf_map__reuse_fd(bpf_object__find_map_by_name(object, map), fd));
	log_text[0] = 0;
	r = bpf_object__load(object);
	bpf_object__close(object);
	if (r < 0)
		note_log(name);
	return r;
}

int verify(const char *object_name, const char *name)
{
	return verify_with(object_name, name, NULL, -1);
}

void check_verify(const struct check *check)
{
	char name[64];

	snprintf(name, sizeof(name), "%s", check->name);
	for (char *c = strchr(name, '-'); c; c = strchr(c, '-'))
		*c = '_';
	answer_result(verify(check->text, name));
}

#define ARGUMENT(name, expected)                                   \
	{                                                          \
		name, expected, check_verify, 0, 0, 0, "arguments" \
	}
static const struct check arguments[] = {
	ARGUMENT("good", "ok"),
	ARGUMENT("good-resume", "ok"),
	ARGUMENT("task-null", NULL),
	ARGUMENT("task-number", NULL),
	ARGUMENT("task-stack", NULL),
	ARGUMENT("task-from-pid", "ok"),
	ARGUMENT("task-from-pid-maybe-null", NULL),
	ARGUMENT("task-released", NULL),
	ARGUMENT("task-walked", NULL),
	ARGUMENT("task-walked-in-rcu", NULL),
	ARGUMENT("task-walked-in-tracing", NULL),
	ARGUMENT("task-of-tracepoint", NULL),
	ARGUMENT("task-kptr", NULL),
	ARGUMENT("task-kptr-outside-rcu", NULL),
	ARGUMENT("task-kptr-acquired", NULL),
	ARGUMENT("work-null", NULL),
	ARGUMENT("work-maybe-null", NULL),
	ARGUMENT("work-stack", NULL),
	ARGUMENT("work-context", NULL),
	ARGUMENT("work-offset-before", "EINVAL"),
	ARGUMENT("work-offset-after", "EINVAL"),
	ARGUMENT("work-offset-inside", "EINVAL"),
	ARGUMENT("work-offset-outside", "EINVAL"),
	ARGUMENT("work-offset-variable", "EINVAL"),
	ARGUMENT("work-offset-known", NULL),
	ARGUMENT("work-of-another-map", "EINVAL"),
	ARGUMENT("work-of-another-kind-of-map", "EINVAL"),
	ARGUMENT("work-of-plain-map", "EINVAL"),
	ARGUMENT("work-in-globals", "EINVAL"),
	ARGUMENT("map-null", NULL),
	ARGUMENT("map-plain", "EINVAL"),
	ARGUMENT("map-and-work-plain", "EINVAL"),
	ARGUMENT("map-and-work-untyped", "EINVAL"),
	ARGUMENT("map-untyped", "EINVAL"),
	ARGUMENT("map-number", NULL),
	ARGUMENT("map-stack", NULL),
	ARGUMENT("map-value", NULL),
	ARGUMENT("map-of-iterator", NULL),
	ARGUMENT("map-of-iterator-maybe-null", NULL),
	ARGUMENT("map-right-in-iterator", "ok"),
};

#define CALLBACK(name, expected)                                   \
	{                                                          \
		name, expected, check_verify, 0, 0, 0, "callbacks" \
	}
static const struct check callbacks[] = {
	CALLBACK("with-returns-0", "ok"),
	CALLBACK("with-returns-1", "ok"),
	CALLBACK("with-returns-minus-1", "ok"),
	CALLBACK("with-returns-big", NULL),
	CALLBACK("with-returns-any", NULL),
	CALLBACK("with-returns-int", NULL),
	CALLBACK("with-returns-unsigned", NULL),
	CALLBACK("with-returns-result", NULL),
	CALLBACK("with-returns-map", NULL),
	CALLBACK("with-returns-key", NULL),
	CALLBACK("with-returns-value", NULL),
	CALLBACK("with-returns-nothing", NULL),
	CALLBACK("with-takes-four", NULL),
	CALLBACK("with-takes-none", "ok"),
	CALLBACK("with-is-global", NULL),
	CALLBACK("with-reads-key", "ok"),
	CALLBACK("with-reads-past-key", "EACCES"),
	CALLBACK("with-writes-key", "EACCES"),
	CALLBACK("with-reads-value", "ok"),
	CALLBACK("with-writes-value", "ok"),
	CALLBACK("with-reads-past-value", "EACCES"),
	CALLBACK("with-reads-work", "EACCES"),
	CALLBACK("with-writes-work", "EACCES"),
	CALLBACK("with-reads-map", "ok"),
	CALLBACK("with-writes-map", NULL),
	CALLBACK("with-may-sleep", "ok"),
	CALLBACK("with-may-not-sleep", "ok"),
	CALLBACK("with-rcu-and-sleep", "EINVAL"),
	CALLBACK("with-looks-up", "ok"),
	CALLBACK("with-deletes-itself", "ok"),
	CALLBACK("with-updates-itself", "ok"),
	CALLBACK("with-leaks-reference", "EINVAL"),
	CALLBACK("with-leaves-rcu-locked", "EINVAL"),
	CALLBACK("with-schedules-itself", NULL),
	CALLBACK("with-schedules-by-name", NULL),
	CALLBACK("with-schedules-array", NULL),
	CALLBACK("with-schedules-another", NULL),
	CALLBACK("with-null", NULL),
	CALLBACK("with-number", NULL),
};

/* What mainline's tests look for in the log, when such an argument is refused. */
static const char *const texts[] = {
	"R2 doesn't point to a map value",
	"Possibly NULL pointer passed to trusted R2",
	"Possibly NULL pointer passed to trusted R3",
	"doesn't match map pointer in R3",
};

static void check_log(const struct check *check)
{
	int r = verify("arguments", check->text);

	answer("%s, log %s \"%s\"", answer_name(r),
	       strstr(log_text, texts[check->a]) ? "has" : "lacks", texts[check->a]);
}

static const struct check logs[] = {
	{"log-of-work-stack", NULL, check_log, 0, 0, 0, "work_stack"},
	{"log-of-work-null", NULL, check_log, 1, 0, 0, "work_null"},
	{"log-of-map-null", NULL, check_log, 2, 0, 0, "map_null"},
	{"log-of-work-of-another-map", NULL, check_log, 3, 0, 0, "work_of_another_map"},
};

static const struct check places[] = {
	CALLBACK("in-the-open", "ok"),	       CALLBACK("in-rcu", "ok"),
	CALLBACK("in-preempt-disabled", NULL), CALLBACK("in-lock", "EINVAL"),
	CALLBACK("in-for-each", NULL),	       CALLBACK("in-function", NULL),
};

static const struct check access_rows[] = {
	CALLBACK("access-beside", "ok"),
	CALLBACK("access-read", "EACCES"),
	CALLBACK("access-read-byte", "EACCES"),
	CALLBACK("access-write", "EACCES"),
	CALLBACK("access-atomic", "EACCES"),
	CALLBACK("access-helper-reads", "EACCES"),
	CALLBACK("access-helper-writes", "EACCES"),
	CALLBACK("access-helper-writes-all", "EACCES"),
	CALLBACK("access-helper-writes-beside", "ok"),
	CALLBACK("access-update-from-value", "EACCES"),
	CALLBACK("access-update-from-stack", "ok"),
};

void rows_tw_verifier(void)
{
	CHECKS_RUN("arguments", arguments);
	CHECKS_RUN("arguments", logs);
	CHECKS_RUN("callbacks", callbacks);
	CHECKS_RUN("places", places);
	CHECKS_RUN("access", access_rows);
}
