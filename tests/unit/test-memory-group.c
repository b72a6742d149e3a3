/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names, limits and refusals of memory groups; that the kernel keeps to them is seen in a guest. */
#include "check.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <sys/stat.h>

#include "memory-group-internal.h"
#include "memory-group.h"
#include "quota.h"

static const char *name_of(const char *rule, const char *source)
{
	static char names[4][32];
	static unsigned next;
	char *name = names[next++ % 4];

	assert_int_equal(memory_rule_name(rule, source, name), 0);
	return name;
}

/* A name outlives the daemon, so it is the same in the next one, too. */
static void test_rule(void **state)
{
	assert_string_equal(name_of("r", "/etc/x.json:3"), "rule-23dd9e3072c4d7d8");
	assert_string_equal(name_of("r", "/etc/x.json:3"), name_of("r", "/etc/x.json:99"));
	assert_string_not_equal(name_of("r", "/etc/x.json:3"), name_of("r", "/etc/y.json:3"));
	assert_string_not_equal(name_of("r", "/etc/x.json:3"), name_of("s", "/etc/x.json:3"));
	/* where one ends and the other begins is part of it */
	assert_string_not_equal(name_of("ab", "c:1"), name_of("a", "bc:1"));
	assert_int_equal(strlen(name_of("../../etc", "/../x:1")), strlen("rule-") + 16);
	assert_null(strchr(name_of("../../etc", "/../x:1"), '/'));
}

static const char *max_of(uint64_t limit)
{
	static char text[32];

	memory_max_format(limit, text);
	return text;
}

static void test_max(void **state)
{
	char text[32];

	assert_string_equal(max_of(0), "max");
	assert_string_equal(max_of(20u << 20), "54525952");
	/* the kernel rounds down to pages: never to less than the limit */
	snprintf(text, sizeof(text), "%llu",
		 (unsigned long long)MEMORY_ALLOWANCE + (unsigned)sysconf(_SC_PAGESIZE));
	assert_string_equal(max_of(1), text);
	assert_string_equal(max_of(UINT64_C(1) << 40), "1099545182208");
}

