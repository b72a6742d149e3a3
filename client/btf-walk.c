/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "btf-walk.h"

struct walk {
	const struct btf *btf;
	struct blob record;
	btf_visit visit;
	void *userdata;
	unsigned depth;
	unsigned left;	/* values that may still come */
	unsigned steps; /* types and enumerators that may still be looked at */
};

/* Where a value is: which member, where its bits begin, and how many a bitfield has (else 0). */
struct place {
	const char *name;
	uint64_t bit;
	unsigned bits;
};

static int walk_type(struct walk *w, uint32_t id, struct place place);

static int emit(struct walk *w, const struct btf_value *value)
{
	if (w->left == 0)
		return -E2BIG;
	w->left--;
	return w->visit(w->userdata, value);
}

/* The bytes of a value that begins at a whole byte, or NULL when the record has not that many. */
static const uint8_t *bytes_at(const struct walk *w, uint64_t bit, uint64_t size)
{
	if (bit % 8 != 0 || bit / 8 > w->record.size || size > w->record.size - bit / 8)
		return NULL;
	return w->record.data + bit / 8;
}

static int read_bits(const struct walk *w, uint64_t bit, unsigned bits, uint64_t *ret)
{
	uint64_t number = 0;

	if (bits == 0 || bits > 64 || bit > (uint64_t)w->record.size * 8 ||
	    bits > (uint64_t)w->record.size * 8 - bit)
		return -EBADMSG;
	for (unsigned i = 0; i < bits; i++) {
		uint64_t at = bit + i;

		number |= (uint64_t)(w->record.data[at / 8] >> (at % 8) & 1) << i;
	}
	*ret = number;
	return 0;
}

static int64_t sign_extend(uint64_t number, unsigned bits)
{
	return (int64_t)(number << (64 - bits)) >> (64 - bits);
}

static int walk_hex(struct walk *w, struct place place, uint64_t size)
{
	const uint8_t *data = bytes_at(w, place.bit, size);

	if (!data)
		return -EBADMSG;
	return emit(w, &(struct btf_value){
			       .kind = BTF_VALUE_HEX,
			       .name = place.name,
			       .bit = place.bit,
			       .data = data,
			       .text_size = size,
		       });
}

static int walk_text(struct walk *w, struct place place, uint64_t size)
{
	const char *text = (const char *)bytes_at(w, place.bit, size);

	if (!text)
		return -EBADMSG;
	return emit(w, &(struct btf_value){
			       .kind = BTF_VALUE_TEXT,
			       .name = place.name,
			       .bit = place.bit,
			       .text = text,
			       .text_size = strnlen(text, size),
		       });
}

static bool is_char(const struct btf *btf, const struct btf_type *t)
{
	return btf_is_int(t) && t->size == 1 && !(btf_int_encoding(t) & BTF_INT_BOOL) &&
	       streq(btf__name_by_offset(btf, t->name_off) ?: "", "char");
}

static int walk_int(struct walk *w, const struct btf_type *t, struct place place)
{
	struct btf_value value = {.name = place.name};
	int r;

	if (!place.bits && t->size > 8)
		return walk_hex(w, place, t->size);
	if (!place.bits && is_char(w->btf, t))
		return walk_text(w, place, 1);

	value.bit = place.bit + btf_int_offset(t);
	value.bits = place.bits ?: btf_int_bits(t);
	r = read_bits(w, value.bit, value.bits, &value.number);
	if (r < 0)
		return r;
	if (btf_int_encoding(t) & BTF_INT_BOOL) {
		value.kind = BTF_VALUE_BOOL;
		value.number = value.number != 0;
	} else if (btf_int_encoding(t) & BTF_INT_SIGNED) {
		value.kind = BTF_VALUE_SIGNED;
		value.number = (uint64_t)sign_extend(value.number, value.bits);
	} else {
		value.kind = BTF_VALUE_UNSIGNED;
	}
	return emit(w, &value);
}

