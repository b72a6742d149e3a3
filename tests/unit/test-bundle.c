/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bundle-maker.h"
#include "bundle-wire.h"
#include "check.h"

/* Offsets in the bundle of bundle-maker.c: seven sections, then the record. */
#define ENTRY(n) (24 + 56 * (n))
#define SECTIONS ENTRY(7)

static uint8_t *make_signed(size_t *ret_size)
{
	EVP_PKEY *key = make_key(SIGNER_ED25519);
	uint8_t *file = make_bundle(ret_size);

	sign_bundle(&file, ret_size, key, SIGNER_ED25519);
	EVP_PKEY_free(key);
	return file;
}

static void put(uint8_t *p, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width; i++)
		p[i] = value >> 8 * i;
}

/* @size bytes in an allocation of just that size, so that ASan sees a byte too many. */
static void refuse(const uint8_t *file, size_t size, const char *message)
{
	_cleanup_error_ struct error e = ERROR_INIT;
	_cleanup_free_ uint8_t *copy = malloc(size);
	struct bundle b = {.n_sections = 4711};

	memcpy(copy, file, size);
	assert_int_equal(bundle_open(copy, size, &b, &e), -EBADMSG);
	check_error(&e, ERROR_MALFORMED, message);
	assert_int_equal(e.step, STEP_AUTHENTICATE);
	assert_int_equal(b.n_sections, 4711);
}

static void takes_apart_what_was_made(void **state)
{
	_cleanup_error_ struct error e = ERROR_INIT;
	_cleanup_free_ uint8_t *file = NULL;
	_cleanup_bundle_ struct bundle b = {};
	uint8_t digest[DIGEST_SIZE];
	size_t size;

	file = make_signed(&size);
	assert_int_equal(bundle_open(file, size, &b, &e), 0);
	assert_int_equal(b.n_sections, 7);
	assert_int_equal(b.n_payloads, 2);
	assert_int_equal(b.n_signers, 1);
	assert_int_equal(b.signed_size, SECTIONS + 10 + 20 + 16 + 12 + 5 + 8 + 3);
	assert_int_equal(sha256(file, SECTIONS, digest), 0);
	assert_memory_equal(b.digest, digest, DIGEST_SIZE);
	assert_int_equal(bundle_check_sections(&b, &e), 0);

	assert_memory_equal(bundle_find(&b, BUNDLE_BTF, 0)->content.data, "btf-0", 5);
	assert_memory_equal(bundle_find(&b, BUNDLE_METADATA, 1)->content.data, "md1", 3);
	assert_null(bundle_find(&b, BUNDLE_BTF, 1));
	assert_null(bundle_find(&b, BUNDLE_LOADER, 2));
	assert_string_equal(bundle_section_name(BUNDLE_METADATA), "metadata");
	assert_null(bundle_section_name(3));

	assert_int_equal(b.signers[0].algorithm, SIGNER_ED25519);
	assert_int_equal(b.signers[0].raw_sig.size, 64);
	assert_ptr_equal(b.signers[0].raw_sig.data, file + size - 64);
	assert_int_equal(bundle_find_kernel_sig(&b.signers[0], 0, CONTRACT_V1)->pkcs7.size, 19);
	assert_memory_equal(bundle_find_kernel_sig(&b.signers[0], 0, CONTRACT_V2)->pkcs7.data,
			    "kernel signature v2", 19);
	assert_null(bundle_find_kernel_sig(&b.signers[0], 1, CONTRACT_V1));
}

static void unsigned_is_valid(void **state)
{
	_cleanup_free_ uint8_t *file = NULL;
	_cleanup_bundle_ struct bundle b = {};
	size_t size;

	file = make_bundle(&size);
	assert_int_equal(bundle_open(file, size, &b, NULL), 0);
	assert_int_equal(b.n_signers, 0);
	assert_int_equal(b.signed_size, size);
}

