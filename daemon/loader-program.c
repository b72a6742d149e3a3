// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a loader's BPF_PROG_LOAD reads. */
#include "kfunc.h"
#include "loader-field.h"
#include "loader-insn.h"
#include "target.h"

#define LICENSE_MAX 127 /* bytes that the kernel reads: kernel/bpf/syscall.c */

/* From @target to its end, as far as the kernel looks for that. */
static int check_license(const struct loader_attrs *attrs, const struct loader_command *command,
			 int64_t target, int64_t size)
{
	const struct blob *metadata = &attrs->writes.metadata;
	size_t rest = metadata->size - (size_t)target, n;

	n = strnlen((const char *)metadata->data + target, rest < LICENSE_MAX ? rest : LICENSE_MAX);
	if (n == rest)
		return field_refuse(attrs, command,
				    "that reads its licence from outside of its data");
	if (loader_is_written(&attrs->writes, target, (int64_t)n + (n < LICENSE_MAX)))
		return field_refuse(attrs, command, "whose licence it writes as it runs");
	return 0;
}

static bool is_map_index(const struct bpf_insn *insn)
{
	return insn->code == CODE_LD_IMM64 &&
	       (insn->src_reg == BPF_PSEUDO_MAP_IDX || insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE);
}

/*
 * What libbpf's loaders put into instructions that begin at @target: the constants of 64-bit loads
 * (types, fds and addresses of the kernel's), but no index into fd_array and no function of the
 * program's own; which kernel function a call leads to; and of a symbol that there is not they take
 * the source register away. So whatever else the program does is as it was signed: loader-effects.c
 * goes by that.
 */
static bool may_change(const struct loader_write *write, int64_t target, struct blob insns)
{
	int64_t at = write->start - target, off = at % (int64_t)sizeof(struct bpf_insn);
	struct bpf_insn insn;
	bool load;

	if (at < 0 || write->kind == VALUE_COPY || write->kind == VALUE_KERNEL)
		return false;
	insn = loader_insn(insns, (size_t)at / sizeof(insn));
	/* 0 is the second half of one: the verifier takes it nowhere else */
	load = insn.code == 0 || (insn.code == CODE_LD_IMM64 && !is_map_index(&insn) &&
				  insn.src_reg != BPF_PSEUDO_FUNC);
	if (write->kind == VALUE_CLEARED && write->number == write->start && write->size == 1)
		return load && off == offsetof(struct bpf_insn, code) + 1;
	if (!load && (insn.code != CODE_CALL || insn.src_reg != BPF_PSEUDO_KFUNC_CALL))
		return false;
	return off >= (int64_t)offsetof(struct bpf_insn, off) &&
	       off + write->size <= (int64_t)sizeof(insn);
}

static int check_changes(const struct loader_attrs *attrs, const struct loader_command *command,
			 int64_t target, struct blob insns)
{
	struct loader_touching writes =
		loader_writes_to(&attrs->writes, target, (int64_t)insns.size);
	const struct loader_write *write;

	while ((write = loader_writes_next(&writes)))
		if (!may_change(write, target, insns))
			return field_refuse(
				attrs, command,
				"for a program whose instructions it writes as it runs");
	return 0;
}

/*
 * Without CAP_PERFMON the verifier lets a program follow no pointer into the kernel's structures,
 * but since Linux 6.17 what bpf_rdonly_cast() makes of a number and the type 0, and on all kernels
 * variables that BTF describes. A cast is gone from the instructions once they are loaded, and a
 * function may be named by its number alone: so none is called. Those of features (feature.h) are
 * about tasks, which only tracing programs get at.
 */
static bool reads_kernel(const struct bpf_insn *insn)
{
	enum call_form form = call_form(insn);

	return form == CALL_KFUNC || form == CALL_UNKNOWN ||
	       (insn->code == CODE_LD_IMM64 && insn->src_reg == BPF_PSEUDO_BTF_ID);
}

