/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "effect.h"

static const char *const names[_EFFECT_MAX] = {
	[EFFECT_REGISTERS] = "registers",	    [EFFECT_RETURN_VALUES] = "return-values",
	[EFFECT_USER_MEMORY] = "user-memory",	    [EFFECT_SIGNALS] = "signals",
	[EFFECT_KERNEL_OBJECTS] = "kernel-objects",
};

const char *effect_name(enum effect effect)
{
	return (unsigned)effect < _EFFECT_MAX ? names[effect] : NULL;
}

int effect_from_name(const char *name, enum effect *ret)
{
	for (unsigned i = 0; i < _EFFECT_MAX; i++) {
		if (streq(names[i], name)) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

enum effect effects_first(uint32_t effects)
{
	return (enum effect)__builtin_ctz(effects);
}
