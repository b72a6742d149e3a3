/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0-only */
/* What taskwork-bench.c and taskwork-bench.bpf.c agree on. */
#pragma once

#define N_ELEMENTS 1000
#define N_SAMPLES  4096

struct results {
	unsigned long long loop;	  /* ns of N_ELEMENTS turns of the last loop */
	unsigned long long calls, failed; /* of the kfunc */
	unsigned long long callbacks;
	unsigned spinner; /* for NMIs: the task, or 0 */
	unsigned n_samples;
	unsigned long long latency[N_SAMPLES]; /* ns from the schedule in an NMI to the callback */
};
