/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"
#include "manifest-text.h"

#define A8     "aaaaaaaa"
#define A64    A8 A8 A8 A8 A8 A8 A8 A8
#define A128   A64 A64
#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void parses(void **state)
{
	_cleanup_manifest_ struct manifest *m = NULL;
	_cleanup_error_ struct error e = ERROR_INIT;

	if (manifest_parse(manifest_example, strlen(manifest_example), &m, &e) < 0)
		fail_msg("%s", error_message(&e));
	assert_string_equal(m->name, "execwatch");
	assert_string_equal(m->version, "1.0");
	assert_string_equal(m->description, "who executes \"what\", \xc3\xbc\xc3\xb6");
	assert_string_equal(m->license, "GPL");
	assert_string_equal(m->publisher, "A \\ B");
	assert_int_equal(m->sequence, 7);

	assert_int_equal(m->n_programs, 2);
	assert_string_equal(m->programs[0].name, "on_exec");
	assert_string_equal(m->programs[0].section, "tp/sched/sched_process_exec");
	assert_int_equal(m->programs[0].type, BPF_PROG_TYPE_TRACEPOINT);
	assert_int_equal(m->programs[0].n_attach, 2);
	assert_string_equal(m->programs[0].attach[1], "tracepoint:task/task_newtask");
	assert_int_equal(m->programs[0].n_defaults, 1);
	assert_string_equal(m->programs[0].defaults[0], "tracepoint:sched/sched_process_exec");
	assert_int_equal(m->programs[1].n_defaults, 0);
	assert_ptr_equal(manifest_find_program(m, "on_open"), &m->programs[1]);
	assert_null(manifest_find_program(m, "on_ope"));

	assert_int_equal(m->n_maps, 2);
	assert_string_equal(m->maps[0].name, "events");
	assert_int_equal(m->maps[0].type, BPF_MAP_TYPE_RINGBUF);
	assert_int_equal(m->maps[0].max_entries, 262144);
	assert_int_equal(m->maps[0].grant, GRANT_EVENTS);
	assert_string_equal(m->maps[0].event, "exec_event");
	assert_null(m->maps[0].key);
	assert_int_equal(m->maps[1].key_size, 4);
	assert_int_equal(m->maps[1].value_size, UINT32_MAX);
	assert_int_equal(m->maps[1].grant, GRANT_READ_WRITE);
	assert_string_equal(m->maps[1].value, "struct count");

	assert_int_equal(m->n_requires, 2);
	assert_string_equal(m->requires[1], "x-y");
	assert_int_equal(m->effects, 1 << EFFECT_REGISTERS | 1 << EFFECT_SIGNALS);
	assert_string_equal(m->build, "{\"compiler\":\"clang 16\",\"libbpf\":\"1.7/x\"}");
}

static const struct {
	const char *from, *to;
} accepted[] = {
	{"  \"publisher\": \"A \\\\ B\",\n", ""},
	{"\"publisher\": \"A \\\\ B\"", "\"publisher\": null"},
	{"  \"effects\": [\"registers\", \"signals\"],\n", ""},
	{"[\"registers\", \"signals\"]", "[]"},
	{"\"execwatch\"", "\"0\""},
	{"\"execwatch\"", "\"" A64 "\""},
	{"\"sequence\": 7", "\"sequence\": 9223372036854775807"},
	{",\n      \"default\": []", ""},
	{"\"requires\": [\"task_work\", \"x-y\"],\n  \"effects\": [\"registers\", \"signals\"],\n  "
	 "\"tunables\": {},\n  \"after\": [],\n",
	 ""},
	{"\"on_open\"", "\"_" A64 "a9\""},
	{"\"on_open\"", "\"azAZ_09\""},
	{"\"on_open\"", "\"" A128 "\""},
	{"\"events\": {", "\"e\": {"},
	{"\"events\": {", "\"" A64 "\": {"},
	{"\"exec_event\"", "\"" A128 "\""},
	{"\"x-y\"", "\"" A64 "\""},
	{"\"clang 16\"", "\"" A128 A128 "\""},
	{"\"clang 16\"", "\"\""},
	{"\"1.0\"", "\"" A64 "\""},
	{"\"type\": \"array\"", "\"type\": \"user_ringbuf\""},
	{"fentry/vfs_open", "fentry.s/vfs_open"},
	{"fentry/vfs_open", "fentry"},
	{"\"keySize\": 0", "\"keySize\": null, \"keySize \": 0"}, /* refused, see below */
	{"\"type\": \"array\"", "\"type\": \"hash\""},
	{"\"grant\": \"read-write\"", "\"grant\": \"none\""},
	{"\"grant\": \"events\"", "\"grant\": \"none\""},
	{"struct count", "long long unsigned int"},
	{"execwatc.bss", ".rodata.str1 (copy)"},
	{"\"after\": []", "\"after\": [\"" DIGEST "\"]"},
	{"\"section\": \"fentry", "\"payload\": 1, \"section\": \"fentry"},
	{"\"section\": \"tp", "\"payload\": 0, \"section\": \"tp"},
};

