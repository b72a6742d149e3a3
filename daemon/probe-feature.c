/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which features has the kernel? By the names of functions in its BTF, as the verifier finds them.
 */
#include <bpf/btf.h>
#include <pthread.h>

#include "loader.h"

static struct {
	pthread_once_t once;
	bool has[_FEATURE_MAX];
} features = {.once = PTHREAD_ONCE_INIT};

static bool btf_has(const struct btf *btf, enum feature feature)
{
	for (const char *const *kfunc = feature_kfuncs(feature); *kfunc; kfunc++)
		if (btf__find_by_name_kind(btf, *kfunc, BTF_KIND_FUNC) > 0)
			return true;
	return false;
}

static void probe(void)
{
	struct btf *btf = btf__parse("/sys/kernel/btf/vmlinux", NULL);

	for (enum feature f = 0; btf && f < _FEATURE_MAX; f++)
		features.has[f] = btf_has(btf, f);
	btf__free(btf);
}

bool kernel_has(enum feature feature)
{
	pthread_once(&features.once, probe);
	return features.has[feature];
}
