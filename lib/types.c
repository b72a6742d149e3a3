/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tables that connect libbpf's and the kernel's vocabulary with ours: program types, map
 * types, attach types, ELF section names.
 */
#include "target.h"

static const struct {
	enum bpf_prog_type type;
	const char *name;
	unsigned kinds; /* bits of enum target_kind */
} program_types[] = {
	{BPF_PROG_TYPE_TRACEPOINT, "tracepoint", 1u << TARGET_TRACEPOINT},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, "raw_tracepoint", 1u << TARGET_RAW_TP},
	{BPF_PROG_TYPE_TRACING, "tracing",
	 1u << TARGET_TP_BTF | 1u << TARGET_FENTRY | 1u << TARGET_FEXIT | 1u << TARGET_ITER},
	{BPF_PROG_TYPE_KPROBE, "kprobe",
	 1u << TARGET_KPROBE | 1u << TARGET_KRETPROBE | 1u << TARGET_UPROBE |
		 1u << TARGET_URETPROBE},
	{BPF_PROG_TYPE_PERF_EVENT, "perf_event", 1u << TARGET_PERF_EVENT},
	{BPF_PROG_TYPE_XDP, "xdp", 1u << TARGET_XDP},
	{BPF_PROG_TYPE_SCHED_CLS, "sched_cls", 1u << TARGET_TCX},
	{BPF_PROG_TYPE_CGROUP_SKB, "cgroup_skb", 1u << TARGET_CGROUP},
	{BPF_PROG_TYPE_CGROUP_SOCK, "cgroup_sock", 1u << TARGET_CGROUP},
	{BPF_PROG_TYPE_CGROUP_DEVICE, "cgroup_device", 1u << TARGET_CGROUP},
	{BPF_PROG_TYPE_LSM, "lsm", 1u << TARGET_LSM},
};

const char *program_type_name(enum bpf_prog_type type)
{
	for (size_t i = 0; i < ARRAY_SIZE(program_types); i++)
		if (program_types[i].type == type)
			return program_types[i].name;
	return NULL;
}

int program_type_from_name(const char *name, enum bpf_prog_type *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(program_types); i++) {
		if (streq(program_types[i].name, name)) {
			*ret = program_types[i].type;
			return 0;
		}
	}
	return -EOPNOTSUPP;
}

bool program_type_fits(enum bpf_prog_type type, enum target_kind kind)
{
	if ((unsigned)kind >= _TARGET_KIND_MAX)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(program_types); i++)
		if (program_types[i].type == type)
			return program_types[i].kinds >> kind & 1;
	return false;
}

/* Hooks of kinds that have more than one: the attach type, and the program type it takes. */
static const struct {
	enum target_kind kind;
	const char *hook;
	enum bpf_attach_type attach;
	enum bpf_prog_type type;
} hooks[] = {
	{TARGET_TCX, "ingress", BPF_TCX_INGRESS, BPF_PROG_TYPE_SCHED_CLS},
	{TARGET_TCX, "egress", BPF_TCX_EGRESS, BPF_PROG_TYPE_SCHED_CLS},
	{TARGET_CGROUP, "ingress", BPF_CGROUP_INET_INGRESS, BPF_PROG_TYPE_CGROUP_SKB},
	{TARGET_CGROUP, "egress", BPF_CGROUP_INET_EGRESS, BPF_PROG_TYPE_CGROUP_SKB},
	{TARGET_CGROUP, "sock_create", BPF_CGROUP_INET_SOCK_CREATE, BPF_PROG_TYPE_CGROUP_SOCK},
	{TARGET_CGROUP, "sock_release", BPF_CGROUP_INET_SOCK_RELEASE, BPF_PROG_TYPE_CGROUP_SOCK},
	{TARGET_CGROUP, "device", BPF_CGROUP_DEVICE, BPF_PROG_TYPE_CGROUP_DEVICE},
};

