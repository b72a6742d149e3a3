// SPDX-License-Identifier: LGPL-2.1-or-later
/* The hash of a map that user space can ask for. */

#include "kernel.h"
#include "row.h"

static int info_of(int fd, void *info, uint32_t size)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = size;
	attr.info.info = ptr(info);
	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, ATTR_SIZE(info));
}

static int ask(int fd, uint64_t hash, uint32_t size)
{
	struct bpf_map_info info = {.hash = hash, .hash_size = size};

	return info_of(fd, &info, sizeof(info));
}

/* Arrays of @entries values of @size bytes: elements are rounded up to 8, and padded with zeros. */
static void row_content(uint32_t size, uint32_t entries)
{
	uint32_t element = (size + 7) / 8 * 8;
	_cleanup_free_ uint8_t *all = calloc(entries, element);
	uint8_t hash[32] = {}, expected[32];
	char name[64];
	int fd, r;

	snprintf(name, sizeof(name), "hash/%u-values-of-%u", entries, size);
	fd = must("array",
		  map_create(&(struct map_spec){.value_size = size, .max_entries = entries}));
	for (uint32_t i = 0; i < entries; i++) {
		uint8_t *value = all + (size_t)i * element;

		for (uint32_t k = 0; k < size; k++)
			value[k] = (uint8_t)(i + k * 3 + 1);
		must("update", map_update(fd, i, value));
	}
	must("freeze", map_freeze(fd));
	r = ask(fd, ptr(hash), sizeof(hash));
	sha256(all, (size_t)entries * element, expected);
	if (r < 0)
		row_result(name, "ok, equal", r);
	else
		row(name, "ok, equal", "ok, %s", memcmp(hash, expected, 32) ? "other" : "equal");
	close(fd);
}

static void rows_content(void)
{
	static const uint32_t shapes[][2] = {
		{1, 1},	   {4, 1},	 {5, 1}, {7, 1}, {8, 1}, {9, 1},  {64, 1},   {4095, 1},
		{4096, 1}, {1048576, 1}, {1, 2}, {8, 2}, {5, 3}, {12, 7}, {8, 1000},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++)
		row_content(shapes[i][0], shapes[i][1]);
}

static void rows_rules(int fd)
{
	struct bpf_map_info info;
	uint8_t hash[64];
	uint64_t h = ptr(hash);

	row_result("hash/size-0", NULL, ask(fd, h, 0));
	row_result("hash/size-31", "EINVAL", ask(fd, h, 31));
	row_result("hash/size-33", "EINVAL", ask(fd, h, 33));
	row_result("hash/size-64", "EINVAL", ask(fd, h, 64));
	row_result("hash/size-without-hash", "EINVAL", ask(fd, 0, 32));
	row_result("hash/neither", "ok", ask(fd, 0, 0));
	row_result("hash/bad-pointer", "EFAULT", ask(fd, 4096, 32));
	row_result("hash/bad-pointer-size-31", NULL, ask(fd, 4096, 31));

	memset(&info, 0, sizeof(info));
	info.hash = h;
	info.hash_size = 32;
	row_result("hash/info-of-88-bytes", "ok", info_of(fd, &info, 88));
	row_result("hash/info-of-96-bytes", NULL, info_of(fd, &info, 96));
	row_result("hash/info-of-97-bytes", NULL, info_of(fd, &info, 97));
	row_result("hash/info-of-100-bytes", NULL, info_of(fd, &info, 100));
	memset(&info, 0, sizeof(info));
	row_result("hash/info-of-0-bytes", NULL, info_of(fd, &info, 0));
}

/* What follows hash_size in the structure has no meaning yet, and must be zero. */
static void rows_padding(int fd)
{
	for (size_t i = offsetof(struct bpf_map_info, hash_size) + 4; i < 104; i++) {
		struct bpf_map_info info;
		char name[48];

		memset(&info, 0, sizeof(info));
		((uint8_t *)&info)[i] = 1;
		snprintf(name, sizeof(name), "hash/info-byte-%zu-is-1", i);
		row_result(name, "E2BIG", info_of(fd, &info, sizeof(info)));
		snprintf(name, sizeof(name), "hash/info-of-%zu-bytes-before-a-1", i);
		row_result(name, "ok", info_of(fd, &info, (uint32_t)i));
	}
}

