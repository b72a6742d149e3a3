/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bundle, first as it comes, which hardly ever gets past the digests; then with its digests put
 * right and signed by a trusted key: a publisher that is hostile, or whose tools are not ours.
 */
#include <endian.h>
#include <openssl/evp.h>

#include "authenticate.h"
#include "fuzz.h"
#include "image.h"
#include "loader-check.h"
#include "testkeys.h"

static EVP_PKEY *key;
static struct trust trust;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char file[] = "fuzz.pem";
	static struct trusted_key trusted = {
		.file = file, .usable = true, .algorithm = SIGNER_ED25519, .not_after = INT64_MAX};

	fuzz_confine();
	key = test_key_new(TEST_ED25519);
	trusted.key = key;
	fuzz_require(key_digest(key, trusted.digest) == 0);
	trust = (struct trust){.refs = 1, .n_keys = 1, .keys = &trusted};
	return 0;
}

static void check_inside(struct blob file, struct blob part)
{
	fuzz_require(part.data >= file.data && part.size <= file.size &&
		     (size_t)(part.data - file.data) <= file.size - part.size);
}

/* Whatever the bundle says of its parts lies within it. */
static void check_bounds(const struct bundle *b)
{
	fuzz_require(b->n_sections >= 1 && b->n_sections <= BUNDLE_SECTIONS_MAX);
	fuzz_require(b->n_payloads >= 1 && b->n_payloads <= BUNDLE_PAYLOADS_MAX);
	fuzz_require(b->n_signers <= BUNDLE_SIGNERS_MAX && b->signed_size <= b->file.size);
	for (unsigned i = 0; i < b->n_sections; i++) {
		check_inside(b->file, b->sections[i].content);
		fuzz_require(b->sections[i].content.size > 0);
		fuzz_require(b->sections[i].payload < b->n_payloads);
	}
	for (unsigned i = 0; i < b->n_signers; i++) {
		const struct bundle_signer *s = &b->signers[i];

		check_inside(b->file, s->body);
		check_inside(b->file, s->raw_sig);
		for (unsigned k = 0; k < s->n_kernel_sigs; k++)
			check_inside(b->file, s->kernel_sigs[k].pkcs7);
	}
}

/* The sections make the same bytes again: there is one way to write a bundle. */
static void check_canonical(const struct bundle *b)
{
	struct bundle_payload payloads[BUNDLE_PAYLOADS_MAX] = {};
	struct blob images[BUNDLE_PAYLOADS_MAX][BUNDLE_IMAGES_MAX], manifest = {}, source = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ uint8_t *made = NULL;
	size_t size;

	for (unsigned i = 0; i < b->n_sections; i++) {
		const struct bundle_section *s = &b->sections[i];
		struct bundle_payload *p = &payloads[s->payload];

		switch (s->type) {
		case BUNDLE_MANIFEST:
			manifest = s->content;
			break;
		case BUNDLE_SOURCE:
			source = s->content;
			break;
		case BUNDLE_LOADER:
			p->loader = s->content;
			break;
		case BUNDLE_METADATA:
			p->metadata = s->content;
			break;
		case BUNDLE_BTF:
			p->btf = s->content;
			break;
		case BUNDLE_IMAGE:
			p->images = images[s->payload];
			images[s->payload][p->n_images++] = s->content;
		}
	}
	if (bundle_make(manifest, source, payloads, b->n_payloads, &made, &size, &error) < 0)
		fprintf(stderr, "%s\n", error_message(&error));
	fuzz_require(made && size == b->signed_size && memcmp(made, b->file.data, size) == 0);
}

/* What is done with a bundle that is authentic, up to where its loader is run. */
static void use(const struct authentic *a)
{
	struct release release;
	struct blob image;

	check_canonical(&a->bundle);
	fuzz_require(a->n_signers == 1);
	authentic_release(a, a->manifest, &release);
	for (unsigned i = 0; i < a->manifest->n_maps; i++)
		if (image_find(&a->bundle, i, &image) == 0)
			check_inside(a->bundle.file, image);
	for (unsigned i = 0; i < a->bundle.n_payloads; i++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		const struct bundle_section *loader = bundle_find(&a->bundle, BUNDLE_LOADER, i);

		fuzz_require(loader);
		fuzz_check_error(loader_check(loader->content, &error), &error);
		authentic_kernel_sig(a, i, CONTRACT_V2);
	}
}

static bool try(const void *data, size_t size)
{
	const struct authority by = {&trust, NULL};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_authentic_ struct authentic a = {};
	int r = authenticate(data, size, &by, TEST_NOW, &a, &error);

	fuzz_check_error(r, &error);
	if (r == 0)
		use(&a);
	return r == 0;
}

static bool as_it_is(const uint8_t *data, size_t size, struct bundle *ret)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	int r = bundle_open(data, size, ret, &error);

	fuzz_check_error(r, &error);
	if (r < 0)
		return false;
	check_bounds(ret);
	/* nobody but this process has the key */
	fuzz_require(!try(data, size));
	return true;
}

static bool is_whole(const uint8_t *data, size_t size)
{
	_cleanup_bundle_ struct bundle b = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	int r = bundle_open(data, size, &b, &error);

	if (r == 0)
		r = bundle_check_sections(&b, &error);
	fuzz_check_error(r, &error);
	return r == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_bundle_ struct bundle b = {};
	_cleanup_free_ uint8_t *copy = NULL;
	size_t copy_size;

	if (!as_it_is(data, size, &b))
		return 0;
	copy_size = b.signed_size;
	copy = malloc(copy_size);
	fuzz_require(copy);
	memcpy(copy, data, copy_size);
	for (unsigned i = 0; i < b.n_sections; i++)
		fuzz_require(sha256(b.sections[i].content.data, b.sections[i].content.size,
				    copy + BUNDLE_HEADER_SIZE + (i + 1) * BUNDLE_ENTRY_SIZE -
					    DIGEST_SIZE) == 0);
	/* what cannot be a bundle, as a loader of half an instruction, no tool of ours signs */
	if (!is_whole(copy, copy_size))
		return 0;
	test_bundle_sign(&copy, &copy_size, key, true);
	try(copy, copy_size);
	return 0;
}
