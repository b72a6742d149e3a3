/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What memory-group.c and memory-sweep.c share. The caller holds the lock of memory-group.c. */
#pragma once

#include "util.h"

#define MEMORY_RULE_PREFIX "rule-"
#define MEMORY_USER_PREFIX "uid-"

/* A descriptor of the folder; -EMEDIUMTYPE where that is no control group. */
int memory_root(const char *root);
/* A descriptor. Never by a symbolic link. */
int memory_folder(int at, const char *name);
int memory_read(int folder, const char *name, char *ret, size_t size);
int memory_write(int folder, const char *name, const char *text);

/* Removes the groups below a rule's that nothing is charged to, and that no load uses. */
void memory_sweep_users(int rule);
/* Makes @root ready, and removes those of all rules. */
int memory_sweep(const char *root);