static void accepts(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
		_cleanup_free_ char *text = manifest_replace(accepted[i].from, accepted[i].to);
		bool good = !strstr(accepted[i].to, "keySize ");
		_cleanup_manifest_ struct manifest *m = NULL;
		_cleanup_error_ struct error e = ERROR_INIT;

		if ((manifest_parse(text, strlen(text), &m, &e) == 0) != good)
			fail_msg("\"%s\": %s", accepted[i].to, error_message(&e));
	}
}

static const struct {
	const char *from, *to, *message;
} refused[] = {
	/* JSON and shape */
	{"{", "", "manifest:"},
	{"{", "[{", "manifest:"},
	{"}\n}\n", "}\n} x", "manifest:49:3: nothing may follow"},
	{"\"sequence\": 7,", "\"sequence\": 7, \"sequence\": 7,",
	 "manifest:4:18: a member of this name was given already"},
	{"\"sequence\": 7,", "\"sequence\": 7, \"extra\": 7,",
	 "manifest:4:27: extra: unknown member"},
	{"\"sequence\": 7,", "", "manifest:1:1: member \"sequence\" is missing"},
	{"\"sequence\": 7", "\"sequence\": null", "member \"sequence\" is missing"},
	{"\"sequence\": 7", "\"sequence\": \"7\"", "4:15: sequence: must be an integer"},
	{"\"sequence\": 7", "\"sequence\": 7.0", "4:15: sequence: must be an integer"},
	{"\"sequence\": 7", "\"sequence\": -1", "4:15: sequence: must be an integer"},
	{"\"sequence\": 7", "\"sequence\": 0", "4:15: sequence: must be 1 to"},
	{"\"sequence\": 7", "\"sequence\": 9223372036854775808", "4:15: sequence: must be 1 to"},
	{"\"sequence\": 7", "\"sequence\": 18446744073709551616", "4:35: number out of range"},

	/* head */
	{"\"execwatch\"", "\"\"", "2:11: name: must be 1 to 64 lower-case"},
	{"\"execwatch\"", "\"Exec\"", "name: must be 1 to 64 lower-case"},
	{"\"execwatch\"", "\".x\"", "name: must be 1 to 64 lower-case"},
	{"\"execwatch\"", "\"a/b\"", "name: must be 1 to 64 lower-case"},
	{"\"execwatch\"", "\"a*\"", "name: must be 1 to 64 lower-case"},
	{"\"execwatch\"", "\"" A64 "a\"", "name: must be 1 to 64 lower-case"},
	{"\"execwatch\"", "7", "2:11: name: must be a string"},
	{"\"1.0\"", "\"\"", "3:14: version: has 0 bytes, must be 1 to 64"},
	{"\"1.0\"", "\"" A64 "a\"", "version: has 65 bytes"},
	{"\"1.0\"", "\"1\\n\"", "version: holds control characters"},
	{"who", "\\u001b[2J", "5:18: description: holds control characters"},
	{"who", "\\u009b2J", "description: holds control characters"},
	{"who", "\\u202e", "description: holds control characters"},
	{"who", "\\u0000", "5:20: not a valid escape"},
	{"who", "\xff", "manifest:5:19: not valid UTF-8"},
	{"who", "\x1b", "manifest:5:19: control character"},
	{"\"GPL\"", "\"\"", "license: has 0 bytes"},
	{"\"GPL\"", "\"G\\tL\"", "license: holds control characters"},
	{"\"A \\\\ B\"", "\"\"", "publisher: has 0 bytes"},
	{"\"tunables\": {}", "\"tunables\": {\"x\": {}}", "43:21: tunables.x: member \"type\""},
	{"\"tunables\": {}", "\"tunables\": []", "tunables: must be an object"},
	{"\"after\": []", "\"after\": [\"x\"]",
	 "44:13: after[0]: must be the digest of a bundle: \"sha256:\" and 64 lower-case "
	 "hexadecimal "
	 "digits"},
	{"\"after\": []", "\"after\": [\"sha256:0123456789ABCDEF\"]",
	 "after[0]: must be the digest"},
	{"\"after\": []",
	 "\"after\": [\"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\"]",
	 "after[0]: must be the digest"},
	{"\"after\": []", "\"after\": [\"" DIGEST "0\"]", "after[0]: must be the digest"},
	{"\"after\": []", "\"after\": [\"" DIGEST "\", \"" DIGEST "\"]",
	 "after[1]: is there twice"},
	{"\"after\": []",
	 "\"after\": [\"\", \"\", \"\", \"\", \"\", \"\", \"\", \"\", \"\", \"\", \"\", \"\", "
	 "\"\", "
	 "\"\", \"\", \"\", \"\"]",
	 "after: has 17 elements, must be 0 to 16"},
	{"\"after\": []", "\"after\": {}", "after: must be an array"},
	{"\"x-y\"", "\"task_work\"", "requires[1]: is there twice"},
	{"\"x-y\"", "\"X\"", "41:29: requires[1]: must be 1 to 64 lower-case"},
	{"\"x-y\"", "\"" A64 "a\"", "requires[1]: must be 1 to 64"},
	{"\"x-y\"", "\"\"", "requires[1]: has 0 bytes"},
	{"\"x-y\"", "7", "requires[1]: must be a string"},
	{"\"registers\"", "\"packets\"",
	 "effects[0]: must be one of registers, return-values, user-memory, signals"},
	{"\"registers\"", "\"signals\"", "effects[1]: is there twice"},
	{"\"registers\"", "1", "effects[0]: must be a string"},
	{"\"clang 16\"", "16", "build.compiler: must be a string"},
	{"\"clang 16\"", "\"" A128 A128 "a\"", "must be at most 256"},
	{"\"clang 16\"", "null", "build.compiler: must be a string"},
	{"\"clang 16\"", "{}", "build.compiler: must be a string"},
	{"\"clang 16\"", "\"\\u0007\"", "build.compiler: must be at most 256 printable"},
	{"\"compiler\"", "\"a b\"", "build.a b: a name must be an identifier"},
	{"\"compiler\"", "\"\"", "a name must be an identifier"},

	/* payloads */
	{"\"section\": \"tp", "\"payload\": 1, \"section\": \"tp",
	 "9:16: programs.on_exec: is of payload 1: the first program is of payload 0"},
	{"\"section\": \"fentry", "\"payload\": 2, \"section\": \"fentry",
	 "programs.on_open: is of payload 2, and the program before it of payload 0: programs "
	 "stand "
	 "payload by payload, and each payload has one"},
	{"\"section\": \"fentry", "\"payload\": 16, \"section\": \"fentry",
	 "programs.on_open.payload: must be 0 to 15"},
	{"\"section\": \"fentry", "\"payload\": 4294967297, \"section\": \"fentry",
	 "programs.on_open.payload: must be 0 to 15"},
	{"\"section\": \"fentry", "\"payload\": \"1\", \"section\": \"fentry",
	 "programs.on_open.payload: must be an integer"},
	{"\"type\": \"ringbuf\"", "\"payload\": 1, \"type\": \"ringbuf\"",
	 "maps.events: is of payload 1, and the last program of payload 0"},
	{"\"type\": \"ringbuf\"", "\"payload\": 16, \"type\": \"ringbuf\"",
	 "maps.events.payload: must be 0 to 15"},

	/* programs */
	{"\"on_exec\"", "\"on exec\"", "programs.on exec: a program's name must be a C identifier"},
	{"\"on_exec\"", "\"9x\"", "a program's name must be a C identifier"},
	{"\"on_exec\"", "\"\"", "a program's name must be a C identifier"},
	{"\"on_exec\"", "\"a.b[0]\"", "programs.a.b[0]: a program's name"},
	{"\"on_exec\"", "\"\\u001b[2J\"", "programs.?[2J: a program's name"},
	{"\"on_exec\"", "\"" A128 "a\"", "a program's name must be a C identifier of at most 128"},
	{"\"on_open\"", "\"on_exec\"", "a member of this name was given already"},
	{"\"type\": \"tracepoint\",", "", "9:16: programs.on_exec: member \"type\" is missing"},
	{"\"type\": \"tracepoint\"", "\"type\": \"syscall\"",
	 "11:15: programs.on_exec.type: bpfgate does not load programs of type \"syscall\""},
	{"\"type\": \"tracepoint\"", "\"type\": \"xdp\"",
	 "programs.on_exec.attach[0]: a program of type xdp cannot be attached to a tracepoint"},
	{"\"type\": \"tracepoint\"", "\"type\": \"tracepoint\", \"kind\": 1",
	 "programs.on_exec.kind: unknown member"},
	{"\"type\": \"tracepoint\"", "\"type\": [\"tracepoint\"]", "type: must be a string"},
	{"tp/sched/sched_process_exec", "", "programs.on_exec.section: has 0 bytes"},
	{"tp/sched/sched_process_exec", "syscall", "cannot attach programs of section \"syscall\""},
	{"tp/sched/sched_process_exec", "xdp",
	 "10:18: programs.on_exec.section: a program of section \"xdp\" is not of type tracepoint"},
	{"[\"tracepoint:sched/*\", \"tracepoint:task/task_newtask\"]", "[]",
	 "12:17: programs.on_exec.attach: has 0 elements, must be 1 to 32"},
	{"[\"tracepoint:sched/*\", ", "[7, ", "programs.on_exec.attach[0]: must be a string"},
	{"[\"tracepoint:sched/*\", ", "[null, ", "programs.on_exec.attach[0]: must be a string"},
	{"\"tracepoint:task/task_newtask\"", "\"tracepoint:sched/*\"",
	 "programs.on_exec.attach[1]: is there twice"},
	{"\"tracepoint:task/task_newtask\"", "\"tracepoint:*\"",
	 "12:40: programs.on_exec.attach[1]: pattern \"tracepoint:*\" is not usable"},
	{"\"tracepoint:task/task_newtask\"", "\"fentry:x\"",
	 "attach[1]: a program of type tracepoint cannot be attached to a fentry"},
	{"\"tracepoint:task/task_newtask\"", "\"tracepoint:a/b\\u0007\"",
	 "attach[1]: holds control characters"},
	{"[\"tracepoint:sched/sched_process_exec\"]", "[\"tracepoint:sched/*\"]",
	 "13:19: programs.on_exec.default[0]: target \"tracepoint:sched/*\" is not usable: '*' is"},
	{"[\"tracepoint:sched/sched_process_exec\"]", "[\"tracepoint:a/b\"]",
	 "default[0]: \"tracepoint:a/b\" fits none of the targets in \"attach\""},
	{"[\"tracepoint:sched/sched_process_exec\"]", "[\"raw_tp:x\"]",
	 "default[0]: a program of type tracepoint cannot be attached there"},
	{"[\"fentry:vfs_open\"]", "[\"fentry:vfs_*\"]",
	 "programs.on_open.attach[0]: the target of a fentry is fixed when it is built"},
	{"[\"fentry:vfs_open\"]", "[\"fentry:vfs_open\", \"fentry:vfs_read\"]",
	 "attach[0]: a fentry program has the one target it was built for, not 2"},
	{"[\"fentry:vfs_open\"]", "[\"fentry:vfs_read\"]",
	 "programs.on_open.section: a program of section \"fentry/vfs_open\" is not attached to"},
	{"[\"fentry:vfs_open\"]", "[\"fexit:vfs_open\"]",
	 "section \"fentry/vfs_open\" is not attached to \"fexit:vfs_open\""},
	{"[\"fentry:vfs_open\"]", "[\"kprobe:vfs_open\"]",
	 "a program of type tracing cannot be attached to a kprobe"},
	{"\"default\": []", "\"default\": [\"fentry:vfs_read\"]",
	 "programs.on_open.default[0]: \"fentry:vfs_read\" fits none"},

	/* maps */
	{"\"events\": {", "\"a/b\": {", "23:12: maps.a/b: a map's name must be 1 to 64 printable"},
	{"\"events\": {", "\"\": {", "a map's name must be 1 to 64 printable"},
	{"\"events\": {", "\"x\\n\": {", "a map's name must be 1 to 64 printable"},
	{"\"events\": {", "\"" A64 "a\": {", "a map's name must be 1 to 64 printable"},
	{"\"ringbuf\"", "\"prog_array\"",
	 "maps.events.type: a bundle may not declare maps of type \"prog_array\""},
	{"\"keySize\": 0", "\"keySize\": 4", "\"keySize\" and \"valueSize\" of a ring buffer"},
	{"\"valueSize\": 0", "\"valueSize\": 4", "\"keySize\" and \"valueSize\" of a ring buffer"},
	{"4294967295", "4294967296", /* JSON paths end at a dot, so the position is that of the
					nearest part found. */
	 "manifest:22:11: maps.execwatc.bss.valueSize: is larger than 4294967295"},
	{"\"maxEntries\": 1,", "\"maxEntries\": 4294967296,", "maxEntries: is larger than"},
	{"\"maxEntries\": 1,", "\"maxEntries\": 1.5,", "maxEntries: must be an integer"},
	{"\"maxEntries\": 1,", "", "maps.execwatc.bss: member \"maxEntries\" is missing"},
	{"\"grant\": \"events\"", "\"grant\": \"all\"",
	 "28:16: maps.events.grant: \"all\" is none of \"none\", \"read\""},
	{"\"grant\": \"events\"", "\"grant\": \"read\"",
	 "maps.events.grant: a ring buffer can be granted as \"events\" only"},
	{"\"grant\": \"events\"", "\"grant\": \"read-write\"",
	 "a ring buffer can be granted as \"events\" only"},
	{"\"grant\": \"events\",", "", "maps.events: member \"grant\" is missing"},
	{"\"grant\": \"read-write\"", "\"grant\": \"events\"",
	 "only a ring buffer can be granted as \"events\""},
	{"\"array\"", "\"ringbuf\"", "a ring buffer can be granted as \"events\" only"},
	{"\"type\": \"array\",\n      \"keySize\": 4,\n      \"valueSize\": 4294967295,\n"
	 "      \"maxEntries\": 1,\n      \"grant\": \"read-write\"",
	 "\"type\": \"user_ringbuf\",\n      \"keySize\": 4,\n      \"valueSize\": 4,\n"
	 "      \"maxEntries\": 1,\n      \"grant\": \"read\"",
	 "a user ring buffer is written by users"},
	{"\"event\": \"exec_event\"", "\"key\": \"u32\"", "a ring buffer has no \"key\""},
	{"\"key\": \"u32\"", "\"event\": \"u32\"", "only a ring buffer has an \"event\""},
	{"\"keySize\": 4", "\"keySize\": 0", "has a \"key\", but \"keySize\" is 0"},
	{"4294967295", "0", "has a \"value\", but \"valueSize\" is 0"},
	{"\"exec_event\"", "\"exec-event\"", "maps.events.event: must name a type as C does"},
	{"\"exec_event\"", "\"\"", "must name a type as C does"},
	{"\"struct count\"", "\"struct  count\"", "must name a type as C does"},
	{"\"struct count\"", "\"struct count \"", "must name a type as C does"},
	{"\"struct count\"", "\" count\"", "must name a type as C does"},
	{"\"struct count\"", "\"struct count *\"", "must name a type as C does"},
	{"\"struct count\"", "\"struct 9\"", "must name a type as C does"},
	{"\"struct count\"", "\"\\u001b\"", "must name a type as C does"},
	{"\"struct count\"", "\"struct " A128 "\"", "must name a type as C does"},
};

