/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tuned.h"

#include "check.h"

const uint8_t tuned_value[16] = {7,    0,    0,	   0,	 1,    0xa5, 0xa5, 0xa5,
				 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

char *tuned_text(const char *tunables)
{
	char *text;

	assert_true(
		asprintf(&text,
			 "{ \"name\": \"x\", \"version\": \"1\", \"sequence\": 1,\n"
			 "\"description\": \"d\", \"license\": \"GPL\", \"programs\": {\n"
			 "\"p\": { \"section\": \"raw_tp/sched_switch\", \"type\": "
			 "\"raw_tracepoint\",\n\"attach\": [\"raw_tp:*\"] } },\n"
			 "\"maps\": {\n"
			 "\"events\": { \"type\": \"ringbuf\", \"keySize\": 0, \"valueSize\": 0,\n"
			 "  \"maxEntries\": 8192, \"grant\": \"events\" },\n"
			 "\"table\": { \"type\": \"hash\", \"keySize\": 4, \"valueSize\": 8,\n"
			 "  \"maxEntries\": 10, \"grant\": \"read\" },\n"
			 "\"x.rodata\": { \"type\": \"array\", \"keySize\": 4, \"valueSize\": 16,\n"
			 "  \"maxEntries\": 1, \"grant\": \"none\" },\n"
			 "\"stores\": { \"type\": \"task_storage\", \"keySize\": 4, "
			 "\"valueSize\": 8,\n  \"maxEntries\": 0, \"grant\": \"none\" },\n"
			 "\"x.bss\": { \"type\": \"array\", \"keySize\": 4, \"valueSize\": 16,\n"
			 "  \"maxEntries\": 1, \"grant\": \"none\" } },\n"
			 "\"tunables\": {\n%s} }",
			 tunables) > 0);
	return text;
}

struct manifest *tuned_manifest(const char *tunables)
{
	_cleanup_free_ char *text = tuned_text(tunables);
	_cleanup_error_ struct error error = ERROR_INIT;
	struct manifest *m = NULL;

	if (manifest_parse(text, strlen(text), &m, &error) < 0)
		fail_msg("%s", error_message(&error));
	return m;
}

#define BLOB(text) ((struct blob){(const uint8_t *)(text), sizeof(text) - 1})

void tuned_bundle(const struct blob *images, unsigned n, uint8_t **ret_file, struct bundle *ret)
{
	const struct bundle_payload payload = {
		.loader = BLOB("\x85loader."),
		.metadata = BLOB("metadata"),
		.n_images = n,
		.images = images,
	};
	_cleanup_error_ struct error error = ERROR_INIT;
	size_t size;

	if (bundle_make(BLOB("{}"), (struct blob){}, &payload, 1, ret_file, &size, &error) < 0 ||
	    bundle_open(*ret_file, size, ret, &error) < 0)
		fail_msg("%s", error_message(&error));
}
