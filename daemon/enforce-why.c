/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why there is no gate, or no way to it: what the kernel's answer alone does not tell. */
#include <fcntl.h>
#include <sys/stat.h>

#include "enforce-internal.h"

#define JIT_SETTING "/proc/sys/net/core/bpf_jit_enable"
#define WHY	    ": a gate is in force that does not take this process for bpfgated, since it was "
#define WAY_BACK                                                                            \
	". Where neither can be, set --gate off in ExecStart= and reboot: a gate does not " \
	"outlive the kernel"

static bool is_roots_alone(const struct stat *st)
{
	return st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* The gate compares the same, but the folder: of that it tells nobody. */
const char *enforce_why_unknown(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	const char *name;
	struct stat st;

	if (getppid() != 1)
		return WHY "not started by PID 1: systemctl start bpfgated";
	if (n <= 0)
		return WHY "not started as one";
	path[n] = '\0';
	name = strrchr(path, '/');
	if (!name || !streq(name, "/bpfgated"))
		return WHY "started from a file of another name: the file must be called bpfgated";
	if (stat("/proc/self/exe", &st) == 0 && !is_roots_alone(&st))
		return WHY "started from a file that others than root can write, or own: "
			   "chown root: and chmod 755 it";
	return WHY "either started through another program, such as a shell or env: let "
		   "ExecStart= name bpfgated itself; or from another folder, or one that was made "
		   "anew, than the bpfgated that put the gate up: move that folder back" WAY_BACK;
}

int enforce_check_jit(struct error *error)
{
	_cleanup_close_ int fd = open(JIT_SETTING, O_RDONLY | O_CLOEXEC);
	char text[2] = "";

	/* where it cannot be read, the kernel says it itself, if less clearly */
	if (fd < 0 || read(fd, text, 1) != 1 || *text != '0')
		return 0;
	return error_set(error, -EOPNOTSUPP, ERROR_KERNEL, STEP_NONE,
			 "the gate cannot be put up while the kernel interprets BPF programs: "
			 "sysctl net.core.bpf_jit_enable=1");
}
