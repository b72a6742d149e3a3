/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which programs the gate refuses something, or would: as the kernel counts them (struct
 * gate_program), with the unit that each ran in. For the loop's thread alone.
 */
#pragma once

#include "enforce.h"

/* Notes the unit of whoever caused @event, while it can be told: a process may be gone soon. */
void gate_programs_note(const struct gate_event *event);

/* The unit of a control group, or its path; NULL: nothing was noted of it. The text stays until
 * something else is noted. */
const char *gate_programs_unit(uint64_t cgroup);

/* The most frequent ones first. *ret_unlisted: how often there was no room for one. */
struct json_object *gate_programs_to_json(uint32_t *ret_unlisted);
