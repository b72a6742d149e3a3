/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loaders written by hand that do what no loader may, and honest ones beside them. Each declares
 * one program "prog" and one array map "map" (4, 8, 1 entry), makes both unless its name says
 * otherwise, and then does what the mode says.
 */
#pragma once

#include "error.h"
#include "loader-asm.h"

enum hostile_when {
	HOSTILE_NEVER, /* an honest one */
	HOSTILE_READ,  /* refused before it runs: loader_check(), loader_data_check() */
	HOSTILE_RUN,   /* by the load child, once it has run */
	HOSTILE_LATER, /* when its objects are attested, or attached */
};

struct hostile_mode {
	const char *name;
	const char *what; /* for --help */
	void (*write)(struct loader_asm *a);
	enum hostile_when when;
	enum error_code code; /* ERROR_NONE: not refused */
	enum step step;
	const char *refusal; /* the whole message; '#' stands for a number that may differ */
	const char *caught;  /* HOSTILE_READ: what is said of it once it has run; NULL: not tried */
	const char *target;  /* what is declared of "prog"; NULL: a raw tracepoint */
};
extern const struct hostile_mode hostile_modes[];
extern const size_t n_hostile_modes;
const struct hostile_mode *hostile_find(const char *name);
/* Is @message what @mode must be refused with? */
bool hostile_refusal_fits(const struct hostile_mode *mode, const char *message);

/* Why none of them can be run here (not root, a kernel or container that does not let us), or NULL.
 */
const char *hostile_unable(void);

/* ---- for those who write them ---- */

/* The stack keeps what is needed later: fds. */
#define SLOT_PROGRAM (-4)
#define SLOT_MAP     (-8)
#define SLOT_OTHER   (-12)

void hostile_keep(struct loader_asm *a, int16_t slot); /* of R7 */
void hostile_recall(struct loader_asm *a, uint8_t dst, int16_t slot);
void hostile_close(struct loader_asm *a, int16_t slot);
/* What is declared, as it should be: the map; R7 as the program; both. */
void hostile_make_map(struct loader_asm *a);
void hostile_give_program(struct loader_asm *a);
void hostile_make_declared(struct loader_asm *a);
/* R7 = a tracing program bound to the kernel's @type of @kind */
void hostile_bound_program(struct loader_asm *a, const char *type, int kind,
			   enum bpf_attach_type attach);

/* hostile.c: the fd table and the calls */
void hostile_honest(struct loader_asm *a);
void hostile_nothing(struct loader_asm *a);
void hostile_fewer(struct loader_asm *a);
void hostile_failure(struct loader_asm *a);
void hostile_extra_map(struct loader_asm *a);
void hostile_extra_program(struct loader_asm *a);
void hostile_extra_btf(struct loader_asm *a);
void hostile_same_twice(struct loader_asm *a);
void hostile_swapped(struct loader_asm *a);
void hostile_own_map(struct loader_asm *a);
void hostile_close_fds(struct loader_asm *a);
void hostile_replace(struct loader_asm *a);
void hostile_loop(struct loader_asm *a);
void hostile_link_create(struct loader_asm *a);
void hostile_link_given(struct loader_asm *a);
void hostile_find_map(struct loader_asm *a);
void hostile_computed(struct loader_asm *a);
void hostile_endless(struct loader_asm *a);
void hostile_too_many(struct loader_asm *a);
void hostile_helper(struct loader_asm *a);
void hostile_kfunc(struct loader_asm *a);

/* hostile-objects.c: what is made, kept and attached */
void hostile_pin(struct loader_asm *a);
void hostile_prog_attach(struct loader_asm *a);
void hostile_iterator(struct loader_asm *a);
void hostile_find_program(struct loader_asm *a);
void hostile_program_array(struct loader_asm *a);
void hostile_struct_ops(struct loader_asm *a);
void hostile_changed_type(struct loader_asm *a);
void hostile_hidden_store(struct loader_asm *a);
void hostile_used_map(struct loader_asm *a);
void hostile_map_type(struct loader_asm *a);
void hostile_map_size(struct loader_asm *a);
void hostile_map_name(struct loader_asm *a);
void hostile_map_flags(struct loader_asm *a);
void hostile_program_name(struct loader_asm *a);
void hostile_program_type(struct loader_asm *a);
void hostile_tp_btf(struct loader_asm *a);
void hostile_fentry(struct loader_asm *a);
void hostile_fexit(struct loader_asm *a);
void hostile_modify_return(struct loader_asm *a);
void hostile_program_kfunc(struct loader_asm *a);
void hostile_program_helper(struct loader_asm *a);

/* hostile-reads.c: what is read, and handed out in a map */
void hostile_fill(struct loader_asm *a);
void hostile_read_kernel(struct loader_asm *a);
void hostile_read_user(struct loader_asm *a);
void hostile_value_address(struct loader_asm *a);
void hostile_key_address(struct loader_asm *a);
void hostile_own_opening(struct loader_asm *a);
void hostile_computed_value(struct loader_asm *a);
void hostile_fd_array(struct loader_asm *a);
void hostile_stack(struct loader_asm *a);
