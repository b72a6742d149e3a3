/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Can a program write into its context? Followed is what registers and places of the stack may
 * hold an address of the context, or one that was computed from it, on any way to an instruction.
 * A store by such a register may be what is looked for, and so may a helper that is given one,
 * unless it is known to read only.
 *
 * Where such an address can come from: it is given to the program in R1; moves, arithmetic and
 * calls of the program's own functions pass it on; the verifier follows it through the stack, in
 * whole places of 8 bytes, and nowhere else: out of a map it comes back as a number, by which
 * nothing can be stored. A place of the stack is known where it is addressed from R10 itself.
 * Other registers may have an address of the stack, of a caller's as well, so these are followed
 * in the same way: what is stored by one can be anywhere, and what is read by one can be what was
 * stored anywhere.
 *
 * No state is ever taken back, so the work ends: an instruction is looked at again only when more
 * may hold such an address before it. What takes far longer than programs do cannot be told.
 */
#include "effect-context.h"

#define N_REGS	      11   /* R0 to R10 */
#define ARGUMENTS     0x3e /* R1 to R5 */
#define STACK_SIZE    512
#define SLOT_SIZE     8
#define FUNCTIONS_MAX 256u /* BPF_MAX_SUBPROGS */
#define LOOKS_MAX     32   /* at each instruction, on average; what clang makes takes one or two */

#define CODE_LD_IMM64 (BPF_LD | BPF_DW | BPF_IMM)
#define CODE_CALL     (BPF_JMP | BPF_CALL)
#define CODE_EXIT     (BPF_JMP | BPF_EXIT)
#define CODE_JUMP     (BPF_JMP | BPF_JA)
#define CODE_GOTO32   (BPF_JMP32 | BPF_JA)

/* Of what the addresses are that are followed. */
enum kind {
	CONTEXT,
	STACK,
	_KINDS,
};

/* What may hold an address of each kind before an instruction. */
struct state {
	uint64_t slots[_KINDS]; /* bit i: the i-th place below the end of the stack */
	uint16_t regs[_KINDS];	/* bit i: Ri */
	bool reached;
	bool queued;
};

struct function {
	size_t start;
	bool gives[_KINDS]; /* may it return such an address? */
	bool callback;
};

struct walk {
	const struct bpf_insn *insns;
	size_t n;
	const bool *relocated;
	struct state *states;
	size_t *queue; /* of instructions whose states have grown */
	size_t n_queue, n_looks;
	unsigned n_functions;
	struct function functions[FUNCTIONS_MAX]; /* sorted; the first is the program */
	bool stored[_KINDS];			  /* has one been stored anywhere? */
	bool wild[_KINDS];			  /* at a place that is not known? */
	bool given[_KINDS];			  /* may callbacks be called with one? */
	bool written;
	size_t at;
};

static void write_at(struct walk *w, size_t at)
{
	if (!w->written)
		w->at = at;
	w->written = true;
}

/* ---- functions ---- */

static struct function *function_of(struct walk *w, size_t at)
{
	unsigned i = w->n_functions - 1;

	while (i > 0 && w->functions[i].start > at)
		i--;
	return &w->functions[i];
}

/* False: there are more than the kernel would take. */
static bool add_function(struct walk *w, size_t start, bool callback)
{
	unsigned i = w->n_functions;

	while (i > 0 && w->functions[i - 1].start > start)
		i--;
	if (i > 0 && w->functions[i - 1].start == start) {
		w->functions[i - 1].callback |= callback;
		return true;
	}
	if (w->n_functions == FUNCTIONS_MAX)
		return false;
	memmove(&w->functions[i + 1], &w->functions[i],
		(w->n_functions - i) * sizeof(w->functions[0]));
	w->functions[i] = (struct function){.start = start, .callback = callback};
	w->n_functions++;
	return true;
}

static bool is_own_call(const struct bpf_insn *insn)
{
	return insn->code == CODE_CALL && insn->src_reg == BPF_PSEUDO_CALL;
}

