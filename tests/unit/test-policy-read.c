/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The drop-ins of a policy: order, precedence, masks, owners and modes. */
#include "check.h"

#include <sys/stat.h>

#include "authorise.h"
#include "testkeys.h"

struct fixture {
	char *etc, *usr;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->etc = test_folder_new();
	f->usr = test_folder_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	test_folder_remove(f->etc);
	test_folder_remove(f->usr);
	free(f);
	return 0;
}

static struct policy *read_both(const struct fixture *f)
{
	const char *const dirs[] = {f->etc, f->usr, NULL};
	struct policy *policy = NULL;

	assert_int_equal(policy_read(dirs, getuid(), &policy, NULL), 0);
	return policy;
}

#define FILE_RULE(name)                                                                      \
	"{\"$schema\": \"x\", \"description\": \"y\", \"rules\": [{\"name\": \"" name "\", " \
	"\"effect\": \"allow\", \"subjects\": {\"users\": [1000]}}]}"

/* The rule that decides for uid 1000 is the first one of the whole policy. */
static void assert_first(const struct policy *policy, const char *rule, const char *source)
{
	_cleanup_decision_ struct decision decision = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	struct manifest manifest = {};
	const struct peer peer = {.uid = 1000};
	static const struct trusted_key key = {.usable = true};
	static const struct trusted_key *const keys[] = {&key};
	struct request request = {
		.peer = &peer, .manifest = &manifest, .n_signers = 1, .signers = keys};

	if (policy->deny_all)
		fail_msg("%s", policy->reason);
	assert_int_equal(policy_authorise(policy, &request, &decision, &error), 0);
	assert_string_equal(decision.rule, rule);
	assert_string_equal(decision.source, source);
}

static void test_order(void **state)
{
	struct fixture *f = *state;
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_free_ char *source = NULL;

	test_file_write(test_path(f->usr, "90-last.json"), FILE_RULE("last"));
	test_file_write(test_path(f->usr, "10-first.json"), FILE_RULE("first"));
	test_file_write(test_path(f->etc, "50-middle.json"), FILE_RULE("middle"));
	/* No drop-ins: */
	test_file_write(test_path(f->etc, "05-old.json~"), "x");
	test_file_write(test_path(f->etc, ".05-hidden.json"), "x");
	test_file_write(test_path(f->etc, "README"), "x");
	policy = read_both(f);
	assert_int_equal(policy->n_files, 3);
	assert_non_null(strstr(policy->files[0], "/10-first.json"));
	assert_non_null(strstr(policy->files[1], "/50-middle.json"));
	assert_non_null(strstr(policy->files[2], "/90-last.json"));
	assert_int_equal(policy->n_rules, 3);
	assert_true(asprintf(&source, "%s/10-first.json:1", f->usr) > 0);
	assert_first(policy, "first", source);
}

static void test_override(void **state)
{
	struct fixture *f = *state;
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_free_ char *source = NULL;

	/* What is overridden is not even read. */
	test_file_write(test_path(f->usr, "50-x.json"), "broken");
	test_file_write(test_path(f->etc, "50-x.json"), FILE_RULE("etc"));
	policy = read_both(f);
	assert_int_equal(policy->n_files, 1);
	assert_true(asprintf(&source, "%s/50-x.json:1", f->etc) > 0);
	assert_first(policy, "etc", source);
}

static void test_mask(void **state)
{
	struct fixture *f = *state;
	_cleanup_policy_ struct policy *policy = NULL;

	test_file_write(test_path(f->usr, "50-x.json"), FILE_RULE("usr"));
	assert_int_equal(symlink("/dev/null", test_path(f->etc, "50-x.json")), 0);
	policy = read_both(f);
	assert_false(policy->deny_all);
	assert_int_equal(policy->n_files, 0);
	assert_int_equal(policy->n_rules, 0);
}

static void assert_denies_all(const struct fixture *f, const char *reason)
{
	_cleanup_policy_ struct policy *policy = read_both(f);

	assert_true(policy->deny_all);
	if (!strstr(policy->reason, reason))
		fail_msg("'%s' is not in '%s'", reason, policy->reason);
}

static void test_links(void **state)
{
	struct fixture *f = *state;
	const char *link = test_path(f->etc, "50-x.json");

	test_file_write(test_path(f->usr, "x.txt"), FILE_RULE("x"));
	assert_int_equal(symlink(test_path(f->usr, "x.txt"), link), 0);
	assert_denies_all(f, "50-x.json is a symbolic link");
	unlink(link);
	assert_int_equal(symlink("/dev/nullx", link), 0);
	assert_denies_all(f, "50-x.json is a symbolic link");
	unlink(link);
	assert_int_equal(symlink("../dev/null", link), 0);
	assert_denies_all(f, "50-x.json is a symbolic link");
}

