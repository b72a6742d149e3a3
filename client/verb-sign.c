/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl sign: adds a signer record to a bundle. */

#include <openssl/err.h>
#include <openssl/pem.h>
#include <time.h>

#include "certificate.h"
#include "file.h"
#include "kernel-sig.h"
#include "keys.h"
#include "raw-sig.h"
#include "verbs.h"

#define KEY_FILE_MAX (64u * 1024)

struct sign_arguments {
	const char *bundle, *key, *certificate, *output;
};

struct kernel_sigs {
	unsigned n;
	struct bundle_kernel_sig sigs[BUNDLE_KERNEL_SIGS_MAX]; /* pkcs7.data owned */
};

static void kernel_sigs_done(struct kernel_sigs *s)
{
	for (unsigned i = 0; i < s->n; i++)
		free((void *)s->sigs[i].pkcs7.data);
}

static void pkeyp(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

/* OpenSSL asks for the passphrase of an encrypted key on the terminal. */
static int read_private_key(const char *path, EVP_PKEY **ret, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	const char *reason;
	size_t size;
	BIO *bio;
	int r;

	r = file_read(path, KEY_FILE_MAX, &text, &size, error);
	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(text, (int)size);
	*ret = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	explicit_bzero(text, size);
	if (*ret)
		return 0;
	reason = ERR_reason_error_string(ERR_peek_last_error());
	error_set(error, -EBADMSG, ERROR_FAILED, STEP_NONE, "%s: no usable PEM private key: %s",
		  path, reason ? reason : "OpenSSL gives no reason");
	ERR_clear_error();
	return -EBADMSG;
}

static int check_pair(const struct sign_arguments *a, const struct certificate *certificate,
		      EVP_PKEY *key, struct error *error)
{
	int64_t now = time(NULL);

	if (certificate->reason)
		return error_set(error, -EKEYREJECTED, ERROR_FAILED, STEP_NONE,
				 "%s: not usable for signing: %s", a->certificate,
				 certificate->reason);
	if (EVP_PKEY_eq(certificate->key, key) != 1) {
		ERR_clear_error();
		return error_set(error, -EKEYREJECTED, ERROR_FAILED, STEP_NONE,
				 "%s does not belong to the certificate %s: give the certificate "
				 "of this key",
				 a->key, a->certificate);
	}
	if (now < certificate->not_before)
		output_note("warning: %s is not valid yet; until then every load is refused",
			    a->certificate);
	if (now > certificate->not_after)
		output_note("warning: %s has expired; no daemon will load what it signs",
			    a->certificate);
	return 0;
}

/* Before a key is used for nothing; bundle_append_signer() looks again. */
static int check_not_signed(const struct bundle *bundle, const struct sign_arguments *a,
			    const struct certificate *certificate, struct error *error)
{
	if (bundle->n_signers >= BUNDLE_SIGNERS_MAX)
		return error_set(error, -E2BIG, ERROR_FAILED, STEP_NONE,
				 "%s has %u signers already, the most that a bundle can have",
				 a->bundle, bundle->n_signers);
	for (unsigned i = 0; i < bundle->n_signers; i++)
		if (memcmp(bundle->signers[i].key_digest, certificate->digest, DIGEST_SIZE) == 0)
			return error_set(error, -EEXIST, ERROR_FAILED, STEP_NONE,
					 "%s is signed by the key of %s already; a key signs once",
					 a->bundle, a->certificate);
	return 0;
}

static int make_kernel_sigs(const struct bundle *bundle, const struct sign_arguments *a,
			    const struct certificate *certificate, EVP_PKEY *key,
			    struct kernel_sigs *sigs, struct error *error)
{
	static const enum contract contracts[] = {CONTRACT_V1, CONTRACT_V2};

	if (!signer_algorithm_in_kernel(certificate->algorithm)) {
		output_note("note: no kernel can verify %s signatures: the record counts as a "
			    "signer, but another one (RSA, ECDSA P-256 or P-384) must bring the "
			    "kernel's signatures",
			    signer_algorithm_name(certificate->algorithm));
		return 0;
	}
	if (!certificate->has_key_id)
		return error_set(
			error, -EKEYREJECTED, ERROR_FAILED, STEP_NONE,
			"%s has no subjectKeyIdentifier, by which the kernel finds the key: "
			"make a certificate with that extension (subjectKeyIdentifier=hash)",
			a->certificate);

	for (unsigned p = 0; p < bundle->n_payloads; p++) {
		for (unsigned c = 0; c < ARRAY_SIZE(contracts); c++) {
			struct bundle_kernel_sig *sig = &sigs->sigs[sigs->n];
			uint8_t *pkcs7;
			int r;

			r = kernel_sig_make(bundle, p, contracts[c], certificate, key, &pkcs7,
					    &sig->pkcs7.size, error);
			if (r < 0)
				return r;
			sig->payload = p;
			sig->contract = contracts[c];
			sig->pkcs7.data = pkcs7;
			sigs->n++;
		}
	}
	return 0;
}

/* The record's body and the raw signature over it, appended to @file. */
static int append_record(const struct bundle *bundle, const struct certificate *certificate,
			 EVP_PKEY *key, const struct kernel_sigs *sigs, uint8_t **file,
			 size_t *size, struct error *error)
{
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
	r = raw_sig_make(key, certificate->algorithm, (struct blob){message, message_size}, &raw,
			 &raw_size, error);
	if (r < 0)
		return r;
	return bundle_append_signer(file, size, (struct blob){body, body_size},
				    (struct blob){raw, raw_size}, error);
}

/* What was written must be what verifies: a faulty key, token or machine is noticed here. */
static int check_result(const uint8_t *file, size_t size, EVP_PKEY *key, struct error *error)
{
	_cleanup_bundle_ struct bundle bundle = {};
	int r;

	r = bundle_open(file, size, &bundle, error);
	if (r < 0)
		return r;
	r = signer_verify(&bundle, &bundle.signers[bundle.n_signers - 1], key);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE,
				 "the new signature does not verify; nothing was written");
	return 0;
}

