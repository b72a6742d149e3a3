/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"
#include "manifest.h"

/* Two payloads, and a map of each. */
static const char two_payloads[] =
	"{\"name\": \"x\", \"version\": \"1\", \"sequence\": 1, \"description\": \"d\", "
	"\"license\": \"GPL\", \"programs\": {"
	"\"a\": {\"section\": \"xdp\", \"type\": \"xdp\", \"attach\": [\"xdp:*\"]}, "
	"\"b\": {\"section\": \"xdp\", \"type\": \"xdp\", \"attach\": [\"xdp:*\"]}, "
	"\"c\": {\"payload\": 1, \"section\": \"xdp\", \"type\": \"xdp\", \"attach\": "
	"[\"xdp:*\"]}}, \"maps\": {"
	"\"m\": {\"type\": \"array\", \"keySize\": 4, \"valueSize\": 4, \"maxEntries\": 1, "
	"\"grant\": \"none\"}, "
	"\"n\": {\"payload\": 1, \"type\": \"array\", \"keySize\": 4, \"valueSize\": 4, "
	"\"maxEntries\": 1, \"grant\": \"none\"}}}";

static void finds_parts(void **state)
{
	_cleanup_manifest_ struct manifest *m = NULL, *again = NULL;
	_cleanup_error_ struct error e = ERROR_INIT;
	_cleanup_free_ char *text = NULL;
	struct manifest_part part;
	size_t size;

	if (manifest_parse(two_payloads, strlen(two_payloads), &m, &e) < 0)
		fail_msg("%s", error_message(&e));
	assert_int_equal(manifest_n_payloads(m), 2);
	part = manifest_part(m, 0);
	assert_memory_equal(&part, &((struct manifest_part){0, 2, 0, 1}), sizeof(part));
	part = manifest_part(m, 1);
	assert_memory_equal(&part, &((struct manifest_part){2, 1, 1, 1}), sizeof(part));
	assert_int_equal(manifest_check_payloads(m, 2, &e), 0);
	assert_int_equal(manifest_check_payloads(m, 1, &e), -EBADMSG);
	check_error(&e, ERROR_BAD_MANIFEST,
		    "the bundle has 1 payloads, and its manifest speaks of 2");

	assert_int_equal(manifest_format(m, &text, &size), 0);
	assert_non_null(strstr(text, "\"c\": {\n      \"payload\": 1,\n"));
	assert_int_equal(manifest_parse(text, size, &again, &e), 0);
	assert_int_equal(again->programs[2].payload, 1);
	assert_int_equal(again->maps[1].payload, 1);
}

static void refuses_maps_out_of_order(void **state)
{
	static const char map[] = "\"type\": \"array\", \"keySize\": 4, \"valueSize\": 4, "
				  "\"maxEntries\": 1, \"grant\": \"none\"}";
	_cleanup_error_ struct error e = ERROR_INIT;
	_cleanup_free_ char *text = NULL;
	struct manifest *m = NULL;

	assert_true(asprintf(&text, "%.*s\"maps\": {\"m\": {\"payload\": 1, %s, \"n\": {%s}}",
			     (int)(strstr(two_payloads, "\"maps\"") - two_payloads), two_payloads,
			     map, map) > 0);
	assert_true(manifest_parse(text, strlen(text), &m, &e) < 0);
	assert_null(m);
	check_error(&e, ERROR_BAD_MANIFEST,
		    "maps.n: is of payload 0, and the map before it of payload 1: maps stand "
		    "payload by payload");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_parts),
		cmocka_unit_test(refuses_maps_out_of_order),
	};

	return cmocka_run_group_tests_name("manifest-payload", tests, NULL, NULL);
}
