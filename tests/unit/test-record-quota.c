/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits of users and rules against the table of loads. */
#include "record-maker.h"

#include <json-c/json.h>

#define MIB (1024u * 1024)

static const struct policy_limits none;

static struct load *load_of(uid_t uid, uint64_t memory, uint64_t instructions)
{
	struct load *load = load_make(uid, 1);

	free(load->rule);
	free(load->rule_source);
	load->rule = strdup("r");
	load->rule_source = strdup("/etc/x.json:3");
	load->usage = (struct usage){memory, instructions};
	return load;
}

/* Charges and adds it, as the road does. */
static int add(struct record_fixture *f, struct load *load, const struct policy_limits *limits,
	       const struct policy_limits *total, struct error *error)
{
	int r;

	r = table_charge(f->table, load, limits, total, error);
	if (r == 0)
		r = table_add(f->table, load, error);
	if (r < 0)
		table_uncharge(f->table, load);
	load_unref(load);
	return r;
}

static const char *field(const struct error *error, const char *name)
{
	return json_object_get_string(json_object_object_get(error->fields, name)) ?: "";
}

static uint64_t memory_of(struct record_fixture *f, uid_t uid)
{
	return table_holdings(f->table, uid, "r", "/etc/x.json:9", false).usage.map_memory;
}

static void test_memory(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_error_ struct error error = ERROR_INIT;
	const struct policy_limits limits = {.map_memory = 16 * MIB};
	struct load *first = load_of(1000, 10 * MIB, 5);
	char id[LOAD_ID_SIZE];

	strcpy(id, first->id);
	assert_int_equal(add(f, first, &limits, &none, NULL), 0);
	assert_int_equal(add(f, load_of(1000, 6 * MIB + 1, 5), &limits, &none, &error), -EACCES);
	check_error(&error, ERROR_DENIED,
		    "the rule 'r' (/etc/x.json:3) allows uid 1000 16777216 bytes of map memory, "
		    "10485760 are used and this load takes 6291457; unload one first");
	assert_int_equal(error.step, STEP_ATTEST);
	assert_string_equal(field(&error, "limit"), "mapMemory");
	assert_string_equal(field(&error, "allowed"), "16777216");
	assert_string_equal(field(&error, "used"), "10485760");
	assert_string_equal(field(&error, "asked"), "6291457");
	assert_string_equal(field(&error, "rule"), "r");
	assert_string_equal(field(&error, "ruleSource"), "/etc/x.json:3");
	/* what was refused takes nothing, and what just fits does fit */
	assert_int_equal(memory_of(f, 1000), 10 * MIB);
	assert_int_equal(add(f, load_of(1000, 6 * MIB, 5), &limits, &none, NULL), 0);
	/* another user has his own */
	assert_int_equal(add(f, load_of(1001, 16 * MIB, 5), &limits, &none, NULL), 0);
	assert_int_equal(table_remove(f->table, id, 1000, NULL), 0);
	assert_int_equal(memory_of(f, 1000), 6 * MIB);
	assert_int_equal(add(f, load_of(1000, 10 * MIB, 5), &limits, &none, NULL), 0);
}

static void test_too_much_alone(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_error_ struct error error = ERROR_INIT;
	const struct policy_limits limits = {.instructions = 100};

	assert_int_equal(add(f, load_of(1000, 0, 101), &limits, &none, &error), -EACCES);
	check_error(&error, ERROR_DENIED,
		    "allows uid 1000 100 instructions, 0 are used and this load takes 101");
	assert_null(strstr(error_message(&error), "unload"));
	assert_string_equal(field(&error, "limit"), "instructions");
	assert_int_equal(add(f, load_of(1000, 0, 100), &limits, &none, NULL), 0);
}

/* All users of a rule together, and of no other rule. */
static void test_total(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_error_ struct error error = ERROR_INIT;
	const struct policy_limits total = {.map_memory = 8};
	struct load *other = load_of(1003, 8, 0);

	assert_int_equal(add(f, load_of(1000, 5, 0), &none, &total, NULL), 0);
	assert_int_equal(add(f, load_of(1001, 4, 0), &none, &total, &error), -EACCES);
	check_error(&error, ERROR_DENIED, "allows all its users together 8 bytes");
	assert_string_equal(field(&error, "limit"), "total.mapMemory");
	assert_int_equal(memory_of(f, 1001), 0);
	free(other->rule);
	other->rule = strdup("another");
	assert_int_equal(add(f, other, &none, &total, NULL), 0);
	/* a rule that stands in another line now is the same */
	other = load_of(1001, 4, 0);
	free(other->rule_source);
	other->rule_source = strdup("/etc/x.json:77");
	assert_int_equal(add(f, other, &none, &total, NULL), -EACCES);
	assert_int_equal(add(f, load_of(1001, 3, 0), &none, &total, NULL), 0);
}

