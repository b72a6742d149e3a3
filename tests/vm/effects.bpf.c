/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes of tests/vm/effect-victim.c, for tests/vm/suite/36-effects.sh: one that only looks, and
 * one for each of some effects. Compiled once for each, with -DEFFECT_NAME.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define VICTIM "/usr/local/bin/effect-victim"

/* Of struct pt_regs as x86 has it. */
#define RAX 10
#define RDI 14

char LICENSE[] SEC("license") = "GPL";

__u64 runs;

#if defined(EFFECT_LOOKS)
SEC("uretprobe/" VICTIM ":is_allowed")
int probe(__u64 *ctx)
{
	__u64 was = ctx[RAX];

	if (was == 0)
		__sync_fetch_and_add(&runs, 1);
	return 0;
}

#elif defined(EFFECT_REGISTERS)
SEC("uretprobe/" VICTIM ":is_allowed")
int probe(__u64 *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	ctx[RAX] = 1;
	return 0;
}

#elif defined(EFFECT_SIGNALS)
SEC("uprobe/" VICTIM ":is_allowed")
int probe(void *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	bpf_send_signal(12 /* SIGUSR2 */);
	return 0;
}

#elif defined(EFFECT_MEMORY)
SEC("uprobe/" VICTIM ":is_allowed")
int probe(__u64 *ctx)
{
	int allowed = 1;

	__sync_fetch_and_add(&runs, 1);
	bpf_probe_write_user((void *)ctx[RDI], &allowed, sizeof(allowed));
	return 0;
}
#endif
