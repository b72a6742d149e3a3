/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bundle-wire.h"

#define bad(error, format, ...) \
	error_set(error, -EBADMSG, ERROR_MALFORMED, STEP_NONE, format, ##__VA_ARGS__)

/* What is written goes through the reader: one place decides what a bundle may be. */
static int check_written(const uint8_t *file, size_t size, struct error *error)
{
	_cleanup_bundle_ struct bundle b = {};
	_cleanup_error_ struct error e = ERROR_INIT;
	int r;

	r = bundle_open(file, size, &b, &e);
	if (r == 0)
		r = bundle_check_sections(&b, &e);
	if (r < 0)
		return error_set(error, r, e.code, STEP_NONE, "%s", error_message(&e));
	return 0;
}

/* The sections in canonical order; @sections holds BUNDLE_SECTIONS_MAX. */
static unsigned lay_out(struct blob manifest, struct blob source,
			const struct bundle_payload *payloads, unsigned n_payloads,
			struct bundle_section *sections)
{
	unsigned n = 0;

	sections[n++] = (struct bundle_section){.type = BUNDLE_MANIFEST, .content = manifest};
	if (source.size > 0)
		sections[n++] = (struct bundle_section){.type = BUNDLE_SOURCE, .content = source};
	for (unsigned i = 0; i < n_payloads; i++) {
		sections[n++] = (struct bundle_section){BUNDLE_LOADER, i, payloads[i].loader, {}};
		sections[n++] =
			(struct bundle_section){BUNDLE_METADATA, i, payloads[i].metadata, {}};
		if (payloads[i].btf.size > 0)
			sections[n++] = (struct bundle_section){BUNDLE_BTF, i, payloads[i].btf, {}};
		for (unsigned k = 0; k < payloads[i].n_images; k++)
			sections[n++] =
				(struct bundle_section){BUNDLE_IMAGE, i, payloads[i].images[k], {}};
	}
	return n;
}

static int add_sizes(const struct bundle_section *sections, unsigned n, size_t *ret,
		     struct error *error)
{
	size_t size = BUNDLE_HEADER_SIZE + (size_t)n * BUNDLE_ENTRY_SIZE;

	for (unsigned i = 0; i < n; i++) {
		if (sections[i].content.size > BUNDLE_SIZE_MAX - size)
			return bad(error, "bundle would have more than %u bytes, the limit",
				   BUNDLE_SIZE_MAX);
		size += sections[i].content.size;
	}
	*ret = size;
	return 0;
}

static int write_sections(uint8_t *file, size_t size, const struct bundle_section *sections,
			  unsigned n)
{
	size_t begin = BUNDLE_HEADER_SIZE + (size_t)n * BUNDLE_ENTRY_SIZE;
	uint8_t *p = file;
	int r;

	p = store_bytes(p, BUNDLE_MAGIC, 8);
	p = store_le32(p, BUNDLE_VERSION);
	p = store_le32(p, n);
	p = store_le64(p, size);
	for (unsigned i = 0; i < n; i++) {
		const struct blob *content = &sections[i].content;

		p = store_le32(p, sections[i].type);
		p = store_le32(p, sections[i].payload);
		p = store_le64(p, begin);
		p = store_le64(p, content->size);
		r = sha256(content->data, content->size, p);
		if (r < 0)
			return r;
		p += DIGEST_SIZE;
		store_bytes(file + begin, content->data, content->size);
		begin += content->size;
	}
	return 0;
}

int bundle_make(struct blob manifest, struct blob source, const struct bundle_payload *payloads,
		unsigned n_payloads, uint8_t **ret, size_t *ret_size, struct error *error)
{
	struct bundle_section sections[BUNDLE_SECTIONS_MAX];
	_cleanup_free_ uint8_t *file = NULL;
	unsigned n, n_images = 0;
	size_t size = 0;
	int r;

	for (unsigned i = 0; i < n_payloads; i++)
		n_images += payloads[i].n_images;
	if (n_images > BUNDLE_IMAGES_MAX)
		return bad(error, "bundle would have %u images, the limit is %u", n_images,
			   BUNDLE_IMAGES_MAX);
	if (n_payloads > BUNDLE_PAYLOADS_MAX)
		return bad(error, "bundle would have %u payloads, the limit is %u", n_payloads,
			   BUNDLE_PAYLOADS_MAX);
	n = lay_out(manifest, source, payloads, n_payloads, sections);
	r = add_sizes(sections, n, &size, error);
	if (r < 0)
		return r;

	file = malloc(size);
	if (!file)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	r = write_sections(file, size, sections, n);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE,
				 "cannot compute a SHA-256 digest");
	r = check_written(file, size, error);
	if (r < 0)
		return r;

	*ret = TAKE_PTR(file);
	*ret_size = size;
	return 0;
}

