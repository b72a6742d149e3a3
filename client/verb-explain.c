/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl explain: what the policy says of a load, rule by rule, without loading. */
#include <pwd.h>

#include "load.h"
#include "verbs.h"

enum {
	OPTION_ATTACH = 1,
	OPTION_PERSISTENT,
	OPTION_SET,
	OPTION_USER,
};

static const struct option options[] = {
	{"attach", required_argument, NULL, OPTION_ATTACH},
	{"persistent", no_argument, NULL, OPTION_PERSISTENT},
	{"set", required_argument, NULL, OPTION_SET},
	{"user", required_argument, NULL, OPTION_USER},
	{},
};

struct question {
	const char *path;
	struct load_wish wish; /* owned */
	bool other;	       /* than oneself */
	uid_t uid;
};

static void question_done(struct question *question)
{
	load_wish_done(&question->wish);
}

/* A name, or a uid. */
static int user_option(const char *text, uid_t *ret, struct error *error)
{
	const struct passwd *entry;
	char *end;
	unsigned long long uid;

	if (*text && text[strspn(text, "0123456789")] == '\0') {
		errno = 0;
		uid = strtoull(text, &end, 10);
		if (errno || uid >= UINT32_MAX)
			return error_set(error, -EINVAL, ERROR_USAGE, STEP_NONE,
					 "--user %s: not a uid", text);
		*ret = (uid_t)uid;
		return 0;
	}
	errno = 0;
	entry = getpwnam(text);
	/* getpwnam(3): there is none, or it cannot be known */
	if (!entry && errno != 0 && errno != ENOENT && errno != ESRCH && errno != EBADF &&
	    errno != EPERM)
		return error_set(error, -errno, ERROR_FAILED, STEP_NONE,
				 "--user %s: cannot look it up: %s", text, strerror(errno));
	if (!entry)
		return error_set(error, -ENOENT, ERROR_USAGE, STEP_NONE,
				 "--user %s: there is no such user", text);
	*ret = entry->pw_uid;
	return 0;
}

static int question_format(const struct question *question, struct json_object **ret)
{
	_cleanup_json_ struct json_object *parameters = NULL;

	if (load_wish_format(&question->wish, &parameters) < 0 ||
	    (question->other && json_add_u64(parameters, "uid", question->uid) < 0))
		return -ENOMEM;
	*ret = TAKE_PTR(parameters);
	return 0;
}

static int ask(const struct context *ctx, const struct question *question, struct json_object **ret,
	       struct error *error)
{
	_cleanup_connection_ struct connection connection = {.fd = -1};
	_cleanup_memory_ struct bundle_memory memory = {.fd = -1};
	_cleanup_json_ struct json_object *parameters = NULL;
	int r;

	r = bundle_memory_read(question->path, &memory, error);
	if (r < 0)
		return r;
	r = connection_open(ctx->socket, &connection, error);
	if (r < 0)
		return r;
	if (question_format(question, &parameters) < 0)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	return connection_call(&connection, "Explain", parameters, &memory.fd, 1, ret, NULL, error);
}

static void print_attachments(struct json_object *array)
{
	for (size_t i = 0; array && i < json_object_array_length(array); i++) {
		struct json_object *a = json_object_array_get_idx(array, i);

		output_line(stdout, "  %s at %s", member_string(a, "program") ?: "-",
			    member_string(a, "target") ?: "-");
	}
}

static void print_tunables(struct json_object *array)
{
	for (size_t i = 0; array && i < json_object_array_length(array); i++) {
		struct json_object *t = json_object_array_get_idx(array, i);

		if (member_bool(t, "set"))
			output_line(stdout, "  with %s=%s", member_string(t, "name") ?: "-",
				    member_string(t, "value") ?: "-");
	}
}

static void print_effects(struct json_object *array)
{
	for (size_t i = 0; array && i < json_object_array_length(array); i++)
		output_line(stdout, "  can change %s",
			    json_object_get_string(json_object_array_get_idx(array, i)));
}

