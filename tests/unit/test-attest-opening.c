/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Maps of the kernel's, where one may make some: nothing is loaded or attached. */
#include "check.h"

#include "attest-opening.h"
#include "sys-bpf.h"

static const uint8_t wanted[8] = {1, 2, 3, 4, 5, 6, 7, 8};

struct made {
	uint32_t type, value_size, flags;
	bool frozen;
	uint8_t last; /* byte of the value */
};
#define AS_WANTED ((struct made){BPF_MAP_TYPE_ARRAY, 8, BPF_F_RDONLY_PROG, true, 8})

/* A fd, or a negative errno. */
static int make_map(struct made made)
{
	uint8_t value[16] = {1, 2, 3, 4, 5, 6, 7, 0};
	union bpf_attr attr = {};
	uint32_t key = 0;
	int fd;

	value[7] = made.last;
	attr.map_type = made.type;
	attr.key_size = 4;
	attr.value_size = made.value_size;
	attr.max_entries = 1;
	attr.map_flags = made.flags;
	fd = sys_bpf(BPF_MAP_CREATE, &attr, ATTR_SIZE(map_flags));
	if (fd < 0)
		return fd;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = sys_ptr(&key);
	attr.value = sys_ptr(value);
	assert_int_equal(sys_bpf(BPF_MAP_UPDATE_ELEM, &attr, ATTR_SIZE(flags)), 0);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	if (made.frozen)
		assert_int_equal(sys_bpf(BPF_MAP_FREEZE, &attr, ATTR_SIZE(map_fd)), 0);
	return fd;
}

static void check_map(struct made made, const char *refusal)
{
	static char name[] = "x.rodata";
	const struct manifest_map map = {.name = name};
	uint8_t copy[8];
	const struct map_opening opening = {.value = copy, .value_size = sizeof(copy)};
	const struct map_opening nothing = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_close_ int fd = make_map(made);

	memcpy(copy, wanted, sizeof(copy));
	assert_true(fd >= 0);
	assert_int_equal(attest_opening(&map, fd, &nothing, &error), 0);
	assert_int_equal(attest_opening(&map, fd, &opening, &error), refusal ? -EPERM : 0);
	if (refusal)
		check_error(&error, ERROR_ATTESTATION, refusal);
}

static void test_maps(void **state)
{
	struct made made = AS_WANTED;
	int fd = make_map(made);

	if (fd < 0) {
		print_message("skipped: no map can be made here: %s\n", strerror(-fd));
		skip();
	}
	close(fd);
	check_map(made, NULL);
	made.last = 9;
	check_map(made,
		  "map \"x.rodata\" does not hold its image with the tunables as they are set");
	made = AS_WANTED;
	made.frozen = false;
	check_map(made, "map \"x.rodata\" holds tunables, but is not read-only in the kernel");
	made = AS_WANTED;
	made.flags = 0;
	check_map(made, "holds tunables, but is not read-only in the kernel");
	made = AS_WANTED;
	made.value_size = 16;
	check_map(made, "holds tunables, but is not as large as its image");
	made = AS_WANTED;
	made.type = BPF_MAP_TYPE_HASH;
	check_map(made, "holds tunables, but is not as large as its image");
}

static void test_no_map(void **state)
{
	static char name[] = "x.rodata";
	const struct manifest_map map = {.name = name};
	uint8_t value[8] = {};
	const struct map_opening opening = {.value = value, .value_size = sizeof(value)};
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_true(attest_opening(&map, -1, &opening, &error) < 0);
	check_error(&error, ERROR_KERNEL, "cannot ask the kernel about map \"x.rodata\"");
}

static void test_frozen(void **state)
{
	static const struct {
		const char *text;
		int r;
		bool frozen;
	} cases[] = {
		{"pos:\t0\nmap_type:\t2\nmemlock:\t4096\nmap_id:\t7\nfrozen:\t1\n", 0, true},
		{"pos:\t0\nfrozen:\t0\nowner_jited:\t1\n", 0, false},
		{"pos:\t0\nmap_id:\t1\n", -ENODATA, false},
		{"", -ENODATA, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		FILE *f =
			fmemopen((void *)(uintptr_t)cases[i].text, strlen(cases[i].text) + 1, "r");
		bool frozen = false;

		assert_int_equal(attest_read_frozen(f, &frozen), cases[i].r);
		assert_int_equal(frozen, cases[i].frozen);
		fclose(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_no_map),
		cmocka_unit_test(test_frozen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
