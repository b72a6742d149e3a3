// SPDX-License-Identifier: LGPL-2.1-or-later
#include "loader-data.h"

#include <stdarg.h>

#include "loader-insn.h"
#include "target.h"

#define N_REGS	  11   /* R0 to R10 */
#define JOINS_MAX 1024 /* places ahead that are jumped to, at a time */

/* Fields of attributes that are read, each of 4 bytes, and where the kernel begins to write. */
#define MAP_TYPE      offsetof(union bpf_attr, map_type)
#define PROGRAM_TYPE  offsetof(union bpf_attr, prog_type)
#define ATTACH_TYPE   offsetof(union bpf_attr, expected_attach_type)
#define KERNEL_WRITES (ATTACH_TYPE + sizeof(uint32_t))
#define FIELD_SIZE    sizeof(uint32_t)

enum value_kind {
	VALUE_UNKNOWN, /* also: every number that is no constant */
	VALUE_CONSTANT,
	VALUE_DATA, /* address of byte .number of the metadata */
	VALUE_STACK,
	VALUE_CONTEXT,
};

struct value {
	enum value_kind kind;
	int64_t number;
};

struct state {
	struct value regs[N_REGS];
};

/* Bytes that are written to; in the metadata or behind it. */
struct range {
	int64_t start, size;
};

struct command {
	int32_t number;
	int64_t at, size;
};

struct follow {
	struct blob loader, metadata;
	size_t n;
	struct state now;
	bool reached;	      /* can what comes be reached from what was before it? */
	unsigned n_joins;     /* those that lie ahead */
	struct state **joins; /* per instruction: what is known where jumps forwards lead to */
	bool *back;	      /* per instruction: a jump backwards leads there */
	struct range *writes; /* malloced */
	size_t n_writes, room_writes;
	struct command *commands; /* malloced */
	size_t n_commands, room_commands;
	struct error *error;
};

static int no_memory(struct error *error)
{
	return error_set(error, -ENOMEM, ERROR_FAILED, STEP_LOAD, "out of memory");
}

static _printf_(3, 4) int refuse(const struct follow *f, size_t index, const char *format, ...)
{
	char what[96];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return error_set(f->error, -EPERM, ERROR_ATTESTATION, STEP_LOAD,
			 "the loader's instruction %zu is %s, which no loader made by 'bpfctl "
			 "build' has",
			 index, what);
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
	struct state state = {};

	state.regs[BPF_REG_10].kind = VALUE_STACK;
	return state;
}

static void state_merge(struct state *state, const struct state *other)
{
	for (unsigned i = 0; i < N_REGS; i++)
		if (state->regs[i].kind != other->regs[i].kind ||
		    state->regs[i].number != other->regs[i].number)
			state->regs[i] = (struct value){};
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
		return refuse(f, index, "one jump forwards too many");
	f->joins[target] = malloc(sizeof(f->now));
	if (!f->joins[target])
		return no_memory(f->error);
	*f->joins[target] = f->now;
	return 0;
}

/* ---- writes and commands ---- */

/* @items has room for one more of @size bytes, or NULL. */
static void *grow(void *items, size_t n, size_t *room, size_t size)
{
	size_t more = n < *room ? *room : 64 + 2 * *room;

	items = n < *room ? items : reallocarray(items, more, size);
	if (items)
		*room = more;
	return items;
}

static int note_write(struct follow *f, int64_t start, int64_t size)
{
	struct range *writes = grow(f->writes, f->n_writes, &f->room_writes, sizeof(*writes));

	if (!writes)
		return no_memory(f->error);
	f->writes = writes;
	writes[f->n_writes++] = (struct range){start, size};
	return 0;
}

static int note_command(struct follow *f, const struct command *command)
{
	struct command *commands =
		grow(f->commands, f->n_commands, &f->room_commands, sizeof(*commands));

	if (!commands)
		return no_memory(f->error);
	f->commands = commands;
	commands[f->n_commands++] = *command;
	return 0;
}

/* @size bytes are written to where @base says, and @offset behind that. */
static int check_write(struct follow *f, size_t index, struct value base, int64_t offset,
		       struct value size)
{
	if (base.kind == VALUE_STACK || base.kind == VALUE_CONTEXT)
		return 0;
	if (base.kind != VALUE_DATA || size.kind != VALUE_CONSTANT || size.number < 0)
		return refuse(f, index, "a store to a place that cannot be told");
	return note_write(f, base.number + offset, size.number);
}

