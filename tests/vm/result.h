/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the test programs that use a real kernel share. */
#pragma once

#include <bpf/libbpf.h>

#include "util.h"

/* Results are printed as "ok - AREA: NAME"; main() sets it first. */
void result_area(const char *area);
/* @format: what was seen, shown if not @ok. */
void result(const char *name, bool ok, const char *format, ...) _printf_(3, 4);
/* How many were not ok. */
unsigned result_failed(void);
/* The test cannot go on: @what failed, with errno. */
_Noreturn void die(const char *what);

/* Keeps what the daemon has: CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN. */
void drop_capabilities(void);
/* Opens object file @path, to load program @name and no other. */
struct bpf_object *open_for(const char *path, const char *name);
