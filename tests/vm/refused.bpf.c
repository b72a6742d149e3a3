// SPDX-License-Identifier: GPL-2.0-only
/* A program that the verifier refuses, behind a map that has been made by then. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} small SEC(".maps");

SEC("tp_btf/sched_process_exec")
int refused(void *ctx)
{
	__u32 zero = 0;
	const volatile __u64 *value = bpf_map_lookup_elem(&small, &zero);

	return value ? (int)value[100] : 0;
}
