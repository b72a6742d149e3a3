// SPDX-License-Identifier: LGPL-2.1-or-later
#include "oom.h"

#define OWN_PREFIX "0::" /* cgroup v2 in /proc/PID/cgroup, see cgroups(7) */

int cgroup_own(char ret[static CGROUP_PATH_MAX])
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/cgroup", "re");
	char line[CGROUP_PATH_MAX + 64];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		const char *path = line + strlen(OWN_PREFIX);
		int n;

		if (strncmp(line, OWN_PREFIX, strlen(OWN_PREFIX)) != 0)
			continue;
		if (!strchr(path, '\n'))
			return -E2BIG;
		n = snprintf(ret, CGROUP_PATH_MAX, CGROUP_ROOT "%.*s", (int)strcspn(path, "\n"),
			     path);
		return n < CGROUP_PATH_MAX ? 0 : -E2BIG;
	}
	return -ENOENT;
}

int oom_kills(const char *folder, uint64_t *ret)
{
	char path[CGROUP_PATH_MAX + 32], line[128];
	_cleanup_fclose_ FILE *file = NULL;
	unsigned long long n;

	snprintf(path, sizeof(path), "%s/memory.events", folder);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "oom_kill %llu", &n) == 1) {
			*ret = n;
			return 0;
		}
	return -ENOENT;
}
