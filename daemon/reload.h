/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading the configuration anew, when root asks (the method Reload) or at SIGHUP. It runs in a
 * thread: a look-up of users or a take-down of loads may take its time.
 */
#pragma once

#include "front.h"

/* Reloads at each SIGHUP, which must be blocked already. */
int reload_on_signal(struct front *front);
