/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* So many in a time, and no more in any time of that length. */
#include "check.h"

#include "rate.h"

#define SEC UINT64_C(1000000)
#define AT  "/etc/x.json:3"

static const struct policy_rate three = {3, 60};

static int take(struct rates *rates, uid_t uid, uint64_t now)
{
	const struct rate_key key = {"r", AT, false, uid};
	uint64_t wait;

	return rate_take(rates, &key, &three, now, &wait);
}

static void test_sliding(void **state)
{
	_cleanup_(rates_done) struct rates rates = {};
	const struct rate_key key = {"r", AT, false, 1000};
	uint64_t wait = 7;

	assert_int_equal(take(&rates, 1000, 100 * SEC), 0);
	assert_int_equal(take(&rates, 1000, 130 * SEC), 0);
	assert_int_equal(take(&rates, 1000, 159 * SEC), 0);
	assert_int_equal(rate_count(&rates, &key, 159 * SEC), 3);
	assert_int_equal(rate_take(&rates, &key, &three, 159 * SEC, &wait), -EDQUOT);
	assert_int_equal(wait, SEC);
	/* what was refused does not count */
	assert_int_equal(take(&rates, 1000, 160 * SEC), 0);
	assert_int_equal(take(&rates, 1000, 160 * SEC), -EDQUOT);
	assert_int_equal(take(&rates, 1000, 190 * SEC - 1), -EDQUOT);
	assert_int_equal(take(&rates, 1000, 190 * SEC), 0);
	/* never a fresh start at a full minute */
	assert_int_equal(take(&rates, 1000, 218 * SEC), -EDQUOT);
	assert_int_equal(rate_count(&rates, &key, 500 * SEC), 0);
}

static void test_keys(void **state)
{
	_cleanup_(rates_done) struct rates rates = {};
	const struct rate_key keys[] = {{"r", AT, false, 1001},
					{"s", AT, false, 1000},
					{"r", "/etc/y.json:3", false, 1000},
					{"r", AT, true, 1000}};
	const struct rate_key moved = {"r", "/etc/x.json:77", false, 1000};
	const struct rate_key total = {"r", AT, true, 7};
	uint64_t wait;

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(take(&rates, 1000, SEC), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		assert_int_equal(rate_take(&rates, &keys[i], &three, SEC, &wait), 0);
	/* the line of a rule changes when another is put before it */
	assert_int_equal(rate_take(&rates, &moved, &three, SEC, &wait), -EDQUOT);
	/* the total is everybody's */
	assert_int_equal(rate_take(&rates, &total, &three, SEC, &wait), 0);
	assert_int_equal(rate_take(&rates, &total, &three, SEC, &wait), 0);
	assert_int_equal(rate_take(&rates, &total, &three, SEC, &wait), -EDQUOT);
}

static void test_give_back(void **state)
{
	_cleanup_(rates_done) struct rates rates = {};
	const struct rate_key key = {"r", AT, false, 1000};

	rate_give_back(&rates, &key);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(take(&rates, 1000, SEC), 0);
	rate_give_back(&rates, &key);
	assert_int_equal(take(&rates, 1000, SEC), 0);
	assert_int_equal(take(&rates, 1000, SEC), -EDQUOT);
}

static int take_by(struct rates *rates, const char *rule, uid_t uid, uint64_t now)
{
	const struct rate_key key = {rule, AT, false, uid};
	uint64_t wait;

	return rate_take(rates, &key, &three, now, &wait);
}

static unsigned count_by(struct rates *rates, const char *rule, uid_t uid, uint64_t now)
{
	const struct rate_key key = {rule, AT, false, uid};

	return rate_count(rates, &key, now);
}

/* However many users somebody is, there is a place for others; what is forgotten is his. */
static void test_bounded(void **state)
{
	_cleanup_(rates_done) struct rates rates = {};
	const struct rate_key total = {"many", AT, true, 0};
	uint64_t wait;

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(take_by(&rates, "few", 7, 1), 0);
	assert_int_equal(take_by(&rates, "many", 0, 1), 0);
	assert_int_equal(rate_take(&rates, &total, &three, 1, &wait), 0);
	for (unsigned i = 1; i < RATES_MAX * 2; i++)
		assert_int_equal(take_by(&rates, "many", i, i * 1000), 0);
	assert_true(rates.n <= RATES_MAX);
	/* a newcomer, of either rule */
	assert_int_equal(take_by(&rates, "few", 8, SEC * 59), 0);
	assert_int_equal(take_by(&rates, "many", RATES_MAX * 3, SEC * 59), 0);
	/* not forgotten: another rule's, root's, the total's, and the latest */
	assert_int_equal(take_by(&rates, "few", 7, SEC * 59), -EDQUOT);
	assert_int_equal(count_by(&rates, "many", 0, SEC * 59), 1);
	assert_int_equal(rate_count(&rates, &total, SEC * 59), 1);
	assert_int_equal(count_by(&rates, "many", RATES_MAX * 2 - 1, SEC * 59), 1);
	assert_int_equal(count_by(&rates, "many", 1, SEC * 59), 0);
	assert_int_equal(take_by(&rates, "many", 1, SEC * 1000), 0);
	assert_int_equal(rates.n, 1);
}

static void test_largest(void **state)
{
	_cleanup_(rates_done) struct rates rates = {};
	const struct policy_rate most = {POLICY_RATE_MAX, 86400}, less = {10, 86400};
	const struct rate_key key = {"r", AT, false, 1000};
	uint64_t wait;

	for (unsigned i = 0; i < POLICY_RATE_MAX; i++)
		assert_int_equal(rate_take(&rates, &key, &most, i, &wait), 0);
	assert_int_equal(rate_take(&rates, &key, &most, SEC, &wait), -EDQUOT);
	/* after a reload with a lower one: until enough of them are over */
	assert_int_equal(rate_take(&rates, &key, &less, SEC, &wait), -EDQUOT);
	assert_int_equal(wait, POLICY_RATE_MAX - 10 + 86400 * SEC - SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sliding),	  cmocka_unit_test(test_keys),
		cmocka_unit_test(test_give_back), cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