static void refuses(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_free_ char *text = manifest_replace(refused[i].from, refused[i].to);
		struct manifest *m = (struct manifest *)"untouched";
		_cleanup_error_ struct error e = ERROR_INIT;

		if (manifest_parse(text, strlen(text), &m, &e) != -EBADMSG)
			fail_msg("\"%s\" -> \"%s\" is accepted", refused[i].from, refused[i].to);
		check_error(&e, ERROR_BAD_MANIFEST, refused[i].message);
		assert_int_equal(e.step, STEP_AUTHENTICATE);
		assert_string_equal((char *)m, "untouched");
	}
}

static void refuse_text(const char *text, size_t size, const char *message)
{
	_cleanup_error_ struct error e = ERROR_INIT;
	struct manifest *m;

	assert_int_equal(manifest_parse(text, size, &m, &e), -EBADMSG);
	check_error(&e, ERROR_BAD_MANIFEST, message);
}

static void not_an_object(void **state)
{
	static char huge[256 * 1024 + 1], deep[400];

	refuse_text("", 0, "manifest:1:1:");
	refuse_text("null", 4, "manifest:1:1: must be an object");
	refuse_text("[]", 2, "manifest:1:1: must be an object");
	refuse_text("\"x\"", 3, "must be an object");
	refuse_text("7", 1, "must be an object");
	refuse_text("{}", 2, "member \"name\" is missing");
	refuse_text("{}\0", 3, "manifest:1:3:");

	memset(huge, ' ', sizeof(huge));
	memcpy(huge, "{}", 2);
	refuse_text(huge, sizeof(huge), "too large");
	memset(deep, '[', 200);
	memset(deep + 200, ']', 200);
	refuse_text(deep, sizeof(deep), "too deep");
}

