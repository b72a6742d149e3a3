/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interfaces that the daemon serves and their methods, one function each. A method function
 * ends its call (call.h), at once or later.
 */
#pragma once

#include "call.h"

/* Finds the method and calls it. */
void service_call(struct call *call);

/* lib/org.bpfgate.Gate.varlink, whole; generated when the daemon is built. */
extern const char gate_interface[];

void method_load(struct call *call);
void method_unload(struct call *call);
void method_list(struct call *call);
void method_describe(struct call *call);
void method_explain(struct call *call);
void method_status(struct call *call);
void method_reload(struct call *call);
void method_list_floors(struct call *call);
void method_set_floor(struct call *call);
void method_reset_floors(struct call *call);
void method_gate(struct call *call);
