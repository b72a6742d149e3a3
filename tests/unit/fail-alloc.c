/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fail-alloc.h"

#include <errno.h>
#include <execinfo.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CRASHES_MAX  20 /* of one attempt, then it is enough */
#define ATTEMPTS_MAX 100000u

static unsigned countdown; /* 0: nothing fails */
static bool all_after, failed;

/* ---- the allocator ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

#ifndef __SANITIZE_ADDRESS__
static bool fails(void)
{
	unsigned n = __atomic_load_n(&countdown, __ATOMIC_RELAXED);

	do
		if (n == 0)
			return false;
	while (!__atomic_compare_exchange_n(&countdown, &n, n == 1 && all_after ? 1 : n - 1, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	if (n > 1)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return fails() ? NULL : __libc_realloc(p, size);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, all);
}

#endif

static void *openssl_malloc(size_t size, const char *file, int line)
{
	return __libc_malloc(size);
}

static void *openssl_realloc(void *p, size_t size, const char *file, int line)
{
	return __libc_realloc(p, size);
}

static void openssl_free(void *p, const char *file, int line)
{
	free(p);
}

void fail_alloc_setup(void)
{
#ifdef __SANITIZE_ADDRESS__
	puts("1..0 # SKIP the sanitizer has an allocator of its own");
	exit(77);
#endif
	CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free);
}

void fail_alloc(unsigned n, bool then_all)
{
	failed = false;
	all_after = then_all;
	__atomic_store_n(&countdown, n, __ATOMIC_RELAXED);
}

bool fail_alloc_end(void)
{
	__atomic_store_n(&countdown, 0, __ATOMIC_RELAXED);
	return failed;
}

/* ---- attempts ---- */

/* What the parent hears of: which allocation fails. */
struct progress {
	unsigned n;
	bool then_all;
};

static void on_crash(int number)
{
	void *frames[32];
	int n;

	fail_alloc_end();
	n = backtrace(frames, 32);
	backtrace_symbols_fd(frames, n, STDERR_FILENO);
	signal(number, SIG_DFL);
	raise(number);
}

static void child(const struct attempt *a, struct progress *progress)
{
	void *frame;

	/* loads what it needs now, and not in a crash */
	backtrace(&frame, 1);
	signal(SIGSEGV, on_crash);
	signal(SIGABRT, on_crash);
	if (a->start)
		a->start();
	for (; progress->n < ATTEMPTS_MAX; progress->n++) {
		bool reached;
		int r;

		fail_alloc(progress->n, progress->then_all);
		r = a->run();
		reached = fail_alloc_end();
		a->check(r);
		if (!reached)
			_exit(0);
	}
	_exit(1);
}

/* Every allocation, by itself or with all after it. The number of crashes. */
static unsigned try_all(const struct attempt *a, struct progress *progress)
{
	unsigned crashes = 0;

	while (crashes < CRASHES_MAX) {
		int status = 0;
		pid_t pid;

		fflush(NULL);
		pid = fork();
		if (pid == 0)
			child(a, progress);
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return crashes + 1;
		if (status == 0)
			break;
		crashes++;
		fprintf(stderr, "%s: allocation %u%s failed, and it ended with status 0x%x\n",
			a->name, progress->n, progress->then_all ? " and all after it" : "",
			(unsigned)status);
		progress->n++;
	}
	return crashes;
}

bool fail_alloc_all(const struct attempt *a)
{
	struct progress *progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned crashes = 0, n = 0;

	if (progress == MAP_FAILED)
		return false;
	for (unsigned i = 0; i < 2; i++) {
		*progress = (struct progress){1, i == 1};
		crashes += try_all(a, progress);
		n += progress->n - 1;
	}
	munmap(progress, sizeof(*progress));
	fprintf(stderr, "%s: %u failed allocations, %u crashes\n", a->name, n, crashes);
	/* none at all would mean that nothing was tried */
	return crashes == 0 && n > 0;
}
