// SPDX-License-Identifier: LGPL-2.1-or-later
#include "row.h"

#include <stdarg.h>

#define ERRNO_ENOTSUPP 524 /* the kernel's own, in no header of user space */

struct options options = {.tries = 10000};

static unsigned n_wrong;

const char *answer_name(int result)
{
	static char number[24];
	const char *name;

	if (result >= 0)
		return "ok";
	if (result == -ERRNO_ENOTSUPP)
		return "ENOTSUPP";
	name = strerrorname_np(-result);
	if (name)
		return name;
	snprintf(number, sizeof(number), "errno-%d", -result);
	return number;
}

void row(const char *name, const char *expected, const char *format, ...)
{
	char answer[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(answer, sizeof(answer), format, ap);
	va_end(ap);
	printf("row\t%s\t%s%s\n", name, answer, expected ? "\tchecked" : "");
	if (expected && !streq(expected, answer) && strncmp(answer, "skip: ", 6) != 0) {
		printf("wrong\t%s\t%s\n", name, expected);
		n_wrong++;
	}
	fflush(stdout);
}

void row_result(const char *name, const char *expected, int result)
{
	row(name, expected, "%s", answer_name(result));
}

void row_skip(const char *name, const char *reason)
{
	row(name, NULL, "skip: %s", reason);
}

void note(const char *format, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

unsigned row_wrong(void)
{
	return n_wrong;
}

int must(const char *what, int result)
{
	if (result >= 0)
		return result;
	note("set-up: %s: %s", what, answer_name(result));
	exit(3);
}
