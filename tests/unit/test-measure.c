/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What maps count for limits. */
#include "check.h"

#include "measure.h"

#define MIB UINT64_C(1048576)

static uint64_t of(uint32_t type, uint32_t flags, uint32_t value_size, uint32_t entries,
		   uint64_t memlock)
{
	const struct bpf_map_info info = {
		.type = type,
		.key_size = 4,
		.value_size = value_size,
		.max_entries = entries,
		.map_flags = flags,
	};

	return measure_map(&info, memlock, 4);
}

static void test_maps(void **state)
{
	/* what is allocated in advance is what the kernel says */
	assert_int_equal(of(BPF_MAP_TYPE_ARRAY, 0, 8, 1000, 8 * MIB), 8 * MIB);
	assert_int_equal(of(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 12288), 12288);
	assert_int_equal(of(BPF_MAP_TYPE_HASH, 0, 8, 1000, 4096), 4096);
	/* what is not, counts as full: 8 + 8 + 96 bytes an element */
	assert_int_equal(of(BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, 8, 1000, 4096), 112000);
	assert_int_equal(of(BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, 5, 1000, 4096), 112000);
	assert_int_equal(of(BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, 8, 1000, MIB), MIB);
	assert_int_equal(of(BPF_MAP_TYPE_PERCPU_HASH, BPF_F_NO_PREALLOC, 8, 1000, 0), 136000);
	assert_int_equal(of(BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, 8, 1000, 0), 224000);
	assert_int_equal(of(BPF_MAP_TYPE_LPM_TRIE, 0, 8, 1000, 0), 224000);
}

static void test_no_bound(void **state)
{
	static const uint32_t storage[] = {BPF_MAP_TYPE_SK_STORAGE, BPF_MAP_TYPE_INODE_STORAGE,
					   BPF_MAP_TYPE_TASK_STORAGE, BPF_MAP_TYPE_CGRP_STORAGE};

	for (unsigned i = 0; i < ARRAY_SIZE(storage); i++)
		assert_true(of(storage[i], BPF_F_NO_PREALLOC, 8, 0, 64) == USAGE_UNKNOWN);
	assert_true(of(BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, UINT32_MAX, UINT32_MAX, 0) ==
		    USAGE_UNKNOWN);
	assert_true(of(BPF_MAP_TYPE_PERCPU_HASH, BPF_F_NO_PREALLOC, UINT32_MAX, UINT32_MAX, 0) ==
		    USAGE_UNKNOWN);
	assert_true(of(BPF_MAP_TYPE_ARRAY, 0, 8, 1, UINT64_MAX - 1) == USAGE_UNKNOWN);
}

static int read_text(const char *text, uint64_t *ret)
{
	_cleanup_fclose_ FILE *file = fmemopen((char *)(uintptr_t)text, strlen(text), "r");

	return measure_read_memlock(file, ret);
}

static void test_memlock(void **state)
{
	uint64_t memlock = 7;

	assert_int_equal(read_text("pos:\t0\nflags:\t02\nmap_type:\t1\nmemlock:\t8392704\nx:\t1\n",
				   &memlock),
			 0);
	assert_int_equal(memlock, 8392704);
	assert_int_equal(read_text("pos:\t0\nxmemlock:\t5\n", &memlock), -ENODATA);
	assert_int_equal(memlock, 8392704);
}

/* A descriptor that is no map or program is not one that takes nothing. */
static void test_not_bpf(void **state)
{
	const struct loaded loaded = {
		.n_programs = 1, .programs = {STDIN_FILENO}, .n_maps = 1, .maps = {STDIN_FILENO}};
	const struct loaded nothing = {};
	struct usage usage;

	measure(&loaded, &usage);
	assert_true(usage.map_memory == USAGE_UNKNOWN);
	assert_true(usage.instructions == USAGE_UNKNOWN);
	measure(&nothing, &usage);
	assert_int_equal(usage.map_memory, 0);
	assert_int_equal(usage.instructions, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_no_bound),
		cmocka_unit_test(test_memlock),
		cmocka_unit_test(test_not_bpf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
