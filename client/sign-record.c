/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <time.h>

#include "file.h"
#include "kernel-sig.h"
#include "output.h"
#include "sign-record.h"

struct kernel_sigs {
	unsigned n;
	struct bundle_kernel_sig sigs[BUNDLE_KERNEL_SIGS_MAX]; /* pkcs7.data owned */
};

static void kernel_sigs_done(struct kernel_sigs *s)
{
	for (unsigned i = 0; i < s->n; i++)
		free((void *)s->sigs[i].pkcs7.data);
}

int sign_check_certificate(const struct certificate *certificate, const char *name,
			   struct error *error)
{
	int64_t now = time(NULL);

	if (certificate->reason)
		return error_set(error, -EKEYREJECTED, ERROR_FAILED, STEP_NONE,
				 "%s: not usable for signing: %s", name, certificate->reason);
	if (now > certificate->not_after)
		return error_set(error, -EKEYEXPIRED, ERROR_FAILED, STEP_NONE,
				 "%s has expired, so that no daemon would load what it signs: sign "
				 "with a certificate that is valid",
				 name);
	if (!signer_algorithm_in_kernel(certificate->algorithm))
		output_note("note: no kernel can verify %s signatures: the record counts as a "
			    "signer, but another one (RSA, ECDSA P-256 or P-384) must bring the "
			    "kernel's signatures",
			    signer_algorithm_name(certificate->algorithm));
	else if (!certificate->has_key_id)
		return error_set(
			error, -EKEYREJECTED, ERROR_FAILED, STEP_NONE,
			"%s has no subjectKeyIdentifier, by which the kernel finds the key: "
			"make a certificate with that extension (subjectKeyIdentifier=hash)",
			name);
	if (now < certificate->not_before)
		output_note("warning: %s is not valid yet; until then every load is refused", name);
	return 0;
}

void signee_done(struct signee *signee)
{
	bundle_done(&signee->bundle);
	free(signee->file);
	*signee = (struct signee){};
}

/* Before a key is used for nothing; bundle_append_signer() looks again. */
static int check_signers(const struct signee *s, bool add, const struct certificate *certificate,
			 struct error *error)
{
	const struct bundle *b = &s->bundle;

	for (unsigned i = 0; i < b->n_signers; i++)
		if (memcmp(b->signers[i].key_digest, certificate->digest, DIGEST_SIZE) == 0)
			return error_set(error, -EEXIST, ERROR_FAILED, STEP_NONE,
					 "%s is signed by the key of %s already; a key signs once",
					 s->path, certificate->subject);
	if (add && b->n_signers == 0)
		return error_set(error, -ENOKEY, ERROR_FAILED, STEP_NONE,
				 "%s is not signed yet: --add adds a signer to a signed bundle",
				 s->path);
	if (!add && b->n_signers > 0)
		return error_set(error, -EEXIST, ERROR_FAILED, STEP_NONE,
				 "%s is signed already, by %u: --add adds another signer", s->path,
				 b->n_signers);
	if (b->n_signers >= BUNDLE_SIGNERS_MAX)
		return error_set(error, -E2BIG, ERROR_FAILED, STEP_NONE,
				 "%s has %u signers already, the most that a bundle can have",
				 s->path, b->n_signers);
	return 0;
}

int signee_open(const char *path, bool add, const struct certificate *certificate,
		struct signee *ret, struct error *error)
{
	_cleanup_signee_ struct signee s = {.path = path};
	int r;

	r = file_read(path, BUNDLE_SIZE_MAX, &s.file, &s.size, error);
	if (r < 0)
		return r;
	r = bundle_open(s.file, s.size, &s.bundle, error);
	if (r == 0)
		r = bundle_check_sections(&s.bundle, error);
	if (r < 0) {
		error_prefix(error, "%s", path);
		return r;
	}
	r = check_signers(&s, add, certificate, error);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct signee){};
	return 0;
}

static int ask_kernel_sig(const struct bundle *bundle, const struct certificate *certificate,
			  const struct sign_source *source, const struct sign_part *part,
			  struct kernel_sigs *sigs, struct error *error)
{
	struct bundle_kernel_sig *sig = &sigs->sigs[sigs->n];
	_cleanup_free_ uint8_t *covered = NULL, *plain = NULL;
	size_t covered_size, plain_size;
	uint8_t *pkcs7;
	int r;

