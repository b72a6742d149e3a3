/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The helper functions of BPF programs, bpf-helpers(7), by name. */
#pragma once

#include "util.h"

/* "bpf_map_lookup_elem" of BPF_FUNC_map_lookup_elem; NULL for what is none. */
const char *helper_name(uint32_t id);
/* 0 or -ENOENT. */
int helper_from_name(const char *name, uint32_t *ret);

/* Is there a helper that @pattern matches? */
bool helper_pattern_matches(const char *pattern);