/* What cannot be told is more than any limit, and nothing to who has none. */
static void test_unknown(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_error_ struct error asked = ERROR_INIT, used = ERROR_INIT;
	const struct policy_limits limits = {.map_memory = UINT64_C(1) << 40};
	struct load *load = load_of(1000, USAGE_UNKNOWN, 1);
	char id[LOAD_ID_SIZE];

	strcpy(id, load->id);
	assert_int_equal(add(f, load_of(1000, USAGE_UNKNOWN, 1), &limits, &none, &asked), -EACCES);
	check_error(&asked, ERROR_DENIED, "and what this load takes cannot be bounded");
	assert_int_equal(add(f, load, &none, &none, NULL), 0);
	assert_int_equal(add(f, load_of(1000, 1, 1), &limits, &none, &used), -EACCES);
	check_error(&used, ERROR_DENIED, "what a load that is there takes cannot be bounded");
	assert_int_equal(table_remove(f->table, id, 1000, NULL), 0);
	assert_int_equal(add(f, load_of(1000, 1, 1), &limits, &none, NULL), 0);
}

/* Two at once cannot both be the last: the charge is there before the load is in the table. */
static void test_charged_early(void **state)
{
	struct record_fixture *f = *state;
	const struct policy_limits limits = {.map_memory = 10};
	struct load *a = load_of(1000, 6, 0), *b = load_of(1000, 6, 0);

	assert_int_equal(table_charge(f->table, a, &limits, &none, NULL), 0);
	assert_int_equal(table_charge(f->table, b, &limits, &none, NULL), -EACCES);
	table_uncharge(f->table, a);
	/* once is enough */
	table_uncharge(f->table, a);
	assert_int_equal(table_charge(f->table, b, &limits, &none, NULL), 0);
	table_uncharge(f->table, b);
	assert_int_equal(memory_of(f, 1000), 0);
	load_unref(a);
	load_unref(b);
}

/* Whoever failed after it got there, and could not take it out again, gives nothing back. */
static void test_listed(void **state)
{
	struct record_fixture *f = *state;
	struct load *load = load_of(1000, 6, 0);

	assert_int_equal(table_charge(f->table, load, &none, &none, NULL), 0);
	assert_int_equal(table_add(f->table, load, NULL), 0);
	table_uncharge(f->table, load);
	assert_int_equal(memory_of(f, 1000), 6);
	assert_int_equal(table_remove(f->table, load->id, 1000, NULL), 0);
	table_uncharge(f->table, load);
	assert_int_equal(memory_of(f, 1000), 0);
	load_unref(load);
}

static void test_total_loads(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_error_ struct error error = ERROR_INIT;
	const struct policy_limits total = {.loads = 2};
	struct admission a = {}, b = {}, c = {};
	struct load *load = load_of(1000, 0, 0), *other = load_of(1001, 0, 0);

	assert_int_equal(table_admit(f->table, load, &none, &total, &a, NULL), 0);
	assert_int_equal(table_admit(f->table, other, &none, &total, &b, NULL), 0);
	assert_int_equal(table_admit(f->table, other, &none, &total, &c, &error), -EACCES);
	check_error(&error, ERROR_DENIED,
		    "allows all its users together 2 loads at a time, and there are 2");
	assert_string_equal(field(&error, "limit"), "total.loads");
	assert_null(c.rule);
	/* in the table, it still counts; failed, it does not */
	assert_int_equal(table_add(f->table, load, NULL), 0);
	table_leave(f->table, &a);
	assert_int_equal(table_admit(f->table, other, &none, &total, &c, NULL), -EACCES);
	table_leave(f->table, &b);
	assert_int_equal(table_admit(f->table, other, &none, &total, &c, NULL), 0);
	table_leave(f->table, &c);
	table_leave(f->table, &c);
	load_unref(load);
	load_unref(other);
}

static void test_rates(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_error_ struct error user = ERROR_INIT, all = ERROR_INIT;
	const struct policy_limits limits = {.rate = {2, 3600}}, total = {.rate = {3, 60}};
	struct load *load = load_of(1000, 0, 0), *other = load_of(1001, 0, 0);
	struct admission admission;

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(table_admit(f->table, load, &limits, &total, &admission, NULL), 0);
		/* it began, whatever became of it */
		table_leave(f->table, &admission);
	}
	assert_int_equal(table_admit(f->table, load, &limits, &total, &admission, &user), -EACCES);
	check_error(
		&user, ERROR_DENIED,
		"allows uid 1000 2 loads in an hour, and so many have begun; try again in 3600");
	assert_string_equal(field(&user, "limit"), "rate");
	assert_int_equal(user.step, STEP_AUTHORISE);
	assert_int_equal(table_admit(f->table, other, &limits, &total, &admission, NULL), 0);
	table_leave(f->table, &admission);
	assert_int_equal(table_admit(f->table, other, &limits, &total, &admission, &all), -EACCES);
	check_error(&all, ERROR_DENIED, "allows all its users together 3 loads in a minute");
	assert_string_equal(field(&all, "limit"), "total.rate");
	/* what the total refused is not on the user's account */
	assert_int_equal(table_holdings(f->table, 1001, "r", "/etc/x.json:1", false).begun, 1);
	load_unref(load);
	load_unref(other);
}

#define with_table(test) cmocka_unit_test_setup_teardown(test, record_setup, record_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_table(test_memory),	with_table(test_too_much_alone),
		with_table(test_total),		with_table(test_unknown),
		with_table(test_charged_early), with_table(test_total_loads),
		with_table(test_rates),		with_table(test_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
