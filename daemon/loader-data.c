// SPDX-License-Identifier: LGPL-2.1-or-later
#include "loader-data.h"

#include "loader-abi.h"
#include "loader-attr.h"
#include "loader-insn.h"

#define N_REGS	  11   /* R0 to R10 */
#define JOINS_MAX 1024 /* places ahead that are jumped to, at a time */

/* Bytes at the beginning of the kernel's struct bpf_map that hold the digest of its content, and
 * whether it is exclusive: libbpf's loaders of contract v1 look at them. */
#define MAP_DIGEST_SIZE 36

struct state {
	struct value regs[N_REGS];
	bool closed; /* may a fd have been closed? */
};

struct follow {
	const struct load_input *input;
	struct blob loader;
	size_t n;
	struct state now;
	bool reached;	      /* can what comes be reached from what was before it? */
	bool straight;	      /* there was no jump yet */
	int64_t cleared;      /* bytes of the stack, from its end */
	unsigned n_joins;     /* those that lie ahead */
	struct state **joins; /* per instruction: what is known where jumps forwards lead to */
	bool *back;	      /* per instruction: a jump backwards leads there */
	struct loader_attrs attrs;
	struct error *error;
};

static int no_memory(struct error *error)
{
	return error_set(error, -ENOMEM, ERROR_FAILED, STEP_LOAD, "out of memory");
}

/* ---- what is known of registers ---- */

static struct state state_start(void)
{
	struct state state = {};

	state.regs[BPF_REG_1].kind = VALUE_CONTEXT;
	state.regs[BPF_REG_10].kind = VALUE_STACK;
	return state;
}

static struct state state_unknown(void)
{
	struct state state = {.closed = true};

	state.regs[BPF_REG_10].kind = VALUE_STACK;
	return state;
}

static void state_merge(struct state *state, const struct state *other)
{
	for (unsigned i = 0; i < N_REGS; i++)
		if (state->regs[i].kind != other->regs[i].kind ||
		    state->regs[i].number != other->regs[i].number)
			state->regs[i] = (struct value){};
	state->closed |= other->closed;
}

/* What holds before instruction @index. Jumps backwards come later than this: nothing is known. */
static void arrive(struct follow *f, size_t index)
{
	struct state *join = f->joins[index];

	if (join && f->reached)
		state_merge(&f->now, join);
	else if (join)
		f->now = *join;
	if (f->back[index] || (!f->reached && !join))
		f->now = state_unknown();
	f->reached = true;
	f->n_joins -= join != NULL;
	f->joins[index] = NULL;
	free(join);
}

static int jump(struct follow *f, size_t index, int64_t target)
{
	if (target <= (int64_t)index || target >= (int64_t)f->n)
		return 0;
	if (f->joins[target]) {
		state_merge(f->joins[target], &f->now);
		return 0;
	}
	/* libbpf's lead over a few instructions each */
	if (f->n_joins++ == JOINS_MAX)
		return loader_refuse(f->error, index, "one jump forwards too many");
	f->joins[target] = malloc(sizeof(f->now));
	if (!f->joins[target])
		return no_memory(f->error);
	*f->joins[target] = f->now;
	return 0;
}

/* ---- calls ---- */

static int note_write(struct follow *f, size_t index, int64_t start, int64_t size,
		      struct value value)
{
	int r = loader_writes_add(&f->attrs.writes, start, size, value);

	if (r == -ERANGE)
		return loader_refuse(f->error, index, "a store outside of its data");
	return r < 0 ? no_memory(f->error) : 0;
}

/*
 * All that is copied is what the daemon gives for a map, and no more. Nothing at all clears the
 * stack, as libbpf's loaders begin.
 */
