/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"

#include "hand.h"
#include "testkeys.h"

/* What derive() might have made. */
static struct manifest *derived(void)
{
	struct manifest *m = calloc(1, sizeof(*m));

	m->name = strdup("net");
	m->version = strdup("0");
	m->description = strdup("BPF programs of net");
	m->license = strdup("GPL");
	m->sequence = 1;
	m->programs = calloc(2, sizeof(*m->programs));
	m->n_programs = 2;
	m->programs[0] = (struct manifest_program){.name = strdup("on_exec"),
						   .section = strdup("tp/sched/x"),
						   .type = BPF_PROG_TYPE_TRACEPOINT,
						   .n_attach = 1,
						   .attach = calloc(1, sizeof(char *)),
						   .n_defaults = 1,
						   .defaults = calloc(1, sizeof(char *))};
	m->programs[0].attach[0] = strdup("tracepoint:sched/x");
	m->programs[0].defaults[0] = strdup("tracepoint:sched/x");
	m->programs[1] = (struct manifest_program){.name = strdup("on_open"),
						   .section = strdup("fentry/vfs_open"),
						   .type = BPF_PROG_TYPE_TRACING,
						   .n_attach = 1,
						   .attach = calloc(1, sizeof(char *)),
						   .n_defaults = 1,
						   .defaults = calloc(1, sizeof(char *))};
	m->programs[1].attach[0] = strdup("fentry:vfs_open");
	m->programs[1].defaults[0] = strdup("fentry:vfs_open");
	m->effects = 1 << EFFECT_SIGNALS;
	m->maps = calloc(2, sizeof(*m->maps));
	m->n_maps = 2;
	m->maps[0] = (struct manifest_map){
		.name = strdup("events"), .type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096};
	m->maps[1] = (struct manifest_map){.name = strdup("net.bss"),
					   .type = BPF_MAP_TYPE_ARRAY,
					   .key_size = 4,
					   .value_size = 8,
					   .max_entries = 1,
					   .value = strdup("old")};
	return m;
}

static int merge(const char *text, struct manifest **ret, struct error *error)
{
	_cleanup_manifest_ struct manifest *m = derived();
	_cleanup_hand_ struct hand hand = {};
	char *folder = test_folder_new();
	int r;

	test_file_write(test_path(folder, "m.json"), text);
	r = hand_read(test_path(folder, "m.json"), &hand, error);
	if (r == 0)
		r = hand_merge(&hand, m, error);
	test_folder_remove(folder);
	if (r == 0)
		*ret = TAKE_PTR(m);
	return r;
}

static void test_nothing(void **state)
{
	_cleanup_manifest_ struct manifest *m = derived();
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_hand_ struct hand hand = {};

	assert_int_equal(hand_read(NULL, &hand, &error), 0);
	assert_int_equal(hand_merge(&hand, m, &error), 0);
	assert_string_equal(m->name, "net");
	assert_int_equal(m->sequence, 1);
	assert_string_equal(m->programs[0].attach[0], "tracepoint:sched/x");
	assert_int_equal(m->maps[0].grant, GRANT_NONE);
}

