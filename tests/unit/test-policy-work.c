/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a file takes time in proportion to its size: four times the rules, four times the work.
 * Work is the bytes that are walked over, counted by functions that stand between the readers and
 * the scanner: unlike time they are the same on a busy machine.
 */
#include "check.h"

#include <dlfcn.h>

#include "json-scan.h"
#include "policy-rule.h"
#include "revocation.h"
#include "testkeys.h"

static size_t bytes_walked;
static unsigned depth; /* of json_scan_value(), which calls itself */

/* Of the library that the readers are in, which call it by way of this program. */
static void *real(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	assert_non_null(function);
	return function;
}

int json_scan_value(struct json_scanner *s)
{
	int (*scan)(struct json_scanner *) = real(__func__);
	size_t start = s->at;
	int r;

	depth++;
	r = scan(s);
	if (--depth == 0)
		bytes_walked += s->at - start;
	return r;
}

void json_position_count(struct json_position *position, const char *text, size_t size)
{
	void (*count)(struct json_position *, const char *, size_t) = real(__func__);

	bytes_walked += size;
	count(position, text, size);
}

typedef void (*read_fn)(const char *folder);

static void read_policy(const char *folder)
{
	const char *const dirs[] = {folder, NULL};
	_cleanup_policy_ struct policy *policy = NULL;

	assert_int_equal(policy_read(dirs, getuid(), &policy, NULL), 0);
	if (policy->deny_all)
		fail_msg("%s", policy->reason);
}

static void read_revocations(const char *folder)
{
	_cleanup_revocations_ struct revocations *revocations = NULL;

	assert_int_equal(revocations_read(folder, getuid(), &revocations, NULL), 0);
	if (revocations->deny_all)
		fail_msg("%s", revocations->reason);
}

/* Of each item there is a number amid two texts. */
struct items {
	const char *begin, *head, *tail;
};

static void write_items(const char *path, const struct items *items, unsigned n)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	fputs(items->begin, f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%s\n%s%u%s", i ? "," : "", items->head, i, items->tail);
	fputs("\n] }\n", f);
	assert_int_equal(fclose(f), 0);
	test_file_write(path, text);
}

static size_t measure(read_fn read, const char *folder)
{
	bytes_walked = 0;
	read(folder);
	return bytes_walked;
}

/* With the square of the number, it would be 16 times. */
static void check_linear(read_fn read, const struct items *items)
{
	char *folder = test_folder_new();
	const char *file = test_path(folder, "50.json");
	size_t few, many;

	write_items(file, items, 200);
	few = measure(read, folder);
	write_items(file, items, 800);
	many = measure(read, folder);
	test_folder_remove(folder);
	print_message("200: %zu bytes, 800: %zu bytes\n", few, many);
	/* Each item is walked over at least once, or the counting is broken. */
	assert_true(few > 200 * strlen(items->tail));
	assert_true(many < 5 * few);
}

static void test_rules(void **state)
{
	static const struct items rules = {
		"{ \"rules\": [", "  { \"name\": \"rule ",
		"\",\n    \"effect\": \"allow\",\n"
		"    \"subjects\": { \"users\": [ 1000, 1001 ], \"uids\": [ \"2000-2999\" ] },\n"
		"    \"programs\": { \"types\": [ \"tracepoint\" ],\n"
		"                  \"attach\": [ \"tracepoint:sched/*\" ] },\n"
		"    \"grant\": [ \"read\" ] }"};

	check_linear(read_policy, &rules);
}

static void test_revocations(void **state)
{
	static const struct items revocations = {
		"{ \"revocations\": [", "  { \"name\": \"tool-",
		"\",\n    \"signer\": \"sha256:"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\n"
		"    \"sequence\": 3, \"reason\": \"withdrawn\" }"};

	check_linear(read_revocations, &revocations);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_revocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