/* The enumerator's name, or NULL for a number that has none. */
static const char *enumerator(const struct walk *w, const struct btf_type *t, uint64_t number)
{
	for (unsigned i = 0; i < btf_vlen(t); i++) {
		uint64_t candidate;
		uint32_t name;

		if (btf_is_enum64(t)) {
			candidate = btf_enum64_value(&btf_enum64(t)[i]);
			name = btf_enum64(t)[i].name_off;
		} else {
			int32_t v = btf_enum(t)[i].val;

			candidate = btf_kflag(t) ? (uint64_t)(int64_t)v : (uint32_t)v;
			name = btf_enum(t)[i].name_off;
		}
		if (candidate == number)
			return btf__name_by_offset(w->btf, name);
	}
	return NULL;
}

static int walk_enum(struct walk *w, const struct btf_type *t, struct place place)
{
	struct btf_value value = {
		.name = place.name,
		.bit = place.bit,
		.bits = place.bits,
	};
	int r;

	if (t->size > 8)
		return -EBADMSG;
	if (w->steps < btf_vlen(t))
		return -E2BIG;
	w->steps -= btf_vlen(t);
	if (!value.bits)
		value.bits = t->size * 8;
	r = read_bits(w, place.bit, value.bits, &value.number);
	if (r < 0)
		return r;
	/* In an enum the flag means signed. */
	if (btf_kflag(t))
		value.number = (uint64_t)sign_extend(value.number, value.bits);

	value.text = enumerator(w, t, value.number);
	if (value.text) {
		value.kind = BTF_VALUE_NAME;
		value.text_size = strlen(value.text);
	} else {
		value.kind = btf_kflag(t) ? BTF_VALUE_SIGNED : BTF_VALUE_UNSIGNED;
	}
	return emit(w, &value);
}

static int walk_array(struct walk *w, uint32_t id, const struct btf_type *t, struct place place)
{
	const struct btf_array *array = btf_array(t);
	int element_id = btf__resolve_type(w->btf, array->type);
	const struct btf_type *element;
	int64_t size, element_size;
	int r;

	/* The size of the whole first: after that no offset inside can overflow. */
	size = btf__resolve_size(w->btf, id);
	element_size = btf__resolve_size(w->btf, array->type);
	if (element_id < 0 || size < 0 || element_size < 0 || !bytes_at(w, place.bit, size))
		return -EBADMSG;
	element = btf__type_by_id(w->btf, element_id);
	if (is_char(w->btf, element))
		return walk_text(w, place, size);

	r = emit(w, &(struct btf_value){.kind = BTF_VALUE_ARRAY, .name = place.name});
	for (uint32_t i = 0; r == 0 && element_size > 0 && i < array->nelems; i++)
		r = walk_type(w, element_id,
			      (struct place){.bit = place.bit + (uint64_t)element_size * i * 8});
	return r ?: emit(w, &(struct btf_value){.kind = BTF_VALUE_END});
}

static int walk_members(struct walk *w, const struct btf_type *t, uint64_t bit)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < btf_vlen(t); i++) {
		const struct btf_member *member = &btf_members(t)[i];

		r = walk_type(w, member->type,
			      (struct place){
				      .name = btf__name_by_offset(w->btf, member->name_off) ?: "",
				      .bit = bit + btf_member_bit_offset(t, i),
				      .bits = btf_member_bitfield_size(t, i),
			      });
	}
	return r;
}

/* Global variables: .data, .bss and .rodata are array maps whose value is a DATASEC. */
static int walk_variables(struct walk *w, const struct btf_type *t, uint64_t bit)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < btf_vlen(t); i++) {
		const struct btf_var_secinfo *info = &btf_var_secinfos(t)[i];
		const struct btf_type *variable = btf__type_by_id(w->btf, info->type);

		if (!variable || !btf_is_var(variable))
			return -EBADMSG;
		r = walk_type(w, variable->type,
			      (struct place){
				      .name = btf__name_by_offset(w->btf, variable->name_off) ?: "",
				      .bit = bit + (uint64_t)info->offset * 8,
			      });
	}
	return r;
}

