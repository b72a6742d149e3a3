// SPDX-License-Identifier: LGPL-2.1-or-later
#include "loader-check.h"

#include <stdarg.h>

#include "loader-insn.h"
#include "manifest.h"

#define INSNS_MAX (BUNDLE_LOADER_MAX / sizeof(struct bpf_insn))

#define CODE_GOTO_X   (BPF_JMP | BPF_JA | BPF_X) /* to where a register says, Linux 6.19 */
#define CODE_MAY_GOTO (BPF_JMP | 0xe0) /* BPF_JCOND: a loop that the verifier does not bound */

/* BTF; creating, filling and freezing each map, and one to spare; each program. */
#define COMMANDS_MAX (1 + 4 * MANIFEST_MAPS_MAX + MANIFEST_PROGRAMS_MAX)
/* Where loaders jump back to: the clean-up near the start, whole or without its first close. */
#define BACK_MAX 4

static const int32_t helpers[] = {
	BPF_FUNC_sys_bpf,
	BPF_FUNC_sys_close,
	BPF_FUNC_copy_from_user,
	BPF_FUNC_probe_read_kernel,
	BPF_FUNC_kallsyms_lookup_name,
	BPF_FUNC_btf_find_by_name_kind,
};

static const int32_t commands[] = {
	BPF_MAP_CREATE, BPF_MAP_UPDATE_ELEM, BPF_MAP_FREEZE, BPF_PROG_LOAD, BPF_BTF_LOAD,
};

struct check {
	struct blob loader;
	size_t n;      /* its instructions */
	bool *targets; /* of jumps: what was known of registers holds no longer */
	bool known;    /* R1 holds the constant below */
	int32_t value;
	unsigned n_commands;
	unsigned n_back;
	size_t back[BACK_MAX]; /* targets of jumps backwards */
	struct error *error;
};

static bool listed(const int32_t *list, size_t n, int32_t value)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == value)
			return true;
	return false;
}

int loader_refuse(struct error *error, size_t index, const char *format, ...)
{
	char what[160];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_LOAD,
			 "the loader's instruction %zu is %s, which no loader made by 'bpfctl "
			 "build' has",
			 index, what);
}

/* Jumps out of the loader are left to the verifier. */
static int mark_target(struct check *check, size_t index, const struct bpf_insn *insn)
{
	int64_t target;

	if (!insn_jump_target(insn, index, &target) || target < 0 || target >= (int64_t)check->n)
		return 0;
	check->targets[target] = true;
	if (target > (int64_t)index)
		return 0;
	for (unsigned i = 0; i < check->n_back; i++)
		if (check->back[i] == (size_t)target)
			return 0;
	if (check->n_back == BACK_MAX)
		return loader_refuse(check->error, index, "one jump backwards too many");
	check->back[check->n_back++] = (size_t)target;
	return 0;
}

/*
 * What begins at @start, where a jump backwards leads to, must come to its end by jumps forwards
 * alone: then nothing is done twice.
 */
static int check_ends(const struct check *check, size_t start)
{
	struct bpf_insn insn;
	int64_t target, furthest = 0;

	for (size_t i = start; i < check->n; i++) {
		insn = loader_insn(check->loader, i);
		if (insn.code == CODE_LD_IMM64) {
			i++;
		} else if (insn_jump_target(&insn, i, &target)) {
			if (target <= (int64_t)i)
				return loader_refuse(check->error, i, "part of a loop");
			furthest = target > furthest ? target : furthest;
		} else if (insn.code == CODE_EXIT && furthest <= (int64_t)i) {
			return 0;
		}
	}
	return loader_refuse(check->error, start, "the beginning of what has no end");
}

