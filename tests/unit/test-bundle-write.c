/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bundle-maker.h"
#include "bundle-wire.h"
#include "check.h"

static const struct bundle_payload good = {.loader = BLOB("\x85loader-"),
					   .metadata = BLOB("metadata")};

static void refuse_make(struct blob manifest, struct blob source,
			const struct bundle_payload *payloads, unsigned n, const char *message)
{
	_cleanup_error_ struct error e = ERROR_INIT;
	uint8_t *file = (uint8_t *)"untouched";
	size_t size = 4711;

	assert_int_equal(bundle_make(manifest, source, payloads, n, &file, &size, &e), -EBADMSG);
	check_error(&e, ERROR_MALFORMED, message);
	assert_int_equal(e.step, STEP_NONE);
	assert_string_equal((char *)file, "untouched");
	assert_int_equal(size, 4711);
}

static void make_refuses(void **state)
{
	struct bundle_payload many[BUNDLE_PAYLOADS_MAX + 1], bad = good;
	uint8_t *large = calloc(1, BUNDLE_SIZE_MAX);
	struct blob none = {}, m = BLOB("{}");

	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = good;
	refuse_make(none, none, &good, 1, "section 0 (manifest) is empty");
	refuse_make(m, none, NULL, 0, "bundle has no loader section");
	refuse_make(m, none, many, ARRAY_SIZE(many), "17 payloads, the limit is 16");
	refuse_make((struct blob){large, BUNDLE_MANIFEST_MAX + 1}, none, &good, 1,
		    "(manifest) has 262145 bytes");
	refuse_make(m, (struct blob){large, BUNDLE_SOURCE_MAX + 1}, &good, 1,
		    "(source) has 65537 bytes");

	bad.metadata = none;
	refuse_make(m, none, &bad, 1, "section 2 (metadata) is empty");
	bad.metadata = (struct blob){large, BUNDLE_SIZE_MAX};
	refuse_make(m, none, &bad, 1, "more than 16777216 bytes");
	bad.metadata = (struct blob){large, SIZE_MAX};
	refuse_make(m, none, &bad, 1, "more than 16777216 bytes");
	bad = good;
	bad.loader = none;
	refuse_make(m, none, &bad, 1, "section 1 (loader) is empty");
	bad.loader = BLOB("\x85not whole");
	refuse_make(m, none, &bad, 1, "not whole BPF instructions");
	bad.loader = BLOB("\xff"
			  "bpfgate-signer-");
	refuse_make(m, none, &bad, 1, "begins with 0xff");
	bad.loader = (struct blob){large, BUNDLE_LOADER_MAX + 8};
	refuse_make(m, none, &bad, 1, "(loader) has 8000008 bytes");
	free(large);
}

static void largest_is_accepted(void **state)
{
	struct bundle_payload payloads[BUNDLE_PAYLOADS_MAX];
	uint8_t *file, *zeros = calloc(1, BUNDLE_SIZE_MAX);
	size_t size, fixed = 24 + 66 * 56 + 2 + 1 + 16 * (8 + 1) + 15 * 8 + 16;
	struct blob images[] = {BLOB("i"), BLOB("i")};
	struct bundle b;

	for (size_t i = 0; i < ARRAY_SIZE(payloads); i++) {
		payloads[i] = good;
		payloads[i].btf = BLOB("b");
		payloads[i].images = images;
		payloads[i].n_images = 1;
	}
	payloads[15].metadata = (struct blob){zeros, BUNDLE_SIZE_MAX - fixed};
	assert_int_equal(bundle_make(BLOB("{}"), BLOB("s"), payloads, 16, &file, &size, NULL), 0);
	assert_int_equal(size, BUNDLE_SIZE_MAX);
	assert_int_equal(bundle_open(file, size, &b, NULL), 0);
	assert_int_equal(b.n_sections, BUNDLE_SECTIONS_MAX);
	assert_int_equal(b.n_payloads, BUNDLE_PAYLOADS_MAX);
	assert_int_equal(b.sections[65].type, BUNDLE_IMAGE);
	assert_int_equal(b.sections[65].payload, 15);
	bundle_done(&b);

	free(file);
	payloads[3].n_images = 2;
	refuse_make(BLOB("{}"), BLOB("s"), payloads, 16, "17 images, the limit is 16");
	payloads[3].n_images = 1;
	payloads[15].metadata.size++;
	refuse_make(BLOB("{}"), BLOB("s"), payloads, 16, "more than 16777216 bytes");
	free(zeros);
}

