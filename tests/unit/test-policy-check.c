/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl policy check: what it prints and how it ends. */
#include "check.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <sys/stat.h>

#include "json.h"
#include "testkeys.h"
#include "verbs.h"

/* client/main.c has these; here a verb gets its options from the test. */
static const char *const *policy_dirs;
static const char *usage;

int verb_option(struct context *ctx, int argc, char **argv, const char *short_options,
		const struct option *options)
{
	optind = 1;
	if (!policy_dirs || !*policy_dirs)
		return 0;
	optarg = (char *)(uintptr_t)*policy_dirs++;
	return options[0].val;
}

int verb_usage(struct context *ctx, const char *format, ...)
{
	usage = format;
	return EXIT_USAGE;
}

struct fixture {
	char *one, *two, *out;
	char text[4096]; /* what was printed */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->one = test_folder_new();
	f->two = test_folder_new();
	f->out = test_folder_new();
	usage = NULL;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	test_folder_remove(f->one);
	test_folder_remove(f->two);
	test_folder_remove(f->out);
	free(f);
	return 0;
}

/* Runs the verb with stdout in a file. */
static int run(struct fixture *f, enum json_mode json, const char *file, const char *const *dirs)
{
	char verb[] = "policy", what[] = "check";
	char *argv[] = {verb, what, (char *)(uintptr_t)file, NULL};
	struct context ctx = {.json = json};
	int saved = dup(STDOUT_FILENO), status, fd;
	ssize_t n;

	fflush(stdout);
	fd = open(test_path(f->out, "out"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dup2(fd, STDOUT_FILENO);
	policy_dirs = dirs;
	status = verb_policy(&ctx, file ? 3 : 2, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	n = pread(fd, f->text, sizeof(f->text) - 1, 0);
	f->text[n > 0 ? n : 0] = '\0';
	close(fd);
	return status;
}

#define RULE(name)                                                        \
	"{\"rules\": [\n{\"name\": \"" name "\", \"effect\": \"allow\", " \
	"\"subjects\": {\"users\": [0, \"no-such-user-of-bpfgate\"]}}]}"

static void test_file(void **state)
{
	struct fixture *f = *state;
	const char *path = test_path(f->one, "x.json");

	test_file_write(path, RULE("good"));
	/* whoever's it is, and whoever could write it: it is not in force */
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(run(f, JSON_MODE_OFF, path, NULL), 0);
	assert_non_null(strstr(f->text, "x.json:2: allow: good\n"));
	assert_non_null(strstr(f->text, "1 file, 1 rule: no mistakes found\n"));
}

static const char *member(struct json_object *object, const char *name)
{
	return json_object_get_string(json_object_object_get(object, name)) ?: "";
}

static void test_place(void **state)
{
	struct fixture *f = *state;
	const char *path = test_path(f->one, "x.json");
	_cleanup_json_ struct json_object *error = NULL;

	test_file_write(path, "{\"rules\": [\n  {\"name\": 7}]}");
	assert_int_equal(run(f, JSON_MODE_SHORT, path, NULL), 1);
	error = json_tokener_parse(f->text);
	assert_non_null(error);
	assert_string_equal(member(error, "file"), path);
	assert_string_equal(member(error, "line"), "2");
	assert_string_equal(member(error, "column"), "12");
	assert_non_null(strstr(member(error, "message"), "x.json:2:12: 'name' must be a string"));
}

static void test_syntax(void **state)
{
	struct fixture *f = *state;
	const char *path = test_path(f->one, "x.json");
	_cleanup_json_ struct json_object *error = NULL;

	test_file_write(path, "{\n\n \"rules\": [,]}");
	assert_int_equal(run(f, JSON_MODE_SHORT, path, NULL), 1);
	error = json_tokener_parse(f->text);
	assert_string_equal(member(error, "line"), "3");
	assert_string_equal(member(error, "column"), "12");
}

static void test_cannot_read(void **state)
{
	struct fixture *f = *state;
	_cleanup_json_ struct json_object *error = NULL;
	char *large = malloc(300 * 1024);

	assert_int_equal(run(f, JSON_MODE_SHORT, test_path(f->one, "none.json"), NULL), 1);
	error = json_tokener_parse(f->text);
	assert_non_null(strstr(member(error, "message"), "none.json: No such file"));
	memset(large, ' ', 300 * 1024 - 1);
	large[300 * 1024 - 1] = '\0';
	test_file_write(test_path(f->one, "x.json"), large);
	free(large);
	assert_int_equal(run(f, JSON_MODE_SHORT, test_path(f->one, "x.json"), NULL), 1);
	assert_non_null(strstr(f->text, "larger than 262144 bytes"));
	assert_int_equal(run(f, JSON_MODE_SHORT, f->one, NULL), 1);
	assert_non_null(strstr(f->text, "Is a directory"));
}

/* As the daemon would read them: names in order, the first folder over the second. */
static void test_folders(void **state)
{
	struct fixture *f = *state;
	const char *const dirs[] = {f->one, f->two, NULL};
	_cleanup_json_ struct json_object *reply = NULL;
	struct json_object *rules;

	test_file_write(test_path(f->one, "50-b.json"), RULE("b of one"));
	test_file_write(test_path(f->two, "50-b.json"), RULE("b of two"));
	test_file_write(test_path(f->two, "40-a.json"), RULE("a of two"));
	assert_int_equal(run(f, JSON_MODE_SHORT, NULL, dirs), 0);
	reply = json_tokener_parse(f->text);
	rules = json_object_object_get(reply, "rules");
	assert_int_equal(json_object_array_length(rules), 2);
	assert_string_equal(member(json_object_array_get_idx(rules, 0), "name"), "a of two");
	assert_string_equal(member(json_object_array_get_idx(rules, 1), "name"), "b of one");
	assert_string_equal(member(json_object_array_get_idx(rules, 1), "effect"), "allow");
	assert_int_equal(json_object_array_length(json_object_object_get(reply, "files")), 2);
	/* a name that nobody has is no mistake to the daemon, but nearly always one */
	assert_non_null(strstr(member(reply, "warnings"), "there is no user 'no-such-user-of"));
	/* and here the daemon would use no rule at all */
	assert_int_equal(chmod(test_path(f->two, "40-a.json"), 0666), 0);
	assert_int_equal(run(f, JSON_MODE_SHORT, NULL, dirs), 1);
	assert_non_null(strstr(f->text, "writable by others"));
}

static void test_usage(void **state)
{
	struct fixture *f = *state;
	const char *const dirs[] = {f->one, NULL};
	const char *const many[] = {"a", "a", "a", "a", "a", "a", "a", "a", "a", NULL};
	char verb[] = "policy", what[] = "chek";
	char *argv[] = {verb, what, NULL};
	struct context ctx = {};

	policy_dirs = NULL;
	assert_int_equal(verb_policy(&ctx, 2, argv), EXIT_USAGE);
	assert_int_equal(verb_policy(&ctx, 1, argv), EXIT_USAGE);
	assert_int_equal(run(f, JSON_MODE_OFF, "x", dirs), EXIT_USAGE);
	assert_non_null(strstr(usage, "either a file or --policy"));
	assert_int_equal(run(f, JSON_MODE_OFF, NULL, many), EXIT_USAGE);
	assert_non_null(strstr(usage, "more than"));
}

#define with_folders(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_folders(test_file),    with_folders(test_place),
		with_folders(test_syntax),  with_folders(test_cannot_read),
		with_folders(test_folders), with_folders(test_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