bool target_hook_valid(enum target_kind kind, const char *hook)
{
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
		if (hooks[i].kind == kind && streq(hooks[i].hook, hook))
			return true;
	return false;
}

bool program_type_fits_target(enum bpf_prog_type type, const struct target *target)
{
	if (!program_type_fits(type, target->kind))
		return false;
	if (!target->hook)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
		if (hooks[i].kind == target->kind && streq(hooks[i].hook, target->hook))
			return hooks[i].type == type;
	return false;
}

int target_attach_type(const struct target *target, enum bpf_attach_type *ret)
{
	switch (target->kind) {
	case TARGET_TP_BTF:
		*ret = BPF_TRACE_RAW_TP;
		return 0;
	case TARGET_FENTRY:
		*ret = BPF_TRACE_FENTRY;
		return 0;
	case TARGET_FEXIT:
		*ret = BPF_TRACE_FEXIT;
		return 0;
	case TARGET_ITER:
		*ret = BPF_TRACE_ITER;
		return 0;
	case TARGET_LSM:
		*ret = BPF_LSM_MAC;
		return 0;
	case TARGET_XDP:
		*ret = BPF_XDP;
		return 0;
	default:
		break;
	}

	for (size_t i = 0; target->hook && i < ARRAY_SIZE(hooks); i++) {
		if (hooks[i].kind == target->kind && streq(hooks[i].hook, target->hook)) {
			*ret = hooks[i].attach;
			return 0;
		}
	}
	return -EOPNOTSUPP;
}

bool program_type_fits_attach(enum bpf_prog_type type, enum bpf_attach_type attach)
{
	bool bound = false;

	for (enum target_kind kind = 0; kind < _TARGET_KIND_MAX; kind++) {
		enum bpf_attach_type fits;

		if (!target_kind_is_baked(kind) || !program_type_fits(type, kind))
			continue;
		bound = true;
		if (target_attach_type(&(struct target){.kind = kind}, &fits) == 0 &&
		    fits == attach)
			return true;
	}
	return !bound;
}

static const struct {
	enum bpf_map_type type;
	const char *name;
} map_types[] = {
	{BPF_MAP_TYPE_HASH, "hash"},
	{BPF_MAP_TYPE_ARRAY, "array"},
	{BPF_MAP_TYPE_PERCPU_HASH, "percpu_hash"},
	{BPF_MAP_TYPE_PERCPU_ARRAY, "percpu_array"},
	{BPF_MAP_TYPE_STACK_TRACE, "stack_trace"},
	{BPF_MAP_TYPE_LRU_HASH, "lru_hash"},
	{BPF_MAP_TYPE_LRU_PERCPU_HASH, "lru_percpu_hash"},
	{BPF_MAP_TYPE_LPM_TRIE, "lpm_trie"},
	{BPF_MAP_TYPE_QUEUE, "queue"},
	{BPF_MAP_TYPE_STACK, "stack"},
	{BPF_MAP_TYPE_SK_STORAGE, "sk_storage"},
	{BPF_MAP_TYPE_INODE_STORAGE, "inode_storage"},
	{BPF_MAP_TYPE_TASK_STORAGE, "task_storage"},
	{BPF_MAP_TYPE_CGRP_STORAGE, "cgrp_storage"},
	{BPF_MAP_TYPE_RINGBUF, "ringbuf"},
	{BPF_MAP_TYPE_USER_RINGBUF, "user_ringbuf"},
	{BPF_MAP_TYPE_BLOOM_FILTER, "bloom_filter"},
};

const char *map_type_name(enum bpf_map_type type)
{
	for (size_t i = 0; i < ARRAY_SIZE(map_types); i++)
		if (map_types[i].type == type)
			return map_types[i].name;
	return NULL;
}

int map_type_from_name(const char *name, enum bpf_map_type *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(map_types); i++) {
		if (streq(map_types[i].name, name)) {
			*ret = map_types[i].type;
			return 0;
		}
	}
	return -EOPNOTSUPP;
}
