/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any JSON text: what ours takes, json-c's own parser takes as well, and for the same. */
#include "fuzz.h"
#include "json.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_confine();
	return 0;
}

static struct json_object *other_parser(const char *text, size_t size)
{
	struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
	struct json_object *object;

	object = json_tokener_parse_ex(tokener, text, (int)size);
	/* a number at the end could go on, as far as it knows */
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		object = json_tokener_parse_ex(tokener, " ", 1);
	fuzz_require(json_tokener_get_error(tokener) == json_tokener_success);
	json_tokener_free(tokener);
	return object;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ struct json_object *object = NULL, *other = NULL;
	struct json_position position = {};
	const char *reason = NULL;
	int r;

	r = json_parse((const char *)data, size, 65536, &object, &position, &reason);
	fuzz_require(r <= 0 && r != -ENOMEM);
	if (r < 0) {
		fuzz_require(reason && position.line > 0 && position.column > 0);
		return 0;
	}
	other = other_parser((const char *)data, size);
	fuzz_require(json_object_equal(object, other));
	return 0;
}
