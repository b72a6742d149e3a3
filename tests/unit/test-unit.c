/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which unit a control group belongs to, and a process. */
#include "check.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "unit.h"

static const struct {
	const char *path;
	const char *unit; /* NULL: none */
} rows[] = {
	{"/system.slice/ci@1.service", "ci@1.service"},
	{"/system.slice/ci@1.service/a/b.service", "ci@1.service"},
	{"/system.slice/system-ci.slice/ci@1.service", "ci@1.service"},
	{"/build.slice/agent.service", "agent.service"},
	{"/system.slice/_cpu.service", "cpu.service"},
	{"/system.slice/a\\x2db.service", "a\\x2db.service"},
	/* a manager of its own, in a container: its unit is the one outside */
	{"/machine.slice/nspawn@x.service/payload/system.slice/ci@1.service", "nspawn@x.service"},

	{"/user.slice/user-1000.slice/user@1000.service/app.slice/ci@1.service", NULL},
	{"/user.slice/user-1000.slice/session-1.scope", NULL},
	{"/user.slice/ci@1.service", NULL},
	{"/system.slice/user@1000.service/x", NULL},
	{"/system.slice/docker-1.scope/ci@1.service", NULL},
	{"/system.slice/x.mount", NULL},
	{"/system.slice", NULL},
	{"/system.slice/", NULL},
	{"/ci@1.service", NULL},
	{"/init.scope", NULL},
	{"/../ci@1.service", NULL},
	{"/../system.slice/ci@1.service", NULL},
	{"/x/system.slice/ci@1.service", NULL},
	{"/", NULL},
	{"", NULL},
	{"system.slice/ci@1.service", NULL},
	{"/system.slice/ci@1.service (deleted)", NULL},
	{"/system.slice/.service", NULL},
	{"/system.slice/_.service", NULL},
	{"/.slice/ci@1.service", NULL},
};

static void test_paths(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char unit[UNIT_NAME_SIZE] = "untouched";
		int r = unit_from_cgroup(rows[i].path, unit);

		if (r != (rows[i].unit ? 0 : -ENOENT) || !streq(unit, rows[i].unit ?: "untouched"))
			fail_msg("%s: %d, %s", rows[i].path, r, unit);
	}
}

static void test_long(void **state)
{
	char path[400] = "/system.slice/", unit[UNIT_NAME_SIZE];
	size_t size = strlen(path);

	memset(path + size, 'x', UNIT_NAME_SIZE - 1 - 8);
	strcpy(path + size + UNIT_NAME_SIZE - 1 - 8, ".service");
	assert_int_equal(unit_from_cgroup(path, unit), 0);
	assert_int_equal(strlen(unit), UNIT_NAME_SIZE - 1);
	strcpy(path + size + UNIT_NAME_SIZE - 1 - 8, "x.service");
	assert_int_equal(unit_from_cgroup(path, unit), -ENOENT);
}

/* One that has been waited for has no number any more, whoever has it now. */
static void test_gone(void **state)
{
	char unit[UNIT_NAME_SIZE] = "untouched";
	pid_t pid = fork();
	int pidfd, r;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(pidfd >= 0);
	r = unit_of_pidfd(pidfd, unit);
	assert_true(r == 0 || r == -ENOENT);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	strcpy(unit, "untouched");
	assert_int_equal(unit_of_pidfd(pidfd, unit), -ESRCH);
	assert_string_equal(unit, "untouched");
	close(pidfd);
}

static void test_no_pidfd(void **state)
{
	char unit[UNIT_NAME_SIZE] = "untouched";

	assert_int_equal(unit_of_pidfd(STDERR_FILENO, unit), -ENODATA);
	assert_int_equal(unit_of_pidfd(-1, unit), -ESRCH);
	assert_string_equal(unit, "untouched");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_no_pidfd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
