/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers the hooks of bpf(2) for one process as rows-hooks.c wants it. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "hooks.h"

struct hook_answers answers;

/* @ret: what other programs on the same hook have said. */
static int answer(int mine, int ret)
{
	return answers.watched == bpf_get_current_pid_tgid() >> 32 ? mine : ret;
}

SEC("fmod_ret/security_bpf")
int BPF_PROG(on_bpf, int cmd, union bpf_attr *attr, unsigned int size, _Bool kernel, int ret)
{
	return answer(answers.bpf, ret);
}

SEC("fmod_ret/security_bpf_map_create")
int BPF_PROG(on_map_create, void *map, union bpf_attr *attr, void *token, _Bool kernel, int ret)
{
	return answer(answers.map_create, ret);
}

SEC("fmod_ret/security_bpf_prog_load")
int BPF_PROG(on_prog_load, void *prog, union bpf_attr *attr, void *token, _Bool kernel, int ret)
{
	return answer(answers.prog_load, ret);
}

char LICENSE[] SEC("license") = "GPL";
