// SPDX-License-Identifier: GPL-2.0-only
/* A payload with a data section, whose map is named after the object file and not the bundle. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

__u64 execs;

SEC("tp_btf/sched_process_exec")
int count_execs(void *ctx)
{
	__sync_fetch_and_add(&execs, 1);
	return 0;
}