/* Functions are what is called, and what a helper is told to call. False: one that cannot be. */
static bool find_functions(struct walk *w)
{
	if (!add_function(w, 0, false))
		return false;
	for (size_t i = 0; i < w->n; i++) {
		const struct bpf_insn *insn = &w->insns[i];
		bool callback = insn->code == CODE_LD_IMM64 && insn->src_reg == BPF_PSEUDO_FUNC;
		int64_t start = (int64_t)i + 1 + insn->imm;

		if ((callback || is_own_call(insn)) && (start < 0 || start >= (int64_t)w->n ||
							!add_function(w, (size_t)start, callback)))
			return false;
		if (insn->code == CODE_LD_IMM64)
			i++;
	}
	return true;
}

/* ---- states ---- */

/* More may hold an address before @at: what does in @from. False: there is no such instruction. */
static bool reach(struct walk *w, int64_t at, const struct state *from)
{
	struct state *state;
	bool grown;

	if (at < 0 || at >= (int64_t)w->n)
		return false;
	state = &w->states[at];
	grown = !state->reached;
	for (unsigned k = 0; k < _KINDS; k++) {
		grown |= (from->regs[k] & ~state->regs[k]) || (from->slots[k] & ~state->slots[k]);
		state->regs[k] |= from->regs[k];
		state->slots[k] |= from->slots[k];
	}
	state->reached = true;
	if (grown && !state->queued) {
		w->queue[w->n_queue++] = (size_t)at;
		state->queued = true;
	}
	return true;
}

/* A function begins with these arguments, and a stack of its own. */
static bool enter(struct walk *w, int64_t at, const uint16_t given[static _KINDS])
{
	struct state state = {};

	for (unsigned k = 0; k < _KINDS; k++)
		state.regs[k] = given[k] & ARGUMENTS;
	state.regs[STACK] |= 1u << BPF_REG_10;
	return reach(w, at, &state);
}

/* Something has become known that holds for the whole program. */
static void look_again(struct walk *w, bool *known)
{
	if (*known)
		return;
	*known = true;
	for (size_t i = 0; i < w->n; i++) {
		if (!w->states[i].reached || w->states[i].queued)
			continue;
		w->states[i].queued = true;
		w->queue[w->n_queue++] = i;
	}
}

static void begin_callbacks(struct walk *w)
{
	uint16_t given[_KINDS];

	for (unsigned k = 0; k < _KINDS; k++)
		given[k] = w->given[k] ? ARGUMENTS : 0;
	for (unsigned i = 0; i < w->n_functions; i++)
		if (w->functions[i].callback)
			enter(w, (int64_t)w->functions[i].start, given);
}

/* ---- instructions ---- */

static bool is_set(const struct state *s, enum kind kind, unsigned reg)
{
	return s->regs[kind] & 1u << reg;
}

static void set(struct state *s, enum kind kind, unsigned reg, bool value)
{
	uint16_t regs = s->regs[kind];

	/* R10 is what it is: an instruction that writes to it is refused. */
	if (reg != BPF_REG_10)
		s->regs[kind] = (uint16_t)(value ? regs | 1u << reg : regs & ~(1u << reg));
}

static bool is_relocated(const struct walk *w, size_t at)
{
	return w->relocated && w->relocated[at];
}

/* The place of 8 bytes that @reg and @off stand for, or -1. */
static int slot_of(const struct walk *w, size_t at, unsigned reg, int16_t off)
{
	if (reg != BPF_REG_10 || off >= 0 || off < -STACK_SIZE || off % SLOT_SIZE != 0 ||
	    is_relocated(w, at))
		return -1;
	return -off / SLOT_SIZE - 1;
}

/* Of 8 bytes, or of what the kernel makes of it. */
static bool is_whole(const struct walk *w, size_t at, const struct bpf_insn *insn)
{
	return BPF_SIZE(insn->code) == BPF_DW || is_relocated(w, at);
}

