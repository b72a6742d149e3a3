// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What can the programs of a loader change besides their maps? Told by the instructions that it
 * gives the kernel, which are as they were signed (loader-program.c), and not by its manifest. The
 * kernel, asked after the load, would not do as well: helpers that it has replaced by instructions
 * of its own show no longer, and where calls lead only to who has CAP_SYSLOG.
 */
#include "effect.h"
#include "loader-field.h"
#include "loader-insn.h"

struct program {
	const struct loader_attrs *attrs;
	const struct loader_command *command;
	uint32_t type, n;
	int64_t at; /* of its instructions in the metadata */
};

/* Instructions that the kernel changes by CO-RE records: *ret is malloced, or NULL where there are
 * none. */
static int read_relocations(const struct program *p, bool **ret)
{
	const struct blob *metadata = &p->attrs->writes.metadata;
	_cleanup_free_ bool *relocated = NULL;
	struct field_pointer records = {.name = "core_relos", .field = FIELD(core_relos)};
	uint32_t n = 0, size = 0, place;
	int64_t at;
	bool known;
	int r;

	r = field_number(p->attrs, p->command, records.name, FIELD(core_relo_cnt), &n);
	if (r == 0)
		r = field_number(p->attrs, p->command, records.name, FIELD(core_relo_rec_size),
				 &size);
	records.size = (uint64_t)n * size;
	records.ret_target = &at;
	if (r == 0)
		r = field_pointer(p->attrs, p->command, &records);
	if (r < 0 || n == 0 || at < 0)
		return r;
	relocated = calloc(p->n ?: 1, sizeof(*relocated));
	if (!relocated)
		return -ENOMEM;
	/* Otherwise any of them may be meant. */
	known = size >= sizeof(place) &&
		!loader_is_written(&p->attrs->writes, at, (int64_t)records.size);
	memset(relocated, !known, p->n);
	for (uint32_t i = 0; known && i < n; i++) {
		memcpy(&place, metadata->data + at + (uint64_t)i * size, sizeof(place));
		if (place / sizeof(struct bpf_insn) < p->n)
			relocated[place / sizeof(struct bpf_insn)] = true;
	}
	*ret = TAKE_PTR(relocated);
	return 0;
}

static int read_insns(const struct program *p, struct bpf_insn **ret)
{
	size_t size = p->n * sizeof(**ret);
	struct bpf_insn *insns = malloc(size ?: 1);

	/* A copy, for nothing says that they are aligned. */
	if (!insns)
		return -ENOMEM;
	memcpy(insns, p->attrs->writes.metadata.data + p->at, size);
	*ret = insns;
	return 0;
}

static int find(const struct program *p, struct effects *ret)
{
	_cleanup_free_ struct bpf_insn *insns = NULL;
	_cleanup_free_ bool *relocated = NULL;
	int r;

	r = read_relocations(p, &relocated);
	if (r == 0)
		r = read_insns(p, &insns);
	return r < 0 ? r : effects_find(insns, p->n, p->type, relocated, ret);
}

/* Which of the loader's programs it is, from 1. */
static unsigned number_of(const struct program *p)
{
	unsigned n = 1;

	for (const struct loader_command *c = p->attrs->commands; c < p->command; c++)
		n += c->number == BPF_PROG_LOAD;
	return n;
}

static int refuse(const struct program *p, const struct effects *effects, uint32_t excess)
{
	enum effect effect = effects_first(excess);

	return error_set(p->attrs->error, -EPERM, ERROR_ATTESTATION, STEP_LOAD,
			 "program number %u of the loader can have the effect \"%s\" (its "
			 "instruction %zu), which the manifest does not declare",
			 number_of(p), effect_name(effect), effects->at[effect]);
}

int loader_effects_check(const struct loader_attrs *attrs, const struct loader_command *command)
{
	struct program program = {.attrs = attrs, .command = command};
	struct field_pointer insns = {.name = "instructions", .field = FIELD(insns)};
	struct effects effects;
	int r;

	r = field_number(attrs, command, "insn_cnt", FIELD(insn_cnt), &program.n);
	if (r == 0)
		r = field_number(attrs, command, "type", FIELD(prog_type), &program.type);
	insns.size = (uint64_t)program.n * sizeof(struct bpf_insn);
	insns.ret_target = &program.at;
	if (r == 0)
		r = field_pointer(attrs, command, &insns);
	if (r < 0 || program.at < 0)
		return r;
	r = find(&program, &effects);
	if (r == -ENOMEM)
		return error_set(attrs->error, r, ERROR_FAILED, STEP_LOAD, "out of memory");
	if (r < 0)
		return r;
	return effects.found & ~attrs->effects
		       ? refuse(&program, &effects, effects.found & ~attrs->effects)
		       : 0;
}