static void test_everything(void **state)
{
	_cleanup_manifest_ struct manifest *m = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	int r;

	r = merge("{ \"name\": \"other\", \"version\": \"2.5\", \"sequence\": 7,"
		  "  \"description\": \"d\", \"license\": \"GPL-2.0-only\", \"publisher\": \"p\","
		  "  \"requires\": [\"task_work\"], \"tunables\": {},"
		  "  \"effects\": [\"registers\", \"signals\"], \"after\": [\"sha256:x\"],"
		  "  \"programs\": { \"on_exec\": { \"attach\": [\"tracepoint:sched/*\"],"
		  "    \"default\": [\"tracepoint:sched/y\", \"tracepoint:sched/z\"] },"
		  "    \"on_open\": { \"attach\": [\"fentry:vfs_open\"], \"default\": [] } },"
		  "  \"maps\": { \"events\": { \"grant\": \"events\", \"event\": \"rec\" },"
		  "    \".bss\": { \"grant\": \"read\", \"key\": \"u32\", \"value\": \"new\" } } }",
		  &m, &error);
	assert_int_equal(r, 0);
	assert_string_equal(m->name, "other");
	assert_string_equal(m->version, "2.5");
	assert_int_equal(m->sequence, 7);
	assert_string_equal(m->description, "d");
	assert_string_equal(m->license, "GPL-2.0-only");
	assert_string_equal(m->publisher, "p");
	assert_int_equal(m->n_requires, 1);
	assert_string_equal(m->requires[0], "task_work");
	assert_int_equal(m->effects, 1 << EFFECT_REGISTERS | 1 << EFFECT_SIGNALS);
	assert_int_equal(m->n_after, 1);
	assert_string_equal(m->after[0], "sha256:x");
	assert_string_equal(m->programs[0].attach[0], "tracepoint:sched/*");
	assert_int_equal(m->programs[0].n_defaults, 2);
	assert_string_equal(m->programs[0].defaults[1], "tracepoint:sched/z");
	assert_int_equal(m->programs[1].n_attach, 1);
	assert_int_equal(m->programs[1].n_defaults, 0);
	assert_int_equal(m->maps[0].grant, GRANT_EVENTS);
	assert_string_equal(m->maps[0].event, "rec");
	assert_int_equal(m->maps[1].grant, GRANT_READ);
	assert_string_equal(m->maps[1].key, "u32");
	assert_string_equal(m->maps[1].value, "new");
	/* What the object says is not for a person to change. */
	assert_int_equal(m->maps[1].value_size, 8);
	assert_string_equal(m->programs[0].section, "tp/sched/x");
}

/* A default from the section stays as long as "attach" allows it. */
static void test_defaults(void **state)
{
	_cleanup_manifest_ struct manifest *stays = NULL, *goes = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_int_equal(merge("{\"programs\": {\"on_exec\": {\"attach\": "
			       "[\"tracepoint:sched/*\"]}}}",
			       &stays, &error),
			 0);
	assert_int_equal(stays->programs[0].n_defaults, 1);
	assert_int_equal(merge("{\"programs\": {\"on_exec\": {\"attach\": "
			       "[\"tracepoint:net/*\"]}}}",
			       &goes, &error),
			 0);
	assert_int_equal(goes->programs[0].n_defaults, 0);
}

