// SPDX-License-Identifier: GPL-2.0-only
/* Object files for test-derive: compiled once for each case, with -DCASE_NAME. */

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#ifndef CASE_NOLICENSE
char LICENSE[] SEC("license") = "GPL";
#endif

#if defined(CASE_TUNABLES)
const volatile __u32 low = 7;
const volatile bool flag = true;
const volatile __s64 wide = -2;
const volatile short little = -3;
const volatile unsigned char byte = 255;
const volatile __u64 other SEC(".rodata.other") = 1;
const volatile struct {
	int x;
} whole = {1};
const volatile int pair[2] = {1, 2};
const int folded = 5;
static const volatile int hidden = 6;
volatile int written = 8;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10);
	__type(key, __u32);
	__type(value, __u32);
} table SEC(".maps");

SEC("raw_tp/sched_switch")
int on_switch(void *ctx)
{
	__u32 key = low + flag + wide + little + byte + other + whole.x + pair[1] + hidden;
	const int *address = &folded;

	written++;
	asm volatile("" : "+r"(address)); /* or it would not be in the object */
	bpf_map_lookup_elem(&table, &key);
	return *address;
}

#elif defined(CASE_GOOD)
struct record {
	__u32 a;
	__u64 b;
};

enum color { RED };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10);
	__type(key, enum color);
	__type(value, struct record);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, int);
	__type(
		value, struct { int unnamed; });
} anonymous SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8192);
} events SEC(".maps");

int counter;

SEC("tp/sched/sched_process_exec")
int on_exec(void *ctx)
{
	int key = 0;

	counter++;
	bpf_map_lookup_elem(&table, &key);
	bpf_map_lookup_elem(&anonymous, &key);
	bpf_ringbuf_output(&events, &key, sizeof(key), 0);
	return 0;
}

/* Not loaded: no descriptor in the loader, so no entry in the manifest. */
SEC("?kprobe/vfs_write")
int off(void *ctx)
{
	return 0;
}

SEC("fentry/do_unlinkat")
int on_unlink(void *ctx)
{
	return 0;
}

SEC("xdp")
int packet(void *ctx)
{
	return XDP_PASS;
}

SEC("tcx/egress")
int out(void *ctx)
{
	return 0;
}

SEC("cgroup_skb/ingress")
int in_group(void *ctx)
{
	return 1;
}

SEC("kprobe/vfs_read+16")
int on_read(void *ctx)
{
	return 0;
}

SEC("perf_event")
int sample(void *ctx)
{
	return 0;
}

SEC("uprobe")
int probe(void *ctx)
{
	return 0;
}

#elif defined(CASE_KCONFIG)
extern int LINUX_KERNEL_VERSION __kconfig;

SEC("xdp")
int packet(void *ctx)
{
	return LINUX_KERNEL_VERSION;
}

#elif defined(CASE_KSYM)
typedef const void anything;
extern anything vfs_read __ksym;

SEC("xdp")
int packet(void *ctx)
{
	return (long)&vfs_read & 1;
}

#elif defined(CASE_KSYMWEAK)
extern const void vfs_read __ksym __weak;

SEC("xdp")
int packet(void *ctx)
{
	return &vfs_read ? 1 : 2;
}

#elif defined(CASE_KSYMTYPED)
extern const int bpf_prog_active __ksym;

SEC("xdp")
int packet(void *ctx)
{
	return (long)&bpf_prog_active & 1;
}

#elif defined(CASE_PINNED)
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, int);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} stays SEC(".maps");

SEC("xdp")
int packet(void *ctx)
{
	int key = 0;

	bpf_map_lookup_elem(&stays, &key);
	return XDP_PASS;
}

#elif defined(CASE_PROGARRAY)
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, int);
} jumps SEC(".maps");

SEC("xdp")
int packet(void *ctx)
{
	bpf_tail_call(ctx, &jumps, 0);
	return XDP_PASS;
}

#elif defined(CASE_MAPINMAP)
struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, int);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, int);
	__array(values, struct inner);
} outer SEC(".maps");