static int walk_struct(struct walk *w, const struct btf_type *t, struct place place)
{
	bool inline_members = place.name && *place.name == '\0';
	int r = 0;

	if (place.bits || !bytes_at(w, place.bit, t->size))
		return -EBADMSG;
	if (!inline_members)
		r = emit(w, &(struct btf_value){.kind = BTF_VALUE_STRUCT, .name = place.name});
	if (r == 0)
		r = btf_is_datasec(t) ? walk_variables(w, t, place.bit)
				      : walk_members(w, t, place.bit);
	if (r == 0 && !inline_members)
		r = emit(w, &(struct btf_value){.kind = BTF_VALUE_END});
	return r;
}

static int walk_resolved(struct walk *w, uint32_t id, struct place place)
{
	const struct btf_type *t = btf__type_by_id(w->btf, id);

	if (!t)
		return -EBADMSG;
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
		return walk_int(w, t, place);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return walk_enum(w, t, place);
	case BTF_KIND_PTR:
		return walk_hex(w, place, sizeof(uint64_t));
	case BTF_KIND_FLOAT:
		return walk_hex(w, place, t->size);
	case BTF_KIND_ARRAY:
		return walk_array(w, id, t, place);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
		return walk_struct(w, t, place);
	default:
		return -EOPNOTSUPP;
	}
}

static int walk_type(struct walk *w, uint32_t id, struct place place)
{
	int resolved = btf__resolve_type(w->btf, id);
	int r;

	if (resolved < 0)
		return -EBADMSG;
	if (w->depth >= BTF_DEPTH_MAX || w->steps == 0)
		return -E2BIG;
	w->steps--;
	w->depth++;
	r = walk_resolved(w, resolved, place);
	w->depth--;
	return r;
}

int btf_walk(const struct btf *btf, uint32_t id, struct blob record, btf_visit visit,
	     void *userdata)
{
	struct walk walk = {
		.btf = btf,
		.record = record,
		.visit = visit,
		.userdata = userdata,
		.left = BTF_VALUES_MAX,
		.steps = 16 * BTF_VALUES_MAX,
	};

	return walk_type(&walk, id, (struct place){});
}

int btf_open(struct blob section, struct btf **ret)
{
	struct btf *btf;

	if (section.size > UINT32_MAX)
		return -EINVAL;
	btf = btf__new(section.data, section.size);
	if (!btf)
		return -errno;
	*ret = btf;
	return 0;
}

int btf_find(const struct btf *btf, const char *name, uint32_t *ret)
{
	static const struct {
		const char *prefix;
		uint32_t kind;
	} kinds[] = {
		{"struct ", BTF_KIND_STRUCT},
		{"union ", BTF_KIND_UNION},
		{"enum ", BTF_KIND_ENUM},
	};
	int id = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t size = strlen(kinds[i].prefix);

		if (strncmp(name, kinds[i].prefix, size) == 0)
			id = btf__find_by_name_kind(btf, name + size, kinds[i].kind);
	}
	/* Functions and variables have names, too, but no values. */
	for (uint32_t i = 1; id <= 0 && i < btf__type_cnt(btf); i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);

		if (!btf_is_func(t) && !btf_is_var(t) && !btf_is_fwd(t) && t->name_off &&
		    streq(btf__name_by_offset(btf, t->name_off), name))
			id = i;
	}
	if (id <= 0)
		return -ENOENT;
	*ret = id;
	return 0;
}

int btf_record_size(const struct btf *btf, uint32_t id, size_t *ret)
{
	int64_t size = btf__resolve_size(btf, id);

	if (size < 0)
		return (int)size;
	*ret = size;
	return 0;
}
