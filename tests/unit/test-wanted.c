/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "wanted.h"

static char *tracepoints[] = {(char *)"tracepoint:sched/*"};
static char *exec_default[] = {(char *)"tracepoint:sched/sched_process_exec"};
static char *functions[] = {(char *)"fentry:do_unlinkat", (char *)"fentry:vfs_read"};
static char *interfaces[] = {(char *)"xdp:*"};

static struct manifest_program programs[] = {
	{.name = (char *)"on_exec",
	 .type = BPF_PROG_TYPE_TRACEPOINT,
	 .n_attach = 1,
	 .attach = tracepoints,
	 .n_defaults = 1,
	 .defaults = exec_default},
	{.name = (char *)"on_open",
	 .type = BPF_PROG_TYPE_TRACING,
	 .n_attach = 2,
	 .attach = functions,
	 .n_defaults = 2,
	 .defaults = functions},
	{.name = (char *)"helper", .type = BPF_PROG_TYPE_TRACEPOINT},
	{.name = (char *)"on_packet",
	 .type = BPF_PROG_TYPE_XDP,
	 .n_attach = 1,
	 .attach = interfaces},
};

/* Without @n_programs' last one, all have a default. */
static int resolve(unsigned n_programs, bool same_netns, const struct wanted *wanted,
		   unsigned n_wanted, struct attachment **ret, unsigned *ret_n, struct error *error)
{
	const struct manifest manifest = {.n_programs = n_programs, .programs = programs};
	const struct peer peer = {.same_netns = same_netns};

	return wanted_resolve(&manifest, &peer, wanted, n_wanted, ret, ret_n, error);
}

static void check(unsigned n_programs, const struct wanted *wanted, unsigned n_wanted,
		  const char *expected)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct attachment *attachments = NULL;
	char text[512] = "";
	unsigned n = 0;

	if (resolve(n_programs, true, wanted, n_wanted, &attachments, &n, &error) < 0)
		fail_msg("%s", error_message(&error));
	for (unsigned i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u=%s", i ? " " : "",
			 attachments[i].program, attachments[i].target.text);
	assert_string_equal(text, expected);
	attachments_free(attachments, n);
}

static void check_refused(unsigned n_programs, bool same_netns, const char *program,
			  const char *target, const char *part)
{
	const struct wanted wanted = {(char *)program, (char *)target};
	_cleanup_error_ struct error error = ERROR_INIT;
	struct attachment *attachments = NULL;
	unsigned n = 0;

	assert_true(resolve(n_programs, same_netns, &wanted, program ? 1 : 0, &attachments, &n,
			    &error) < 0);
	check_error(&error, ERROR_BAD_TARGET, part);
	assert_null(attachments);
}

static void test_defaults(void **state)
{
	check(1, NULL, 0, "0=tracepoint:sched/sched_process_exec");
	check(3, NULL, 0,
	      "0=tracepoint:sched/sched_process_exec 1=fentry:do_unlinkat 1=fentry:vfs_read");
}

static void test_wanted_replace_defaults(void **state)
{
	const struct wanted wanted[] = {
		{(char *)"on_packet", (char *)"xdp:eth0"},
		{(char *)"on_open", (char *)"fentry:vfs_read"},
		{(char *)"on_packet", (char *)"xdp:lo"},
	};

	check(4, wanted, 3,
	      "3=xdp:eth0 1=fentry:vfs_read 3=xdp:lo 0=tracepoint:sched/sched_process_exec");
}

static void test_refusals(void **state)
{
	check_refused(3, true, "nobody", "xdp:eth0", "no program nobody");
	check_refused(3, true, "on_exec", "tracepoint:syscalls/sys_enter_open", "manifest");
	check_refused(3, true, "on_exec", "fentry:vfs_read", "type tracepoint");
	check_refused(3, true, "on_open", "fentry:vfs_write", "manifest");
	check_refused(3, true, "helper", "tracepoint:sched/sched_switch", "manifest");
	check_refused(3, true, "on_exec", "nonsense", "nonsense");
	check_refused(3, true, "on_exec", "tracepoint:sched/*", "");
	check_refused(3, true, "on_exec", "", "");
	check_refused(4, false, "on_packet", "xdp:eth0", "network namespace");
	check_refused(4, true, NULL, NULL, "no default target");
}

static void test_twice(void **state)
{
	const struct wanted wanted[] = {
		{(char *)"on_open", (char *)"fentry:vfs_read"},
		{(char *)"on_open", (char *)"fentry:vfs_read"},
	};
	_cleanup_error_ struct error error = ERROR_INIT;
	struct attachment *attachments = NULL;
	unsigned n = 0;

	assert_true(resolve(3, true, wanted, 2, &attachments, &n, &error) < 0);
	check_error(&error, ERROR_BAD_TARGET, "twice");
}

static void test_too_many(void **state)
{
	static char names[LOAD_ATTACHMENTS_MAX + 1][32];
	struct wanted wanted[LOAD_ATTACHMENTS_MAX + 1];
	_cleanup_error_ struct error error = ERROR_INIT;
	struct attachment *attachments = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i <= LOAD_ATTACHMENTS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "tracepoint:sched/x%u", i);
		wanted[i] = (struct wanted){(char *)"on_exec", names[i]};
	}
	assert_int_equal(resolve(1, true, wanted, LOAD_ATTACHMENTS_MAX, &attachments, &n, &error),
			 0);
	assert_int_equal(n, LOAD_ATTACHMENTS_MAX);
	attachments_free(attachments, n);
	attachments = NULL;
	assert_true(resolve(1, true, wanted, LOAD_ATTACHMENTS_MAX + 1, &attachments, &n, &error) <
		    0);
	check_error(&error, ERROR_BAD_TARGET, "More than");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_wanted_replace_defaults),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_twice),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
