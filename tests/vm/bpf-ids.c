/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpf-ids prog|map|link: ids of all such objects in the kernel, on one line, without those that
 * systemd loads for its own units. "bpftool list" says the same, but loads a program of its own
 * each time, which takes a good part of a second in an emulated guest.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "util.h"

static const struct kind {
	const char *name;
	int (*next)(__u32 start, __u32 *ret);
	int (*open)(__u32 id);
} kinds[] = {
	{"prog", bpf_prog_get_next_id, bpf_prog_get_fd_by_id},
	{"map", bpf_map_get_next_id, bpf_map_get_fd_by_id},
	{"link", bpf_link_get_next_id, bpf_link_get_fd_by_id},
};

static bool systemds_name(const char *name)
{
	static const char *const prefixes[] = {"sd_", "restrict_", "cgroup_hash"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* 1 or 0; a negative errno when nothing is known of it. */
static int is_systemds(const struct kind *kind, int fd)
{
	struct bpf_prog_info prog = {};
	struct bpf_map_info map = {};
	struct bpf_link_info link = {};
	__u32 size;
	int r;

	if (streq(kind->name, "prog")) {
		size = sizeof(prog);
		r = bpf_prog_get_info_by_fd(fd, &prog, &size);
		return r < 0 ? r : systemds_name(prog.name);
	}
	if (streq(kind->name, "map")) {
		size = sizeof(map);
		r = bpf_map_get_info_by_fd(fd, &map, &size);
		return r < 0 ? r : systemds_name(map.name);
	}
	size = sizeof(link);
	r = bpf_link_get_info_by_fd(fd, &link, &size);
	return r < 0 ? r
		     : link.type == BPF_LINK_TYPE_TRACING &&
			       link.tracing.attach_type == BPF_LSM_MAC;
}

static int list(const struct kind *kind)
{
	const char *space = "";
	__u32 id = 0;
	int r;

	while ((r = kind->next(id, &id)) == 0) {
		int fd = kind->open(id), theirs;

		if (fd == -ENOENT)
			continue; /* it has gone meanwhile */
		theirs = fd < 0 ? fd : is_systemds(kind, fd);
		if (fd >= 0)
			close(fd);
		if (theirs < 0) {
			fprintf(stderr, "bpf-ids: %s %u: %s\n", kind->name, id, strerror(-theirs));
			return 1;
		}
		if (!theirs) {
			printf("%s%u", space, id);
			space = " ";
		}
	}
	putchar('\n');
	return r == -ENOENT ? 0 : 1;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(kinds); i++)
		if (streq(argv[1], kinds[i].name))
			return list(&kinds[i]);
	fprintf(stderr, "usage: bpf-ids prog|map|link\n");
	return 2;
}
