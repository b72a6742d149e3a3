/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tables.h"

struct adder {
	uint8_t *sum;
	uint8_t *done; /* a byte that members of a union share counts once */
};

static void add_number(uint8_t *sum, const uint8_t *number, size_t size)
{
	unsigned carry = 0;

	for (size_t i = 0; i < size; i++) {
		carry += sum[i] + number[i];
		sum[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

static int add_value(void *userdata, const struct btf_value *value)
{
	struct adder *adder = userdata;
	size_t at = value->bit / 8, size = value->bits / 8;
	uint8_t number[8];

	if (value->kind != BTF_VALUE_UNSIGNED && value->kind != BTF_VALUE_SIGNED)
		return 0;
	/* A bitfield has no room for a sum. */
	if (value->bit % 8 || value->bits % 8 || size > sizeof(number) ||
	    memchr(adder->done + at, 1, size))
		return 0;
	for (size_t i = 0; i < size; i++)
		number[i] = (uint8_t)(value->number >> (8 * i));
	add_number(adder->sum + at, number, size);
	memset(adder->done + at, 1, size);
	return 0;
}

static bool is_number(size_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

int table_sum(const struct btf *btf, const char *type, const struct blob *records, unsigned n,
	      uint8_t *sum)
{
	_cleanup_free_ uint8_t *done = NULL;
	size_t size = records[0].size;
	bool typed;
	uint32_t id;
	int r = 0;

	typed = btf && type && btf_find(btf, type, &id) == 0;
	if (!typed && !is_number(size))
		return -EOPNOTSUPP;
	done = malloc(size);
	if (!done)
		return -ENOMEM;

	memcpy(sum, records[0].data, size);
	for (unsigned i = 1; r == 0 && i < n; i++) {
		struct adder adder = {.sum = sum, .done = done};

		memset(done, 0, size);
		if (typed)
			r = btf_walk(btf, id, records[i], add_value, &adder);
		else
			add_number(sum, records[i].data, size);
	}
	return r;
}