	r = kernel_sig_covered(bundle, part->payload, part->contract, &covered, &covered_size);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "payload %u: %s", part->payload,
				 strerror(-r));
	r = source->sign(source->arg, part, (struct blob){covered, covered_size}, &plain,
			 &plain_size, error);
	if (r < 0)
		return r;
	r = kernel_sig_wrap(certificate, (struct blob){plain, plain_size}, &pkcs7, &sig->pkcs7.size,
			    error);
	if (r < 0)
		return r;
	sig->payload = part->payload;
	sig->contract = part->contract;
	sig->pkcs7.data = pkcs7;
	sigs->n++;
	return 0;
}

static int ask_kernel_sigs(const struct bundle *bundle, const struct certificate *certificate,
			   const struct sign_source *source, struct kernel_sigs *sigs,
			   struct error *error)
{
	int r, result = 0;

	if (!signer_algorithm_in_kernel(certificate->algorithm))
		return 0;
	for (unsigned p = 0; p < bundle->n_payloads; p++) {
		for (int c = CONTRACT_V1; c <= CONTRACT_V2; c++) {
			const struct sign_part part = {RAW_SIG_KERNEL, p, c};

			r = ask_kernel_sig(bundle, certificate, source, &part, sigs, error);
			if (r < 0 && r != -EINPROGRESS)
				return r;
			if (r < 0)
				result = r;
		}
	}
	return result;
}

/* The record's body and the raw signature over it, appended to @file. */
static int append_record(const struct bundle *bundle, const struct certificate *certificate,
			 const struct sign_source *source, const struct kernel_sigs *sigs,
			 uint8_t **file, size_t *size, struct error *error)
{
	static const struct sign_part part = {.use = RAW_SIG_RECORD};
	_cleanup_free_ uint8_t *body = NULL, *message = NULL, *raw = NULL;
	size_t body_size, message_size, raw_size;
	int r;

	r = signer_body(certificate->algorithm, certificate->digest, sigs->sigs, sigs->n, &body,
			&body_size, error);
	if (r < 0)
		return r;
	r = signer_message(bundle->digest, (struct blob){body, body_size}, &message, &message_size);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "cannot make the message: %s",
				 strerror(-r));
	r = source->sign(source->arg, &part, (struct blob){message, message_size}, &raw, &raw_size,
			 error);
	if (r < 0)
		return r;
	return bundle_append_signer(file, size, (struct blob){body, body_size},
				    (struct blob){raw, raw_size}, error);
}

/* What is written must be what verifies: a faulty key, token or machine is noticed here. */
static int check_result(const uint8_t *file, size_t size, const struct certificate *certificate,
			struct error *error)
{
	_cleanup_bundle_ struct bundle bundle = {};
	const struct bundle_signer *signer;
	int r;

	r = bundle_open(file, size, &bundle, error);
	if (r < 0)
		return r;
	signer = &bundle.signers[bundle.n_signers - 1];
	r = signer_verify(&bundle, signer, certificate->key);
	for (unsigned i = 0; r == 0 && i < signer->n_kernel_sigs; i++)
		r = kernel_sig_verify(&bundle, &signer->kernel_sigs[i], certificate);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE,
				 "the new signature does not verify; nothing was written");
	return 0;
}

int sign_record_add(const struct signee *signee, const struct certificate *certificate,
		    const struct sign_source *source, uint8_t **ret, size_t *ret_size,
		    unsigned *ret_kernel_sigs, struct error *error)
{
	_cleanup_(kernel_sigs_done) struct kernel_sigs sigs = {};
	_cleanup_free_ uint8_t *file = NULL;
	size_t size = signee->size;
	int r;

	r = ask_kernel_sigs(&signee->bundle, certificate, source, &sigs, error);
	if (r == -EINPROGRESS)
		return r;
	if (r == 0) {
		file = malloc(size);
		if (!file)
			return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
		memcpy(file, signee->file, size);
		r = append_record(&signee->bundle, certificate, source, &sigs, &file, &size, error);
	}
	if (r == 0)
		r = check_result(file, size, certificate, error);
	if (r < 0) {
		if (r != -EINPROGRESS)
			error_prefix(error, "%s", signee->path);
		return r;
	}
	*ret = TAKE_PTR(file);
	*ret_size = size;
	*ret_kernel_sigs = sigs.n;
	return 0;
}