static int check_call(struct check *check, const struct bpf_insn *insn, size_t index)
{
	bool known = check->known;

	check->known = false;
	if (insn->code != CODE_CALL)
		return loader_refuse(check->error, index, "an indirect call");
	if (insn->src_reg == BPF_PSEUDO_KFUNC_CALL)
		return loader_refuse(check->error, index, "a call of a kernel function");
	if (insn->src_reg != 0)
		return loader_refuse(check->error, index, "a call of a function of its own");
	if (!listed(helpers, ARRAY_SIZE(helpers), insn->imm))
		return loader_refuse(check->error, index, "a call of helper %d", insn->imm);
	if (insn->imm != BPF_FUNC_sys_bpf)
		return 0;
	if (!known)
		return loader_refuse(check->error, index,
				     "a bpf(2) command that is not a constant");
	if (!listed(commands, ARRAY_SIZE(commands), check->value))
		return loader_refuse(check->error, index, "bpf(2) command %d", check->value);
	if (++check->n_commands > COMMANDS_MAX)
		return loader_refuse(check->error, index, "one bpf(2) command too many");
	return 0;
}

static int check_load(struct check *check, const struct bpf_insn *insn, size_t index)
{
	if (index + 1 >= check->n || loader_insn(check->loader, index + 1).code != 0)
		return loader_refuse(check->error, index, "half a 64-bit load");
	if (insn->dst_reg == BPF_REG_1)
		check->known = false;
	if (insn->src_reg == 0)
		return 0;
	if (insn->src_reg != BPF_PSEUDO_MAP_IDX && insn->src_reg != BPF_PSEUDO_MAP_IDX_VALUE)
		return loader_refuse(check->error, index, "a load of an object's address");
	if (insn->imm != 0)
		return loader_refuse(check->error, index, "a load of another map's address");
	return 0;
}

static int check_insn(struct check *check, const struct bpf_insn *insn, size_t index)
{
	if (check->targets[index])
		check->known = false;
	if (insn->code == CODE_LD_IMM64)
		return check_load(check, insn, index);
	if (insn_is_jump_class(insn) && BPF_OP(insn->code) == BPF_CALL)
		return check_call(check, insn, index);
	if (insn->code == CODE_GOTO_X)
		return loader_refuse(check->error, index, "an indirect jump");
	if (insn->code == CODE_MAY_GOTO)
		return loader_refuse(check->error, index, "a jump of unbounded count");
	/*
	 * Whatever else names R1 may change it: arithmetic and loads by dst_reg, atomic stores by
	 * src_reg.
	 */
	if (insn->dst_reg == BPF_REG_1 || insn->src_reg == BPF_REG_1) {
		check->known = insn->code == CODE_MOV_CONST && insn->dst_reg == BPF_REG_1;
		check->value = insn->imm;
	}
	return 0;
}

static int check_jumps(struct check *check)
{
	struct bpf_insn insn;
	int r = 0;

	for (size_t i = 0; r == 0 && i < check->n; i++) {
		insn = loader_insn(check->loader, i);
		r = mark_target(check, i, &insn);
		if (insn.code == CODE_LD_IMM64)
			i++;
	}
	for (unsigned i = 0; r == 0 && i < check->n_back; i++)
		r = check_ends(check, check->back[i]);
	return r;
}

static int check_all(struct check *check)
{
	struct bpf_insn insn;
	int r;

	r = check_jumps(check);
	for (size_t i = 0; r == 0 && i < check->n; i++) {
		insn = loader_insn(check->loader, i);
		r = check_insn(check, &insn, i);
		if (insn.code == CODE_LD_IMM64)
			i++;
	}
	return r;
}

int loader_check(struct blob loader, struct error *error)
{
	_cleanup_free_ bool *targets = NULL;
	struct check check = {
		.loader = loader,
		.n = loader.size / sizeof(struct bpf_insn),
		.error = error,
	};

	if (loader.size % sizeof(struct bpf_insn) != 0 || check.n < 2 || check.n > INSNS_MAX ||
	    loader.data[0] == 0xff)
		return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_LOAD,
				 "the loader is not a whole number of BPF instructions");
	targets = calloc(check.n, sizeof(*targets));
	if (!targets)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_LOAD, "out of memory");
	check.targets = targets;
	return check_all(&check);
}