static void test_file_kinds(void **state)
{
	struct fixture *f = *state;
	const char *path = test_path(f->etc, "50-x.json");

	assert_int_equal(mkdir(path, 0755), 0);
	assert_denies_all(f, "not a regular file");
	rmdir(path);
	/* Must not wait for a writer. */
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_denies_all(f, "not a regular file");
}

static void test_modes(void **state)
{
	struct fixture *f = *state;
	_cleanup_policy_ struct policy *policy = NULL;
	const char *path = test_path(f->etc, "50-x.json");

	test_file_write(path, FILE_RULE("x"));
	chmod(path, 0664);
	assert_denies_all(f, "50-x.json is writable by others");
	chmod(path, 0646);
	assert_denies_all(f, "50-x.json is writable by others");
	chmod(path, 0644);
	chmod(f->etc, 0775);
	assert_denies_all(f, "is writable by others");
	chmod(f->etc, 01777);
	assert_denies_all(f, "is writable by others");
	chmod(f->etc, 0755);
	policy = read_both(f);
	assert_int_equal(policy->n_rules, 1);
}

static void test_parent(void **state)
{
	struct fixture *f = *state;
	const char *below = test_path(f->etc, "policy.d");
	const char *const dirs[] = {below, NULL};
	_cleanup_policy_ struct policy *good = NULL, *open = NULL, *sticky = NULL;

	assert_int_equal(mkdir(below, 0755), 0);
	assert_int_equal(policy_read(dirs, getuid(), &good, NULL), 0);
	assert_false(good->deny_all);
	chmod(f->etc, 0777);
	assert_int_equal(policy_read(dirs, getuid(), &open, NULL), 0);
	assert_true(open->deny_all);
	chmod(f->etc, 01777);
	assert_int_equal(policy_read(dirs, getuid(), &sticky, NULL), 0);
	assert_false(sticky->deny_all);
}

static void test_linked_folder(void **state)
{
	struct fixture *f = *state;
	const char *link = test_path(f->etc, "link");
	const char *const dirs[] = {link, NULL};
	_cleanup_policy_ struct policy *policy = NULL;

	assert_int_equal(symlink(f->usr, link), 0);
	assert_int_equal(policy_read(dirs, getuid(), &policy, NULL), 0);
	assert_true(policy->deny_all);
	assert_non_null(strstr(policy->reason, "symbolic link"));
}

static void test_owner(void **state)
{
	struct fixture *f = *state;
	const char *path = test_path(f->etc, "50-x.json");

	if (getuid() != 0)
		skip_as("it needs root");
	test_file_write(path, FILE_RULE("x"));
	assert_int_equal(chown(path, 1000, 0), 0);
	assert_denies_all(f, "belongs to uid 1000");
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(lchown(path, 1000, 0), 0);
	assert_denies_all(f, "belongs to uid 1000");
	unlink(path);
	assert_int_equal(chown(f->etc, 1000, 0), 0);
	assert_denies_all(f, "belongs to uid 1000");
}

static void test_nothing_there(void **state)
{
	_cleanup_policy_ struct policy *policy = NULL, *other = NULL;
	const char *const dirs[] = {"/no-such-folder-of-bpfgate/policy.d", NULL};
	const char *const relative[] = {"policy.d", NULL};
	_cleanup_decision_ struct decision decision = {};
	const struct peer root = {.uid = 0};
	const struct request request = {.peer = &root};

	assert_int_equal(policy_read(dirs, 0, &policy, NULL), 0);
	assert_false(policy->deny_all);
	assert_int_equal(policy->n_files, 0);
	assert_int_equal(policy_authorise(policy, &request, &decision, NULL), -EACCES);
	assert_int_equal(policy_read(relative, 0, &other, NULL), 0);
	assert_true(other->deny_all);
}

/* What is installed must parse; POLICY_SOURCE is policy/ of the tree. */
static void test_installed(void **state)
{
	const char *const files[] = {"90-default.json",		 "examples/50-tracing.json",
				     "examples/60-network.json", "examples/70-task-work.json",
				     "examples/80-ci.json",	 "examples/85-fleet-agent.json"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_policy_ struct policy *policy = NULL;
		_cleanup_fclose_ FILE *in = NULL;
		char text[8192] = "";

		in = fopen(test_path(POLICY_SOURCE, files[i]), "re");
		assert_non_null(in);
		assert_true(fread(text, 1, sizeof(text) - 1, in) > 0);
		test_file_write(test_path(f->etc, "50-x.json"), text);
		policy = read_both(f);
		if (policy->deny_all)
			fail_msg("%s: %s", files[i], policy->reason);
		assert_int_equal(policy->n_rules > 0, i > 0);
	}
}

#define with_folders(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_folders(test_order),      with_folders(test_override),
		with_folders(test_mask),       with_folders(test_links),
		with_folders(test_file_kinds), with_folders(test_modes),
		with_folders(test_parent),     with_folders(test_linked_folder),
		with_folders(test_owner),      with_folders(test_nothing_there),
		with_folders(test_installed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