static int check_kernel_sigs(const struct bundle_kernel_sig *sigs, unsigned n_sigs,
			     struct error *error)
{
	if (n_sigs > BUNDLE_KERNEL_SIGS_MAX)
		return bad(error, "signer record would have %u kernel signatures, the limit is %u",
			   n_sigs, BUNDLE_KERNEL_SIGS_MAX);

	for (unsigned i = 0; i < n_sigs; i++) {
		if (sigs[i].payload >= BUNDLE_PAYLOADS_MAX)
			return bad(error, "kernel signature of payload %u, the last is %u",
				   sigs[i].payload, BUNDLE_PAYLOADS_MAX - 1);
		if (sigs[i].contract != CONTRACT_V1 && sigs[i].contract != CONTRACT_V2)
			return bad(error, "kernel signature of the unknown contract %u",
				   sigs[i].contract);
		if (sigs[i].pkcs7.size < 1 || sigs[i].pkcs7.size > BUNDLE_KERNEL_SIG_MAX)
			return bad(error,
				   "kernel signature of %zu bytes, must be 1 to %u: a "
				   "kernel signature must not carry certificates",
				   sigs[i].pkcs7.size, BUNDLE_KERNEL_SIG_MAX);
		if (i > 0 && (sigs[i].payload < sigs[i - 1].payload ||
			      (sigs[i].payload == sigs[i - 1].payload &&
			       sigs[i].contract <= sigs[i - 1].contract)))
			return bad(error, "kernel signatures are not sorted by payload and "
					  "contract");
	}
	return 0;
}

int signer_body(enum signer_algorithm algorithm, const uint8_t key[static DIGEST_SIZE],
		const struct bundle_kernel_sig *sigs, unsigned n_sigs, uint8_t **ret,
		size_t *ret_size, struct error *error)
{
	size_t size = SIGNER_FIXED_SIZE;
	uint8_t *body, *p;
	int r;

	if (!signer_algorithm_name(algorithm))
		return bad(error, "unknown signature algorithm %u", algorithm);
	r = check_kernel_sigs(sigs, n_sigs, error);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < n_sigs; i++)
		size += SIGNER_KERNEL_SIG_SIZE + sigs[i].pkcs7.size;

	body = p = malloc(size);
	if (!body)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	p = store_le32(p, size);
	p = store_le32(p, algorithm);
	p = store_bytes(p, key, DIGEST_SIZE);
	p = store_le32(p, n_sigs);
	for (unsigned i = 0; i < n_sigs; i++) {
		p = store_le32(p, sigs[i].payload);
		p = store_le32(p, sigs[i].contract);
		p = store_le32(p, sigs[i].pkcs7.size);
		p = store_bytes(p, sigs[i].pkcs7.data, sigs[i].pkcs7.size);
	}

	*ret = body;
	*ret_size = size;
	return 0;
}

int bundle_append_signer(uint8_t **file, size_t *size, struct blob body, struct blob raw_sig,
			 struct error *error)
{
	_cleanup_free_ uint8_t *grown = NULL;
	size_t grown_size;
	uint8_t *p;
	int r;

	if (*size > BUNDLE_SIZE_MAX || body.size > SIGNER_BODY_MAX ||
	    raw_sig.size > BUNDLE_RAW_SIG_MAX)
		return bad(error, "signer record of %zu and %zu bytes, the limits are %u and %u",
			   body.size, raw_sig.size, SIGNER_BODY_MAX, BUNDLE_RAW_SIG_MAX);
	grown_size = *size + body.size + 4 + raw_sig.size;

	grown = malloc(grown_size);
	if (!grown)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	p = store_bytes(grown, *file, *size);
	p = store_bytes(p, body.data, body.size);
	p = store_le32(p, raw_sig.size);
	store_bytes(p, raw_sig.data, raw_sig.size);
	r = check_written(grown, grown_size, error);
	if (r < 0)
		return r;

	free(*file);
	*file = TAKE_PTR(grown);
	*size = grown_size;
	return 0;
}
