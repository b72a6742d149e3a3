/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include <json-c/json.h>

static void first_error_stays(void **state)
{
	struct error e = ERROR_INIT;

	assert_int_equal(error_set(&e, -EPERM, ERROR_DENIED, STEP_AUTHORISE, "no %s %d", "rule", 1),
			 -EPERM);
	assert_int_equal(error_set(&e, -EIO, ERROR_FAILED, STEP_LOAD, "later"), -EIO);
	assert_int_equal(e.code, ERROR_DENIED);
	assert_int_equal(e.step, STEP_AUTHORISE);
	assert_string_equal(error_message(&e), "no rule 1");
	error_prefix(&e, "%s:%u", "file", 7);
	assert_string_equal(error_message(&e), "file:7: no rule 1");
	error_done(&e);
	assert_int_equal(e.code, ERROR_NONE);
	assert_null(e.message);
	error_done(&e);
}

static void null_is_fine(void **state)
{
	assert_int_equal(error_set(NULL, -EIO, ERROR_FAILED, STEP_LOAD, "x"), -EIO);
	error_prefix(NULL, "x");
	error_field_string(NULL, "a", "b");
	error_field(NULL, "a", json_object_new_int(1)); /* LeakSanitizer sees whether it is freed */
	error_done(NULL);
}

static void sentence_without_a_message(void **state)
{
	struct error e = ERROR_INIT;

	for (unsigned code = 0; code < _ERROR_CODE_MAX + 2; code++) {
		e.code = code;
		assert_non_null(error_message(&e));
		assert_true(strlen(error_message(&e)) > 3);
	}
	e.code = ERROR_BUSY;
	error_prefix(&e, "x");
	assert_string_equal(error_message(&e), "x: a limit is reached; try again later");
	error_done(&e);
	error_prefix(&e, "x");
	assert_null(e.message);
}

static void messages_cannot_drive_a_terminal(void **state)
{
	_cleanup_error_ struct error e = ERROR_INIT;

	error_set(&e, -EIO, ERROR_FAILED, STEP_NONE, "name \"%s\"", "\x1b]0;x\a\nfoo\xff");
	assert_string_equal(error_message(&e), "name \"?]0;x??foo?\"");
	error_prefix(&e, "%s", "a\rb");
	assert_string_equal(error_message(&e), "a?b: name \"?]0;x??foo?\"");
}

static void fields(void **state)
{
	_cleanup_error_ struct error e = ERROR_INIT;
	struct json_object *value;

	error_field_string(&e, "target", "xdp:eth0");
	error_field_string(&e, "nothing", NULL);
	error_field(&e, "n", json_object_new_int(3));
	error_field(&e, "none", NULL);
	assert_int_equal(json_object_object_length(e.fields), 2);
	assert_true(json_object_object_get_ex(e.fields, "target", &value));
	assert_string_equal(json_object_get_string(value), "xdp:eth0");
}

static void names_and_back(void **state)
{
	assert_string_equal(error_code_name(ERROR_NOT_AUTHENTIC), "org.bpfgate.Gate.NotAuthentic");
	assert_string_equal(error_code_name(_ERROR_CODE_MAX), "org.bpfgate.Gate.Failed");
	for (unsigned code = ERROR_FAILED; code < ERROR_NO_DAEMON; code++)
		assert_int_equal(error_code_from_name(error_code_name(code)), code);
	assert_int_equal(error_code_from_name("org.example.Other"), ERROR_FAILED);
	assert_int_equal(error_code_from_name(""), ERROR_FAILED);

	for (unsigned step = STEP_NONE; step <= STEP_RECORD; step++)
		assert_int_equal(step_from_name(step_name(step)), step);
	assert_string_equal(step_name(STEP_AUTHENTICATE), "authenticate");
	assert_string_equal(step_name(77), "");
	assert_int_equal(step_from_name("lunch"), STEP_NONE);
}

static void exit_status(void **state)
{
	static const struct {
		enum error_code code;
		int status;
	} cases[] = {
		{ERROR_NONE, 0},	  {ERROR_USAGE, 2},	 {ERROR_FAILED, 1},
		{ERROR_UNREADABLE, 1},	  {ERROR_MALFORMED, 4},	 {ERROR_NOT_AUTHENTIC, 4},
		{ERROR_BAD_MANIFEST, 1},  {ERROR_BAD_TARGET, 1}, {ERROR_DENIED, 3},
		{ERROR_CANNOT_VERIFY, 5}, {ERROR_KERNEL, 5},	 {ERROR_NO_FEATURE, 5},
		{ERROR_ATTESTATION, 1},	  {ERROR_NOT_FOUND, 1},	 {ERROR_BUSY, 1},
		{ERROR_NO_DAEMON, 6},	  {_ERROR_CODE_MAX, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(error_exit_status(cases[i].code), cases[i].status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_error_stays),
		cmocka_unit_test(null_is_fine),
		cmocka_unit_test(sentence_without_a_message),
		cmocka_unit_test(messages_cannot_drive_a_terminal),
		cmocka_unit_test(fields),
		cmocka_unit_test(names_and_back),
		cmocka_unit_test(exit_status),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