/* Every limit of the format is one that can be reached. */
static void limits_are_inclusive(void **state)
{
	static const uint8_t zeros[BUNDLE_LOADER_MAX], raw[BUNDLE_RAW_SIG_MAX], key[DIGEST_SIZE];
	struct bundle_kernel_sig sigs[BUNDLE_KERNEL_SIGS_MAX];
	struct bundle_payload payloads[BUNDLE_PAYLOADS_MAX];
	_cleanup_free_ uint8_t *file = NULL, *body = NULL;
	_cleanup_error_ struct error e = ERROR_INIT;
	_cleanup_bundle_ struct bundle b = {};
	size_t size, body_size;

	for (unsigned i = 0; i < ARRAY_SIZE(payloads); i++)
		payloads[i] = good;
	payloads[1].loader.data = zeros;
	payloads[1].loader.size = BUNDLE_LOADER_MAX;
	for (unsigned i = 0; i < ARRAY_SIZE(sigs); i++)
		sigs[i] = (struct bundle_kernel_sig){
			i / 2, i % 2 ? CONTRACT_V2 : CONTRACT_V1, {zeros, BUNDLE_KERNEL_SIG_MAX}};

	assert_int_equal(bundle_make((struct blob){zeros, BUNDLE_MANIFEST_MAX},
				     (struct blob){zeros, BUNDLE_SOURCE_MAX}, payloads,
				     BUNDLE_PAYLOADS_MAX, &file, &size, &e),
			 0);
	assert_int_equal(signer_body(SIGNER_ED25519, key, sigs, BUNDLE_KERNEL_SIGS_MAX, &body,
				     &body_size, &e),
			 0);
	assert_int_equal(body_size, SIGNER_BODY_MAX);
	assert_int_equal(bundle_append_signer(&file, &size, (struct blob){body, body_size},
					      (struct blob){raw, sizeof(raw)}, &e),
			 0);
	assert_int_equal(e.code, ERROR_NONE);
	assert_int_equal(bundle_open(file, size, &b, &e), 0);
	assert_int_equal(b.signers[0].n_kernel_sigs, BUNDLE_KERNEL_SIGS_MAX);
	assert_non_null(bundle_find_kernel_sig(&b.signers[0], 15, CONTRACT_V2));
	assert_int_equal(e.code, ERROR_NONE);
}

/* The smallest record: nothing but a raw signature of one byte; and kernel signatures of one. */
static void smallest_is_accepted(void **state)
{
	const struct bundle_kernel_sig sigs[] = {{0, CONTRACT_V1, BLOB("x")},
						 {0, CONTRACT_V2, BLOB("y")}};
	_cleanup_free_ uint8_t *file = NULL;
	_cleanup_bundle_ struct bundle b = {};
	uint8_t key[DIGEST_SIZE] = {1};
	size_t size;

	file = make_bundle(&size);
	for (unsigned n = 0; n <= 2; n++) {
		_cleanup_free_ uint8_t *body = NULL;
		size_t body_size;

		key[0] = n;
		assert_int_equal(signer_body(SIGNER_ED25519, key, sigs, n, &body, &body_size, NULL),
				 0);
		assert_int_equal(bundle_append_signer(&file, &size, (struct blob){body, body_size},
						      BLOB("z"), NULL),
				 0);
	}
	assert_int_equal(bundle_open(file, size, &b, NULL), 0);
	assert_int_equal(b.n_signers, 3);
	assert_int_equal(b.signers[2].n_kernel_sigs, 2);
	assert_memory_equal(b.signers[2].raw_sig.data, "z", 1);
}

static void same_input_same_bytes(void **state)
{
	_cleanup_free_ uint8_t *one = NULL, *two = NULL;
	size_t size_one, size_two;

	one = make_bundle(&size_one);
	two = make_bundle(&size_two);
	assert_int_equal(size_one, size_two);
	assert_memory_equal(one, two, size_one);
}