static void test_field(void **state)
{
	static const char events[] = "low 0\nhigh 0\nmax 17\noom 2\noom_kill 1\noom_group_kill 0\n";
	uint64_t n = 99;

	assert_int_equal(memory_field(events, "max", &n), 0);
	assert_int_equal(n, 17);
	assert_int_equal(memory_field(events, "oom", &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(memory_field(events, "low", &n), 0);
	assert_int_equal(n, 0);
	n = 99;
	assert_int_equal(memory_field(events, "kill", &n), -ENODATA);
	assert_int_equal(memory_field("", "max", &n), -ENODATA);
	assert_int_equal(memory_field("max\n", "max", &n), -ENODATA);
	assert_int_equal(memory_field("max many\n", "max", &n), -ENODATA);
	assert_int_equal(memory_field("climax 3\n", "max", &n), -ENODATA);
	assert_int_equal(n, 99);
}

/* A folder in which all could be made and written, and nothing would be limited, is none. */
static void test_no_group(void **state)
{
	const struct memory_limits limits = {"r", "/etc/x.json:3", 1000, 20u << 20, 0};
	_cleanup_error_ struct error absent = ERROR_INIT, other = ERROR_INIT, setup = ERROR_INIT;
	struct memory_group group = MEMORY_GROUP_INIT;
	char folder[] = "/tmp/test-memory-group.XXXXXX";

	assert_int_equal(memory_group_open("/nowhere", &limits, &group, &absent), -ENOENT);
	check_error(&absent, ERROR_FAILED,
		    "the rule 'r' (/etc/x.json:3) has a limit on map memory, which the kernel "
		    "cannot be told, so nothing is loaded by it: /nowhere: ENOENT (No such file or "
		    "directory): see MEMORY in bpfgated(8)");
	assert_int_equal(absent.step, STEP_LOAD);
	assert_non_null(mkdtemp(folder));
	assert_int_equal(memory_group_open(folder, &limits, &group, &other), -EMEDIUMTYPE);
	check_error(&other, ERROR_FAILED, "EMEDIUMTYPE");
	assert_int_equal(memory_groups_setup(folder, &setup), -EMEDIUMTYPE);
	check_error(&setup, ERROR_FAILED, folder);
	/* nothing was made there */
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(group.user, -1);
}

static void test_used(void **state)
{
	char folder[] = "/tmp/test-memory-group.XXXXXX";
	struct memory_group group = MEMORY_GROUP_INIT;
	const struct memory_usage before = {1000, 5000};
	struct memory_usage usage;

	assert_non_null(mkdtemp(folder));
	group.user = group.rule = memory_folder(AT_FDCWD, folder);
	assert_true(group.user >= 0);
	group.rule_hits = group.user_hits = 3;

	/* where the kernel says nothing no limit was reached */
	assert_int_equal(memory_group_hit(&group), MEMORY_HIT_NONE);
	memory_group_usage(&group, &usage);
	assert_int_equal(usage.user, 0);
	assert_false(memory_group_settles(&group, &before, UINT64_MAX));

	close(openat(group.user, "memory.events.local", O_CREAT | O_WRONLY, 0600));
	close(openat(group.user, "memory.current", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(memory_write(group.user, "memory.current", "874\n"), 0);
	assert_int_equal(memory_write(group.user, "memory.events.local", "low 0\nmax 3\n"), 0);
	assert_int_equal(memory_group_hit(&group), MEMORY_HIT_NONE);
	assert_int_equal(memory_write(group.user, "memory.events.local", "low 0\nmax 4\n"), 0);
	assert_int_equal(memory_group_hit(&group), MEMORY_HIT_USER);
	/* an eighth is a good part */
	assert_true(memory_group_settles(&group, &before, UINT64_MAX));
	assert_int_equal(memory_write(group.user, "memory.current", "876\n"), 0);
	assert_false(memory_group_settles(&group, &before, UINT64_MAX));
	group.user_hits = 4;
	assert_int_equal(memory_group_hit(&group), MEMORY_HIT_TOTAL);
	assert_true(memory_group_settles(&group, &before, UINT64_MAX));

	assert_int_equal(unlinkat(group.user, "memory.current", 0), 0);
	assert_int_equal(unlinkat(group.user, "memory.events.local", 0), 0);
	close(group.user);
	assert_int_equal(rmdir(folder), 0);
}

static void refused(bool total, const char *whose, const char *limit)
{
	const struct quota quota = {"r", "/etc/x.json:3", 1000, total};
	_cleanup_error_ struct error error = ERROR_INIT;
	char text[512];

	assert_int_equal(quota_memory(&quota, 20u << 20, 50532352, &error), -EACCES);
	snprintf(
		text, sizeof(text),
		"the rule 'r' (/etc/x.json:3) allows %s 20971520 bytes of map memory, and this "
		"load does not fit beside the 50532352 bytes that are in use, by maps as well that "
		"are open although their load has ended; unload, or close, what is not needed",
		whose);
	check_error(&error, ERROR_DENIED, text);
	assert_int_equal(error.step, STEP_LOAD);
	assert_string_equal(json_object_get_string(json_object_object_get(error.fields, "limit")),
			    limit);
	assert_string_equal(json_object_get_string(json_object_object_get(error.fields, "allowed")),
			    "20971520");
	assert_string_equal(json_object_get_string(json_object_object_get(error.fields, "used")),
			    "50532352");
	/* how much it would have taken nobody knows */
	assert_null(json_object_object_get(error.fields, "asked"));
}

static void test_refusal(void **state)
{
	refused(false, "uid 1000", "mapMemory");
	refused(true, "all its users together", "total.mapMemory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rule),  cmocka_unit_test(test_max),
		cmocka_unit_test(test_field), cmocka_unit_test(test_no_group),
		cmocka_unit_test(test_used),  cmocka_unit_test(test_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