/* With where fd_array is: it has no length, and the kernel's log has what is read there. */
static int check_insns(const struct loader_attrs *attrs, const struct loader_command *command,
		       int64_t target, int64_t size)
{
	struct field_pointer fds = {.name = "fd_array", .field = FIELD(fd_array)};
	struct blob insns = {attrs->writes.metadata.data + target, (size_t)size};
	struct bpf_insn insn;
	int r;

	r = check_changes(attrs, command, target, insns);
	if (r < 0)
		return r;
	for (size_t i = 0; i < insns.size / sizeof(insn); i++) {
		insn = loader_insn(insns, i);
		if (!attrs->reads_kernel && reads_kernel(&insn))
			return error_set(attrs->error, -EPERM, ERROR_ATTESTATION, STEP_LOAD,
					 "a program calls kernel functions or reads kernel "
					 "variables, and programs of the declared types may not "
					 "read kernel memory: see CAPABILITIES in bpfgated(8)");
		if (is_map_index(&insn) && fds.size < ((uint64_t)(uint32_t)insn.imm + 1) * 4)
			fds.size = ((uint64_t)(uint32_t)insn.imm + 1) * 4;
		if (insn.code == CODE_LD_IMM64)
			i++;
	}
	return field_pointer(attrs, command, &fds);
}

/* Type and expected attach type are those of some target. */
static int check_program_type(const struct loader_attrs *attrs,
			      const struct loader_command *command)
{
	uint32_t type, attach;

	if (!field_read(attrs, command, FIELD(prog_type), &type) ||
	    !field_read(attrs, command, FIELD(expected_attach_type), &attach))
		return field_refuse_object(attrs, "program of a type that it writes as it runs");
	if (!program_type_name((enum bpf_prog_type)type))
		return field_refuse_object(attrs, "program of type %u", type);
	if (!program_type_fits_attach((enum bpf_prog_type)type, (enum bpf_attach_type)attach))
		return field_refuse_object(attrs, "program of type %s with expected attach type %u",
					   program_type_name((enum bpf_prog_type)type), attach);
	return 0;
}

/* Records that belong to a program: their number, and the size of each. */
static int check_records(const struct loader_attrs *attrs, const struct loader_command *command)
{
	static const struct {
		const char *name;
		size_t field, number, size;
	} records[] = {
		{"func_info", FIELD(func_info), FIELD(func_info_cnt), FIELD(func_info_rec_size)},
		{"line_info", FIELD(line_info), FIELD(line_info_cnt), FIELD(line_info_rec_size)},
		{"core_relos", FIELD(core_relos), FIELD(core_relo_cnt), FIELD(core_relo_rec_size)},
	};
	int r = 0;

	for (unsigned i = 0; r == 0 && i < ARRAY_SIZE(records); i++) {
		struct field_pointer pointer = {.name = records[i].name, .field = records[i].field};
		uint32_t number = 0, size = 0;

		r = field_number(attrs, command, pointer.name, records[i].number, &number);
		if (r == 0)
			r = field_number(attrs, command, pointer.name, records[i].size, &size);
		pointer.size = (uint64_t)number * size;
		if (r == 0)
			r = field_pointer(attrs, command, &pointer);
	}
	return r;
}

int loader_program_check(const struct loader_attrs *attrs, const struct loader_command *command)
{
	static const struct field_log log = {FIELD(log_level), FIELD(log_size), FIELD(log_buf)};
	struct field_pointer insns = {
		.name = "instructions", .field = FIELD(insns), .check = check_insns};
	struct field_pointer license = {
		.name = "licence", .field = FIELD(license), .check = check_license};
	uint32_t n = 0;
	int r;

	r = check_program_type(attrs, command);
	if (r == 0)
		r = field_number(attrs, command, "insn_cnt", FIELD(insn_cnt), &n);
	insns.size = (uint64_t)n * sizeof(struct bpf_insn);
	if (r == 0)
		r = field_pointer(attrs, command, &insns);
	if (r == 0)
		r = field_pointer(attrs, command, &license);
	if (r == 0)
		r = check_records(attrs, command);
	return r < 0 ? r : field_log(attrs, command, &log);
}
