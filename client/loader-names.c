/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <linux/bpf.h>
#include <linux/btf.h>

#include "loader-names.h"

#define ENDING	    "_impl"
#define LOOKUP_SIZE 6 /* instructions up to the call: ldimm64 (2), three constants, the call */
#define GUARD_SIZE  9 /* of those that are put before it */

#define INSN(c, dst, src, o, i) \
	((struct bpf_insn){.code = (c), .dst_reg = (dst), .src_reg = (src), .off = (o), .imm = (i)})
#define CODE_LD_IMM64  (BPF_LD | BPF_DW | BPF_IMM)
#define CODE_MOV_CONST (BPF_ALU64 | BPF_MOV | BPF_K)

/* R0 = bpf_btf_find_by_name_kind(@name, @size, BTF_KIND_FUNC, 0), beginning at @at. */
struct lookup {
	size_t at;
	int32_t name; /* in the metadata */
	int32_t size; /* with the NUL */
	const struct lookup *preferred;
};

struct lookups {
	size_t n;
	struct lookup *items;
};

static void lookups_done(struct lookups *lookups)
{
	free(lookups->items);
}

static bool is_const(const struct bpf_insn *insn, unsigned reg)
{
	return insn->code == CODE_MOV_CONST && insn->dst_reg == reg;
}

static bool lookup_read(const struct bpf_insn *insn, struct lookup *ret)
{
	if (insn[0].code != CODE_LD_IMM64 || insn[0].dst_reg != BPF_REG_1 ||
	    insn[0].src_reg != BPF_PSEUDO_MAP_IDX_VALUE || !is_const(&insn[2], BPF_REG_2) ||
	    !is_const(&insn[3], BPF_REG_3) || insn[3].imm != BTF_KIND_FUNC ||
	    !is_const(&insn[4], BPF_REG_4) || insn[5].code != (BPF_JMP | BPF_CALL) ||
	    insn[5].imm != BPF_FUNC_btf_find_by_name_kind)
		return false;
	ret->name = insn[1].imm;
	ret->size = insn[2].imm;
	return true;
}

/* The name as text, or NULL where the metadata holds none there. */
static const char *lookup_name(const struct lookup *lookup, struct blob metadata)
{
	if (lookup->name < 0 || lookup->size < 1 ||
	    (size_t)lookup->name + (size_t)lookup->size > metadata.size ||
	    metadata.data[lookup->name + lookup->size - 1] != '\0')
		return NULL;
	return (const char *)metadata.data + lookup->name;
}

static int lookups_find(const struct bpf_insn *insns, size_t n, struct lookups *ret)
{
	struct lookup lookup = {}, *items;

	for (size_t i = 0; i + LOOKUP_SIZE <= n; i++) {
		lookup.at = i;
		if (!lookup_read(insns + i, &lookup))
			continue;
		items = reallocarray(ret->items, ret->n + 1, sizeof(*items));
		if (!items)
			return -ENOMEM;
		ret->items = items;
		items[ret->n++] = lookup;
	}
	return 0;
}

/* Finds for each NAME_impl the look-up of NAME; the number of those that have one. */
static size_t lookups_pair(struct lookups *lookups, struct blob metadata)
{
	size_t n = 0;

	for (size_t i = 0; i < lookups->n; i++) {
		struct lookup *lookup = &lookups->items[i];
		const char *name = lookup_name(lookup, metadata), *other;
		size_t length = name ? strlen(name) : 0, tail = strlen(ENDING);

		if (length <= tail || !streq(name + length - tail, ENDING))
			continue;
		for (size_t k = 0; k < lookups->n && !lookup->preferred; k++) {
			other = lookup_name(&lookups->items[k], metadata);
			if (other && strlen(other) == length - tail &&
			    memcmp(other, name, length - tail) == 0)
				lookup->preferred = &lookups->items[k];
		}
		n += lookup->preferred != NULL;
	}
	return n;
}

