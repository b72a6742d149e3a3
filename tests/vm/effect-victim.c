// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A program that is probed: says whether it thinks that its caller may do something. Nobody may, so
 * "allowed" is somebody else's doing.
 */
#include <stdio.h>

int is_allowed(const int *list);

__attribute__((noipa)) int is_allowed(const int *list)
{
	return *(const volatile int *)list;
}

int main(void)
{
	int list[1] = {0};

	puts(is_allowed(list) ? "allowed" : "not allowed");
	return 0;
}