static void do_store(struct walk *w, size_t at, const struct bpf_insn *insn, struct state *s)
{
	int slot = slot_of(w, at, insn->dst_reg, insn->off);

	if (is_set(s, CONTEXT, insn->dst_reg))
		write_at(w, at);
	if (!is_whole(w, at, insn))
		return;
	for (unsigned k = 0; k < _KINDS; k++) {
		bool address = BPF_CLASS(insn->code) == BPF_STX && is_set(s, k, insn->src_reg);

		if (address)
			look_again(w, &w->stored[k]);
		if (address && slot < 0)
			look_again(w, &w->wild[k]);
		if (address && slot >= 0)
			s->slots[k] |= UINT64_C(1) << slot;
		else if (slot >= 0)
			s->slots[k] &= ~(UINT64_C(1) << slot);
	}
}

static void do_load(struct walk *w, size_t at, const struct bpf_insn *insn, struct state *s)
{
	int slot = slot_of(w, at, insn->src_reg, insn->off);
	bool stack = is_set(s, STACK, insn->src_reg) && is_whole(w, at, insn);

	for (unsigned k = 0; k < _KINDS; k++) {
		bool address = w->stored[k];

		if (slot >= 0)
			address = w->wild[k] || s->slots[k] & UINT64_C(1) << slot;
		set(s, k, insn->dst_reg, stack && address);
	}
}

static void do_atomic(struct walk *w, size_t at, const struct bpf_insn *insn, struct state *s)
{
	unsigned to = insn->imm == BPF_CMPXCHG ? BPF_REG_0 : insn->src_reg;
	bool loads = insn->imm == BPF_LOAD_ACQ;
	bool stack = is_set(s, STACK, loads ? insn->src_reg : insn->dst_reg);

	if (!loads && is_set(s, CONTEXT, insn->dst_reg))
		write_at(w, at);
	for (unsigned k = 0; k < _KINDS; k++) {
		if (!loads && is_set(s, k, insn->src_reg)) {
			look_again(w, &w->stored[k]);
			look_again(w, &w->wild[k]);
		}
		if (loads)
			set(s, k, insn->dst_reg, stack && w->stored[k]);
		else if (insn->imm & BPF_FETCH)
			set(s, k, to, stack && w->stored[k]);
	}
}

static void do_arithmetic(const struct bpf_insn *insn, struct state *s)
{
	uint8_t op = BPF_OP(insn->code);

	for (unsigned k = 0; k < _KINDS; k++) {
		bool from = BPF_SRC(insn->code) == BPF_X && is_set(s, k, insn->src_reg);

		if (op == BPF_MOV)
			set(s, k, insn->dst_reg, from);
		else if (op != BPF_END && op != BPF_NEG && from)
			set(s, k, insn->dst_reg, true);
	}
}

/* Where a callback gets from what the function that calls it was given. */
static bool calls_back(const struct bpf_insn *insn)
{
	switch (insn->imm) {
	case BPF_FUNC_for_each_map_elem:
	case BPF_FUNC_timer_set_callback:
	case BPF_FUNC_find_vma:
	case BPF_FUNC_loop:
	case BPF_FUNC_user_ringbuf_drain:
		return true;
	}
	return insn->src_reg != 0;
}

/* Of the kernel: helpers, and kernel functions, of which others know (effect.h). */
static void do_call(struct walk *w, size_t at, const struct bpf_insn *insn, struct state *s)
{
	if (insn->src_reg == 0 && s->regs[CONTEXT] & helper_writes(insn->imm))
		write_at(w, at);
	for (unsigned k = 0; k < _KINDS; k++) {
		bool given = s->regs[k] & ARGUMENTS;

		if (given && calls_back(insn) && !w->given[k]) {
			w->given[k] = true;
			begin_callbacks(w);
		}
		s->regs[k] &= (uint16_t)~ARGUMENTS;
		set(s, k, BPF_REG_0, given && insn->src_reg != 0);
	}
}

