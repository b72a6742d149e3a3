// SPDX-License-Identifier: GPL-2.0-only
/*
 * opencount: how many files each command opens. Counts at vfs_open(), where every open(2) whose
 * path was found comes by, those of io_uring and of the kernel itself included.
 *
 * vfs_open() has kept its name and its arguments from Linux 6.12 to 7.3; do_filp_open(), one step
 * before, has not.
 */

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct command {
	char comm[16];
};

struct opens {
	__u64 opens;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct command);
	__type(value, struct opens);
} commands SEC(".maps");

/* Opens by commands for which "commands" had no room. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct opens);
} uncounted SEC(".maps");

SEC("fentry/vfs_open")
int BPF_PROG(on_open)
{
	struct opens none = {}, *opens;
	struct command command = {};
	__u32 zero = 0;

	bpf_get_current_comm(command.comm, sizeof(command.comm));
	opens = bpf_map_lookup_elem(&commands, &command);
	if (!opens) {
		/* Another CPU may have been first, which is as good: look again. */
		bpf_map_update_elem(&commands, &command, &none, BPF_NOEXIST);
		opens = bpf_map_lookup_elem(&commands, &command);
	}
	if (!opens)
		opens = bpf_map_lookup_elem(&uncounted, &zero);
	if (opens)
		__sync_fetch_and_add(&opens->opens, 1);
	return 0;
}
