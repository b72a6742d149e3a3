/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small things every file needs: cleanup attributes, ownership transfer, checked sizes.
 *
 * Cleanup contract: a variable marked _cleanup_(f) owns what it holds; TAKE_PTR() and TAKE_FD()
 * move ownership out and leave the variable empty (NULL, -1), so that the cleanup does nothing.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                       \
	({                              \
		__typeof__(a) _a = (a); \
		__typeof__(b) _b = (b); \
		_a < _b ? _a : _b;      \
	})

#define TAKE_PTR(p)                         \
	({                                  \
		__typeof__(p) _taken = (p); \
		(p) = NULL;                 \
		_taken;                     \
	})

#define TAKE_FD(fd)                \
	({                         \
		int _taken = (fd); \
		(fd) = -1;         \
		_taken;            \
	})

/* Closes and leaves errno as it was. Returns -1 for fd = safe_close(fd). */
static inline int safe_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		close(fd);
		errno = saved;
	}
	return -1;
}

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	safe_close(*fd);
}

static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_	 _cleanup_(freep)
#define _cleanup_close_	 _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Lower-case hexadecimal of @size bytes and a NUL: @out holds 2 * size + 1 bytes. */
void hex_encode(const void *data, size_t size, char *out);

/* Exactly 2 * @size lower- or upper-case digits and nothing else. 0 or -EINVAL. */
int hex_decode(const char *text, void *out, size_t size);
