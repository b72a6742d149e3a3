/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper.h"

#include <linux/bpf.h>

#include "target.h"

/* linux/bpf.h calls what it is given with a name, its number, and what else it is given. */
#define NAME_OF(name, number, ...) [number] = "bpf_" #name,
static const char *const names[] = {___BPF_FUNC_MAPPER(NAME_OF, )};
#undef NAME_OF

const char *helper_name(uint32_t id)
{
	/* the first is no helper */
	return id > 0 && id < ARRAY_SIZE(names) ? names[id] : NULL;
}

int helper_from_name(const char *name, uint32_t *ret)
{
	for (uint32_t id = 1; id < ARRAY_SIZE(names); id++) {
		if (names[id] && streq(names[id], name)) {
			*ret = id;
			return 0;
		}
	}
	return -ENOENT;
}

bool helper_pattern_matches(const char *pattern)
{
	for (uint32_t id = 1; id < ARRAY_SIZE(names); id++)
		if (names[id] && pattern_match(pattern, names[id]))
			return true;
	return false;
}
