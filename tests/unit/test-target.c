/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <json-c/json.h>

#include "check.h"
#include "target.h"

static const struct {
	const char *text;
	struct target expected; /* its text: NULL where it is the same */
} good[] = {
	{"tracepoint:sched/sched_switch",
	 {.kind = TARGET_TRACEPOINT, .name = (char *)"sched/sched_switch"}},
	{"tracepoint:xhci-hcd/xhci_dbg_quirks",
	 {.kind = TARGET_TRACEPOINT, .name = (char *)"xhci-hcd/xhci_dbg_quirks"}},
	{"raw_tp:sys_enter", {.kind = TARGET_RAW_TP, .name = (char *)"sys_enter"}},
	{"tp_btf:sched_switch", {.kind = TARGET_TP_BTF, .name = (char *)"sched_switch"}},
	{"fentry:do_unlinkat", {.kind = TARGET_FENTRY, .name = (char *)"do_unlinkat"}},
	{"fexit:foo.isra.0", {.kind = TARGET_FEXIT, .name = (char *)"foo.isra.0"}},
	{"kprobe:vfs_read", {.kind = TARGET_KPROBE, .name = (char *)"vfs_read"}},
	{"kprobe:vfs_read+0x10", {.kind = TARGET_KPROBE, .name = (char *)"vfs_read", .offset = 16}},
	{"kprobe:vfs_read+0x000AB",
	 {.kind = TARGET_KPROBE,
	  .name = (char *)"vfs_read",
	  .offset = 0xab,
	  .text = (char *)"kprobe:vfs_read+0xab"}},
	{"kprobe:vfs_read+0x0",
	 {.kind = TARGET_KPROBE, .name = (char *)"vfs_read", .text = (char *)"kprobe:vfs_read"}},
	{"kretprobe:vfs_read", {.kind = TARGET_KRETPROBE, .name = (char *)"vfs_read"}},
	{"uprobe:/usr/bin/bash:readline",
	 {.kind = TARGET_UPROBE, .path = (char *)"/usr/bin/bash", .name = (char *)"readline"}},
	{"uprobe:/usr/bin/a b:c:_ZN3fooEv+0x4",
	 {.kind = TARGET_UPROBE,
	  .path = (char *)"/usr/bin/a b:c",
	  .name = (char *)"_ZN3fooEv",
	  .offset = 4}},
	{"uprobe:/usr/bin/bash:0xFFFFFFFFFFFFFFFF",
	 {.kind = TARGET_UPROBE,
	  .path = (char *)"/usr/bin/bash",
	  .offset = UINT64_MAX,
	  .text = (char *)"uprobe:/usr/bin/bash:0xffffffffffffffff"}},
	{"uprobe:/x:0x0", {.kind = TARGET_UPROBE, .path = (char *)"/x"}},
	{"uretprobe:/usr/bin/bash:readline",
	 {.kind = TARGET_URETPROBE, .path = (char *)"/usr/bin/bash", .name = (char *)"readline"}},
	{"perf_event:cpu-clock@99",
	 {.kind = TARGET_PERF_EVENT, .name = (char *)"cpu-clock", .frequency = 99}},
	{"perf_event:cycles@010",
	 {.kind = TARGET_PERF_EVENT,
	  .name = (char *)"cycles",
	  .frequency = 10,
	  .text = (char *)"perf_event:cycles@10"}},
	{"perf_event:cycles@10000",
	 {.kind = TARGET_PERF_EVENT, .name = (char *)"cycles", .frequency = 10000}},
	{"xdp:eth0", {.kind = TARGET_XDP, .name = (char *)"eth0"}},
	{"xdp:enp0s31f6.100x", {.kind = TARGET_XDP, .name = (char *)"enp0s31f6.100x"}},
	{"tcx:eth0/ingress",
	 {.kind = TARGET_TCX, .name = (char *)"eth0", .hook = (char *)"ingress"}},
	{"cgroup:/sys/fs/cgroup/user.slice/egress",
	 {.kind = TARGET_CGROUP,
	  .path = (char *)"/sys/fs/cgroup/user.slice",
	  .hook = (char *)"egress"}},
	{"cgroup:/sys/fs/cgroup/device",
	 {.kind = TARGET_CGROUP, .path = (char *)"/sys/fs/cgroup", .hook = (char *)"device"}},
	{"uprobe:/..x/.y/...:f",
	 {.kind = TARGET_UPROBE, .path = (char *)"/..x/.y/...", .name = (char *)"f"}},
	{"perf_event:cycles@1",
	 {.kind = TARGET_PERF_EVENT, .name = (char *)"cycles", .frequency = 1}},
	{"xdp:e", {.kind = TARGET_XDP, .name = (char *)"e"}},
	{"lsm:file_open", {.kind = TARGET_LSM, .name = (char *)"file_open"}},
	{"iter:bpf_map_elem", {.kind = TARGET_ITER, .name = (char *)"bpf_map_elem"}},
};