static void test_several_object_files(void **state)
{
	_cleanup_manifest_ struct manifest *m = derived();
	_cleanup_error_ struct error error = ERROR_INIT, none = ERROR_INIT;
	_cleanup_hand_ struct hand hand = {}, nothing = {};
	char *folder = test_folder_new();

	/* as if two of them had a data section */
	m->programs[1].payload = 1;
	free(m->maps[0].name);
	m->maps[0].name = strdup("other.bss");
	test_file_write(test_path(folder, "m.json"), "{\"maps\": {\".bss\": {}}}");
	assert_int_equal(hand_read(test_path(folder, "m.json"), &hand, &error), 0);
	assert_true(hand_merge(&hand, m, &error) < 0);
	check_error(&error, ERROR_BAD_MANIFEST,
		    "2 of the object files have a map \".bss\": write its whole name");
	test_file_write(test_path(folder, "m.json"), "{\"maps\": {\".data\": {}}}");
	assert_int_equal(hand_read(test_path(folder, "m.json"), &nothing, &none), 0);
	assert_true(hand_merge(&nothing, m, &none) < 0);
	check_error(&none, ERROR_BAD_MANIFEST, "the object files have no map \".data\"");
	test_folder_remove(folder);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{"", "m.json:1:1: "},
		{"[]", "m.json:1:1: the manifest must be an object"},
		{"{\n  \"nmae\": \"x\" }", "m.json:2:11: member \"nmae\" is not known here"},
		{"{\"name\": 1}", "member \"name\" has the wrong type"},
		{"{\"name\": \"A\"}", "\"name\" must begin with a-z"},
		{"{\"sequence\": 0}", "\"sequence\" begins with 1"},
		{"{\"sequence\": -1}", "member \"sequence\" has the wrong type"},
		{"{\"sequence\": \"1\"}", "member \"sequence\" has the wrong type"},
		{"{\"tunables\": []}", "member \"tunables\" has the wrong type"},
		{"{\"after\": [1]}", "\"after\" must hold strings"},
		{"{\"after\": {}}", "member \"after\" has the wrong type"},
		{"{\"requires\": [1]}", "\"requires\" must hold strings"},
		{"{\"requires\": {}}", "member \"requires\" has the wrong type"},
		{"{\"effects\": {}}", "member \"effects\" has the wrong type"},
		{"{\"effects\": [1]}", "\"effects\" may hold registers, return-values"},
		{"{\"effects\": [\"packets\"]}", "\"effects\" may hold registers, return-values"},
		{"{\"effects\": [\"registers\"]}",
		 "m.json:1:13: \"effects\" does not name \"signals\", which a program has"},
		{"{\"effects\": []}", "\"effects\" does not name \"signals\""},
		{"{\"programs\": []}", "member \"programs\" has the wrong type"},
		{"{\"programs\": {\"on_exit\": {}}}", "the object file has no program \"on_exit\""},
		{"{\"programs\": {\"events\": {}}}", "the object file has no program \"events\""},
		{"{\"programs\": {\"on_exec\": []}}", "programs.on_exec must be an object"},
		{"{\"programs\": {\"on_exec\": {\"type\": \"xdp\"}}}",
		 "member \"programs.on_exec.type\" is not known here"},
		{"{\"programs\": {\"on_exec\": {\"attach\": \"x\"}}}",
		 "member \"programs.on_exec.attach\" has the wrong type"},
		{"{\"programs\": {\"on_exec\": {\"attach\": [1]}}}", "targets must be strings"},
		{"{\"programs\": {\"on_open\": {\"attach\": [\"fentry:*\"]}}}",
		 "\"fentry:*\" is not where the object file attaches it: \"fentry:vfs_open\""},
		{"{\"programs\": {\"on_open\": {\"default\": [\"fentry:vfs_read\"]}}}",
		 "\"fentry:vfs_read\" is not where the object file attaches it"},
		{"{\"maps\": {\"nothing\": {}}}", "the object file has no map \"nothing\""},
		{"{\"maps\": {\".data\": {}}}", "the object file has no map \".data\""},
		{"{\"maps\": {\"bss\": {}}}", "the object file has no map \"bss\""},
		{"{\"maps\": {\"events\": {\"grant\": \"all\"}}}",
		 "\"grant\" must be none, read, events or read-write, not \"all\""},
		{"{\"maps\": {\"events\": {\"maxEntries\": 1}}}",
		 "member \"maps.events.maxEntries\" is not known here"},
		{"{\"maps\": {}, \"maps\": {}}", "m.json:1:"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		struct manifest *m = NULL;

		assert_true(merge(cases[i].text, &m, &error) < 0);
		assert_null(m);
		check_error(&error, ERROR_BAD_MANIFEST, cases[i].reason);
	}
}

static void test_position(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct manifest *m;

	assert_true(merge("{\n  \"maps\": {\n    \"events\": { \"grant\": \"x\" }\n  }\n}\n", &m,
			  &error) < 0);
	check_error(&error, ERROR_BAD_MANIFEST, "m.json:3:15: ");
}

static void test_no_file(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct hand hand = {};

	assert_int_equal(hand_read("/nonexistent/m.json", &hand, &error), -ENOENT);
	check_error(&error, ERROR_UNREADABLE, "/nonexistent/m.json: cannot open");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_position),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_several_object_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