static int check_copy(struct follow *f, size_t index)
{
	const struct value to = f->now.regs[1], size = f->now.regs[2], from = f->now.regs[3];
	const struct map_opening *opening = f->input->openings;

	if (from.kind == VALUE_CONSTANT && from.number == 0 && to.kind == VALUE_STACK) {
		if (f->straight && size.kind == VALUE_CONSTANT && to.number + size.number == 0)
			f->cleared = size.number;
		return 0;
	}
	if (from.kind != VALUE_OPENING)
		return loader_refuse(f->error, index, "a copy from a place that cannot be told");
	if (to.kind != VALUE_DATA || size.kind != VALUE_CONSTANT)
		return loader_refuse(f->error, index, "a store to a place that cannot be told");
	if (opening && opening[from.number].replace &&
	    size.number > (int64_t)opening[from.number].value_size)
		return loader_refuse(f->error, index, "a copy of more than it is given");
	return note_write(f, index, to.number, size.number, (struct value){VALUE_COPY, 0});
}

static int check_command(struct follow *f, size_t index, int64_t *ret)
{
	const struct value *regs = f->now.regs;
	const struct loader_command command = {index, (int32_t)regs[1].number, regs[2].number,
					       regs[3].number};

	if (regs[1].kind != VALUE_CONSTANT || regs[2].kind != VALUE_DATA ||
	    regs[3].kind != VALUE_CONSTANT)
		return loader_refuse(f->error, index,
				     "a bpf(2) command whose attributes cannot be told");
	/* Another map could have got the fd, with longer values. */
	if (command.number == BPF_MAP_UPDATE_ELEM && f->now.closed)
		return loader_refuse(f->error, index,
				     "a bpf(2) command that fills a map after a close");
	return loader_attrs_add(&f->attrs, &command, ret);
}

static int check_lookup(struct follow *f, size_t index)
{
	const struct value to = f->now.regs[4];

	if (to.kind == VALUE_STACK)
		return 0;
	if (to.kind != VALUE_DATA)
		return loader_refuse(f->error, index, "a store to a place that cannot be told");
	return note_write(f, index, to.number, sizeof(uint64_t), (struct value){});
}

static int check_call(struct follow *f, const struct bpf_insn *insn, size_t index)
{
	struct value result = {}, *regs = f->now.regs;
	int r = 0;

	switch (insn->imm) {
	case BPF_FUNC_sys_bpf:
		r = check_command(f, index, &result.number);
		result.kind = VALUE_RESULT;
		break;
	case BPF_FUNC_sys_close:
		f->now.closed = true;
		break;
	case BPF_FUNC_copy_from_user:
	case BPF_FUNC_probe_read_kernel:
		r = check_copy(f, index);
		break;
	case BPF_FUNC_kallsyms_lookup_name:
		r = check_lookup(f, index);
		break;
	}
	for (unsigned i = 0; i <= BPF_REG_5; i++)
		regs[i] = (struct value){};
	regs[BPF_REG_0] = result;
	return r;
}

/* ---- loads and stores ---- */

