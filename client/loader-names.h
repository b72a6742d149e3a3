/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernel functions (kfuncs) of two names. Linux 6.18 has some as NAME_impl(), with a last argument
 * that the verifier fills in; Linux 7 has them as NAME(), but keeps NAME_impl in its BTF, without a
 * function behind it, and does not load a program that so much as names it. A program for both
 * refers to both, weakly. libbpf, when it loads by itself, tells them apart by their arguments; the
 * loader that it writes goes by the name alone.
 */
#pragma once

#include "bundle.h"

/*
 * Makes a loader of libbpf's gen_loader look for a function NAME_impl only where there is no NAME,
 * if it looks for both; others stay as they are. *loader is malloced and may be replaced. -ENOMEM,
 * -ERANGE: it would become too long for its jumps.
 */
int loader_prefer_names(uint8_t **loader, size_t *size, struct blob metadata);
