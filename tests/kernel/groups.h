/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Groups of rows: what a conformance program consists of. */
#pragma once

#include "row.h"

struct group {
	const char *name;
	void (*rows)(void);
};

/* Prints the names, for --help. */
void groups_list(const struct group *groups, size_t n);
/*
 * Runs those that @names (ended by NULL) names, or all if there is no name, each in a process of
 * its own, and says where they begin and end. False if an answer was wrong, or a group did not come
 * to its end.
 */
bool groups_run(const struct group *groups, size_t n, char **names);

/* Standard output, and the folder of this program. */
void groups_init(void);
