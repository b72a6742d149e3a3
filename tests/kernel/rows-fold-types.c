// SPDX-License-Identifier: LGPL-2.1-or-later
/* Every type of map bound to a signed program, and how much content all of them may have. */

#include "kernel.h"
#include "keys.h"
#include "row.h"

static void type(const struct map_kind *kind, const char *expected, bool exclusive)
{
	_cleanup_request_ struct request q = {};
	_cleanup_close_ int fd = -1;
	uint8_t digest[32];
	char name[64];

	snprintf(name, sizeof(name), "fold-type/%s%s", kind->name,
		 exclusive ? "" : "-not-exclusive");
	program_digest(RETURN_0, digest);
	fd = map_create(&(struct map_spec){.kind = kind, .digest = exclusive ? digest : NULL});
	if (fd < 0) {
		row(name, NULL, "skip: no such map: %s", answer_name(fd));
		return;
	}
	map_freeze(fd);
	request_init(&q, RETURN_0);
	request_bind_fd(&q, fd);
	bytes_add(&q.covered, "\0\0\0\0\0\0\0", kind->value_size);
	request_sign(&q);
	row_load(name, expected, &q);
}

/* Maps of @sizes, ended by 0, with a program of two instructions. */
static void combined(const char *name, const char *expected, const uint32_t *sizes)
{
	_cleanup_request_ struct request q = {};
	struct map maps[32];
	unsigned n;

	request_init(&q, RETURN_0);
	for (n = 0; sizes[n]; n++) {
		map_make(&maps[n], RETURN_0, sizes[n], (uint8_t)n);
		request_bind(&q, &maps[n]);
	}
	request_sign(&q);
	row_load(name, expected, &q);
	while (n-- > 0)
		map_drop(&maps[n]);
}

static void rows_combined(void)
{
	const uint32_t mib = 1 << 20, insns = 2 * sizeof(struct bpf_insn);
	uint32_t sizes[18] = {};

	sizes[0] = COVERED_MAX - insns;
	combined("fold-size/one-map-at-the-limit", "ok", sizes);
	sizes[0]++;
	combined("fold-size/one-map-above-the-limit", "E2BIG", sizes);

	for (unsigned i = 0; i < 16; i++)
		sizes[i] = mib;
	sizes[15] = mib - 1 - insns;
	combined("fold-size/16-maps-at-the-limit", "ok", sizes);
	sizes[15]++;
	combined("fold-size/16-maps-above-the-limit", "E2BIG", sizes);
	sizes[15]--;
	sizes[16] = 1;
	combined("fold-size/17-maps-above-the-limit", "E2BIG", sizes);
	sizes[0] = 17 * mib;
	sizes[1] = 0;
	combined("fold-size/one-map-of-17-mib", "E2BIG", sizes);
}

/* In the order of fd_array. */
static void rows_several(void)
{
	struct code code = READS_MAP(1);
	_cleanup_request_ struct request q = {};
	_cleanup_map_ struct map a = {}, b = {};
	int swap;

	map_make(&a, code, 8, 1);
	map_make(&b, code, 12, 0x41);
	request_init(&q, code);
	request_bind(&q, &a);
	request_bind(&q, &b);
	request_sign(&q);
	row_load_run("fold/two-maps", "ok, returns 0x564f4841", &q);
	swap = q.fds[0];
	q.fds[0] = q.fds[1];
	q.fds[1] = swap;
	row_load("fold/two-maps-in-the-other-order", "EKEYREJECTED", &q);
}

void rows_fold_types(void)
{
	for (unsigned i = 0; i < n_map_kinds; i++) {
		bool array = map_kinds[i].type == BPF_MAP_TYPE_ARRAY;

		type(&map_kinds[i], array ? "ok" : NULL, true);
		type(&map_kinds[i], array ? "EPERM" : NULL, false);
	}
	rows_several();
	rows_combined();
}