static void same(const char *a, const char *b)
{
	if (a && b)
		assert_string_equal(a, b);
	else
		assert_true(!a && !b);
}

static void parses(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const struct target *expected = &good[i].expected;
		_cleanup_target_ struct target t = {}, again = {};
		_cleanup_error_ struct error e = ERROR_INIT;

		if (target_parse(good[i].text, &t, &e) < 0)
			fail_msg("%s", error_message(&e));
		assert_int_equal(t.kind, expected->kind);
		assert_string_equal(t.text, expected->text ?: good[i].text);
		same(t.name, expected->name);
		same(t.path, expected->path);
		same(t.hook, expected->hook);
		assert_int_equal(t.offset, expected->offset);
		assert_int_equal(t.frequency, expected->frequency);

		/* The canonical text stands for itself. */
		assert_int_equal(target_parse(t.text, &again, NULL), 0);
		assert_string_equal(again.text, t.text);
	}
}

static const struct {
	const char *text, *message;
} bad[] = {
	{"", "kind:target"},
	{"fentry", "kind:target"},
	{":x", "unknown kind"},
	{"fentr:x", "unknown kind"},
	{"fentryy:x", "unknown kind"},
	{"Fentry:x", "unknown kind"},
	{" fentry:x", "unknown kind"},
	{"fentry:*", "'*' is for patterns"},
	{"uprobe:/usr/bin/*:x", "'*' is for patterns"},
	{"fentry:", "1 to 128"},
	{"fentry:a b", "1 to 128"},
	{"fentry:a/b", "1 to 128"},
	{"fentry:a:b", "1 to 128"},
	{"fentry:vfs_read+0x10", "1 to 128"},
	{"fentry:x\n", "1 to 128"},
	{"lsm:file.open", "1 to 128"},
	{"iter:task/1", "1 to 128"},
	{"raw_tp:a/b", "1 to 128"},
	{"tracepoint:sched", "GROUP/NAME"},
	{"tracepoint:/x", "GROUP/NAME"},
	{"tracepoint:sched/", "GROUP/NAME"},
	{"tracepoint:a/b/c", "GROUP/NAME"},
	{"tracepoint:../x", "GROUP/NAME"},
	{"tracepoint:sched/..", "GROUP/NAME"},
	{"tracepoint:sched/a b", "GROUP/NAME"},
	{"kprobe:", "empty"},
	{"kprobe:+0x10", "empty"},
	{"kprobe:x+16", "+0x"},
	{"kprobe:x+", "+0x"},
	{"kprobe:x+0x", "+0x"},
	{"kprobe:x+0xg", "+0x"},
	{"kprobe:x+0x1+0x1", "+0x"},
	{"kprobe:x+0x11111111111111111", "+0x"},
	{"kprobe:x+0x-1", "+0x"},
	{"kprobe:a b", "characters that none"},
	{"kretprobe:x+0x10", "1 to 128"},
	{"uprobe:bash:readline", "/PATH:SYMBOL"},
	{"uprobe:/usr/bin/bash", "/PATH:SYMBOL"},
	{"uprobe:/usr/bin/bash:", "empty"},
	{"uprobe:/usr/bin/bash:a/b", "characters that none"},
	{"uprobe:/usr/bin/bash:a+4", "+0x"},
	{"uprobe:/:x", "absolute and normalised"},
	{"uprobe:/usr//bin:x", "absolute and normalised"},
	{"uprobe://usr/bin:x", "absolute and normalised"},
	{"uprobe:/usr/bin/:x", "absolute and normalised"},
	{"uprobe:/usr/./bin:x", "absolute and normalised"},
	{"uprobe:/usr/../bin:x", "absolute and normalised"},
	{"uprobe:/..:x", "absolute and normalised"},
	{"uprobe:/usr/bin/a\nb:x", "absolute and normalised"},
	{"uprobe:/usr/bin/\x1b[2J:x", "absolute and normalised"},
	{"uprobe:/usr/bin/\xff:x", "absolute and normalised"},
	{"uretprobe:/usr/bin/bash:x+0x4", "no offset"},
	{"perf_event:cpu-clock", "EVENT@FREQUENCY"},
	{"perf_event:@99", "EVENT@FREQUENCY"},
	{"perf_event:cpu-clock@", "EVENT@FREQUENCY"},
	{"perf_event:cpu-clock@-1", "EVENT@FREQUENCY"},
	{"perf_event:cpu-clock@9x", "EVENT@FREQUENCY"},
	{"perf_event:cpu-clock@100000", "EVENT@FREQUENCY"},
	{"perf_event:CPU@9", "EVENT@FREQUENCY"},
	{"perf_event:cpu-clock@0", "1 to 10000"},
	{"perf_event:cpu-clock@10001", "1 to 10000"},
	{"xdp:", "interface"},
	{"xdp:.", "interface"},
	{"xdp:..", "interface"},
	{"xdp:a b", "interface"},
	{"xdp:a/b", "interface"},
	{"xdp:a:b", "interface"},
	{"xdp:\x7f", "interface"},
	{"xdp:\xc3\xbc", "interface"},
	{"xdp:0123456789abcdef", "interface"},
	{"tcx:eth0", "must end in /ingress or /egress"},
	{"tcx:eth0/device", "must end in /ingress or /egress"},
	{"tcx:/ingress", "interface"},
	{"tcx:a/b/ingress", "interface"},
	{"cgroup:/sys/fs/cgroup/x", "must end in /ingress, /egress"},
	{"cgroup:/sys/fs/cgroup/x/connect4", "must end in /ingress, /egress"},
	{"cgroup:egress", "must end in"},
	{"cgroup:/egress", "in /sys/fs/cgroup"},
	{"cgroup:/sys/fs/cgroup2/egress", "in /sys/fs/cgroup"},
	{"cgroup:/sys/fs/cgroup/../x/egress", "in /sys/fs/cgroup"},
	{"cgroup:/sys/fs/cgroup//egress", "in /sys/fs/cgroup"},
	{"cgroup:sys/fs/cgroup/x/egress", "in /sys/fs/cgroup"},
	{"cgroup:/tmp/x/egress", "in /sys/fs/cgroup"},
};

