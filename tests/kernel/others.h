/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors that are no maps: for fd_array, where only maps and BTF belong. */
#pragma once

enum {
	OTHER_CLOSED,
	OTHER_NEGATIVE,
	OTHER_FILE,
	OTHER_PROGRAM,
	OTHER_LINK,
	OTHER_BTF_VMLINUX,
	OTHER_BTF_MODULE,
	OTHER_BTF_OWN,
	OTHER_EVENTFD,
	OTHER_PERF_EVENT,
	N_OTHERS,
};

const char *other_name(unsigned other);
/* An fd; -1 where the number alone matters; -ENODEV if this machine has none; else it ends the
 * group. */
int other_open(unsigned other);
/* What to put into fd_array, given what was opened. */
int other_fd(unsigned other, int fd);

/* The BTF object of this name, "vmlinux" or a module's; -ENOENT if there is none. */
int btf_by_name(const char *name);
/* The first module that has BTF: an fd, or -ENODEV. */
int btf_of_a_module(void);