static int check_command(struct follow *f, size_t index)
{
	const struct value *regs = f->now.regs;
	struct command command = {(int32_t)regs[1].number, regs[2].number, regs[3].number};

	if (regs[1].kind != VALUE_CONSTANT || regs[2].kind != VALUE_DATA ||
	    regs[3].kind != VALUE_CONSTANT)
		return refuse(f, index, "a bpf(2) command whose attributes cannot be told");
	if (command.at < 0 || command.size < (int64_t)FIELD_SIZE ||
	    command.at + command.size > (int64_t)f->metadata.size)
		return refuse(f, index, "a bpf(2) command with attributes outside of its data");
	if (command.number == BPF_BTF_LOAD)
		return note_write(f, command.at, command.size);
	if (command.number != BPF_MAP_CREATE && command.number != BPF_PROG_LOAD)
		return 0;
	if (command.size > (int64_t)KERNEL_WRITES &&
	    note_write(f, command.at + (int64_t)KERNEL_WRITES,
		       command.size - (int64_t)KERNEL_WRITES) < 0)
		return -ENOMEM;
	return note_command(f, &command);
}

static int check_call(struct follow *f, const struct bpf_insn *insn, size_t index)
{
	static const struct value word = {VALUE_CONSTANT, sizeof(uint64_t)};
	struct value *regs = f->now.regs;
	int r = 0;

	if (insn->imm == BPF_FUNC_sys_bpf)
		r = check_command(f, index);
	else if (insn->imm == BPF_FUNC_copy_from_user || insn->imm == BPF_FUNC_probe_read_kernel)
		r = check_write(f, index, regs[1], 0, regs[2]);
	else if (insn->imm == BPF_FUNC_kallsyms_lookup_name)
		r = check_write(f, index, regs[4], 0, word);
	for (unsigned i = 0; i <= BPF_REG_5; i++)
		regs[i] = (struct value){};
	return r;
}

/* ---- instructions ---- */

