/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manifest-text.h"

#include "check.h"

const char manifest_example[] =
	"{\n"
	"  \"name\": \"execwatch\",\n"
	"  \"version\": \"1.0\",\n"
	"  \"sequence\": 7,\n"
	"  \"description\": \"who executes \\\"what\\\", \xc3\xbc\xc3\xb6\",\n"
	"  \"license\": \"GPL\",\n"
	"  \"publisher\": \"A \\\\ B\",\n"
	"  \"programs\": {\n"
	"    \"on_exec\": {\n"
	"      \"section\": \"tp/sched/sched_process_exec\",\n"
	"      \"type\": \"tracepoint\",\n"
	"      \"attach\": [\"tracepoint:sched/*\", \"tracepoint:task/task_newtask\"],\n"
	"      \"default\": [\"tracepoint:sched/sched_process_exec\"]\n"
	"    },\n"
	"    \"on_open\": {\n"
	"      \"section\": \"fentry/vfs_open\",\n"
	"      \"type\": \"tracing\",\n"
	"      \"attach\": [\"fentry:vfs_open\"],\n"
	"      \"default\": []\n"
	"    }\n"
	"  },\n"
	"  \"maps\": {\n"
	"    \"events\": {\n"
	"      \"type\": \"ringbuf\",\n"
	"      \"keySize\": 0,\n"
	"      \"valueSize\": 0,\n"
	"      \"maxEntries\": 262144,\n"
	"      \"grant\": \"events\",\n"
	"      \"event\": \"exec_event\"\n"
	"    },\n"
	"    \"execwatc.bss\": {\n"
	"      \"type\": \"array\",\n"
	"      \"keySize\": 4,\n"
	"      \"valueSize\": 4294967295,\n"
	"      \"maxEntries\": 1,\n"
	"      \"grant\": \"read-write\",\n"
	"      \"key\": \"u32\",\n"
	"      \"value\": \"struct count\"\n"
	"    }\n"
	"  },\n"
	"  \"requires\": [\"task_work\", \"x-y\"],\n"
	"  \"effects\": [\"registers\", \"signals\"],\n"
	"  \"tunables\": {},\n"
	"  \"after\": [],\n"
	"  \"build\": {\n"
	"    \"compiler\": \"clang 16\",\n"
	"    \"libbpf\": \"1.7/x\"\n"
	"  }\n"
	"}\n";

char *manifest_replace(const char *from, const char *to)
{
	const char *at = strstr(manifest_example, from);
	char *text;

	if (!at)
		fail_msg("\"%s\" is not in the manifest", from);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - manifest_example), manifest_example, to,
			     at + strlen(from)) > 0);
	return text;
}
