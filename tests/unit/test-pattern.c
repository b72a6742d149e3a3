/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include "check.h"
#include "target.h"

static const struct {
	const char *pattern, *text;
	bool match;
} globs[] = {
	{"", "", true},
	{"", "a", false},
	{"a", "", false},
	{"abc", "abc", true},
	{"abc", "abcd", false},
	{"abcd", "abc", false},
	{"*", "", true},
	{"*", "abc", true},
	{"*", "a/b", false},
	{"*", "/", false},
	{"net-*", "net-top", true},
	{"net-*", "net-", true},
	{"net-*", "net", false},
	{"*x", "aax", true},
	{"*x", "xax", true},
	{"*x", "xa", false},
	{"a*c", "abc", true},
	{"a*c", "ac", true},
	{"a*c", "abcb", false},
	{"a*b*c", "aXbYbZc", true},
	{"a*b*c", "aXcYbZ", false},
	{"*ab*ab", "abxab", true},
	{"*ab*ab", "ab", false},
	{"*/*", "a/b", true},
	{"*/*", "a/b/c", false},
	{"*/*", "ab", false},
	{"*a/*b", "xa/ab", true},
	{"*a/*b", "xa/a/b", false},
	{"a*/c", "a/b/c", false},
	{"a/*/c", "a/b/c", true},
	{"a/*/c", "a//c", true},
	{"*aab", "aaaab", true},
	/* nothing else is special */
	{"a?c", "abc", false},
	{"[ab]", "a", false},
	{"a\\*", "a*", false},
	{"a.c", "abc", false},
	{"*", "*", true},
	{"a", "A", false},
};

static void glob(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(globs); i++)
		if (pattern_match(globs[i].pattern, globs[i].text) != globs[i].match)
			fail_msg("\"%s\" against \"%s\"", globs[i].pattern, globs[i].text);
}

/* What pattern_match() is to do, by trying everything. */
static bool slow_match(const char *pattern, const char *text)
{
	if (*pattern == '\0')
		return *text == '\0';
	if (*pattern == '*')
		return slow_match(pattern + 1, text) ||
		       (*text && *text != '/' && slow_match(pattern, text + 1));
	return *pattern == *text && slow_match(pattern + 1, text + 1);
}

static void glob_like_the_definition(void **state)
{
	static const char pattern_chars[] = "ab/**", text_chars[] = "ab/a";

	srand(2);
	for (unsigned round = 0; round < 200000; round++) {
		char pattern[8] = "", text[10] = "";

		for (int i = rand() % 8 - 1; i >= 0; i--)
			pattern[i] = pattern_chars[rand() % 5];
		for (int i = rand() % 10 - 1; i >= 0; i--)
			text[i] = text_chars[rand() % 4];
		if (pattern_match(pattern, text) != slow_match(pattern, text))
			fail_msg("\"%s\" against \"%s\"", pattern, text);
	}
}

static void glob_is_never_slow(void **state)
{
	char pattern[2048], text[4096];
	clock_t begin = clock();

	for (size_t i = 0; i < sizeof(pattern) - 1; i++)
		pattern[i] = i % 2 ? 'a' : '*';
	pattern[sizeof(pattern) - 2] = 'b';
	pattern[sizeof(pattern) - 1] = '\0';
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(pattern_match(pattern, text));
	assert_true(clock() - begin < 5 * CLOCKS_PER_SEC);
}

static void matches_targets(void **state)
{
	assert_true(target_match("fentry:*", "fentry:do_unlinkat"));
	assert_true(target_match("fentry:do_unlinkat", "fentry:do_unlinkat"));
	assert_true(target_match("tracepoint:sched/*", "tracepoint:sched/sched_switch"));
	assert_true(target_match("tracepoint:*/*", "tracepoint:sched/sched_switch"));
	assert_true(target_match("uprobe:/usr/bin/*:readline", "uprobe:/usr/bin/bash:readline"));
	assert_true(
		target_match("cgroup:/sys/fs/cgroup/*/egress", "cgroup:/sys/fs/cgroup/x/egress"));
	assert_false(
		target_match("cgroup:/sys/fs/cgroup/*/egress", "cgroup:/sys/fs/cgroup/x/y/egress"));
	assert_false(target_match("tracepoint:*", "tracepoint:sched/sched_switch"));
	assert_false(target_match("fentry:*", "fexit:do_unlinkat"));
	/* the kind is never a pattern */
	assert_false(target_match("*", "fentry:x"));
	assert_false(target_match("*:x", "fentry:x"));
	assert_false(target_match("f*:x", "fentry:x"));
	assert_false(target_match("fentry*", "fentry:x"));
	assert_false(target_match("fentry", "fentry:x"));
	assert_false(target_match("fentry:x", "no colon"));
}