static int add_signer(const struct sign_arguments *a, const struct certificate *certificate,
		      EVP_PKEY *key, char ret_digest[static DIGEST_TEXT_SIZE], unsigned *ret_sigs,
		      struct error *error)
{
	_cleanup_(kernel_sigs_done) struct kernel_sigs sigs = {};
	_cleanup_bundle_ struct bundle bundle = {};
	_cleanup_free_ uint8_t *copy = NULL;
	_cleanup_free_ char *file = NULL;
	size_t size;
	int r;

	r = file_read(a->bundle, BUNDLE_SIZE_MAX, &file, &size, error);
	if (r < 0)
		return r;
	r = bundle_open(file, size, &bundle, error);
	if (r < 0)
		goto prefix;
	/* Whole instructions, first byte, digests: nobody may sign what breaks the format's rules.
	 */
	r = bundle_check_sections(&bundle, error);
	if (r < 0)
		goto prefix;
	r = check_not_signed(&bundle, a, certificate, error);
	if (r < 0)
		return r;
	r = make_kernel_sigs(&bundle, a, certificate, key, &sigs, error);
	if (r < 0)
		return r;

	copy = malloc(size);
	if (!copy)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	memcpy(copy, file, size);
	r = append_record(&bundle, certificate, key, &sigs, &copy, &size, error);
	if (r < 0)
		goto prefix;
	r = check_result(copy, size, key, error);
	if (r < 0)
		return r;
	digest_format(bundle.digest, ret_digest);
	*ret_sigs = sigs.n;
	return file_write(a->output ? a->output : a->bundle, copy, size, error);
prefix:
	error_prefix(error, "%s", a->bundle);
	return r;
}

static void print_result(const struct context *ctx, const struct sign_arguments *a,
			 const struct certificate *certificate, const char *digest, unsigned n_sigs)
{
	const char *output = a->output ? a->output : a->bundle;
	char key[DIGEST_TEXT_SIZE];

	digest_format(certificate->digest, key);
	if (ctx->json != JSON_MODE_OFF) {
		_cleanup_json_ struct json_object *object = json_object_new_object();

		json_add_string(object, "bundle", output);
		json_add_string(object, "digest", digest);
		json_add_string(object, "signer", key);
		json_add_string(object, "algorithm", signer_algorithm_name(certificate->algorithm));
		json_add_u64(object, "kernelSignatures", n_sigs);
		output_json(ctx, object);
		return;
	}
	output_line(stdout, "%s: signed by %s (%s), %u kernel signatures", output,
		    certificate->subject, signer_algorithm_name(certificate->algorithm), n_sigs);
	output_line(stdout, "  bundle %s", digest);
	output_line(stdout, "  key    %s", key);
}

static int sign(struct context *ctx, const struct sign_arguments *a)
{
	_cleanup_certificate_ struct certificate certificate = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_(pkeyp) EVP_PKEY *key = NULL;
	char digest[DIGEST_TEXT_SIZE];
	unsigned n_sigs;
	int r;

	r = certificate_read(a->certificate, &certificate, &error);
	if (r == 0)
		r = read_private_key(a->key, &key, &error);
	if (r == 0)
		r = check_pair(a, &certificate, key, &error);
	if (r == 0)
		r = add_signer(a, &certificate, key, digest, &n_sigs, &error);
	if (r < 0)
		return output_error(ctx, &error);
	print_result(ctx, a, &certificate, digest, n_sigs);
	return EXIT_SUCCESS;
}

int verb_sign(struct context *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{"key", required_argument, NULL, 'k'},
		{"cert", required_argument, NULL, 'c'},
		{"output", required_argument, NULL, 'o'},
		{},
	};
	struct sign_arguments a = {};
	int c;

	while ((c = verb_option(ctx, argc, argv, "o:", options)) > 0) {
		if (c == 'k')
			a.key = optarg;
		else if (c == 'c')
			a.certificate = optarg;
		else
			a.output = optarg;
	}
	if (c < 0)
		return ctx->exit_status;
	if (argc - optind != 1)
		return verb_usage(ctx, "give exactly one bundle");
	if (!a.key || !a.certificate)
		return verb_usage(ctx, "give the private key with --key and its certificate with "
				       "--cert");
	a.bundle = argv[optind];
	return sign(ctx, &a);
}