static void print_rule(struct json_object *rule)
{
	bool matches = member_bool(rule, "matches");

	output_line(stdout, "%s: %s: %s: %s%s", member_string(rule, "ruleSource") ?: "-",
		    member_string(rule, "effect") ?: "-", member_string(rule, "rule") ?: "-",
		    matches ? "decides" : "does not match: ",
		    matches ? "" : member_string(rule, "reason") ?: "-");
}

static void print_limits(struct json_object *limits)
{
	for (size_t i = 0; limits && i < json_object_array_length(limits); i++) {
		struct json_object *limit = json_object_array_get_idx(limits, i);

		output_line(stdout, "limit %s: %llu, used: %llu",
			    member_string(limit, "limit") ?: "-",
			    (unsigned long long)member_u64(limit, "allowed"),
			    (unsigned long long)member_u64(limit, "used"));
	}
}

static void print_refusals(struct json_object *refusals)
{
	for (size_t i = 0; refusals && i < json_object_array_length(refusals); i++) {
		struct json_object *refusal = json_object_array_get_idx(refusals, i);

		output_line(stdout, "refused at step %s: %s", member_string(refusal, "step") ?: "-",
			    member_string(refusal, "message") ?: "-");
	}
}

/* As of a load: by the first that refuses it. What is revoked is refused before the rules are
 * asked. */
static int answer_status(struct json_object *answer)
{
	struct json_object *refusals = member_array(answer, "refusals");
	struct json_object *first = refusals ? json_object_array_get_idx(refusals, 0) : NULL;
	enum error_code code = error_code_from_name(member_string(first, "error") ?: "");

	if (member_bool(answer, "allowed"))
		return EXIT_SUCCESS;
	if (!first || (!member_bool(answer, "ruleAllows") && code != ERROR_REVOKED))
		return error_exit_status(ERROR_DENIED);
	return error_exit_status(code);
}

static void print_answer(struct json_object *answer)
{
	struct json_object *rules = member_array(answer, "rules");

	output_line(stdout, "%s %s, %s, for uid %llu", member_string(answer, "name") ?: "-",
		    member_string(answer, "version") ?: "-",
		    member_string(answer, "lifetime") ?: "-",
		    (unsigned long long)member_u64(answer, "uid"));
	print_attachments(member_array(answer, "attachments"));
	print_tunables(member_array(answer, "tunables"));
	print_effects(member_array(answer, "effects"));
	for (size_t i = 0; rules && i < json_object_array_length(rules); i++)
		print_rule(json_object_array_get_idx(rules, i));
	print_limits(member_array(answer, "limits"));
	print_refusals(member_array(answer, "refusals"));
	output_line(stdout, "%s: %s", member_bool(answer, "allowed") ? "allowed" : "DENIED",
		    member_string(answer, "message") ?: "-");
}

static int explain(struct context *ctx, const struct question *question)
{
	_cleanup_json_ struct json_object *answer = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;

	if (ask(ctx, question, &answer, &error) < 0)
		return output_error(ctx, &error);
	if (ctx->json != JSON_MODE_OFF)
		output_json(ctx, answer);
	else
		print_answer(answer);
	return answer_status(answer);
}

int verb_explain(struct context *ctx, int argc, char **argv)
{
	_cleanup_(question_done) struct question question = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	int c, r = 0;

	load_wish_init(&question.wish, "session");
	while ((c = verb_option(ctx, argc, argv, "", options)) > 0) {
		if (c == OPTION_ATTACH)
			r = attach_option(question.wish.attach, optarg, &error);
		else if (c == OPTION_SET)
			r = set_option(question.wish.set, optarg, &error);
		else if (c == OPTION_USER)
			r = user_option(optarg, &question.uid, &error);
		question.other |= c == OPTION_USER;
		if (c == OPTION_PERSISTENT)
			question.wish.lifetime = "persistent";
		if (r < 0)
			return output_error(ctx, &error);
	}
	if (c < 0)
		return ctx->exit_status;
	if (argc - optind != 1)
		return verb_usage(ctx, "exactly one bundle is needed");
	question.path = argv[optind];
	return explain(ctx, &question);
}
