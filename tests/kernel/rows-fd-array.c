// SPDX-License-Identifier: LGPL-2.1-or-later
/* fd_array and its count, without a signature. */

#include <fcntl.h>
#include <sys/mman.h>

#include "kernel.h"
#include "others.h"
#include "row.h"

static int a, b;

/* RETURN_0 with these fds; the last argument is -2. */
#define WITH(name, expected, ...)                                  \
	with(name, expected, RETURN_0, (const int[]){__VA_ARGS__}, \
	     sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

static void with(const char *name, const char *expected, struct code code, const int *fds,
		 unsigned n)
{
	_cleanup_request_ struct request q = {};

	request_init(&q, code);
	for (unsigned i = 0; i < n; i++)
		request_bind_fd(&q, fds[i]);
	request_array(&q);
	row_load_maps(name, expected, &q, (const int[]){a, b}, 2);
}

static void rows_shapes(void)
{
	WITH("fd-array/one", "ok, maps: a", a);
	WITH("fd-array/two", "ok, maps: ab", a, b);
	WITH("fd-array/two-reversed", "ok, maps: ba", b, a);
	WITH("fd-array/aa", "ok, maps: a", a, a);
	WITH("fd-array/aab", "ok, maps: ab", a, a, b);
	WITH("fd-array/aba", "ok, maps: ab", a, b, a);
	WITH("fd-array/baa", "ok, maps: ba", b, a, a);
	WITH("fd-array/abb", "ok, maps: ab", a, b, b);
	WITH("fd-array/abab", "ok, maps: ab", a, b, a, b);
}

/* @n fds, all of one map or each of another. */
static void many(const char *name, const char *expected, unsigned n, bool distinct)
{
	static struct request q;
	int fds[130];

	must("maps", n <= ARRAY_SIZE(fds) || !distinct ? 0 : -E2BIG);
	request_init(&q, RETURN_0);
	for (unsigned i = 0; i < n; i++) {
		if (distinct)
			fds[i] = must("map", map_create(&(struct map_spec){}));
		request_bind_fd(&q, distinct ? fds[i] : a);
	}
	request_array(&q);
	row_load(name, expected, &q);
	for (unsigned i = 0; distinct && i < n; i++)
		close(fds[i]);
	request_free(&q);
}

static void count(const char *name, const char *expected, uint32_t n)
{
	static struct request q;

	request_init(&q, RETURN_0);
	for (unsigned i = 0; i < FD_ARRAY_MAX; i++)
		request_bind_fd(&q, a);
	request_array(&q);
	q.attr.fd_array_cnt = n;
	row_load(name, expected, &q);
	request_free(&q);
}

static void pointer(const char *name, const char *expected, uint64_t array, uint32_t n,
		    struct code code)
{
	_cleanup_request_ struct request q = {};

	request_init(&q, code);
	q.attr.fd_array = array;
	q.attr.fd_array_cnt = n;
	row_load(name, expected, &q);
}

static void rows_pointers(void)
{
	uint8_t *pages =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t odd[12] = {};
	int two[2] = {a, b};

	pointer("fd-array/null-count-0", "ok", 0, 0, RETURN_0);
	pointer("fd-array/null-count-1", NULL, 0, 1, RETURN_0);
	pointer("fd-array/null-count-5000", "EINVAL", 0, 5000, RETURN_0);
	pointer("fd-array/bad-pointer-count-0", "ok", 4096, 0, RETURN_0);
	pointer("fd-array/bad-pointer-count-1", "EFAULT", 4096, 1, RETURN_0);
	pointer("fd-array/kernel-pointer-count-1", "EFAULT", 0xffff888000000000ull, 1, RETURN_0);
	pointer("fd-array/null-count-0-index-0", NULL, 0, 0, CODE(MAP_IDX(1, 0), MOV(0, 0), EXIT));
	pointer("fd-array/bad-pointer-count-0-index-0", "EFAULT", 4096, 0,
		CODE(MAP_IDX(1, 0), MOV(0, 0), EXIT));
	memcpy(odd + 1, two, sizeof(two));
	pointer("fd-array/odd-pointer", "ok", ptr(odd + 1), 2, RETURN_0);
	munmap(pages + 4096, 4096);
	memcpy(pages + 4096 - 8, two, sizeof(two));
	pointer("fd-array/to-the-end-of-a-page", "ok", ptr(pages + 4096 - 8), 2, RETURN_0);
	memcpy(pages + 4096 - 4, two, 4);
	pointer("fd-array/into-a-missing-page", "EFAULT", ptr(pages + 4096 - 4), 2, RETURN_0);
	memcpy(pages + 4096 - 4, &(int){-1}, 4);
	pointer("fd-array/minus-1-before-a-missing-page", "EBADF", ptr(pages + 4096 - 4), 2,
		RETURN_0);
}

/* @code with @fds of which the kernel is told @n. */
static void told(const char *name, const char *expected, struct code code, const int *fds,
		 unsigned n)
{
	_cleanup_request_ struct request q = {};

	request_init(&q, code);
	q.attr.fd_array = ptr(fds);
	q.attr.fd_array_cnt = n;
	row_load_maps(name, expected, &q, (const int[]){a, b}, 2);
}

static void rows_references(void)
{
	const int ab[2] = {a, b}, closed[2] = {a, 1000}, minus[2] = {a, -1};
	struct code index_0 = CODE(MAP_IDX(1, 0), MOV(0, 0), EXIT);
	struct code index_1 = CODE(MAP_IDX(1, 1), MOV(0, 0), EXIT);
	struct code index_0_1 = CODE(MAP_IDX(1, 0), MAP_IDX(2, 1), MOV(0, 0), EXIT);

	told("fd-array/index-0-of-0", "ok, maps: a", index_0, ab, 0);
	told("fd-array/index-1-of-0", "ok, maps: b", index_1, ab, 0);
	told("fd-array/index-1-of-1", NULL, index_1, ab, 1);
	told("fd-array/index-1-of-2", "ok, maps: ab", index_1, ab, 2);
	told("fd-array/index-0-of-2", "ok, maps: ab", index_0, ab, 2);
	told("fd-array/indices-0-1-of-0", "ok, maps: ab", index_0_1, ab, 0);
	told("fd-array/indices-0-1-of-1", NULL, index_0_1, ab, 1);
	told("fd-array/index-1-of-0-closed", "EBADF", index_1, closed, 0);
	told("fd-array/index-1-of-0-negative", "EBADF", index_1, minus, 0);
	told("fd-array/index-1-of-1-closed", NULL, index_1, closed, 1);
	told("fd-array/index-minus-1-of-2", NULL, CODE(MAP_IDX(1, -1), MOV(0, 0), EXIT), ab, 2);
	told("fd-array/index-4096-of-2", NULL, CODE(MAP_IDX(1, 4096), MOV(0, 0), EXIT), ab, 2);
	told("fd-array/value-0-of-1", "ok, maps: a", CODE(MAP_IDX_VALUE(1, 0, 0), MOV(0, 0), EXIT),
	     ab, 1);
	told("fd-array/value-1-of-1", NULL, CODE(MAP_IDX_VALUE(1, 1, 0), MOV(0, 0), EXIT), ab, 1);
	told("fd-array/fd-beside-it", "ok, maps: ab", CODE(MAP_FD(1, b), MOV(0, 0), EXIT), ab, 1);
	told("fd-array/fd-in-it", "ok, maps: a", CODE(MAP_FD(1, a), MOV(0, 0), EXIT), ab, 1);
	told("fd-array/fd-alone", "ok, maps: b", CODE(MAP_FD(1, b), MOV(0, 0), EXIT), NULL, 0);
	told("fd-array/fd-before-an-index", "ok, maps: ba",
	     CODE(MAP_FD(1, b), MAP_IDX(2, 0), MOV(0, 0), EXIT), ab, 0);
	told("fd-array/fd-before-a-bound-one", "ok, maps: ab",
	     CODE(MAP_FD(1, b), MAP_IDX(2, 0), MOV(0, 0), EXIT), ab, 1);
}

static void rows_other_files(void)
{
	for (unsigned i = 0; i < N_OTHERS; i++) {
		_cleanup_close_ int fd = other_open(i);
		/* a module's BTF is the other thing that belongs there; our kernel has no modules
		 */
		bool belongs = i == OTHER_BTF_MODULE;
		char name[64];

		snprintf(name, sizeof(name), "fd-array/%s", other_name(i));
		if (fd == -ENODEV) {
			row_skip(name, "there is none here");
			snprintf(name, sizeof(name), "fd-array/map-then-%s", other_name(i));
			row_skip(name, "there is none here");
			snprintf(name, sizeof(name), "fd-array/%s-then-map", other_name(i));
			row_skip(name, "there is none here");
			continue;
		}
		WITH(name, belongs ? "ok, maps: none" : NULL, other_fd(i, fd));
		snprintf(name, sizeof(name), "fd-array/map-then-%s", other_name(i));
		WITH(name, belongs ? "ok, maps: a" : NULL, a, other_fd(i, fd));
		snprintf(name, sizeof(name), "fd-array/%s-then-map", other_name(i));
		WITH(name, belongs ? "ok, maps: a" : NULL, other_fd(i, fd), a);
	}
}

/* Is a descriptor of number 0 one like any other? */
static void rows_fd_0(void)
{
	int stdin_copy = must("dup", fcntl(0, F_DUPFD, 100));

	WITH("fd-array/fd-0-that-is-a-file", NULL, 0);
	close(0);
	WITH("fd-array/fd-0-that-is-closed", NULL, 0);
	must("dup2", dup2(a, 0));
	WITH("fd-array/fd-0-that-is-a-map", NULL, 0);
	WITH("fd-array/fd-0-that-is-a-map-after-another", NULL, b, 0);
	must("dup2", dup2(stdin_copy, 0));
	close(stdin_copy);
}

void rows_fd_array(void)
{
	a = must("map", map_create(&(struct map_spec){}));
	b = must("map", map_create(&(struct map_spec){}));
	rows_shapes();
	many("fd-array/63-maps", "ok", 63, true);
	many("fd-array/64-maps", NULL, 64, true);
	many("fd-array/65-maps", NULL, 65, true);
	many("fd-array/4096-of-one-map", "ok", FD_ARRAY_MAX, false);
	many("fd-array/4097-of-one-map", NULL, FD_ARRAY_MAX + 1, false);
	count("fd-array/count-2-to-the-30", NULL, 1u << 30);
	count("fd-array/count-int-max", NULL, INT32_MAX);
	count("fd-array/count-uint-max", NULL, UINT32_MAX);
	rows_pointers();
	rows_references();
	rows_other_files();
	rows_fd_0();
}
