/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of the loader half: what pin.c, grant.c and kfunc.c share of PIN_ROOT. */
#pragma once

#include "loader.h"

struct statfs;

#define BPFFS "/sys/fs/bpf"

/* An object is pinned under such a name while it is opened again; no id looks like it. */
#define PIN_TEMPORARY "grant-"

/* Is there a bpffs at BPFFS? -ENOTSUP. */
int pin_bpffs_check(struct statfs *ret, struct error *error);
/* PIN_ROOT, owned; -ENOENT and others of open(2) leave @error to the caller. -ENOTSUP: it is in no
 * bpffs; -EPERM: it is not root's alone. */
int pin_root_open(struct error *error);
/* PIN_ROOT is a folder of a bpffs that can be written to and root's alone; made if it is missing.
 */
int pin_root_check(struct error *error);

/*
 * Opens the object behind @fd once more, with @flags of BPF_OBJ_GET (by id it would want
 * CAP_SYS_ADMIN): by way of a pin that nobody else can reach and that is gone when this returns.
 * The new file belongs to the calling thread's credentials. On failure *ret_what says at what.
 */
int pin_reopen(int fd, uint32_t flags, int *ret_fd, const char **ret_what);

/* Removes the folder @name of PIN_ROOT with the pins in it, links first; absent is fine. */
int pin_remove_folder(const char *name);