/* Where instruction @index goes; for @target of a jump that is before what is put there. */
static int64_t moved(const struct lookups *lookups, int64_t index, bool target)
{
	int64_t to = index;

	for (size_t i = 0; i < lookups->n; i++) {
		const struct lookup *lookup = &lookups->items[i];

		if (lookup->preferred && (int64_t)lookup->at < index + (target ? 0 : 1))
			to += GUARD_SIZE;
	}
	return to;
}

static int move_jump(const struct lookups *lookups, int64_t index, struct bpf_insn *insn)
{
	unsigned class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);
	int64_t off;

	if ((class != BPF_JMP && class != BPF_JMP32) || op == BPF_CALL || op == BPF_EXIT)
		return 0;
	if (insn->code == (BPF_JMP32 | BPF_JA))
		return -ERANGE; /* the long jump, which gen_loader does not write */
	off = moved(lookups, index + 1 + insn->off, true) - moved(lookups, index, false) - 1;
	if (off < INT16_MIN || off > INT16_MAX)
		return -ERANGE;
	insn->off = (int16_t)off;
	return 0;
}

/* If there is the preferred one: -ENOENT, and over the look-up. */
static void write_guard(const struct lookup *preferred, struct bpf_insn *ret)
{
	const struct bpf_insn guard[GUARD_SIZE] = {
		INSN(CODE_LD_IMM64, BPF_REG_1, BPF_PSEUDO_MAP_IDX_VALUE, 0, 0),
		INSN(0, 0, 0, 0, preferred->name),
		INSN(CODE_MOV_CONST, BPF_REG_2, 0, 0, preferred->size),
		INSN(CODE_MOV_CONST, BPF_REG_3, 0, 0, BTF_KIND_FUNC),
		INSN(CODE_MOV_CONST, BPF_REG_4, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_btf_find_by_name_kind),
		INSN(BPF_JMP | BPF_JSLT | BPF_K, BPF_REG_0, 0, 2, 0),
		INSN(CODE_MOV_CONST, BPF_REG_0, 0, 0, -ENOENT),
		INSN(BPF_JMP | BPF_JA, 0, 0, LOOKUP_SIZE, 0),
	};

	memcpy(ret, guard, sizeof(guard));
}

static int rewrite(const struct bpf_insn *insns, size_t n, const struct lookups *lookups,
		   struct bpf_insn *ret)
{
	size_t next = 0, to = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		while (next < lookups->n && lookups->items[next].at < i)
			next++;
		if (next < lookups->n && lookups->items[next].at == i &&
		    lookups->items[next].preferred) {
			write_guard(lookups->items[next].preferred, ret + to);
			to += GUARD_SIZE;
		}
		ret[to] = insns[i];
		if (insns[i].code == CODE_LD_IMM64) {
			ret[++to] = insns[++i];
		} else {
			r = move_jump(lookups, (int64_t)i, &ret[to]);
			if (r < 0)
				return r;
		}
		to++;
	}
	return 0;
}

int loader_prefer_names(uint8_t **loader, size_t *size, struct blob metadata)
{
	_cleanup_(lookups_done) struct lookups lookups = {};
	size_t n = *size / sizeof(struct bpf_insn), n_guards;
	_cleanup_free_ struct bpf_insn *insns = NULL;
	struct bpf_insn *grown;
	int r;

	insns = calloc(n ?: 1, sizeof(*insns));
	if (!insns)
		return -ENOMEM;
	memcpy(insns, *loader, n * sizeof(*insns));
	r = lookups_find(insns, n, &lookups);
	if (r < 0)
		return r;
	n_guards = lookups_pair(&lookups, metadata);
	if (n_guards == 0)
		return 0;
	n += n_guards * GUARD_SIZE;
	grown = calloc(n, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	r = rewrite(insns, *size / sizeof(*insns), &lookups, grown);
	if (r < 0) {
		free(grown);
		return r;
	}
	free(*loader);
	*loader = (uint8_t *)grown;
	*size = n * sizeof(*grown);
	return 0;
}
