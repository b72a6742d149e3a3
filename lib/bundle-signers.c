/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bundle-wire.h"

#define bad(error, format, ...) \
	error_set(error, -EBADMSG, ERROR_MALFORMED, STEP_AUTHENTICATE, format, ##__VA_ARGS__)

/* Sorted by payload, then contract; equal is not sorted either. */
static bool sorted(const struct bundle_kernel_sig *a, const struct bundle_kernel_sig *b)
{
	return a->payload < b->payload || (a->payload == b->payload && a->contract < b->contract);
}

/* One kernel signature of @s, at *@at of the body; moves *@at behind it. */
static int read_kernel_sig(const struct bundle *b, struct bundle_signer *s, size_t *at,
			   struct error *error)
{
	size_t left = s->body.size - *at, offset = s->body.data - b->file.data + *at;
	struct bundle_kernel_sig *sig = &s->kernel_sigs[s->n_kernel_sigs];
	const uint8_t *p = s->body.data + *at;
	uint32_t size;

	if (left < SIGNER_KERNEL_SIG_SIZE)
		return bad(error,
			   "offset %zu: kernel signature %u does not fit into its signer "
			   "record",
			   offset, s->n_kernel_sigs);

	sig->payload = load_le32(p);
	if (sig->payload >= b->n_payloads)
		return bad(error,
			   "offset %zu: kernel signature %u is of payload %u, the bundle "
			   "has %u",
			   offset, s->n_kernel_sigs, sig->payload, b->n_payloads);
	sig->contract = load_le32(p + 4);
	if (sig->contract != CONTRACT_V1 && sig->contract != CONTRACT_V2)
		return bad(error, "offset %zu: kernel signature %u is of the unknown contract %u",
			   offset + 4, s->n_kernel_sigs, sig->contract);
	if (s->n_kernel_sigs > 0 && !sorted(sig - 1, sig))
		return bad(error,
			   "offset %zu: kernel signature %u must come after the one before "
			   "it by payload and contract",
			   offset, s->n_kernel_sigs);

	size = load_le32(p + 8);
	if (size < 1 || size > BUNDLE_KERNEL_SIG_MAX)
		return bad(error, "offset %zu: kernel signature %u has %u bytes, must be 1 to %u",
			   offset + 8, s->n_kernel_sigs, size, BUNDLE_KERNEL_SIG_MAX);
	if (size > left - SIGNER_KERNEL_SIG_SIZE)
		return bad(error,
			   "offset %zu: kernel signature %u has %u bytes, its signer record "
			   "only %zu",
			   offset + 8, s->n_kernel_sigs, size, left - SIGNER_KERNEL_SIG_SIZE);

	sig->pkcs7 = (struct blob){p + SIGNER_KERNEL_SIG_SIZE, size};
	*at += SIGNER_KERNEL_SIG_SIZE + size;
	s->n_kernel_sigs++;
	return 0;
}

static int read_body(const struct bundle *b, struct bundle_signer *s, struct error *error)
{
	size_t at = SIGNER_FIXED_SIZE, offset = s->body.data - b->file.data;
	const uint8_t *p = s->body.data;
	uint32_t n_sigs;
	int r;

	s->algorithm = load_le32(p + 4);
	if (!signer_algorithm_name(s->algorithm))
		return bad(error, "offset %zu: signer record names the unknown algorithm %u",
			   offset + 4, s->algorithm);
	memcpy(s->key_digest, p + 8, DIGEST_SIZE);

	n_sigs = load_le32(p + 40);
	if (n_sigs > BUNDLE_KERNEL_SIGS_MAX)
		return bad(error,
			   "offset %zu: signer record has %u kernel signatures, the limit "
			   "is %u",
			   offset + 40, n_sigs, BUNDLE_KERNEL_SIGS_MAX);
	for (uint32_t i = 0; i < n_sigs; i++) {
		r = read_kernel_sig(b, s, &at, error);
		if (r < 0)
			return r;
	}
	if (at != s->body.size)
		return bad(error,
			   "offset %zu: signer record has %zu bytes behind its last kernel "
			   "signature",
			   offset + at, s->body.size - at);
	return 0;
}

/* The record at *@at of the file; moves *@at behind it. */
static int read_signer(const struct bundle *b, size_t *at, struct bundle_signer *s,
		       struct error *error)
{
	const uint8_t *p = b->file.data + *at;
	size_t left = b->file.size - *at;
	uint32_t body_size, raw_size;
	int r;

	if (left < SIGNER_FIXED_SIZE)
		return bad(error, "offset %zu: %zu trailing bytes, too few for a signer record",
			   *at, left);
	body_size = load_le32(p);
	if (body_size < SIGNER_FIXED_SIZE || body_size > SIGNER_BODY_MAX)
		return bad(error,
			   "offset %zu: size of a signer record's body is %u, must be %u "
			   "to %u",
			   *at, body_size, SIGNER_FIXED_SIZE, SIGNER_BODY_MAX);
	if (left < body_size || left - body_size < 4)
		return bad(error,
			   "offset %zu: signer record with a body of %u bytes does not fit "
			   "into the %zu that are left of the file",
			   *at, body_size, left);
	s->body = (struct blob){p, body_size};
	r = read_body(b, s, error);
	if (r < 0)
		return r;

	raw_size = load_le32(p + body_size);
	left -= body_size + 4;
	if (raw_size < 1 || raw_size > BUNDLE_RAW_SIG_MAX)
		return bad(error, "offset %zu: raw signature has %u bytes, must be 1 to %u",
			   *at + body_size, raw_size, BUNDLE_RAW_SIG_MAX);
	if (raw_size > left)
		return bad(error,
			   "offset %zu: raw signature has %u bytes, only %zu are left of "
			   "the file",
			   *at + body_size, raw_size, left);
	s->raw_sig = (struct blob){p + body_size + 4, raw_size};
	*at += body_size + 4 + raw_size;
	return 0;
}

/* One key counts once: a second record by it is an attempt to be counted twice. */
static int check_distinct(const struct bundle *b, const struct bundle_signer *s, size_t at,
			  struct error *error)
{
	char text[DIGEST_TEXT_SIZE];

	for (unsigned i = 0; i < b->n_signers; i++) {
		if (memcmp(b->signers[i].key_digest, s->key_digest, DIGEST_SIZE) != 0)
			continue;
		digest_format(s->key_digest, text);
		return bad(error,
			   "offset %zu: second signer record of the key %s: each key signs "
			   "once",
			   at, text);
	}
	return 0;
}

int bundle_read_signers(struct bundle *b, struct error *error)
{
	size_t at = b->signed_size;
	int r;

	while (at < b->file.size) {
		struct bundle_signer s = {}, *signers;
		size_t begin = at;

		if (b->n_signers >= BUNDLE_SIGNERS_MAX)
			return bad(error,
				   "offset %zu: more than %u signer records, or trailing "
				   "bytes",
				   at, BUNDLE_SIGNERS_MAX);
		r = read_signer(b, &at, &s, error);
		if (r < 0)
			return r;
		r = check_distinct(b, &s, begin, error);
		if (r < 0)
			return r;

		signers = reallocarray(b->signers, b->n_signers + 1, sizeof(*signers));
		if (!signers)
			return error_set(error, -ENOMEM, ERROR_FAILED, STEP_AUTHENTICATE,
					 "out of memory");
		signers[b->n_signers++] = s;
		b->signers = signers;
	}
	return 0;
}

const struct bundle_kernel_sig *bundle_find_kernel_sig(const struct bundle_signer *signer,
						       unsigned payload, enum contract contract)
{
	for (unsigned i = 0; i < signer->n_kernel_sigs; i++)
		if (signer->kernel_sigs[i].payload == payload &&
		    signer->kernel_sigs[i].contract == contract)
			return &signer->kernel_sigs[i];
	return NULL;
}
