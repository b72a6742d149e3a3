/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All loads together: as many descriptors as there are, less what the daemon needs itself. */
#include "record-maker.h"

#include <sys/resource.h>

#include "descriptors.h"

static void limit_files(rlim_t n)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void test_together(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load *loads[64] = {};
	unsigned n = 0, each;

	limit_files(400);
	loads[0] = load_make(1000, 1);
	assert_int_equal(descriptors_reserve(loads[0], &error), 0);
	each = descriptors_reserved();
	assert_true(each >= loads[0]->manifest->n_programs + loads[0]->manifest->n_maps +
				    loads[0]->n_attachments);
	/* of other users as well, until three quarters are reserved */
	for (n = 1; n < ARRAY_SIZE(loads); n++) {
		loads[n] = load_make(1000 + n, 1);
		if (descriptors_reserve(loads[n], &error) < 0)
			break;
	}
	assert_in_range(n, 2, ARRAY_SIZE(loads) - 1);
	check_error(&error, ERROR_BUSY, "LimitNOFILE=");
	assert_true(descriptors_reserved() <= 300);
	assert_true(descriptors_reserved() + each > 300);
	/* one that goes makes room; what is refused takes none */
	load_unref(loads[0]);
	assert_int_equal(descriptors_reserve(loads[n], NULL), 0);
	for (unsigned i = 1; i <= n; i++)
		load_unref(loads[i]);
	assert_int_equal(descriptors_reserved(), 0);
}

/* A perf event has a link for each CPU. What is there counts as it is. */
static void test_settle(void **state)
{
	struct load *load = load_make(1000, 1);
	unsigned before;

	assert_int_equal(descriptors_reserve(load, NULL), 0);
	before = descriptors_reserved();
	load->attachments[0].target.kind = TARGET_PERF_EVENT;
	descriptors_give_back(load);
	assert_int_equal(descriptors_reserve(load, NULL), 0);
	assert_true(descriptors_reserved() >= before);
	descriptors_settle(load);
	assert_int_equal(descriptors_reserved(),
			 load->objects.n_programs + load->objects.n_maps + load->links.n);
	load_unref(load);
	assert_int_equal(descriptors_reserved(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_settle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