static const struct {
	size_t offset;
	unsigned width;
	uint64_t value;
	const char *message;
} table_cases[] = {
	{0, 1, 'b', "offset 0: the file does not begin with the magic"},
	{8, 4, 0, "offset 8: format version is 0"},
	{8, 4, 2, "offset 8: format version is 2"},
	{12, 4, 0, "offset 12: number of sections is 0"},
	{12, 4, 67, "offset 12: number of sections is 67, must be 1 to 66"},
	{12, 4, UINT32_MAX, "offset 12: number of sections is 4294967295"},
	{12, 4, 6, "section 0 (manifest) begins at 416, expected 360"},
	{12, 4, 8, "section 0 (manifest) begins at 416, expected 472"},
	{16, 8, UINT64_MAX, "size of the signed part is 18446744073709551615, the file has only"},
	{16, 8, 415, "header and section table alone take 416"},
	{16, 8, 24, "header and section table alone take 416"},
	{16, 8, SECTIONS + 73, "(metadata) has 3 bytes, but the signed part ends at 489"},
	{16, 8, SECTIONS + 75, "the signed part ends at 491, its last section at 490"},

	{ENTRY(0), 4, 0, "offset 24: section 0 has the unknown type 0"},
	{ENTRY(0), 4, 3, "section 0 has the unknown type 3"},
	{ENTRY(0), 4, UINT32_MAX, "section 0 has the unknown type 4294967295"},
	{ENTRY(0), 4, BUNDLE_SOURCE, "section 0 (source) is out of order"},
	{ENTRY(0), 4, BUNDLE_LOADER, "section 0 (loader) is out of order"},
	{ENTRY(0), 4, BUNDLE_METADATA, "section 0 (metadata) is out of order"},
	{ENTRY(1), 4, BUNDLE_MANIFEST, "offset 80: section 1 (manifest) is out of order"},
	{ENTRY(2), 4, BUNDLE_SOURCE, "section 2 (source) is out of order"},
	{ENTRY(2), 4, BUNDLE_METADATA, "section 2 (metadata) is out of order"},
	{ENTRY(3), 4, BUNDLE_LOADER, "section 3 (loader) is out of order"},
	{ENTRY(3), 4, BUNDLE_BTF, "section 3 (btf) is out of order"},
	{ENTRY(4), 4, BUNDLE_METADATA, "section 4 (metadata) is out of order"},
	{ENTRY(5), 4, BUNDLE_BTF, "section 5 (btf) is out of order"},
	{ENTRY(2), 4, BUNDLE_IMAGE, "section 2 (image) is out of order"},
	{ENTRY(3), 4, BUNDLE_IMAGE, "section 3 (image) is out of order"},
	{ENTRY(5), 4, BUNDLE_IMAGE, "section 5 (image) is of payload 1, expected 0"},
	{ENTRY(6), 4, BUNDLE_IMAGE, "section 6 (image) is out of order"},
	{ENTRY(6), 4, BUNDLE_MANIFEST, "section 6 (manifest) is out of order"},
	{ENTRY(0) + 4, 4, 1, "offset 28: section 0 (manifest) is of payload 1, expected 0"},
	{ENTRY(1) + 4, 4, 7, "section 1 (source) is of payload 7, expected 0"},
	{ENTRY(2) + 4, 4, 1, "section 2 (loader) is of payload 1, expected 0"},
	{ENTRY(3) + 4, 4, 1, "section 3 (metadata) is of payload 1, expected 0"},
	{ENTRY(4) + 4, 4, 1, "section 4 (btf) is of payload 1, expected 0"},
	{ENTRY(5) + 4, 4, 0, "section 5 (loader) is of payload 0, expected 1"},
	{ENTRY(5) + 4, 4, UINT32_MAX, "(loader) is of payload 4294967295, expected 1"},

	{ENTRY(0) + 8, 8, 0, "offset 32: section 0 (manifest) begins at 0, expected 416"},
	{ENTRY(2) + 8, 8, SECTIONS + 29, "section 2 (loader) begins at 445, expected 446"},
	{ENTRY(2) + 8, 8, SECTIONS + 31,
	 "section 2 (loader) begins at 447, expected 446: sections "
	 "must follow each other without gaps"},
	{ENTRY(6) + 8, 8, UINT64_MAX, "begins at 18446744073709551615, expected 487"},
	{ENTRY(0) + 16, 8, 0, "offset 40: section 0 (manifest) is empty"},
	{ENTRY(6) + 16, 8, 0, "section 6 (metadata) is empty"},
	{ENTRY(0) + 16, 8, 9, "section 1 (source) begins at 426, expected 425"},
	{ENTRY(0) + 16, 8, BUNDLE_MANIFEST_MAX + 1, "(manifest) has 262145 bytes, the limit is"},
	{ENTRY(1) + 16, 8, BUNDLE_SOURCE_MAX + 1, "(source) has 65537 bytes, the limit is"},
	{ENTRY(2) + 16, 8, BUNDLE_LOADER_MAX + 1, "(loader) has 8000001 bytes, the limit is"},
	{ENTRY(3) + 16, 8, BUNDLE_SIZE_MAX + 1, "(metadata) has 16777217 bytes, the limit is"},
	{ENTRY(4) + 16, 8, UINT64_MAX, "(btf) has 18446744073709551615 bytes, the limit is"},
	{ENTRY(3) + 16, 8, 1000, "(metadata) has 1000 bytes, but the signed part ends at 490"},
	/* offset + size would wrap around */
	{ENTRY(6) + 16, 8, UINT64_MAX - 400,
	 "(metadata) has 18446744073709551215 bytes, the limit"},
};

