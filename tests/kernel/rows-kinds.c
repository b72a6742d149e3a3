// SPDX-License-Identifier: LGPL-2.1-or-later
/* A signature on programs of other types than SYSCALL. */

#include <bpf/btf.h>

#include "kernel.h"
#include "keys.h"
#include "row.h"

static const struct kind {
	const char *name;
	uint32_t type, attach_type, flags;
	/* What it attaches to, in the kernel's BTF. */
	const char *target;
} kinds[] = {
	{"syscall", BPF_PROG_TYPE_SYSCALL, 0, BPF_F_SLEEPABLE, NULL},
	{"syscall-not-sleepable", BPF_PROG_TYPE_SYSCALL, 0, 0, NULL},
	{"socket-filter", BPF_PROG_TYPE_SOCKET_FILTER, 0, 0, NULL},
	{"socket-filter-sleepable", BPF_PROG_TYPE_SOCKET_FILTER, 0, BPF_F_SLEEPABLE, NULL},
	{"kprobe", BPF_PROG_TYPE_KPROBE, 0, 0, NULL},
	{"kprobe-sleepable", BPF_PROG_TYPE_KPROBE, 0, BPF_F_SLEEPABLE, NULL},
	{"tracepoint", BPF_PROG_TYPE_TRACEPOINT, 0, 0, NULL},
	{"raw-tracepoint", BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, NULL},
	{"perf-event", BPF_PROG_TYPE_PERF_EVENT, 0, 0, NULL},
	{"xdp", BPF_PROG_TYPE_XDP, 0, 0, NULL},
	{"sched-cls", BPF_PROG_TYPE_SCHED_CLS, 0, 0, NULL},
	{"cgroup-skb", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, 0, NULL},
	{"sk-lookup", BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, 0, NULL},
	{"fentry", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, 0, "vfs_open"},
	{"lsm", BPF_PROG_TYPE_LSM, BPF_LSM_MAC, 0, "bpf_lsm_file_open"},
	{"lsm-sleepable", BPF_PROG_TYPE_LSM, BPF_LSM_MAC, BPF_F_SLEEPABLE, "bpf_lsm_file_open"},
	{"iterator", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 0, "bpf_iter_task"},
};

static void try(const struct kind *kind, const char *how, const char *expected,
		const struct btf *btf, bool do_sign, bool bind, bool reject)
{
	_cleanup_request_ struct request q = {};
	struct map map = {.fd = -1};
	char name[64];

	request_init(&q, RETURN_0);
	if (bind) {
		map_make(&map, RETURN_0, 8, 1);
		request_bind(&q, &map);
	}
	if (do_sign)
		request_sign(&q);
	if (reject)
		q.signature.data[q.signature.size - 1] ^= 1;
	q.attr.prog_type = kind->type;
	q.attr.expected_attach_type = kind->attach_type;
	q.attr.prog_flags = kind->flags;
	if (kind->target)
		q.attr.attach_btf_id =
			(uint32_t)btf__find_by_name_kind(btf, kind->target, BTF_KIND_FUNC);
	snprintf(name, sizeof(name), "kind/%s-%s", kind->name, how);
	row_load(name, expected, &q);
	map_drop(&map);
}

void rows_kinds(void)
{
	struct btf *btf = btf__load_vmlinux_btf();

	must("BTF of vmlinux", btf ? 0 : -ENOENT);
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		try(&kinds[i], "unsigned", NULL, btf, false, false, false);
		try(&kinds[i], "signed", NULL, btf, true, false, false);
		try(&kinds[i], "signed-with-map", NULL, btf, true, true, false);
		try(&kinds[i], "rejected", NULL, btf, true, false, true);
	}
	btf__free(btf);
}
