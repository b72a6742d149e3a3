/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "descriptors.h"

#include <bpf/libbpf.h>
#include <sys/resource.h>

static unsigned reserved; /* atomic */

static unsigned capacity(void)
{
	struct rlimit limit;
	rlim_t kept;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	kept = MIN((rlim_t)DESCRIPTORS_KEPT, limit.rlim_cur / 4);
	return (unsigned)MIN(limit.rlim_cur - kept, (rlim_t)INT32_MAX);
}

static unsigned links_needed(const struct load *load)
{
	int cpus = libbpf_num_possible_cpus();
	unsigned n = 0;

	for (unsigned i = 0; i < load->n_attachments; i++)
		n += load->attachments[i].target.kind == TARGET_PERF_EVENT && cpus > 0
			     ? (unsigned)cpus
			     : 1;
	return MIN(n, (unsigned)LINKS_MAX);
}

int descriptors_reserve(struct load *load, struct error *error)
{
	unsigned n = load->manifest->n_programs + load->manifest->n_maps + links_needed(load);
	unsigned max = capacity(), now = __atomic_load_n(&reserved, __ATOMIC_RELAXED);

	do {
		if (n > max || now > max - n)
			return error_set(error, -EMFILE, ERROR_BUSY, STEP_AUTHORISE,
					 "it would keep %u files open, and all loads together can "
					 "keep %u, of which %u are taken: see LimitNOFILE= of "
					 "bpfgated.service",
					 n, max, now);
	} while (!__atomic_compare_exchange_n(&reserved, &now, now + n, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	load->n_descriptors = n;
	return 0;
}

void descriptors_settle(struct load *load)
{
	unsigned n = load->objects.n_programs + load->objects.n_maps + load->links.n;

	__atomic_add_fetch(&reserved, n, __ATOMIC_RELAXED);
	descriptors_give_back(load);
	load->n_descriptors = n;
}

void descriptors_give_back(struct load *load)
{
	__atomic_sub_fetch(&reserved, load->n_descriptors, __ATOMIC_RELAXED);
	load->n_descriptors = 0;
}

unsigned descriptors_reserved(void)
{
	return __atomic_load_n(&reserved, __ATOMIC_RELAXED);
}