static void table_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(table_cases); i++) {
		_cleanup_free_ uint8_t *file = NULL;
		size_t size;

		file = make_signed(&size);
		put(file + table_cases[i].offset, table_cases[i].width, table_cases[i].value);
		refuse(file, size, table_cases[i].message);
	}
}

/* The record begins at 490: body 44 + 12 + 19 + 12 + 33 = 120, then 4 + 64 of raw signature. */
#define RECORD 490
static const struct {
	size_t offset;
	unsigned width;
	uint64_t value;
	const char *message;
} record_cases[] = {
	{RECORD, 4, 43, "offset 490: size of a signer record's body is 43, must be 44"},
	{RECORD, 4, 0, "size of a signer record's body is 0"},
	{RECORD, 4, UINT32_MAX, "size of a signer record's body is 4294967295"},
	{RECORD, 4, SIGNER_BODY_MAX + 1, "size of a signer record's body is"},
	{RECORD, 4, 185, "does not fit into the 188 that are left"},
	{RECORD, 4, 189, "does not fit into the 188 that are left"},
	{RECORD, 4, 121, "offset 610: signer record has 1 bytes behind its last kernel signature"},
	{RECORD, 4, 119, "kernel signature 1 has 33 bytes, its signer record only 32"},
	{RECORD, 4, 80, "offset 565: kernel signature 1 does not fit into its signer record"},
	{RECORD + 4, 4, 0, "offset 494: signer record names the unknown algorithm 0"},
	{RECORD + 4, 4, 6, "signer record names the unknown algorithm 6"},
	{RECORD + 4, 4, UINT32_MAX, "unknown algorithm 4294967295"},
	{RECORD + 40, 4, 33, "offset 530: signer record has 33 kernel signatures, the limit is 32"},
	{RECORD + 40, 4, UINT32_MAX, "has 4294967295 kernel signatures, the limit is 32"},
	{RECORD + 40, 4, 1, "has 45 bytes behind its last kernel signature"},
	{RECORD + 40, 4, 3, "kernel signature 2 does not fit"},
	{RECORD + 44, 4, 2, "offset 534: kernel signature 0 is of payload 2, the bundle has 2"},
	{RECORD + 44, 4, UINT32_MAX, "is of payload 4294967295"},
	{RECORD + 44, 4, 1, "kernel signature 1 must come after the one before it"},
	{RECORD + 48, 4, 0, "kernel signature 0 is of the unknown contract 0"},
	{RECORD + 48, 4, 3, "kernel signature 0 is of the unknown contract 3"},
	{RECORD + 48, 4, 2, "kernel signature 1 must come after the one before it"},
	{RECORD + 79, 4, 1, "kernel signature 1 must come after the one before it"},
	{RECORD + 52, 4, 0, "offset 542: kernel signature 0 has 0 bytes, must be 1 to 8192"},
	{RECORD + 52, 4, 8193, "kernel signature 0 has 8193 bytes, must be 1 to 8192"},
	{RECORD + 52, 4, UINT32_MAX, "kernel signature 0 has 4294967295 bytes"},
	{RECORD + 52, 4, 65, "kernel signature 0 has 65 bytes, its signer record only 64"},
	{RECORD + 120, 4, 0, "offset 610: raw signature has 0 bytes, must be 1 to 1024"},
	{RECORD + 120, 4, 1025, "raw signature has 1025 bytes, must be 1 to 1024"},
	{RECORD + 120, 4, UINT32_MAX, "raw signature has 4294967295 bytes"},
	{RECORD + 120, 4, 65, "raw signature has 65 bytes, only 64 are left"},
	{RECORD + 120, 4, 63, "offset 677: 1 trailing bytes, too few for a signer record"},
	{RECORD + 120, 4, 20, "offset 634: size of a signer record's body is"},
};

