/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What bpfctl says where its output cannot be written: why, whenever it looks. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "check.h"
#include "output.h"

static int open_full(void)
{
	return open("/dev/full", O_WRONLY | O_CLOEXEC);
}

static int open_closed_pipe(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	close(ends[0]);
	return ends[1];
}

static int open_null(void)
{
	return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

/* Prints much, so that it is a printf() that fails, looks in between as run does, and ends. */
static _Noreturn void child(int out, int err, size_t size, bool looks)
{
	int r;

	signal(SIGPIPE, SIG_IGN);
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
		_exit(99);
	output_setup();
	for (size_t i = 0; i < size; i++)
		putchar('x');
	if (looks)
		output_errno();
	errno = 0;
	r = output_finish(EXIT_SUCCESS);
	fflush(stderr);
	_exit(r);
}

static void check_finish(int out, size_t size, bool looks, int status, const char *message)
{
	char said[256] = "";
	int ends[2], result;
	ssize_t n;
	pid_t pid;

	assert_true(out >= 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child(out, ends[1], size, looks);
	close(ends[1]);
	close(out);
	for (size_t size_said = 0;
	     (n = read(ends[0], said + size_said, sizeof(said) - 1 - size_said)) > 0;)
		size_said += (size_t)n;
	assert_int_equal(n, 0);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &result, 0), pid);
	assert_true(WIFEXITED(result));
	assert_string_equal(said, message);
	assert_int_equal(WEXITSTATUS(result), status);
}

static const char no_space[] = "bpfctl: cannot write the output: No space left on device\n";
static const size_t sizes[] = {1, BUFSIZ - 1, BUFSIZ, BUFSIZ + 1, 4 * BUFSIZ};

static void test_full_disk(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		check_finish(open_full(), sizes[i], false, 1, no_space);
		check_finish(open_full(), sizes[i], true, 1, no_space);
	}
}

/* Whoever reads has what it wants: no failure, and nothing to say. */
static void test_reader_is_gone(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		check_finish(open_closed_pipe(), sizes[i], false, 0, "");
		check_finish(open_closed_pipe(), sizes[i], true, 0, "");
	}
}

static void test_success(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		check_finish(open_null(), sizes[i], false, 0, "");
		check_finish(open_null(), sizes[i], true, 0, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_reader_is_gone),
		cmocka_unit_test(test_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
