/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an LSM program sees of each program that one process loads. It allows everything. For
 * rows-lsm.c.
 */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "sig-lsm.h"

/* Only what is looked at; where it is in the running kernel is looked up when this is loaded. */
struct bpf_signature_state {
	__s32 keyring_serial;
	__u8 keyring_type;
	__u8 verdict;
} __attribute__((preserve_access_index));

struct bpf_prog_aux {
	struct bpf_signature_state sig;
} __attribute__((preserve_access_index));

struct bpf_prog {
	enum bpf_prog_type type;
	struct bpf_prog_aux *aux;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

volatile const __u32 watched;

SEC("lsm/bpf_prog_load")
int BPF_PROG(on_load, struct bpf_prog *prog, union bpf_attr *attr, void *token, _Bool kernel)
{
	struct seen_load *load;
	struct seen *s;
	__u32 key = 0;

	if (bpf_get_current_pid_tgid() >> 32 != watched)
		return 0;
	s = bpf_map_lookup_elem(&seen, &key);
	if (!s || s->n >= SEEN_MAX)
		return 0;
	load = &s->loads[s->n & (SEEN_MAX - 1)];
	s->n++;
	load->kernel = kernel;
	load->has_signature = attr->signature != 0;
	load->signature_size = attr->signature_size;
	load->keyring_id = attr->keyring_id;
	load->prog_type = BPF_CORE_READ(prog, type);
	load->has_state = bpf_core_field_exists(struct bpf_prog_aux, sig);
	if (load->has_state) {
		load->serial = BPF_CORE_READ(prog, aux, sig.keyring_serial);
		load->type = BPF_CORE_READ(prog, aux, sig.keyring_type);
		load->verdict = BPF_CORE_READ(prog, aux, sig.verdict);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