static void refuses(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_error_ struct error e = ERROR_INIT;
		struct target t = {.offset = 4711};

		if (target_parse(bad[i].text, &t, &e) != -EINVAL)
			fail_msg("\"%s\" is accepted", bad[i].text);
		check_error(&e, ERROR_BAD_TARGET, bad[i].message);
		assert_int_equal(t.offset, 4711);
	}
}

static void lengths(void **state)
{
	_cleanup_target_ struct target t = {};
	char text[8192] = "fentry:";

	memset(text + 7, 'a', 128);
	assert_int_equal(target_parse(text, &t, NULL), 0);
	text[7 + 128] = 'a';
	assert_int_equal(target_parse(text, &t, NULL), -EINVAL);

	/* A path of PATH_MAX, in parts short enough. */
	memset(text, '\0', sizeof(text));
	strcpy(text, "uprobe:");
	for (size_t i = 0; i < 4096; i++)
		text[7 + i] = i % 128 ? 'a' : '/';
	strcat(text, ":x");
	assert_int_equal(target_parse(text, &t, NULL), -EINVAL);
	/* A part as long as NAME_MAX, and one longer. */
	memset(text, '\0', sizeof(text));
	strcpy(text, "uprobe:/");
	memset(text + 8, 'a', 255);
	strcat(text, ":x");
	target_done(&t);
	assert_int_equal(target_parse(text, &t, NULL), 0);
	memset(text, '\0', sizeof(text));
	strcpy(text, "uprobe:/");
	memset(text + 8, 'a', 256);
	strcat(text, ":x");
	assert_int_equal(target_parse(text, &t, NULL), -EINVAL);
}

static void kinds(void **state)
{
	static const char baked[] = " tp_btf fentry fexit lsm iter ", network[] = " xdp tcx ";

	for (unsigned kind = 0; kind < _TARGET_KIND_MAX; kind++) {
		const char *name = target_kind_name(kind);
		enum target_kind back;
		char word[32];

		assert_int_equal(target_kind_from_name(name, strlen(name), &back), 0);
		assert_int_equal(back, kind);
		snprintf(word, sizeof(word), " %s ", name);
		assert_int_equal(target_kind_is_baked(kind), !!strstr(baked, word));
		assert_int_equal(target_kind_is_network(kind), !!strstr(network, word));
	}
	assert_null(target_kind_name(_TARGET_KIND_MAX));
	assert_false(target_kind_is_baked(_TARGET_KIND_MAX));
	assert_false(target_kind_is_network(-1));
}

static void error_names_the_target(void **state)
{
	_cleanup_error_ struct error e = ERROR_INIT, f = ERROR_INIT;
	struct target t;

	target_parse("xdp:a/b", &t, &e);
	assert_non_null(e.fields);
	assert_string_equal(json_object_to_json_string(e.fields), "{ \"target\": \"xdp:a\\/b\" }");
	/* What is not UTF-8 cannot go into JSON. */
	target_parse("xdp:\xff", &t, &f);
	assert_null(f.fields);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(refuses),
		cmocka_unit_test(lengths),
		cmocka_unit_test(kinds),
		cmocka_unit_test(error_names_the_target),
	};

	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
