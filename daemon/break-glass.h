/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpfgated --break-glass: takes the gate away where the daemon cannot be asked to. It is for a
 * process that PID 1 has started, as the daemon is: the gate lets nobody else at itself.
 */
#pragma once

#include "error.h"

/* With an entry in the journal before, or not at all. Says on stdout what was in force. */
int break_glass(struct error *error);
