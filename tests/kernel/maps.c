// SPDX-License-Identifier: LGPL-2.1-or-later
/* Maps, and the BTF that some of them need. */

#include <bpf/btf.h>

#include "kernel.h"
#include "row.h"

#define KIND(label, id, key, value, entries, ...)                              \
	{                                                                      \
		.name = (label), .type = BPF_MAP_TYPE_##id, .key_size = (key), \
		.value_size = (value), .max_entries = (entries), __VA_ARGS__   \
	}

const struct map_kind map_kinds[] = {
	KIND("array", ARRAY, 4, 8, 1),
	KIND("hash", HASH, 4, 8, 1),
	KIND("percpu-array", PERCPU_ARRAY, 4, 8, 1),
	KIND("percpu-hash", PERCPU_HASH, 4, 8, 1),
	KIND("lru-hash", LRU_HASH, 4, 8, 1),
	KIND("lru-percpu-hash", LRU_PERCPU_HASH, 4, 8, 1),
	KIND("lpm-trie", LPM_TRIE, 8, 8, 1, .flags = BPF_F_NO_PREALLOC),
	KIND("prog-array", PROG_ARRAY, 4, 4, 1),
	KIND("perf-event-array", PERF_EVENT_ARRAY, 4, 4, 1),
	KIND("cgroup-array", CGROUP_ARRAY, 4, 4, 1),
	KIND("stack-trace", STACK_TRACE, 4, 8, 1),
	KIND("array-of-maps", ARRAY_OF_MAPS, 4, 4, 1, .outer = true),
	KIND("hash-of-maps", HASH_OF_MAPS, 4, 4, 1, .outer = true),
	KIND("devmap", DEVMAP, 4, 4, 1),
	KIND("devmap-hash", DEVMAP_HASH, 4, 4, 1),
	KIND("sockmap", SOCKMAP, 4, 4, 1),
	KIND("sockhash", SOCKHASH, 4, 4, 1),
	KIND("cpumap", CPUMAP, 4, 4, 1),
	KIND("xskmap", XSKMAP, 4, 4, 1),
	KIND("reuseport-sockarray", REUSEPORT_SOCKARRAY, 4, 8, 1),
	KIND("cgroup-storage", CGROUP_STORAGE, 8, 8, 0),
	KIND("percpu-cgroup-storage", PERCPU_CGROUP_STORAGE, 8, 8, 0),
	KIND("queue", QUEUE, 0, 8, 1),
	KIND("stack", STACK, 0, 8, 1),
	KIND("bloom-filter", BLOOM_FILTER, 0, 8, 1),
	KIND("ringbuf", RINGBUF, 0, 0, 4096),
	KIND("user-ringbuf", USER_RINGBUF, 0, 0, 4096),
	KIND("sk-storage", SK_STORAGE, 4, 8, 0, .flags = BPF_F_NO_PREALLOC, .btf = true),
	KIND("inode-storage", INODE_STORAGE, 4, 8, 0, .flags = BPF_F_NO_PREALLOC, .btf = true),
	KIND("task-storage", TASK_STORAGE, 4, 8, 0, .flags = BPF_F_NO_PREALLOC, .btf = true),
	KIND("cgrp-storage", CGRP_STORAGE, 4, 8, 0, .flags = BPF_F_NO_PREALLOC, .btf = true),
	/* a program may use it once its address is known: here is none that was ever used */
	KIND("arena", ARENA, 0, 0, 1, .flags = BPF_F_MMAPABLE, .extra = UINT64_C(1) << 44),
};
const unsigned n_map_kinds = ARRAY_SIZE(map_kinds);

