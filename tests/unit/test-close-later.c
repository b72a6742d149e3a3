/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What cannot be closed in a thread, since there is no memory for one, is not forgotten. */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"
#include "seal.h"

#define UID 4711

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Nothing can be mapped any more: no thread gets a stack. */
static void take_memory(struct rlimit *saved)
{
	struct rlimit none;

	assert_int_equal(getrlimit(RLIMIT_AS, saved), 0);
	none = (struct rlimit){1, saved->rlim_max};
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
}

static void give_memory(const struct rlimit *saved)
{
	assert_int_equal(setrlimit(RLIMIT_AS, saved), 0);
}

static bool closes(int fd)
{
	for (unsigned i = 0; i < 500 && is_open(fd); i++)
		usleep(10000);
	return !is_open(fd);
}

#define STACKS 16

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_t threads[STACKS];

static void *wait_for_gate(void *arg)
{
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	return NULL;
}

static void use_up_stacks(void)
{
	pthread_attr_t attr;

	pthread_mutex_lock(&gate);
	pthread_attr_init(&attr);
	/* as close.c has them, or glibc would keep those for itself */
	pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN + 16384);
	for (unsigned i = 0; i < STACKS; i++)
		assert_int_equal(pthread_create(&threads[i], &attr, wait_for_gate, NULL), 0);
	pthread_attr_destroy(&attr);
}

static void release_stacks(void)
{
	pthread_mutex_unlock(&gate);
	for (unsigned i = 0; i < STACKS; i++)
		pthread_join(threads[i], NULL);
}

/* Before any other test: a thread that has ended leaves its stack to the next. */
static void test_later_calls_try_again(void **state)
{
	int fds[10], other = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit saved;

	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	take_memory(&saved);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		close_async(fds[i], UID);
	give_memory(&saved);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		assert_true(is_open(fds[i]));
	close_async(other, UID);
	assert_true(closes(other));
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		assert_true(closes(fds[i]));
	assert_int_equal(stuck_left(), 0);
}

/* As the loop does, when no call comes. The stacks that the threads before left are used up first.
 */
static void test_what_is_left_is_told(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), pidfd;
	struct rlimit saved;
	pid_t child = fork();
	unsigned n;

	if (child == 0)
		_exit(0);
	pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	assert_true(pidfd >= 0);
	use_up_stacks();
	take_memory(&saved);
	close_async(fd, UID);
	reap_async(pidfd, UID);
	n = stuck_left();
	give_memory(&saved);
	assert_int_equal(n, 2);
	assert_int_equal(stuck_count_all(), 2);
	assert_true(is_open(pidfd));
	assert_int_equal(stuck_retry(), 0);
	assert_true(closes(fd));
	assert_true(closes(pidfd));
	assert_int_equal(waitpid(child, NULL, WNOHANG), -1);
	release_stacks();
}

int main(void)
{
#if defined(__SANITIZE_ADDRESS__)
	/* its shadow memory is more than the limit that is set here */
	printf("ok - test-close-later # SKIP the address sanitizer needs the memory that is taken "
	       "away\n");
	return 0;
#endif
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_later_calls_try_again),
		cmocka_unit_test(test_what_is_left_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