/* False: it leads nowhere. */
static bool do_own_call(struct walk *w, size_t at, const struct bpf_insn *insn, struct state *s)
{
	int64_t start = (int64_t)at + 1 + insn->imm;

	if (!enter(w, start, s->regs))
		return false;
	for (unsigned k = 0; k < _KINDS; k++) {
		s->regs[k] &= (uint16_t)~ARGUMENTS;
		set(s, k, BPF_REG_0, function_of(w, (size_t)start)->gives[k]);
	}
	return true;
}

static bool do_jump(struct walk *w, size_t at, const struct bpf_insn *insn, struct state *s)
{
	int32_t distance = insn->code == CODE_GOTO32 ? insn->imm : insn->off;

	switch (insn->code) {
	case CODE_EXIT:
		for (unsigned k = 0; k < _KINDS; k++)
			if (is_set(s, k, BPF_REG_0))
				look_again(w, &function_of(w, at)->gives[k]);
		return true;
	case CODE_CALL:
		if (is_own_call(insn) && !do_own_call(w, at, insn, s))
			return false;
		if (!is_own_call(insn))
			do_call(w, at, insn, s);
		return reach(w, (int64_t)at + 1, s);
	}
	/* BPF_CALL and BPF_EXIT of other forms, jumps to where a register says */
	if (BPF_OP(insn->code) == BPF_CALL || BPF_OP(insn->code) == BPF_EXIT ||
	    insn->code == (BPF_JMP | BPF_JA | BPF_X) || insn->code == (BPF_JMP32 | BPF_JA | BPF_X))
		return false;
	if (!reach(w, (int64_t)at + 1 + distance, s))
		return false;
	if (insn->code == CODE_JUMP || insn->code == CODE_GOTO32)
		return true;
	return reach(w, (int64_t)at + 1, s);
}

/* False: what it does is not known. */
static bool do_insn(struct walk *w, size_t at, const struct bpf_insn *insn, struct state *s)
{
	if (insn->dst_reg >= N_REGS || insn->src_reg >= N_REGS)
		return false;
	switch (BPF_CLASS(insn->code)) {
	case BPF_JMP:
	case BPF_JMP32:
		return do_jump(w, at, insn, s);
	case BPF_ALU:
	case BPF_ALU64:
		do_arithmetic(insn, s);
		break;
	case BPF_LDX:
		do_load(w, at, insn, s);
		break;
	case BPF_ST:
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC)
			do_atomic(w, at, insn, s);
		else if (BPF_MODE(insn->code) == BPF_MEM)
			do_store(w, at, insn, s);
		else
			return false;
		break;
	default: /* of packets there is nothing here */
		if (insn->code != CODE_LD_IMM64)
			return false;
		for (unsigned k = 0; k < _KINDS; k++)
			set(s, k, insn->dst_reg, false);
		return reach(w, (int64_t)at + 2, s);
	}
	return reach(w, (int64_t)at + 1, s);
}

static void walk_done(struct walk *w)
{
	free(w->states);
	free(w->queue);
}

int context_is_written(const struct bpf_insn *insns, size_t n, const bool *relocated,
		       size_t *ret_at)
{
	static const uint16_t start[_KINDS] = {[CONTEXT] = 1u << BPF_REG_1};
	_cleanup_(walk_done) struct walk w = {.insns = insns, .n = n, .relocated = relocated};

	if (n == 0)
		return 0;
	w.states = calloc(n, sizeof(*w.states));
	w.queue = calloc(n, sizeof(*w.queue));
	if (!w.states || !w.queue)
		return -ENOMEM;
	if (!find_functions(&w)) {
		write_at(&w, 0);
	} else {
		enter(&w, 0, start);
		begin_callbacks(&w);
	}
	while (w.n_queue > 0 && !w.written) {
		size_t at = w.queue[--w.n_queue];
		struct state now = w.states[at];

		w.states[at].queued = false;
		if (!do_insn(&w, at, &insns[at], &now) || w.n_looks++ > n * LOOKS_MAX)
			write_at(&w, at);
	}
	*ret_at = w.at;
	return w.written;
}
