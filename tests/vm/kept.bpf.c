// SPDX-License-Identifier: GPL-2.0-only
/* A map of 8 MiB, of the kind that KEPT names, and a program that hardly touches it. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define SIZE (8 << 20)

struct value {
	char bytes[1024];
};

struct {
#if defined(KEPT_array)
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SIZE / 1024);
	__type(key, __u32);
	__type(value, struct value);
#elif defined(KEPT_hash)
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SIZE / 1024);
	__type(key, __u32);
	__type(value, struct value);
#elif defined(KEPT_grow)
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SIZE / 1024);
	__type(key, __u32);
	__type(value, struct value);
#elif defined(KEPT_ring)
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SIZE);
#endif
} kept SEC(".maps");

SEC("tp_btf/sched_process_exec")
int keep(void *ctx)
{
#if defined(KEPT_ring)
	return bpf_ringbuf_query(&kept, BPF_RB_AVAIL_DATA) > SIZE;
#else
	__u32 zero = 0;

	return !bpf_map_lookup_elem(&kept, &zero);
#endif
}