SEC("xdp")
int packet(void *ctx)
{
	int key = 0;

	bpf_map_lookup_elem(&outer, &key);
	return XDP_PASS;
}

#elif defined(CASE_STRUCTOPS)
struct tcp_congestion_ops {
	char name[16];
	void (*init)(void *);
};

SEC("struct_ops/init")
int start(void *ctx)
{
	return 0;
}

SEC(".struct_ops")
struct tcp_congestion_ops ops = {
	.name = "test",
	.init = (void *)start,
};

#elif defined(CASE_SYSCALL)
SEC("syscall")
int anything(void *ctx)
{
	return 0;
}

#elif defined(CASE_MULTI)
SEC("kprobe.multi/vfs_*")
int probes(void *ctx)
{
	return 0;
}

#elif defined(CASE_MODULE)
SEC("fentry/kvm:kvm_vcpu_kick")
int kick(void *ctx)
{
	return 0;
}

#elif defined(CASE_NOTARGET)
SEC("fentry")
int somewhere(void *ctx)
{
	return 0;
}

#elif defined(CASE_ALLOFF)
SEC("?xdp")
int packet(void *ctx)
{
	return XDP_PASS;
}

#elif defined(CASE_NOLICENSE)
SEC("xdp")
int packet(void *ctx)
{
	return XDP_PASS;
}

#elif defined(CASE_SECOND)
static __u64 count;

SEC("tp/sched/sched_process_exit")
int on_exit(void *ctx)
{
	__sync_fetch_and_add(&count, 1);
	return 0;
}

#elif defined(CASE_LOOKS) || defined(CASE_CHANGES)
struct pair {
	__u64 a, b;
};

/* Keeps its context over calls of functions and helpers, as programs do, and writes elsewhere. */
static __attribute__((noinline)) int fill(struct pair *pair, __u64 *ctx)
{
	pair->a = ctx[10];
	pair->b = bpf_get_current_pid_tgid();
	return pair->a != 0;
}

SEC("kprobe/vfs_read")
int on_read(__u64 *ctx)
{
	struct pair pair = {};

	if (fill(&pair, ctx))
		bpf_printk("%llx %llx", pair.b, ctx[3]);
	return fill(&pair, ctx);
}

#ifdef CASE_CHANGES
SEC("uretprobe//usr/bin/x:main")
int on_return(__u64 *ctx)
{
	ctx[10] = 1;
	return 0;
}

SEC("kprobe/vfs_open")
int on_open(void *ctx)
{
	return bpf_send_signal(9);
}
#endif

#elif defined(CASE_PROGRAMS32) || defined(CASE_PROGRAMS33)
#define PROGRAM(n)               \
	SEC("xdp")               \
	int packet##n(void *ctx) \
	{                        \
		return XDP_PASS; \
	}
#define EIGHT(n)      \
	PROGRAM(n##0) \
	PROGRAM(n##1) \
	PROGRAM(n##2) PROGRAM(n##3) PROGRAM(n##4) PROGRAM(n##5) PROGRAM(n##6) PROGRAM(n##7)

EIGHT(1)
EIGHT(2)
EIGHT(3)
EIGHT(4)
#ifdef CASE_PROGRAMS33
PROGRAM(50)
#endif

#elif defined(CASE_MAPS64) || defined(CASE_MAPS65)
#define MAP(n)                                    \
	struct {                                  \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(max_entries, 1);           \
		__type(key, int);                 \
		__type(value, int);               \
	} map##n SEC(".maps");
#define EIGHT(n) MAP(n##0) MAP(n##1) MAP(n##2) MAP(n##3) MAP(n##4) MAP(n##5) MAP(n##6) MAP(n##7)

EIGHT(1)
EIGHT(2)
EIGHT(3)
EIGHT(4)
EIGHT(5)
EIGHT(6)
EIGHT(7)
EIGHT(8)
#ifdef CASE_MAPS65
MAP(90)
#endif

SEC("xdp") int packet(void *ctx)
{
	return XDP_PASS;
}
#endif
