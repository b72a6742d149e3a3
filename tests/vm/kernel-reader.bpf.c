// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program on network packets that reads the kernel's memory, in the ways that there are:
 * READ_HELPER (bpf_probe_read_kernel()), READ_CAST (bpf_rdonly_cast() to a struct), READ_PLAIN (the
 * same to nothing), READ_CONTEXT (bpf_cast_to_kern_ctx()). With READ_TRACING there is a tracing
 * program besides.
 */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct task_struct {
	int prio;
} __attribute__((preserve_access_index));

struct xdp_buff {
	void *data;
} __attribute__((preserve_access_index));

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
extern void *bpf_cast_to_kern_ctx(void *obj) __ksym __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

static __u64 kernel_memory(struct xdp_md *ctx)
{
	void *address __attribute__((unused)) = (void *)0xffffffff81000000;
	__u64 value = 0;

#if defined(READ_HELPER)
	bpf_probe_read_kernel(&value, sizeof(value), address);
#elif defined(READ_CAST)
	struct task_struct *task =
		bpf_rdonly_cast(address, bpf_core_type_id_kernel(struct task_struct));

	value = (__u64)task->prio;
#elif defined(READ_PLAIN)
	value = *(volatile __u64 *)bpf_rdonly_cast(address, 0);
#elif defined(READ_CONTEXT)
	struct xdp_buff *buff = bpf_cast_to_kern_ctx(ctx);

	value = (__u64)buff->data;
#endif
	return value;
}

SEC("xdp")
int reader(struct xdp_md *ctx)
{
	__u64 value = kernel_memory(ctx);
	__u32 zero = 0;

	bpf_map_update_elem(&seen, &zero, &value, BPF_ANY);
	return XDP_PASS;
}

#ifdef READ_TRACING
SEC("raw_tp/sched_process_exec")
int tracer(void *ctx)
{
	return 0;
}
#endif