static void record_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(record_cases); i++) {
		_cleanup_free_ uint8_t *file = NULL;
		size_t size;

		file = make_signed(&size);
		assert_int_equal(size, RECORD + 120 + 4 + 64);
		/* Not a valid size by chance, where a case makes it begin a record. */
		memset(file + RECORD + 124, 0xee, 64);
		put(file + record_cases[i].offset, record_cases[i].width, record_cases[i].value);
		refuse(file, size, record_cases[i].message);
	}
}

static void sizes_of_the_file(void **state)
{
	_cleanup_free_ uint8_t *file = NULL;
	struct bundle b;
	size_t size;

	file = make_signed(&size);
	for (size_t n = 0; n < size; n++) {
		_cleanup_free_ uint8_t *part = malloc(n);

		memcpy(part, file, n);
		/* Without its record, it is a bundle that no one has signed. */
		if (n == RECORD) {
			assert_int_equal(bundle_open(part, n, &b, NULL), 0);
			bundle_done(&b);
		} else {
			assert_int_equal(bundle_open(part, n, &b, NULL), -EBADMSG);
		}
	}
	refuse(file, 0, "its header alone takes 24");
	refuse(file, 23, "the file is truncated or no bundle");
	refuse(file, 24, "the file has only 24 bytes: it is truncated");
	file = realloc(file, size + 1);
	file[size] = '\n';
	refuse(file, size + 1, "offset 678: 1 trailing bytes");

	free(file);
	file = calloc(1, BUNDLE_SIZE_MAX + 1);
	refuse(file, BUNDLE_SIZE_MAX + 1, "bundle has 16777217 bytes, the limit is 16777216");
}

/* The parts of which a bundle cannot be without. */
static void missing_parts(void **state)
{
	_cleanup_free_ uint8_t *file = NULL;
	uint8_t *only_manifest;
	size_t size;

	file = make_bundle(&size);
	only_manifest = calloc(1, 24 + 56 + 10);
	memcpy(only_manifest, file, 24 + 56);
	put(only_manifest + 12, 4, 1);
	put(only_manifest + 16, 8, 24 + 56 + 10);
	put(only_manifest + ENTRY(0) + 8, 8, 24 + 56);
	refuse(only_manifest, 24 + 56 + 10, "bundle has no loader section");
	free(only_manifest);

	/* Six sections: everything moves up by one table entry, the last metadata is cut. */
	put(file + 12, 4, 6);
	memmove(file + ENTRY(6), file + SECTIONS, 10 + 20 + 16 + 12 + 5 + 8);
	size = ENTRY(6) + 10 + 20 + 16 + 12 + 5 + 8;
	put(file + 16, 8, size);
	for (unsigned i = 0; i < 6; i++)
		put(file + ENTRY(i) + 8, 8, load_le64(file + ENTRY(i) + 8) - 56);
	refuse(file, size, "payload 1 has a loader but no metadata section");
}

static void too_many_signers(void **state)
{
	_cleanup_error_ struct error e = ERROR_INIT;
	_cleanup_free_ uint8_t *file = NULL;
	uint8_t key[DIGEST_SIZE] = {};
	struct bundle b;
	size_t size;

	file = make_bundle(&size);
	for (unsigned i = 0; i <= BUNDLE_SIGNERS_MAX; i++) {
		_cleanup_free_ uint8_t *body = NULL;
		size_t body_size;
		int r;

		key[0] = i;
		assert_int_equal(signer_body(SIGNER_ED25519, key, NULL, 0, &body, &body_size, NULL),
				 0);
		r = bundle_append_signer(&file, &size, (struct blob){body, body_size}, BLOB("raw"),
					 &e);
		assert_int_equal(r, i < BUNDLE_SIGNERS_MAX ? 0 : -EBADMSG);
	}
	check_error(&e, ERROR_MALFORMED, "more than 16 signer records");
	assert_int_equal(bundle_open(file, size, &b, NULL), 0);
	assert_int_equal(b.n_signers, BUNDLE_SIGNERS_MAX);
	bundle_done(&b);
}

