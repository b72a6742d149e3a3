/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The probe on whatever kernel runs this; tests/vm/suite knows what the answer has to be. */
#include "check.h"

#include <dirent.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "loader.h"

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void test_answer(void **state)
{
	struct kernel_probe probe, again;
	unsigned before = count_fds();
	struct utsname name;

	memset(&probe, 0x5a, sizeof(probe));
	kernel_probe(&probe);
	kernel_probe(&again);
	print_message("contract %d: %s\n", (int)probe.contract, probe.reason);
	assert_int_equal(probe.contract, again.contract);
	assert_string_equal(probe.reason, again.reason);
	/* A reason where, and only where, there is no contract. */
	if (probe.contract == CONTRACT_NONE)
		assert_true(strlen(probe.reason) > 0);
	else
		assert_true(probe.reason[0] == '\0' &&
			    (probe.contract == CONTRACT_V1 || probe.contract == CONTRACT_V2));
	uname(&name);
	assert_string_equal(probe.release, name.release);
	assert_int_equal(count_fds(), before);
}

/* Without privileges nothing can be found out, and the reason says so. */
static void test_unprivileged(void **state)
{
	struct kernel_probe probe;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip_as("it needs root");
	pid = fork();
	if (pid == 0) {
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(2);
		kernel_probe(&probe);
		_exit(probe.contract == CONTRACT_NONE && strstr(probe.reason, "CAP_BPF") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_unprivileged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