static unsigned access_size(const struct bpf_insn *insn)
{
	static const uint8_t sizes[] = {
		[BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8};

	return sizes[BPF_SIZE(insn->code) >> 3];
}

/* Of the context a loader may write where it puts the fds, and nothing that the daemon gives.
 * Behind what is declared there is nothing; the kernel says so. */
static bool is_fd_of_context(const struct load_input *input, int64_t offset, unsigned size)
{
	int64_t at = offset - (int64_t)offsetof(struct loader_context, objects);
	int64_t maps = (int64_t)(input->n_maps * sizeof(struct loader_map));

	return size == sizeof(int32_t) && at >= 0 &&
	       (at >= maps ||
		at % (int64_t)sizeof(struct loader_map) == offsetof(struct loader_map, fd));
}

static int check_store(struct follow *f, const struct bpf_insn *insn, size_t index)
{
	struct value base = f->now.regs[insn->dst_reg];
	struct value value = {VALUE_CONSTANT, insn->imm};
	unsigned size = access_size(insn);

	if (BPF_MODE(insn->code) != BPF_MEM)
		return loader_refuse(f->error, index, "an atomic operation");
	if (BPF_CLASS(insn->code) == BPF_STX)
		value = f->now.regs[insn->src_reg];
	switch (base.kind) {
	case VALUE_STACK:
		return 0;
	case VALUE_CONTEXT:
		if (is_fd_of_context(f->input, insn->off, size))
			return 0;
		return loader_refuse(f->error, index, "a store over what it is given");
	case VALUE_DATA:
		return note_write(f, index, base.number + insn->off, size, value);
	default:
		return loader_refuse(f->error, index, "a store to a place that cannot be told");
	}
}

static struct value load_context(const struct follow *f, int64_t offset, unsigned size)
{
	int64_t at = offset - (int64_t)offsetof(struct loader_context, objects);
	int64_t maps = (int64_t)(f->input->n_maps * sizeof(struct loader_map));

	if ((offset == offsetof(struct loader_context, log_level) && size == sizeof(uint32_t)) ||
	    (offset == offsetof(struct loader_context, log_size) && size == sizeof(uint32_t)) ||
	    (offset == offsetof(struct loader_context, log_buf) && size == sizeof(uint64_t)))
		return (struct value){VALUE_LOG, offset};
	if (at >= 0 && at < maps && size == sizeof(uint64_t) &&
	    at % (int64_t)sizeof(struct loader_map) == offsetof(struct loader_map, initial_value))
		return (struct value){VALUE_OPENING, at / (int64_t)sizeof(struct loader_map)};
	return (struct value){};
}

static int load_data(struct follow *f, size_t index, int64_t at, unsigned size, struct value *ret)
{
	if (at < 0 || at + size > (int64_t)f->input->metadata.size)
		return loader_refuse(f->error, index, "a load from outside of its data");
	if (size == sizeof(int32_t))
		*ret = (struct value){VALUE_SLOT, at};
	else if (size == 1)
		*ret = (struct value){VALUE_BYTE, at};
	return 0;
}

/* The verifier would let a loader follow the kernel's addresses, and read its stack uncleared. */
static int check_load(struct follow *f, const struct bpf_insn *insn, size_t index)
{
	struct value base = f->now.regs[insn->src_reg], value = {};
	int64_t at = base.number + insn->off;
	unsigned size = access_size(insn);
	int r = 0;

	if (base.kind == VALUE_CONTEXT)
		value = load_context(f, at, size);
	else if (base.kind == VALUE_DATA)
		r = load_data(f, index, at, size, &value);
	else if (base.kind == VALUE_STACK && at < -f->cleared)
		r = loader_refuse(f->error, index, "a load from its stack before that is cleared");
	else if (base.kind == VALUE_MAP && (at < 0 || at + size > MAP_DIGEST_SIZE))
		r = loader_refuse(f->error, index, "a load from the kernel's memory");
	else if (base.kind != VALUE_STACK && base.kind != VALUE_MAP)
		r = loader_refuse(f->error, index, "a load from a place that cannot be told");
	f->now.regs[insn->dst_reg] = BPF_MODE(insn->code) == BPF_MEM ? value : (struct value){};
	return r;
}

/* ---- instructions ---- */

static struct value arithmetic(const struct follow *f, const struct bpf_insn *insn)
{
	/* In an instruction's second byte, besides the source register, is the destination. */
	static const struct bpf_insn destination = {.dst_reg = 0xf};
	const struct value *dst = &f->now.regs[insn->dst_reg];

	if (insn->code == CODE_MOV_CONST)
		return (struct value){VALUE_CONSTANT, insn->imm};
	if (insn->code == (BPF_ALU64 | BPF_MOV | BPF_X) && insn->off == 0)
		return f->now.regs[insn->src_reg];
	if (insn->code == (BPF_ALU64 | BPF_ADD | BPF_K) && dst->kind == VALUE_STACK)
		return (struct value){VALUE_STACK, dst->number + insn->imm};
	if (insn->code == (BPF_ALU | BPF_AND | BPF_K) && dst->kind == VALUE_BYTE &&
	    insn->imm == ((const uint8_t *)&destination)[1])
		return (struct value){VALUE_CLEARED, dst->number};
	return (struct value){};
}

static struct value constant_load(const struct follow *f, const struct bpf_insn *insn, size_t index)
{
	int32_t second = loader_insn(f->loader, index + 1).imm;

	if (insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE)
		return (struct value){VALUE_DATA, (uint32_t)second};
	if (insn->src_reg == BPF_PSEUDO_MAP_IDX)
		return (struct value){VALUE_MAP, 0};
	return (struct value){};
}

static int check_jump(struct follow *f, const struct bpf_insn *insn, size_t index)
{
	int64_t target;
	int r = 0;

	if (insn->code == CODE_CALL)
		return check_call(f, insn, index);
	f->straight = false;
	if (insn_jump_target(insn, index, &target))
		r = jump(f, index, target);
	if (insn->code == CODE_EXIT || insn->code == CODE_JUMP || insn->code == CODE_GOTO32)
		f->reached = false;
	return r;
}

static int check_insn(struct follow *f, const struct bpf_insn *insn, size_t index)
{
	struct value *regs = f->now.regs;

	/* the verifier refuses these registers, and writes to R10 */
	if (insn->dst_reg >= N_REGS || insn->src_reg >= N_REGS)
		return loader_refuse(f->error, index, "one with a register that there is not");
	switch (BPF_CLASS(insn->code)) {
	case BPF_ST:
	case BPF_STX:
		return check_store(f, insn, index);
	case BPF_LDX:
		return check_load(f, insn, index);
	case BPF_JMP:
	case BPF_JMP32:
		return check_jump(f, insn, index);
	case BPF_LD:
		if (insn->code != CODE_LD_IMM64)
			return loader_refuse(f->error, index, "a load of a packet's bytes");
		regs[insn->dst_reg] = constant_load(f, insn, index);
		return 0;
	default:
		regs[insn->dst_reg] = arithmetic(f, insn);
		return 0;
	}
}

static void mark_back(struct follow *f)
{
	struct bpf_insn insn;
	int64_t target;

	for (size_t i = 0; i < f->n; i++) {
		insn = loader_insn(f->loader, i);
		if (insn_jump_target(&insn, i, &target) && target >= 0 && target <= (int64_t)i)
			f->back[target] = true;
		if (insn.code == CODE_LD_IMM64)
			i++;
	}
}

static int check_insns(struct follow *f)
{
	struct bpf_insn insn;
	int r = 0;

	mark_back(f);
	f->now = state_start();
	f->reached = true;
	f->straight = true;
	for (size_t i = 0; r == 0 && i < f->n; i++) {
		insn = loader_insn(f->loader, i);
		arrive(f, i);
		r = check_insn(f, &insn, i);
		if (insn.code == CODE_LD_IMM64)
			i++;
	}
	return r;
}

static void follow_done(struct follow *f)
{
	for (size_t i = 0; f->joins && i < f->n; i++)
		free(f->joins[i]);
	free(f->joins);
	free(f->back);
	loader_attrs_done(&f->attrs);
}

int loader_data_check(const struct load_input *input, struct error *error)
{
	_cleanup_(follow_done) struct follow f = {
		.input = input,
		.loader = input->loader,
		.n = input->loader.size / sizeof(struct bpf_insn),
		.attrs = {.writes = {.metadata = input->metadata},
			  .reads_kernel = load_reads_kernel(input->program_types),
			  .effects = input->effects,
			  .error = error},
		.error = error,
	};
	int r;

	f.joins = calloc(f.n, sizeof(*f.joins));
	f.back = calloc(f.n, sizeof(*f.back));
	if (!f.joins || !f.back)
		return no_memory(error);
	r = check_insns(&f);
	return r < 0 ? r : loader_attrs_check(&f.attrs);
}