int btf_make(void)
{
	struct btf *btf = btf__new_empty();
	union bpf_attr attr;
	const void *data;
	uint32_t size;
	int fd;

	if (!btf || btf__add_int(btf, "unsigned int", 4, 0) != 1 ||
	    btf__add_int(btf, "unsigned long", 8, 0) != 2 || btf__add_func_proto(btf, 1) != 3 ||
	    btf__add_func(btf, "entry", BTF_FUNC_GLOBAL, 3) != 4)
		must("BTF", -ENOMEM);
	data = btf__raw_data(btf, &size);
	memset(&attr, 0, sizeof(attr));
	attr.btf = ptr(data);
	attr.btf_size = size;
	fd = must("BPF_BTF_LOAD", sys_bpf(BPF_BTF_LOAD, &attr, ATTR_SIZE(btf_token_fd)));
	btf__free(btf);
	return fd;
}

void map_attr(const struct map_spec *spec, union bpf_attr *attr)
{
	const struct map_kind *kind = spec->kind ?: &map_kinds[0];

	memset(attr, 0, sizeof(*attr));
	attr->map_type = kind->type;
	attr->key_size = kind->key_size;
	attr->value_size = spec->value_size ?: kind->value_size;
	attr->max_entries = spec->max_entries ?: kind->max_entries;
	attr->map_flags = kind->flags | spec->flags;
	attr->map_extra = kind->extra;
	if (spec->digest) {
		attr->excl_prog_hash = ptr(spec->digest);
		attr->excl_prog_hash_size = 32;
	}
}

int map_create(const struct map_spec *spec)
{
	const struct map_kind *kind = spec->kind ?: &map_kinds[0];
	_cleanup_close_ int btf_fd = -1, inner_fd = -1;
	union bpf_attr attr;

	map_attr(spec, &attr);
	if (kind->btf) {
		btf_fd = btf_make();
		attr.btf_fd = (uint32_t)btf_fd;
		attr.btf_key_type_id = 1;
		attr.btf_value_type_id = 2;
	}
	if (spec->inner_fd > 0) {
		attr.inner_map_fd = (uint32_t)spec->inner_fd;
	} else if (kind->outer) {
		inner_fd = must("inner map", map_create(&(struct map_spec){}));
		attr.inner_map_fd = (uint32_t)inner_fd;
	}
	return sys_bpf(BPF_MAP_CREATE, &attr,
		       spec->digest ? ATTR_SIZE(excl_prog_hash_size) : ATTR_SIZE(map_extra));
}

int map_update(int fd, uint32_t key, const void *value)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = ptr(&key);
	attr.value = ptr(value);
	return sys_bpf(BPF_MAP_UPDATE_ELEM, &attr, ATTR_SIZE(flags));
}

int map_lookup(int fd, uint32_t key, void *value)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = ptr(&key);
	attr.value = ptr(value);
	return sys_bpf(BPF_MAP_LOOKUP_ELEM, &attr, ATTR_SIZE(flags));
}

int map_freeze(int fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	return sys_bpf(BPF_MAP_FREEZE, &attr, ATTR_SIZE(map_fd));
}

uint32_t map_id(int fd)
{
	struct bpf_map_info info;
	union bpf_attr attr;

	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = offsetof(struct bpf_map_info, name);
	attr.info.info = ptr(&info);
	must("the map's id", sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, ATTR_SIZE(info)));
	return info.id;
}

void map_make_open(struct map *map, const struct map_spec *spec, uint8_t seed)
{
	map->size = spec->value_size;
	map->content = malloc(map->size);
	if (!map->content)
		must("memory", -ENOMEM);
	for (uint32_t i = 0; i < map->size; i++)
		map->content[i] = (uint8_t)(seed + i * 7 + (i >> 8));
	map->fd = must("exclusive map", map_create(spec));
	for (uint32_t i = 0; i < (spec->max_entries ?: 1); i++)
		must("map's content", map_update(map->fd, i, map->content));
}

void map_make(struct map *map, struct code code, uint32_t size, uint8_t seed)
{
	uint8_t digest[32];

	program_digest(code, digest);
	map_make_open(map, &(struct map_spec){.value_size = size, .digest = digest}, seed);
	must("BPF_MAP_FREEZE", map_freeze(map->fd));
}

void map_drop(struct map *map)
{
	if (!map->content) /* never made */
		return;
	map->fd = safe_close(map->fd);
	free(map->content);
	map->content = NULL;
}
