// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What system calls cost that the gate looks at: gate-cost FOLDER prints a line for each, its name
 * and the nanoseconds that the fastest of some rounds took for one call. Of no use but beside the
 * same without a gate.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

#define ROUNDS 12
#define CALLS  400

static char file[PATH_MAX], other[PATH_MAX];

static void open_it(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		exit(1);
	close(fd);
}

static void open_read(void)
{
	open_it(file, O_RDONLY);
}

static void open_write(void)
{
	open_it(file, O_WRONLY);
}

static void open_proc(void)
{
	open_it("/proc/self/oom_score_adj", O_WRONLY);
}

static void truncate_it(void)
{
	open_it(file, O_WRONLY | O_CREAT | O_TRUNC);
}

static void create_remove(void)
{
	open_it(other, O_WRONLY | O_CREAT | O_EXCL);
	if (unlink(other) < 0)
		exit(1);
}

static void change_mode(void)
{
	if (chmod(file, 0600) < 0)
		exit(1);
}

static long nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

static long fastest(void (*call)(void))
{
	long best = LONG_MAX;

	for (unsigned round = 0; round < ROUNDS; round++) {
		long start = nanoseconds(), took;

		for (unsigned i = 0; i < CALLS; i++)
			call();
		took = (nanoseconds() - start) / CALLS;
		if (took < best)
			best = took;
	}
	return best;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*call)(void);
	} calls[] = {
		{"open-read", open_read},	  {"open-write", open_write},
		{"open-write-proc", open_proc},	  {"open-truncate", truncate_it},
		{"create-remove", create_remove}, {"chmod", change_mode},
	};

	if (argc != 2)
		return 2;
	snprintf(file, sizeof(file), "%s/file", argv[1]);
	snprintf(other, sizeof(other), "%s/other", argv[1]);
	open_it(file, O_WRONLY | O_CREAT);
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
		printf("%s %ld\n", calls[i].name, fastest(calls[i].call));
	return 0;
}
