// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which types of program may schedule, and which inner maps the verifier tells apart. */
#include <bpf/libbpf.h>

#include "checks.h"

#define INNER(name, expected)                                  \
	{                                                      \
		name, expected, check_verify, 0, 0, 0, "inner" \
	}
static const struct check inner[] = {
	INNER("same", "ok"),
	INNER("same-hash", "ok"),
	INNER("other-index", "EINVAL"),
	INNER("same-index-twice", "EINVAL"),
	INNER("other-outer", "EINVAL"),
	INNER("value-of-inner-map-itself", "EINVAL"),
	INNER("map-itself-value-of-inner", "EINVAL"),
	INNER("outer-map", "EINVAL"),
	INNER("maybe-null", NULL),
};

/* A kernel may be built without a type. */
static void run(const struct check *check)
{
	check_verify(check);
	if (libbpf_probe_bpf_prog_type((enum bpf_prog_type)verify_type(), NULL) == 0)
		answer("skip: no such type of program in this kernel");
}

/* The interface is for all types; some of them cannot ask for the running task. */
#define TYPE(name)                                \
	{                                         \
		name, NULL, run, 0, 0, 0, "types" \
	}
static const struct check types[] = {
	TYPE("socket"),
	TYPE("xdp"),
	TYPE("tc"),
	TYPE("tcx"),
	TYPE("action"),
	TYPE("kprobe"),
	TYPE("kretprobe"),
	TYPE("kprobe-multi"),
	TYPE("uprobe"),
	TYPE("uprobe-sleepable"),
	TYPE("tracepoint"),
	TYPE("raw-tp"),
	TYPE("raw-tp-writable"),
	TYPE("tp-btf"),
	TYPE("perf-event"),
	TYPE("fentry"),
	TYPE("fentry-sleepable"),
	TYPE("fexit"),
	TYPE("fmod-ret"),
	TYPE("lsm"),
	TYPE("lsm-sleepable"),
	TYPE("lsm-cgroup"),
	TYPE("iter"),
	TYPE("iter-sleepable"),
	TYPE("syscall"),
	TYPE("cgroup-skb"),
	TYPE("cgroup-sock"),
	TYPE("cgroup-sock-addr"),
	TYPE("cgroup-device"),
	TYPE("cgroup-sysctl"),
	TYPE("cgroup-sockopt"),
	TYPE("sockops"),
	TYPE("sk-skb"),
	TYPE("sk-msg"),
	TYPE("sk-lookup"),
	TYPE("sk-reuseport"),
	TYPE("flow-dissector"),
	TYPE("lwt-in"),
	TYPE("lwt-xmit"),
	TYPE("lwt-seg6local"),
	TYPE("netfilter"),
	TYPE("syscall-callback-sleeps"),
	TYPE("raw-tp-callback-sleeps"),
	TYPE("kprobe-callback-sleeps"),
	TYPE("perf-event-callback-sleeps"),
};

void rows_tw_types(void)
{
	CHECKS_RUN("inner", inner);
	CHECKS_RUN("types", types);
}
