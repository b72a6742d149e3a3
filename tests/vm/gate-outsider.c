// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What somebody tries against the gate who has root's number and some capabilities, but namespaces
 * and a root directory of his own (a tmpfs), as in a container: mounts a file system there and
 * opens a file of it for writing, no more. Prints "ok" and ends with 0, or what failed and the
 * errno's name, and ends with 1.
 *
 *   gate-outsider old TYPE OPTIONS PATH   by mount(2); "-" for no OPTIONS; "." to open nothing
 *   gate-outsider new TYPE OPTIONS PATH   by fsopen(2) and fsmount(2), attached nowhere
 *   gate-outsider give TYPE OPTIONS PATH  as old, but gives the file to user 1 and all may write it
 *   gate-outsider again TYPE OPTIONS PATH what is mounted on PATH is mounted again with OPTIONS
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "util.h"

/* Not one of control groups: without it, more can be mounted. */
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)

static int failed(const char *what)
{
	printf("%s%s%s\n", what, *what ? ": " : "", strerrorname_np(errno) ?: "unknown");
	return 1;
}

/* @given: a folder of the host's that is taken along, as "at"; or NULL. */
static int enter(const char *given)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/mnt", "tmpfs", 0, NULL) < 0 || chdir("/mnt") < 0 ||
	    mkdir("old", 0700) < 0 || mkdir("at", 0700) < 0)
		return failed("preparing");
	if (given && mount(given, "at", NULL, MS_BIND, NULL) < 0)
		return failed("taking it along");
	if (syscall(SYS_pivot_root, ".", "old") < 0)
		return failed("pivot_root");
	if (chdir("/") < 0 || umount2("/old", MNT_DETACH) < 0)
		return failed("leaving the host's files");
	return 0;
}

static int set_option(int fs, char *option)
{
	char *value = strchr(option, '=');

	if (!value)
		return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, option, NULL, 0);
	*value++ = '\0';
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, option, value, 0);
}

static int make_new(const char *type, char *options)
{
	int fs = (int)syscall(SYS_fsopen, type, 0);

	if (fs < 0)
		return -1;
	for (char *save = NULL, *option = options ? strtok_r(options, ",", &save) : NULL; option;
	     option = strtok_r(NULL, ",", &save))
		if (set_option(fs, option) < 0)
			return -1;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, fs, 0, 0);
}

static int again(const char *type, const char *options)
{
	if (mount("none", "/at", type, MS_REMOUNT, options) < 0)
		return failed("mount");
	puts("ok");
	return 0;
}

static int try(const char *way, const char *type, char *options, const char *path)
{
	int folder;

	if (streq(options, "-"))
		options = NULL;
	if (streq(way, "again"))
		return again(type, options);
	if (streq(way, "new"))
		folder = make_new(type, options);
	else if (mount("none", "/at", type, 0, options) < 0)
		folder = -1;
	else
		folder = open("/at", O_PATH | O_CLOEXEC);
	if (folder < 0)
		return failed("mount");
	if (streq(way, "give") &&
	    (fchmodat(folder, path, 0666, 0) < 0 || fchownat(folder, path, 1, -1, 0) < 0))
		return failed("give");
	if (!streq(path, ".") && openat(folder, path, O_WRONLY | O_CLOEXEC) < 0)
		return failed("");
	puts("ok");
	return 0;
}

int main(int argc, char **argv)
{
	int status = 1;

	if (argc != 5) {
		fprintf(stderr, "gate-outsider: see the head of its source\n");
		return 2;
	}
	if (unshare(NAMESPACES) < 0)
		return failed("unshare");
	if (fork() == 0) {
		status = enter(streq(argv[1], "again") ? argv[4] : NULL) ||
			 try(argv[1], argv[2], argv[3], argv[4]);
		fflush(stdout);
		_exit(status);
	}
	return wait(&status) < 0 || status ? 1 : 0;
}