static void rows_other_members(int fd)
{
	struct bpf_map_info with, without;
	uint8_t hash[32];

	memset(&with, 0, sizeof(with));
	memset(&without, 0, sizeof(without));
	with.hash = ptr(hash);
	with.hash_size = 32;
	must("info", info_of(fd, &without, sizeof(without)));
	must("info", info_of(fd, &with, sizeof(with)));
	row("hash/other-members", "same", "%s",
	    memcmp(&with, &without, offsetof(struct bpf_map_info, hash)) ? "differ" : "same");
	row("hash/pointer-and-size-come-back", NULL, "pointer %s, size %u",
	    with.hash == ptr(hash) ? "kept" : "changed", with.hash_size);
	row("hash/not-asked-for", NULL, "pointer %s, size %u", without.hash ? "set" : "null",
	    without.hash_size);
}

/* The attribute's info_len afterwards, and a longer info. */
static void rows_length(int fd)
{
	struct {
		struct bpf_map_info info;
		uint8_t tail[24];
	} longer;
	union bpf_attr attr;
	uint8_t hash[32];

	memset(&longer, 0, sizeof(longer));
	memset(&attr, 0, sizeof(attr));
	longer.info.hash = ptr(hash);
	longer.info.hash_size = 32;
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = 104 + 24;
	attr.info.info = ptr(&longer);
	row_result("hash/longer-info-zero-tail", "ok",
		   sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, ATTR_SIZE(info)));
	row("hash/info-length-comes-back", NULL, "%u", attr.info.info_len);
	longer.tail[0] = 1;
	attr.info.info_len = 104 + 24;
	memset(&longer.info, 0, sizeof(longer.info));
	row_result("hash/longer-info-unknown-tail", "E2BIG",
		   sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, ATTR_SIZE(info)));
}

static void rows_types(void)
{
	for (unsigned i = 0; i < n_map_kinds; i++) {
		bool array = map_kinds[i].type == BPF_MAP_TYPE_ARRAY;
		_cleanup_close_ int fd = map_create(&(struct map_spec){.kind = &map_kinds[i]});
		uint8_t hash[32];
		char name[64];

		int frozen;

		snprintf(name, sizeof(name), "hash-type/%s-not-frozen", map_kinds[i].name);
		if (fd < 0)
			row(name, NULL, "skip: no such map: %s", answer_name(fd));
		else
			row_result(name, array ? "EPERM" : NULL, ask(fd, ptr(hash), 32));
		frozen = fd < 0 ? fd : map_freeze(fd);
		snprintf(name, sizeof(name), "hash-type/%s", map_kinds[i].name);
		if (frozen < 0)
			row(name, NULL, "skip: cannot be frozen: %s", answer_name(frozen));
		else
			row_result(name, array ? "ok" : "EINVAL", ask(fd, ptr(hash), 32));
	}
}

/* Not frozen, and wrong in another way, too. */
static void rows_not_frozen(void)
{
	_cleanup_close_ int fd = must("array", map_create(&(struct map_spec){}));
	uint8_t hash[64];

	row_result("hash/not-frozen", "EPERM", ask(fd, ptr(hash), 32));
	row_result("hash/not-frozen-size-31", NULL, ask(fd, ptr(hash), 31));
	row_result("hash/not-frozen-bad-pointer", NULL, ask(fd, 4096, 32));
	row_result("hash/not-frozen-not-asked-for", "ok", ask(fd, 0, 0));
}

/* Asked for again after the program has written to the map. */
static void rows_again(void)
{
	struct bpf_insn insns[] = {MAP_VALUE(1, 0), MOV(2, 7), STORE32(1, 0, 2), MOV(0, 0), EXIT};
	_cleanup_close_ int fd = must("array", map_create(&(struct map_spec){})), prog = -1;
	_cleanup_request_ struct request q = {};
	uint8_t first[32], second[32];
	uint32_t value;

	must("freeze", map_freeze(fd));
	must("hash", ask(fd, ptr(first), 32));
	must("hash", ask(fd, ptr(second), 32));
	row("hash/asked-for-twice", "same", "%s", memcmp(first, second, 32) ? "differ" : "same");
	insns[0].imm = fd;
	request_init(&q, (struct code){insns, ARRAY_SIZE(insns)});
	prog = must("program", request_load(&q));
	must("run", prog_run(prog, &value));
	must("hash", ask(fd, ptr(second), 32));
	row("hash/after-a-program-wrote", NULL, "%s",
	    memcmp(first, second, 32) ? "differ" : "same");
}

void rows_info(void)
{
	_cleanup_close_ int fd = must("array", map_create(&(struct map_spec){}));

	must("freeze", map_freeze(fd));
	rows_content();
	rows_rules(fd);
	rows_padding(fd);
	rows_other_members(fd);
	rows_length(fd);
	rows_types();
	rows_not_frozen();
	rows_again();
}