/* @n members of the form @format with their number, in place of @from. */
static char *many(const char *from, unsigned n, const char *format)
{
	_cleanup_free_ char *list = calloc(n, 256);

	for (unsigned i = 0; i < n; i++) {
		char *end = list + strlen(list);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(end, 256, format, i);
#pragma GCC diagnostic pop
	}
	return manifest_replace(from, list);
}

static void counts(void **state)
{
	static const struct {
		const char *from, *format;
		unsigned max;
		const char *message;
	} cases[] = {
		{"\"on_open\": {",
		 "\"p%u\": {\"section\": \"xdp\", \"type\": \"xdp\", \"attach\": [\"xdp:*\"]},", 30,
		 "programs: has 33 members, must be 1 to 32"},
		{"\"events\": {",
		 "\"m%u\": {\"type\": \"hash\", \"keySize\": 1, \"valueSize\": 1, "
		 "\"maxEntries\": 1, \"grant\": \"none\"},",
		 62, "maps: has 65 members, must be 0 to 64"},
		{"\"tracepoint:task/task_newtask\"", "\"tracepoint:a/b%u\",", 31,
		 "attach: has 33 elements, must be 1 to 32"},
		{"\"tracepoint:sched/sched_process_exec\"", "\"tracepoint:sched/x%u\",", 32,
		 "default: has 33 elements, must be 0 to 32"},
		{"\"x-y\"", "\"f%u\",", 31, "requires: has 33 elements, must be 0 to 32"},
		{"\"compiler\": \"clang 16\",", "\"c%u\": \"x\",", 31, "build: has more than 32"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (unsigned more = 0; more <= 1; more++) {
			_cleanup_free_ char *text =
				many(cases[i].from, cases[i].max + more, cases[i].format);
			_cleanup_error_ struct error e = ERROR_INIT;
			_cleanup_manifest_ struct manifest *m = NULL;
			char *comma;
			int r;

			/* The last element of a list has no comma; a member goes on behind it. */
			comma = strstr(text, ",]");
			if (comma)
				*comma = ' ';
			if (strstr(cases[i].from, ": {")) {
				char *full;
				const char *at = strstr(manifest_example, cases[i].from);
				size_t list = strlen(text) - strlen(manifest_example) +
					      strlen(cases[i].from);

				/* A member was cut off: put its beginning back. */
				assert_true(asprintf(&full, "%.*s%s%s",
						     (int)(at - manifest_example + list), text,
						     cases[i].from,
						     text + (at - manifest_example) + list) > 0);
				free(text);
				text = full;
			}
			r = manifest_parse(text, strlen(text), &m, &e);
			if (!more && r < 0)
				fail_msg("%s: %s", cases[i].from, error_message(&e));
			if (more)
				check_error(&e, ERROR_BAD_MANIFEST, cases[i].message);
		}
	}
}

static void no_programs_and_no_maps(void **state)
{
	static const char text[] =
		"{\"name\": \"x\", \"version\": \"1\", \"sequence\": 1, \"description\": \"d\", "
		"\"license\": \"GPL\", \"programs\": {}, \"maps\": {}}";
	static const char good[] =
		"{\"name\": \"x\", \"version\": \"1\", \"sequence\": 1, \"description\": \"d\", "
		"\"license\": \"GPL\", \"programs\": {\"p\": {\"section\": \"xdp\", "
		"\"type\": \"xdp\", \"attach\": [\"xdp:*\"]}}, \"maps\": {}}";
	_cleanup_manifest_ struct manifest *m = NULL;

	refuse_text(text, strlen(text), "programs: has 0 members, must be 1 to 32");
	assert_int_equal(manifest_parse(good, strlen(good), &m, NULL), 0);
	assert_int_equal(m->n_maps, 0);
}

/* A cgroup program may only go where programs of its type go. */
static void hook_fits_the_type(void **state)
{
	static const char format[] =
		"{\"name\": \"x\", \"version\": \"1\", \"sequence\": 1, \"description\": \"d\", "
		"\"license\": \"GPL\", \"programs\": {\"p\": {\"section\": \"cgroup/dev\", "
		"\"type\": \"cgroup_device\", \"attach\": [\"cgroup:/sys/fs/cgroup/*/*\"], "
		"\"default\": [\"cgroup:/sys/fs/cgroup/x/%s\"]}}, \"maps\": {}}";
	_cleanup_manifest_ struct manifest *m = NULL;
	char text[512];

	snprintf(text, sizeof(text), format, "device");
	assert_int_equal(manifest_parse(text, strlen(text), &m, NULL), 0);
	snprintf(text, sizeof(text), format, "egress");
	refuse_text(text, strlen(text), "cannot be attached there");
}

static void names(void **state)
{
	enum map_grant grant = 4711;

	assert_true(manifest_name_valid("a"));
	assert_true(manifest_name_valid("0.9_x-y"));
	assert_false(manifest_name_valid(""));
	assert_false(manifest_name_valid("-a"));
	assert_false(manifest_name_valid("a b"));
	assert_false(manifest_name_valid("\xc3\xbc"));
	for (unsigned i = 0; i < _GRANT_MAX; i++) {
		assert_int_equal(map_grant_from_name(map_grant_name(i), &grant), 0);
		assert_int_equal(grant, i);
	}
	grant = 4711;
	assert_int_equal(map_grant_from_name("read_write", &grant), -EINVAL);
	assert_int_equal(grant, 4711);
	assert_null(map_grant_name(_GRANT_MAX));
}

/* Whatever the bytes: an answer with a message, no crash (the sanitizers look on). */
static void random_damage(void **state)
{
	static const char spice[] = "{}[]\",:\\u0null*/.-+9eE \n\x1b\xff\xc3";
	size_t size = strlen(manifest_example);

	srand(3);
	for (unsigned round = 0; round < 20000; round++) {
		size_t n = rand() % 4 ? size : rand() % size;
		_cleanup_free_ char *copy = malloc(n);
		_cleanup_error_ struct error e = ERROR_INIT;
		_cleanup_manifest_ struct manifest *m = NULL;

		memcpy(copy, manifest_example, n);
		for (unsigned i = rand() % 4; n > 0 && i > 0; i--) {
			size_t from = rand() % n, to = rand() % n, length = rand() % 24;

			if (rand() % 2)
				copy[to] = spice[rand() % (sizeof(spice) - 1)];
			else if (from + length <= n && to + length <= n)
				memmove(copy + to, copy + from, length);
		}
		if (manifest_parse(copy, n, &m, &e) < 0)
			assert_non_null(e.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(accepts),
		cmocka_unit_test(refuses),
		cmocka_unit_test(not_an_object),
		cmocka_unit_test(counts),
		cmocka_unit_test(no_programs_and_no_maps),
		cmocka_unit_test(hook_fits_the_type),
		cmocka_unit_test(names),
		cmocka_unit_test(random_damage),
	};

	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
