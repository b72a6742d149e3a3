/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gate's names, and that nothing happens without one. None is put up here: guests are for that.
 */
#include "check.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "enforce.h"

static void test_modes(void **state)
{
	static const char *const bad[] = {"", "Off", "on", "enforcing", "off ", "audit,enforce"};
	enum gate_mode mode = _GATE_MODE_MAX;

	for (unsigned i = 0; i < _GATE_MODE_MAX; i++) {
		assert_int_equal(gate_mode_parse(gate_mode_name((enum gate_mode)i), &mode), 0);
		assert_int_equal(mode, i);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(gate_mode_parse(bad[i], &mode), -EINVAL);
		assert_int_equal(mode, GATE_ENFORCE);
	}
}

static void test_reasons(void **state)
{
	for (uint32_t i = 0; i < _GATE_REASON_MAX; i++) {
		assert_non_null(gate_reason_name(i));
		for (uint32_t j = 0; j < i; j++)
			assert_string_not_equal(gate_reason_name(i), gate_reason_name(j));
	}
	assert_null(gate_reason_name(_GATE_REASON_MAX));
	assert_null(gate_reason_name(UINT32_MAX));
}

static void check_types(const char *list, uint64_t expected)
{
	uint64_t types = 0;
	const char *bad;
	size_t size;

	assert_int_equal(gate_types_parse(list, &types, &bad, &size), 0);
	assert_int_equal(types, expected);
}

static void check_no_types(const char *list, const char *expected)
{
	uint64_t types = 77;
	const char *bad;
	char text[64];
	size_t size;

	assert_int_equal(gate_types_parse(list, &types, &bad, &size), -EINVAL);
	assert_int_equal(types, 77);
	snprintf(text, sizeof(text), "%.*s", (int)size, bad);
	assert_string_equal(text, expected);
}

static void test_types(void **state)
{
	check_types("xdp", 1ULL << BPF_PROG_TYPE_XDP);
	check_types("cgroup_skb,lsm,xdp,lsm", 1ULL << BPF_PROG_TYPE_CGROUP_SKB |
						      1ULL << BPF_PROG_TYPE_LSM |
						      1ULL << BPF_PROG_TYPE_XDP);
	check_no_types("", "");
	check_no_types("xdp,", "");
	check_no_types(",xdp", "");
	check_no_types("xdp,,lsm", "");
	check_no_types("xdp,lsm_,tracing", "lsm_");
	check_no_types("XDP", "XDP");
	check_no_types("unspec", "unspec");
	check_no_types("cgroup", "cgroup");
}

/* Whoever could load this type could load loaders past the daemon. */
static void test_default_types(void **state)
{
	assert_false(gate_init_types & 1ULL << BPF_PROG_TYPE_SYSCALL);
	assert_false(gate_init_types & 1ULL << BPF_PROG_TYPE_STRUCT_OPS);
	assert_false(gate_init_types & 1ULL << BPF_PROG_TYPE_EXT);
	assert_true(gate_init_types & 1ULL << BPF_PROG_TYPE_CGROUP_DEVICE);
}

static void test_without_a_gate(void **state)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	struct gate_count counts[_GATE_REASON_MAX];
	struct loaded loaded = LOADED_INIT;
	struct links links = LINKS_INIT;
	uint64_t lost = 1;

	assert_int_equal(enforce_mode(), GATE_OFF);
	assert_int_equal(enforce_child_add(pidfd, 1), 0);
	enforce_child_remove(pidfd);
	enforce_links_begin();
	enforce_links_forget();
	assert_int_equal(enforce_link_add(-1), 0);
	enforce_link_close(-1);
	enforce_links_end();
	assert_int_equal(enforce_guard(&loaded, &links), 0);
	assert_int_equal(enforce_epoch(), 0);
	assert_int_equal(enforce_events_dup(), -ENOENT);
	memset(counts, 0xff, sizeof(counts));
	enforce_counts(counts, &lost);
	for (unsigned i = 0; i < _GATE_REASON_MAX; i++)
		assert_int_equal(counts[i].refused | counts[i].would, 0);
	assert_int_equal(lost, 0);
	enforce_done();
	close(pidfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),	       cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_types),	       cmocka_unit_test(test_default_types),
		cmocka_unit_test(test_without_a_gate),
	};

	return cmocka_run_group_tests_name("enforce", tests, NULL, NULL);
}