/* An offset can lead out of its function, so only a pattern that speaks of it allows it. */
static void covers_offsets(void **state)
{
	static const struct {
		const char *pattern, *target;
		bool covered;
	} cases[] = {
		{"kprobe:vfs_*", "kprobe:vfs_read", true},
		{"kprobe:vfs_*", "kprobe:vfs_read+0x10", false},
		{"kprobe:vfs_*+0x*", "kprobe:vfs_read+0x10", true},
		{"kprobe:vfs_*+0x*", "kprobe:vfs_read", false},
		{"kprobe:vfs_read+0x10", "kprobe:vfs_read+0x10", true},
		{"kprobe:vfs_read", "kprobe:vfs_read+0x10", false},
		{"kprobe:*", "kprobe:vfs_read", true},
		{"kprobe:*", "kprobe:vfs_read+0x10", false},
		{"kprobe:*+0x*", "kprobe:vfs_read+0x10", true},
		{"uprobe:/usr/bin/*:read*", "uprobe:/usr/bin/bash:readline", true},
		{"uprobe:/usr/bin/*:read*", "uprobe:/usr/bin/bash:readline+0x4", false},
		{"uprobe:/usr/bin/*:*", "uprobe:/usr/bin/bash:readline", true},
		{"uprobe:/usr/bin/*:*", "uprobe:/usr/bin/bash:readline+0x4", false},
		{"uprobe:/usr/bin/*:*+0x*", "uprobe:/usr/bin/bash:readline+0x4", true},
		{"uprobe:/usr/bin/*:*", "uprobe:/usr/bin/bash:0x400", false},
		{"uprobe:/usr/bin/*:*x*", "uprobe:/usr/bin/bash:0x400", false},
		{"uprobe:/usr/bin/*:*0x*", "uprobe:/usr/bin/bash:0x400", false},
		{"uprobe:/usr/bin/*", "uprobe:/usr/bin/bash:0x400", false},
		{"uprobe:/usr/bin/*:*", "uprobe:/usr/bin/bash:0x0", false},
		{"uprobe:/usr/bin/*:0x*", "uprobe:/usr/bin/bash:0x400", true},
		{"uprobe:/usr/bin/*:0x*", "uprobe:/usr/bin/bash:readline", false},
		{"uprobe:/usr/bin/bash:0x400", "uprobe:/usr/bin/bash:0x400", true},
		{"uprobe:/usr/bin/g++*", "uprobe:/usr/bin/g++:main+0x4", false},
		{"uprobe:/usr/bin/g++:m*", "uprobe:/usr/bin/g++:main+0x4", false},
		{"fentry:vfs_*", "fentry:do_unlinkat", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_target_ struct target target = {};

		assert_int_equal(target_parse(cases[i].target, &target, NULL), 0);
		if (target_covered(cases[i].pattern, &target) != cases[i].covered)
			fail_msg("%s, %s", cases[i].pattern, cases[i].target);
	}
}

/* For the same reason, whatever has an offset may be what a deny rule means. */
static void touches_offsets(void **state)
{
	static const struct {
		const char *pattern, *target;
		bool touched;
	} cases[] = {
		{"kprobe:commit_creds", "kprobe:commit_creds", true},
		{"kprobe:commit_creds", "kprobe:commit_creds+0x4", true},
		{"kprobe:commit_creds", "kprobe:vfs_read+0x10", true},
		{"kprobe:commit_creds", "kprobe:vfs_read", false},
		{"kprobe:commit_creds+0x4", "kprobe:commit_creds", false},
		{"kretprobe:commit_creds", "kprobe:vfs_read+0x10", false},
		{"uprobe:/usr/bin/bash:main", "uprobe:/usr/bin/bash:0x400", true},
		{"uprobe:/usr/bin/bash:main", "uprobe:/usr/bin/bash:0x0", true},
		{"uprobe:/usr/bin/*:main", "uprobe:/usr/bin/bash:readline+0x4", true},
		{"uprobe:/usr/bin/bash:main", "uprobe:/usr/bin/bash:readline", false},
		{"uprobe:/usr/bin/bash:main", "uprobe:/usr/bin/bashful:0x400", false},
		{"uprobe:/usr/bin/bash:main", "uprobe:/usr/bin/zsh:0x400", false},
		{"uprobe:/usr/bin/*", "uprobe:/usr/bin/bash:0x400", true},
		{"uprobe:/usr/bin/b:m", "uprobe:/usr/bin/b:m:0x400", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_target_ struct target target = {};

		assert_int_equal(target_parse(cases[i].target, &target, NULL), 0);
		if (target_touched(cases[i].pattern, &target) != cases[i].touched)
			fail_msg("%s, %s", cases[i].pattern, cases[i].target);
	}
}

static const char *const good[] = {
	"fentry:*",
	"fentry:vfs_*",
	"fentry:vfs_read",
	"tracepoint:sched/*",
	"tracepoint:*/*",
	"raw_tp:sys_*",
	"tp_btf:*",
	"fexit:*",
	"kprobe:vfs_*",
	"kprobe:vfs_read+0x10",
	"kretprobe:*",
	"uprobe:/usr/bin/*:*",
	"uprobe:/usr/bin/bash:readline",
	"uretprobe:/usr/lib/*/libc.so.6:*",
	"perf_event:*@99",
	"perf_event:cpu-clock@*",
	"xdp:*",
	"xdp:veth*",
	"tcx:*/ingress",
	"tcx:eth0/*",
	"cgroup:/sys/fs/cgroup/user.slice/*/egress",
	"lsm:*",
	"iter:*",
};

static const struct {
	const char *pattern, *message;
} bad[] = {
	{"", "kind:target"},
	{"*", "kind:pattern"},
	{"*:*", "unknown kind"},
	{"f*:x", "unknown kind"},
	{"nothing:*", "unknown kind"},
	{"fentry:**", "\"**\" has no meaning"},
	{"fentry:a**b", "\"**\" has no meaning"},
	{"cgroup:/sys/fs/cgroup/**", "\"**\" has no meaning"},
	{"fentry:", "letters"},
	{"fentry:a b", "letters"},
	{"fentry:*\n", "cannot be printed"},
	{"fentry:*\x1b[2J", "cannot be printed"},
	{"fentry:*\xff", "cannot be printed"},
	{"fentry:*/x", "hold no '/'"},
	{"xdp:*/x", "hold no '/'"},
	{"tracepoint:*", "write GROUP/NAME"},
	{"tracepoint:*/*/*", "write GROUP/NAME"},
	{"tcx:*", "write INTERFACE/HOOK"},
	{"uprobe:*", "absolute path"},
	{"uretprobe:bash:*", "absolute path"},
	{"cgroup:*", "/sys/fs/cgroup/"},
	{"cgroup:/sys/fs/cgroup2/*", "/sys/fs/cgroup/"},
	{"kprobe:vfs_read+0x0010", "must be written \"kprobe:vfs_read+0x10\""},
	{"perf_event:cpu-clock@099", "must be written \"perf_event:cpu-clock@99\""},
	{"xdp:a-much-too-long-name", "interface"},
};

static void checks(void **state)
{
	_cleanup_free_ char *huge = calloc(1, 8192);

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_cleanup_error_ struct error e = ERROR_INIT;

		if (target_pattern_check(good[i], &e) < 0)
			fail_msg("%s: %s", good[i], error_message(&e));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_error_ struct error e = ERROR_INIT;

		if (target_pattern_check(bad[i].pattern, &e) != -EINVAL)
			fail_msg("\"%s\" is accepted", bad[i].pattern);
		check_error(&e, ERROR_BAD_TARGET, bad[i].message);
	}

	memset(huge, 'a', 8191);
	memcpy(huge, "fentry:*", 8);
	assert_int_equal(target_pattern_check(huge, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(glob),
		cmocka_unit_test(glob_like_the_definition),
		cmocka_unit_test(glob_is_never_slow),
		cmocka_unit_test(matches_targets),
		cmocka_unit_test(covers_offsets),
		cmocka_unit_test(touches_offsets),
		cmocka_unit_test(checks),
	};

	return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
