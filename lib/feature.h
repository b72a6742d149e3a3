/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernel features that a manifest can require by name, and the kernel functions (kfuncs) that each
 * of them is: a bundle may call those of the features it requires, as far as policy grants them,
 * and no others.
 */
#pragma once

#include "util.h"

enum feature {
	FEATURE_TASK_WORK, /* callbacks in the context of a task */
	_FEATURE_MAX,
};

const char *feature_name(enum feature feature); /* "task_work" */
int feature_from_name(const char *name, enum feature *ret);

/* The feature's functions, the end marked by NULL. A kernel with one of them, under either of its
 * names, has the feature. */
const char *const *feature_kfuncs(enum feature feature);

/*
 * Linux 6.18 has these functions as NAME_impl() alone, 7.2 and later as NAME(), and 6.12 with
 * bpfgate's patches as both. Whoever writes one of them means the function.
 */
#define KFUNC_NAME_MAX 128
const char *kfunc_old_name(const char *kfunc, char buffer[static KFUNC_NAME_MAX]);

/* "Linux 6.18 and later, and 6.12 with bpfgate's patches, have it" */
const char *feature_kernels(enum feature feature);

/* "task_work", for messages: all of them. */
const char *feature_names(void);
