/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include <json-c/json.h>

#include "load-error.h"

static const struct load_input v1 = {.contract = CONTRACT_V1};

static void refused(enum load_stage stage, int errnum, enum error_code code, const char *part)
{
	struct load_report report = {.stage = stage, .errnum = errnum};
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_int_equal(load_error(&v1, &report, NULL, &error), -errnum);
	check_error(&error, code, part);
	assert_int_equal(error.step, STEP_LOAD);
	if (code == ERROR_KERNEL)
		assert_int_equal(error.errnum, errnum);
	assert_null(error.fields);
}

static void test_kernel(void **state)
{
	refused(STAGE_MAP, EINVAL, ERROR_KERNEL,
		"exclusive map: EINVAL (Invalid argument): Linux 6.18");
	refused(STAGE_LOADER, EKEYREJECTED, ERROR_KERNEL, "EKEYREJECTED");
	refused(STAGE_LOADER, EKEYREJECTED, ERROR_KERNEL, "over other bytes");
	refused(STAGE_LOADER, ENOKEY, ERROR_KERNEL, "not in the kernel's keyring");
	refused(STAGE_LOADER, EKEYREVOKED, ERROR_KERNEL, "revoked");
	refused(STAGE_LOADER, EKEYEXPIRED, ERROR_KERNEL, "expired");
	refused(STAGE_LOADER, ENOPKG, ERROR_KERNEL, "algorithm");
	refused(STAGE_LOADER, EBADMSG, ERROR_KERNEL, "not PKCS#7");
	refused(STAGE_LOADER, EOPNOTSUPP, ERROR_CANNOT_VERIFY, "CONFIG_SYSTEM_DATA_VERIFICATION");
	refused(STAGE_RUN, EPERM, ERROR_KERNEL, "does not run the signed loader: EPERM");
	refused(STAGE_RESULT, 524, ERROR_KERNEL, "ENOTSUPP");
	refused(STAGE_RESULT, ENXIO, ERROR_KERNEL, "a program or map of the bundle: ENXIO");
	refused(STAGE_RESULT, 4000, ERROR_KERNEL, "error 4000");
	refused(STAGE_PREPARE, EMFILE, ERROR_FAILED, "set up the process");
	refused(STAGE_FILTER, EINVAL, ERROR_FAILED, "seccomp");
	refused(STAGE_MEMORY, ENOENT, ERROR_FAILED, "memory group of its user and rule: ENOENT");
	refused(STAGE_OBJECTS, ENOENT, ERROR_FAILED, "look at what the loader made");
}

static void test_context(void **state)
{
	struct load_report report = {.stage = STAGE_RUN, .errnum = EINVAL};
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_int_equal(load_error(&v1, &report, NULL, &error), -EINVAL);
	check_error(&error, ERROR_ATTESTATION, "more programs and maps than the manifest");
	assert_int_equal(error.step, STEP_ATTEST);
}

/* A stage that there is not, an errno that is none: a child that was misled may say anything. */
static void test_nonsense(void **state)
{
	struct load_report report = {.stage = 4711, .errnum = 0};
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_int_equal(load_error(&v1, &report, NULL, &error), -EPROTO);
	report.errnum = -5;
	assert_int_equal(load_error(&v1, &report, NULL, NULL), -EPROTO);
	report.offence = 99;
	assert_int_equal(load_error(&v1, &report, NULL, NULL), -EPERM);
}

static void test_offences(void **state)
{
	static const struct {
		enum load_offence offence;
		const char *part;
	} offences[] = {
		{OFFENCE_UNDECLARED, "does not declare: anon_inode:bpf_link"},
		{OFFENCE_MISSING_PROGRAM, "nothing for program 3"},
		{OFFENCE_MISSING_MAP, "nothing for map 3"},
		{OFFENCE_TWICE, "the same object"},
		{OFFENCE_KIND, "as number 3: anon_inode:bpf_link"},
		{OFFENCE_OWN_FD, "not its own"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(offences); i++) {
		struct load_report report = {.stage = STAGE_OBJECTS,
					     .offence = offences[i].offence,
					     .index = 3,
					     .object = "anon_inode:bpf_link"};
		_cleanup_error_ struct error error = ERROR_INIT;

		assert_int_equal(load_error(&v1, &report, NULL, &error), -EPERM);
		check_error(&error, ERROR_ATTESTATION, offences[i].part);
		assert_int_equal(error.step, STEP_ATTEST);
	}
}

static const char *log_of(struct error *error, int errnum, const char *log)
{
	struct load_report report = {.stage = STAGE_RESULT, .errnum = errnum};
	struct json_object *field;

	load_error(&v1, &report, log, error);
	if (!json_object_object_get_ex(error->fields, "log", &field))
		return NULL;
	return json_object_get_string(field);
}

static void test_log(void **state)
{
	_cleanup_error_ struct error e1 = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT,
				     e4 = ERROR_INIT, e5 = ERROR_INIT;
	char *full = malloc(LOAD_LOG_SIZE);

	assert_string_equal(log_of(&e1, EACCES, "0: (b7) r0 = 0\n\tR1 \xff\x1b[31m\n"),
			    "0: (b7) r0 = 0\n\tR1 ??[31m\n");
	assert_null(log_of(&e2, EACCES, ""));
	/* What was said of the BTF says nothing of a program that the verifier never saw. */
	assert_null(log_of(&e3, EPERM, "magic: 0xeb9f\nversion: 1\n"));
	assert_non_null(log_of(&e4, EINVAL, "magic: 0xeb9f\nversion: 1\n"));
	/* A log that fills the buffer does not end in a NUL. */
	memset(full, 'x', LOAD_LOG_SIZE);
	assert_int_equal(strlen(log_of(&e5, EINVAL, full)), LOAD_LOG_SIZE - 1);
	free(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel),	 cmocka_unit_test(test_context),
		cmocka_unit_test(test_nonsense), cmocka_unit_test(test_offences),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
