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
	       address == (__u64)&gate_counts || address == (__u64)&gate_events;
}

static __always_inline void report(struct gate_config *config, __u32 reason, bool refused,
				   __u32 command, __u32 type)
{
	struct gate_count *count = bpf_map_lookup_elem(&gate_counts, &reason);
	struct gate_event *event;

	if (count && refused)
		__sync_fetch_and_add(&count->refused, 1);
	else if (count)
		__sync_fetch_and_add(&count->would, 1);
	event = bpf_ringbuf_reserve(&gate_events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&config->lost, 1);
		return;
	}
	event->reason = reason;
	event->refused = refused;
	event->pid = (__u32)bpf_get_current_pid_tgid();
	event->tgid = bpf_get_current_pid_tgid() >> 32;
	event->uid = (__u32)bpf_get_current_uid_gid();
	event->command = command;
	event->type = type;
	event->reserved = 0;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
}

/* What is against the rules: what becomes of it, as the mode says. */
static __noinline int verdict(__u32 reason, __u32 command, __u32 type)
{
	struct gate_config *config = config_get();

	if (!config)
		return -EPERM;
	if (config->mode == GATE_OFF)
		return 0;
	report(config, reason, config->mode == GATE_ENFORCE, command, type);
	return config->mode == GATE_ENFORCE ? -EPERM : 0;
}

/* The gate's own things are guarded in each mode, from when it is attached. */
static __noinline int verdict_own(__u32 reason, __u32 command)
{
	struct gate_config *config = config_get();

	if (config)
		report(config, reason, true, command, 0);
	return -EPERM;
}
