/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a load takes, for limits: map memory as the kernel counts it (fdinfo "memlock", which is
 * what the map really takes since Linux 6.4), instructions as it keeps them. Maps that are not
 * allocated in advance (BPF_F_NO_PREALLOC, tries) would pass every limit while they are empty, so
 * they count as if they were full. Storage of tasks, inodes, sockets and cgroups has no bound.
 */
#include "measure.h"

#include <bpf/libbpf.h>
#include <inttypes.h>

#include "sys-bpf.h"

/* What the kernel has for an element beside key and value, with something to spare
 * (struct htab_elem, struct lpm_trie_node, the allocator's list). */
#define ELEMENT_OVERHEAD 96u

static uint64_t round_up(uint64_t value)
{
	return (value + 7) & ~UINT64_C(7);
}

static bool is_per_cpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static bool is_unbounded(uint32_t type)
{
	return type == BPF_MAP_TYPE_SK_STORAGE || type == BPF_MAP_TYPE_INODE_STORAGE ||
	       type == BPF_MAP_TYPE_TASK_STORAGE || type == BPF_MAP_TYPE_CGRP_STORAGE;
}

static uint64_t cap(uint64_t bytes)
{
	return bytes > USAGE_MAX ? USAGE_UNKNOWN : bytes;
}

uint64_t measure_map(const struct bpf_map_info *info, uint64_t memlock, unsigned n_cpus)
{
	uint64_t value = round_up(info->value_size), full;

	if (is_unbounded(info->type))
		return USAGE_UNKNOWN;
	if (!(info->map_flags & BPF_F_NO_PREALLOC) && info->type != BPF_MAP_TYPE_LPM_TRIE)
		return cap(memlock);
	if (is_per_cpu(info->type) && __builtin_mul_overflow(value, n_cpus, &value))
		return USAGE_UNKNOWN;
	full = value + round_up(info->key_size) + ELEMENT_OVERHEAD;
	/* a trie has up to one node between others for each element */
	if (info->type == BPF_MAP_TYPE_LPM_TRIE)
		full *= 2;
	if (__builtin_mul_overflow(full, (uint64_t)info->max_entries, &full))
		return USAGE_UNKNOWN;
	return cap(full > memlock ? full : memlock);
}

int measure_read_memlock(FILE *file, uint64_t *ret)
{
	char line[256];

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %" SCNu64, ret) == 1)
			return 0;
	return -ENODATA;
}

static int read_memlock(int fd, uint64_t *ret)
{
	char path[sizeof("/proc/self/fdinfo/") + 3 * sizeof(int)];
	_cleanup_fclose_ FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	return file ? measure_read_memlock(file, ret) : -errno;
}

static uint64_t measure_map_fd(int fd)
{
	int n_cpus = libbpf_num_possible_cpus();
	struct bpf_map_info info;
	uint64_t memlock;

	memset(&info, 0, sizeof(info));
	if (n_cpus < 1 || sys_bpf_info(fd, &info, sizeof(info)) < 0 ||
	    read_memlock(fd, &memlock) < 0)
		return USAGE_UNKNOWN;
	return measure_map(&info, memlock, (unsigned)n_cpus);
}

/* The kernel shows the size to those with CAP_BPF, and 0 to others. */
static uint64_t measure_program_fd(int fd)
{
	struct bpf_prog_info info;

	memset(&info, 0, sizeof(info));
	if (sys_bpf_info(fd, &info, sizeof(info)) < 0 || info.xlated_prog_len == 0)
		return USAGE_UNKNOWN;
	return info.xlated_prog_len / sizeof(struct bpf_insn);
}

static void add(uint64_t *sum, uint64_t value)
{
	if (*sum == USAGE_UNKNOWN || value == USAGE_UNKNOWN)
		*sum = USAGE_UNKNOWN;
	else
		*sum = cap(*sum + value);
}

void measure(const struct loaded *loaded, struct usage *ret)
{
	*ret = (struct usage){};
	for (unsigned i = 0; i < loaded->n_programs; i++)
		add(&ret->instructions, measure_program_fd(loaded->programs[i]));
	for (unsigned i = 0; i < loaded->n_maps; i++)
		add(&ret->map_memory, measure_map_fd(loaded->maps[i]));
}