static void same_key_twice(void **state)
{
	_cleanup_free_ uint8_t *file = NULL, *twice = NULL;
	size_t size;

	file = make_signed(&size);
	twice = malloc(size + size - RECORD);
	memcpy(twice, file, size);
	memcpy(twice + size, file + RECORD, size - RECORD);
	refuse(twice, size + size - RECORD, "offset 678: second signer record of the key sha256:");
}

static void sections_are_compared(void **state)
{
	static const char *const names[] = {
		"section 0 (manifest, offset 416)", "section 1 (source, offset 426)",
		"section 2 (loader, offset 446)",   "section 3 (metadata, offset 462)",
		"section 4 (btf, offset 474)",	    "section 5 (loader, offset 479)",
		"section 6 (metadata, offset 487)"};
	_cleanup_free_ uint8_t *file = NULL;
	_cleanup_bundle_ struct bundle b = {};
	size_t size;

	file = make_bundle(&size);
	assert_int_equal(bundle_open(file, size, &b, NULL), 0);
	for (unsigned i = 0; i < b.n_sections; i++) {
		_cleanup_error_ struct error e = ERROR_INIT;
		uint8_t *last =
			(uint8_t *)b.sections[i].content.data + b.sections[i].content.size - 1;

		*last ^= 1;
		assert_int_equal(bundle_check_sections(&b, &e), -EKEYREJECTED);
		check_error(&e, ERROR_NOT_AUTHENTIC, names[i]);
		*last ^= 1;
	}
	assert_int_equal(bundle_check_sections(&b, NULL), 0);
}

/* The rule on loaders holds for each payload, also where all digests are right. */
static void every_loader_is_looked_at(void **state)
{
	for (unsigned payload = 0; payload < 2; payload++) {
		_cleanup_error_ struct error e = ERROR_INIT;
		_cleanup_free_ uint8_t *file = NULL;
		_cleanup_bundle_ struct bundle b = {};
		struct bundle_section *s;
		char message[64];
		size_t size;

		file = make_bundle(&size);
		assert_int_equal(bundle_open(file, size, &b, NULL), 0);
		s = (struct bundle_section *)bundle_find(&b, BUNDLE_LOADER, payload);
		*(uint8_t *)s->content.data = 0xff;
		assert_int_equal(sha256(s->content.data, s->content.size, s->digest), 0);
		assert_int_equal(bundle_check_sections(&b, &e), -EBADMSG);
		snprintf(message, sizeof(message), "payload %u begins with 0xff", payload);
		check_error(&e, ERROR_MALFORMED, message);
	}
}

/* Whatever the bytes: an answer, no crash (the sanitizers look on). */
static void random_damage(void **state)
{
	_cleanup_free_ uint8_t *file = NULL;
	size_t size;

	srand(1);
	file = make_signed(&size);
	for (unsigned round = 0; round < 20000; round++) {
		size_t n = rand() % 3 ? size : rand() % size;
		_cleanup_free_ uint8_t *copy = malloc(n);
		struct bundle b;

		memcpy(copy, file, n);
		for (unsigned i = rand() % 4; n > 0 && i > 0; i--)
			copy[rand() % n] = rand() % 2 ? rand() : rand() % 2 ? 0xff : 0;
		if (bundle_open(copy, n, &b, NULL) == 0) {
			bundle_check_sections(&b, NULL);
			bundle_done(&b);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_apart_what_was_made),
		cmocka_unit_test(unsigned_is_valid),
		cmocka_unit_test(table_rules),
		cmocka_unit_test(record_rules),
		cmocka_unit_test(sizes_of_the_file),
		cmocka_unit_test(missing_parts),
		cmocka_unit_test(too_many_signers),
		cmocka_unit_test(same_key_twice),
		cmocka_unit_test(sections_are_compared),
		cmocka_unit_test(every_loader_is_looked_at),
		cmocka_unit_test(random_damage),
	};

	return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}
