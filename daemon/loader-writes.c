// SPDX-License-Identifier: LGPL-2.1-or-later
#include "loader-writes.h"

void *loader_grow(void *items, size_t n, size_t *room, size_t size)
{
	size_t more = n < *room ? *room : 64 + 2 * *room;

	items = n < *room ? items : reallocarray(items, more, size);
	if (items)
		*room = more;
	return items;
}

int loader_writes_add(struct loader_writes *writes, int64_t start, int64_t size, struct value value)
{
	struct loader_write *items;

	if (start < 0 || size < 0 || start + size > (int64_t)writes->metadata.size)
		return -ERANGE;
	if (size == 0)
		return 0;
	items = loader_grow(writes->items, writes->n, &writes->room, sizeof(*items));
	if (!items)
		return -ENOMEM;
	writes->items = items;
	items[writes->n++] = (struct loader_write){
		.start = (int32_t)start,
		.size = (int32_t)size,
		.number = (int32_t)value.number,
		.kind = (uint8_t)value.kind,
	};
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct loader_write *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

void loader_writes_sort(struct loader_writes *writes)
{
	int32_t reach = 0;

	if (writes->n > 0)
		qsort(writes->items, writes->n, sizeof(*writes->items), compare);
	for (size_t i = 0; i < writes->n; i++) {
		struct loader_write *write = &writes->items[i];

		if (reach < write->start + write->size)
			reach = write->start + write->size;
		write->reach = reach;
	}
}

struct loader_touching loader_writes_to(const struct loader_writes *writes, int64_t start,
					int64_t size)
{
	size_t low = 0, high = writes->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (writes->items[middle].start < start + size)
			low = middle + 1;
		else
			high = middle;
	}
	return (struct loader_touching){writes, start, low};
}

const struct loader_write *loader_writes_next(struct loader_touching *touching)
{
	while (touching->left > 0) {
		const struct loader_write *write = &touching->writes->items[touching->left - 1];

		if (write->reach <= touching->start)
			return NULL;
		touching->left--;
		if (write->start + write->size > touching->start)
			return write;
	}
	return NULL;
}

bool loader_is_written(const struct loader_writes *writes, int64_t start, int64_t size)
{
	struct loader_touching touching = loader_writes_to(writes, start, size);

	return loader_writes_next(&touching) != NULL;
}

bool loader_is_zero(const struct loader_writes *writes, int64_t start, int64_t size)
{
	for (int64_t i = start; i < start + size; i++)
		if (writes->metadata.data[i] != 0)
			return false;
	return true;
}
