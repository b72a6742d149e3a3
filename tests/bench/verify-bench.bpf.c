/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's verification of a PKCS#7 signature, without loading a program: what of the cost of a
 * signed load has nothing to do with BPF. For verify-bench.c.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "verify-bench.h"

/* Complete: libbpf compares kinds with the kernel's. */
struct bpf_key {
	void *key;
};

extern struct bpf_key *bpf_lookup_user_key(__s32 serial, __u64 flags) __ksym;
extern void bpf_key_put(struct bpf_key *key) __ksym;
extern int bpf_verify_pkcs7_signature(struct bpf_dynptr *data, struct bpf_dynptr *signature,
				      struct bpf_key *keyring) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct to_verify);
} to_verify SEC(".maps");

SEC("syscall")
int verify(void *context)
{
	struct bpf_dynptr data, signature;
	struct bpf_key *keyring;
	struct to_verify *v;
	__u32 zero = 0, size, signature_size;
	__u64 start;

	v = bpf_map_lookup_elem(&to_verify, &zero);
	if (!v)
		return 1;
	v->result = 1;
	/* Read once: the verifier must see that what is compared is what is used. */
	size = *(volatile __u32 *)&v->size;
	signature_size = *(volatile __u32 *)&v->signature_size;
	if (size > sizeof(v->data) || signature_size > sizeof(v->signature))
		return 1;
	if (bpf_dynptr_from_mem(v->data, size, 0, &data) ||
	    bpf_dynptr_from_mem(v->signature, signature_size, 0, &signature))
		return 1;
	keyring = bpf_lookup_user_key(v->keyring, 0);
	if (!keyring)
		return 1;
	start = bpf_ktime_get_ns();
	v->result = bpf_verify_pkcs7_signature(&data, &signature, keyring);
	v->nanoseconds = bpf_ktime_get_ns() - start;
	bpf_key_put(keyring);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