static void body_refuses(void **state)
{
	static const uint8_t large[BUNDLE_KERNEL_SIG_MAX + 1];
	const uint8_t key[DIGEST_SIZE] = {};
	const struct blob ok = BLOB("x");
	struct bundle_kernel_sig many[BUNDLE_KERNEL_SIGS_MAX + 1] = {};
	const struct {
		struct bundle_kernel_sig sigs[2];
		const char *message;
	} cases[] = {
		{{{16, 1, ok}, {0, 1, ok}}, "kernel signature of payload 16"},
		{{{0, 0, ok}, {0, 1, ok}}, "unknown contract 0"},
		{{{0, 3, ok}, {0, 1, ok}}, "unknown contract 3"},
		{{{0, 1, {}}, {0, 2, ok}}, "kernel signature of 0 bytes"},
		{{{0, 1, {large, sizeof(large)}}, {0, 2, ok}}, "kernel signature of 8193 bytes"},
		{{{0, 1, ok}, {0, 1, ok}}, "not sorted"},
		{{{0, 2, ok}, {0, 1, ok}}, "not sorted"},
		{{{1, 1, ok}, {0, 2, ok}}, "not sorted"},
	};
	uint8_t *body = NULL;
	size_t size = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error e = ERROR_INIT;

		assert_int_equal(
			signer_body(SIGNER_ED25519, key, cases[i].sigs, 2, &body, &size, &e),
			-EBADMSG);
		check_error(&e, ERROR_MALFORMED, cases[i].message);
	}
	assert_int_equal(signer_body(6, key, NULL, 0, &body, &size, NULL), -EBADMSG);
	assert_int_equal(
		signer_body(SIGNER_ED25519, key, many, ARRAY_SIZE(many), &body, &size, NULL),
		-EBADMSG);
	assert_null(body);
}

static void append_refuses(void **state)
{
	const uint8_t key[DIGEST_SIZE] = {1};
	_cleanup_free_ uint8_t *file = NULL, *body = NULL, *copy = NULL;
	const struct bundle_kernel_sig foreign = {2, CONTRACT_V1, BLOB("x")};
	static const uint8_t large[BUNDLE_RAW_SIG_MAX + 1];
	size_t size, before, body_size;
	struct blob b;

	file = make_bundle(&size);
	assert_int_equal(signer_body(SIGNER_ED25519, key, NULL, 0, &body, &body_size, NULL), 0);
	b = (struct blob){body, body_size};
	assert_int_equal(bundle_append_signer(&file, &size, b, BLOB("raw"), NULL), 0);

	before = size;
	copy = malloc(size);
	memcpy(copy, file, size);
	assert_int_equal(bundle_append_signer(&file, &size, b, BLOB("raw"), NULL), -EBADMSG);
	body[8] = 2; /* another key from here on */
	assert_int_equal(bundle_append_signer(&file, &size, b, (struct blob){}, NULL), -EBADMSG);
	assert_int_equal(
		bundle_append_signer(&file, &size, b, (struct blob){large, sizeof(large)}, NULL),
		-EBADMSG);
	b.size--;
	assert_int_equal(bundle_append_signer(&file, &size, b, BLOB("raw"), NULL), -EBADMSG);
	free(body);
	assert_int_equal(signer_body(SIGNER_ED25519, key, &foreign, 1, &body, &body_size, NULL), 0);
	body[8] = 2;
	b = (struct blob){body, body_size};
	assert_int_equal(bundle_append_signer(&file, &size, b, BLOB("raw"), NULL), -EBADMSG);

	assert_int_equal(size, before);
	assert_memory_equal(file, copy, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(make_refuses),		 cmocka_unit_test(largest_is_accepted),
		cmocka_unit_test(limits_are_inclusive),	 cmocka_unit_test(smallest_is_accepted),
		cmocka_unit_test(same_input_same_bytes), cmocka_unit_test(body_refuses),
		cmocka_unit_test(append_refuses),
	};

	return cmocka_run_group_tests_name("bundle-write", tests, NULL, NULL);
}
