/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What helpers write to: read in their prototypes, struct bpf_func_proto, in the kernel. */
#include "effect-context.h"

#define R(n) (1u << (n))

/* What is in a register behind a helper's last argument counts as well, so that those belong here,
 * too, which take none. */
static const struct {
	int32_t helper;
	uint8_t writes;
} helpers[] = {
	{BPF_FUNC_map_lookup_elem, 0},
	{BPF_FUNC_map_update_elem, 0},
	{BPF_FUNC_map_delete_elem, 0},
	{BPF_FUNC_probe_read, R(1)},
	{BPF_FUNC_ktime_get_ns, 0},
	{BPF_FUNC_trace_printk, 0},
	{BPF_FUNC_get_prandom_u32, 0},
	{BPF_FUNC_get_smp_processor_id, 0},
	{BPF_FUNC_get_current_pid_tgid, 0},
	{BPF_FUNC_get_current_uid_gid, 0},
	{BPF_FUNC_get_current_comm, R(1)},
	{BPF_FUNC_perf_event_output, 0},
	{BPF_FUNC_get_stackid, 0},
	{BPF_FUNC_get_current_task, 0},
	{BPF_FUNC_current_task_under_cgroup, 0},
	{BPF_FUNC_get_numa_node_id, 0},
	{BPF_FUNC_probe_read_str, R(1)},
	{BPF_FUNC_perf_event_read_value, R(3)},
	{BPF_FUNC_perf_prog_read_value, R(2)},
	{BPF_FUNC_override_return, 0},
	{BPF_FUNC_get_stack, R(2)},
	{BPF_FUNC_get_current_cgroup_id, 0},
	{BPF_FUNC_map_push_elem, 0},
	{BPF_FUNC_map_pop_elem, R(2)},
	{BPF_FUNC_map_peek_elem, R(2)},
	{BPF_FUNC_send_signal, 0},
	{BPF_FUNC_probe_read_user, R(1)},
	{BPF_FUNC_probe_read_kernel, R(1)},
	{BPF_FUNC_probe_read_user_str, R(1)},
	{BPF_FUNC_probe_read_kernel_str, R(1)},
	{BPF_FUNC_send_signal_thread, 0},
	{BPF_FUNC_jiffies64, 0},
	{BPF_FUNC_read_branch_records, R(2)},
	{BPF_FUNC_get_ns_current_pid_tgid, R(3)},
	{BPF_FUNC_get_current_ancestor_cgroup_id, 0},
	{BPF_FUNC_ktime_get_boot_ns, 0},
	{BPF_FUNC_seq_printf, 0},
	{BPF_FUNC_seq_write, 0},
	{BPF_FUNC_ringbuf_output, 0},
	{BPF_FUNC_ringbuf_reserve, 0},
	{BPF_FUNC_ringbuf_submit, 0},
	{BPF_FUNC_ringbuf_discard, 0},
	{BPF_FUNC_ringbuf_query, 0},
	{BPF_FUNC_get_task_stack, R(2)},
	{BPF_FUNC_d_path, R(2)},
	{BPF_FUNC_copy_from_user, R(1)},
	{BPF_FUNC_snprintf_btf, R(1)},
	{BPF_FUNC_get_current_task_btf, 0},
	{BPF_FUNC_ktime_get_coarse_ns, 0},
	{BPF_FUNC_for_each_map_elem, 0},
	{BPF_FUNC_snprintf, R(1)},
	{BPF_FUNC_get_func_ip, 0},
	{BPF_FUNC_get_attach_cookie, 0},
	{BPF_FUNC_task_pt_regs, 0},
	{BPF_FUNC_get_branch_snapshot, R(1)},
	{BPF_FUNC_trace_vprintk, 0},
	{BPF_FUNC_loop, 0},
	{BPF_FUNC_strncmp, 0},
	{BPF_FUNC_get_func_arg, R(3)},
	{BPF_FUNC_get_func_ret, R(2)},
	{BPF_FUNC_get_func_arg_cnt, 0},
	{BPF_FUNC_copy_from_user_task, R(1)},
	{BPF_FUNC_ktime_get_tai_ns, 0},
};

uint8_t helper_writes(int32_t helper)
{
	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++)
		if (helpers[i].helper == helper)
			return helpers[i].writes;
	return R(1) | R(2) | R(3) | R(4) | R(5);
}