static int check_store(struct follow *f, const struct bpf_insn *insn, size_t index)
{
	static const uint8_t sizes[] = {
		[BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8};

	if (BPF_MODE(insn->code) != BPF_MEM)
		return refuse(f, index, "an atomic operation");
	return check_write(f, index, f->now.regs[insn->dst_reg], insn->off,
			   (struct value){VALUE_CONSTANT, sizes[BPF_SIZE(insn->code) >> 3]});
}

static struct value arithmetic(const struct follow *f, const struct bpf_insn *insn)
{
	const struct value *dst = &f->now.regs[insn->dst_reg];

	if (insn->code == CODE_MOV_CONST)
		return (struct value){VALUE_CONSTANT, insn->imm};
	if (insn->code == (BPF_ALU64 | BPF_MOV | BPF_X) && insn->off == 0)
		return f->now.regs[insn->src_reg];
	if (insn->code == (BPF_ALU64 | BPF_ADD | BPF_K) && dst->kind == VALUE_STACK)
		return *dst;
	return (struct value){};
}

static struct value constant_load(const struct follow *f, const struct bpf_insn *insn, size_t index)
{
	int32_t second = loader_insn(f->loader, index + 1).imm;

	if (insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE)
		return (struct value){VALUE_DATA, (uint32_t)second};
	return (struct value){};
}

static int check_jump(struct follow *f, const struct bpf_insn *insn, size_t index)
{
	int64_t target;
	int r = 0;

	if (insn->code == CODE_CALL)
		return check_call(f, insn, index);
	if (insn_jump_target(insn, index, &target))
		r = jump(f, index, target);
	if (insn->code == CODE_EXIT || insn->code == CODE_JUMP || insn->code == CODE_GOTO32)
		f->reached = false;
	return r;
}

static int check_insn(struct follow *f, const struct bpf_insn *insn, size_t index)
{
	struct value *dst = &f->now.regs[insn->dst_reg];

	/* the verifier refuses these registers, and writes to R10 */
	if (insn->dst_reg >= N_REGS || insn->src_reg >= N_REGS)
		return refuse(f, index, "one with a register that there is not");
	switch (BPF_CLASS(insn->code)) {
	case BPF_ST:
	case BPF_STX:
		return check_store(f, insn, index);
	case BPF_JMP:
	case BPF_JMP32:
		return check_jump(f, insn, index);
	case BPF_ALU:
	case BPF_ALU64:
		*dst = arithmetic(f, insn);
		return 0;
	case BPF_LD:
		if (insn->code != CODE_LD_IMM64)
			return refuse(f, index, "a load of a packet's bytes");
		*dst = constant_load(f, insn, index);
		return 0;
	default:
		*dst = (struct value){};
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
	for (size_t i = 0; r == 0 && i < f->n; i++) {
		insn = loader_insn(f->loader, i);
		arrive(f, i);
		r = check_insn(f, &insn, i);
		if (insn.code == CODE_LD_IMM64)
			i++;
	}
	return r;
}

/* ---- fields ---- */

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/*
 * Sorted, and each made to end no earlier than the one before it, so that the last one which begins
 * before a place is the one that reaches farthest.
 */
static void sort_writes(struct follow *f)
{
	int64_t end = 0;

	if (f->n_writes > 0)
		qsort(f->writes, f->n_writes, sizeof(*f->writes), compare_ranges);
	for (size_t i = 0; i < f->n_writes; i++) {
		struct range *write = &f->writes[i];

		if (end < write->start + write->size)
			end = write->start + write->size;
		write->size = end - write->start;
	}
}

static bool is_written(const struct follow *f, int64_t at)
{
	size_t low = 0, high = f->n_writes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (f->writes[middle].start < at + (int64_t)FIELD_SIZE)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && f->writes[low - 1].start + f->writes[low - 1].size > at;
}

/* What @command will have at @field; false when that may change. Behind its end there is 0. */
static bool read_field(const struct follow *f, const struct command *command, size_t field,
		       uint32_t *ret)
{
	*ret = 0;
	if (command->size < (int64_t)(field + FIELD_SIZE))
		return command->size <= (int64_t)field;
	if (is_written(f, command->at + (int64_t)field))
		return false;
	memcpy(ret, f->metadata.data + command->at + field, FIELD_SIZE);
	return true;
}

static _printf_(2, 3) int refuse_object(const struct follow *f, const char *format, ...)
{
	char what[128];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return error_set(f->error, -EPERM, ERROR_ATTESTATION, STEP_LOAD,
			 "the loader makes a %s, which no loader made by 'bpfctl build' does",
			 what);
}

static int check_map(const struct follow *f, const struct command *command)
{
	uint32_t type;

	if (!read_field(f, command, MAP_TYPE, &type))
		return refuse_object(f, "map of a type that it writes as it runs");
	if (!map_type_name((enum bpf_map_type)type))
		return refuse_object(f, "map of type %u", type);
	return 0;
}

static int check_program(const struct follow *f, const struct command *command)
{
	uint32_t type, attach;

	if (!read_field(f, command, PROGRAM_TYPE, &type) ||
	    !read_field(f, command, ATTACH_TYPE, &attach))
		return refuse_object(f, "program of a type that it writes as it runs");
	if (!program_type_name((enum bpf_prog_type)type))
		return refuse_object(f, "program of type %u", type);
	if (!program_type_fits_attach((enum bpf_prog_type)type, (enum bpf_attach_type)attach))
		return refuse_object(f, "program of type %s with expected attach type %u",
				     program_type_name((enum bpf_prog_type)type), attach);
	return 0;
}

static int check_fields(struct follow *f)
{
	int r = 0;

	sort_writes(f);
	for (size_t i = 0; r == 0 && i < f->n_commands; i++)
		r = f->commands[i].number == BPF_MAP_CREATE ? check_map(f, &f->commands[i])
							    : check_program(f, &f->commands[i]);
	return r;
}

static void follow_done(struct follow *f)
{
	for (size_t i = 0; f->joins && i < f->n; i++)
		free(f->joins[i]);
	free(f->joins);
	free(f->back);
	free(f->writes);
	free(f->commands);
}

int loader_data_check(struct blob loader, struct blob metadata, struct error *error)
{
	_cleanup_(follow_done) struct follow f = {
		.loader = loader,
		.metadata = metadata,
		.n = loader.size / sizeof(struct bpf_insn),
		.error = error,
	};
	int r;

	f.joins = calloc(f.n, sizeof(*f.joins));
	f.back = calloc(f.n, sizeof(*f.back));
	if (!f.joins || !f.back)
		return no_memory(error);
	r = check_insns(&f);
	return r < 0 ? r : check_fields(&f);
}
