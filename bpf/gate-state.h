/* SPDX-License-Identifier: GPL-2.0-only */
/* A part of gate.bpf.c: its maps, and how something is refused. */
#pragma once

/* By the daemon it is mapped into its memory. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct gate_config);
} gate_config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct gate_task);
} gate_tasks SEC(".maps");

/* Programs (by their aux, which stays when the verifier moves the rest) and maps: addresses. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u32);
} gate_guarded SEC(".maps");

/* Links, by their ids: enum gate_owner. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} gate_links SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, _GATE_REASON_MAX);
	__type(key, __u32);
	__type(value, struct gate_count);
} gate_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_PROGRAMS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct gate_program);
	__type(value, __u64);
} gate_programs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} gate_events SEC(".maps");

static __always_inline struct gate_config *config_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&gate_config, &zero);
}

static __always_inline bool config_allows_init(__u32 type)
{
	struct gate_config *config = config_get();

	return config && type < 64 && config->init_types & 1ULL << type;
}

static __always_inline bool is_own_map(const struct bpf_map *map)
{
	__u64 address = (__u64)map;

	return address == (__u64)&gate_config || address == (__u64)&gate_tasks ||
	       address == (__u64)&gate_guarded || address == (__u64)&gate_links ||
	       address == (__u64)&gate_counts || address == (__u64)&gate_programs ||
	       address == (__u64)&gate_events;
}

static __always_inline void count_program(struct gate_config *config,
					  const struct gate_event *event)
{
	struct gate_program program = {
		.cgroup = event->cgroup,
		.reason = event->reason,
		.type = event->type,
		.uid = event->uid,
		.refused = event->refused,
	};
	__u64 *n, zero = 0;

	__builtin_memcpy(program.comm, event->comm, sizeof(program.comm));
	n = bpf_map_lookup_elem(&gate_programs, &program);
	if (!n) {
		bpf_map_update_elem(&gate_programs, &program, &zero, BPF_NOEXIST);
		n = bpf_map_lookup_elem(&gate_programs, &program);
	}
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		__sync_fetch_and_add(&config->unlisted, 1);
}

static __noinline int report(__u32 reason, bool refused, __u32 command, __u32 type)
{
	struct gate_count *count = bpf_map_lookup_elem(&gate_counts, &reason);
	struct gate_config *config = config_get();
	struct gate_event event = {
		.cgroup = bpf_get_current_cgroup_id(),
		.reason = reason,
		.refused = refused,
		.pid = (__u32)bpf_get_current_pid_tgid(),
		.tgid = bpf_get_current_pid_tgid() >> 32,
		.uid = (__u32)bpf_get_current_uid_gid(),
		.command = command,
		.type = type,
	};

	if (!config)
		return 0;
	if (count && refused)
		__sync_fetch_and_add(&count->refused, 1);
	else if (count)
		__sync_fetch_and_add(&count->would, 1);
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	count_program(config, &event);
	if (bpf_ringbuf_output(&gate_events, &event, sizeof(event), 0))
		__sync_fetch_and_add(&config->lost, 1);
	return 0;
}

/* What is against the rules: what becomes of it, as the mode says. */
static __noinline int verdict(__u32 reason, __u32 command, __u32 type)
{
	struct gate_config *config = config_get();

	if (!config)
		return -EPERM;
	if (config->mode == GATE_OFF)
		return 0;
	report(reason, config->mode == GATE_ENFORCE, command, type);
	return config->mode == GATE_ENFORCE ? -EPERM : 0;
}

/* The gate's own things are guarded in each mode, from when it is attached. */
static __noinline int verdict_own(__u32 reason, __u32 command)
{
	report(reason, true, command, 0);
	return -EPERM;
}
