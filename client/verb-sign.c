/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl sign: adds a signer record to bundles. */

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "file.h"
#include "keys.h"
#include "sign-detached.h"
#include "signing-key.h"
#include "verbs.h"

#define LOCK_SEC 30 /* another that signs the same bundle, with a slow token at that */

struct sign_arguments {
	const char *key, *certificate, *pin_file, *output, *export, *import;
	bool add;
	int n_bundles;
	char **bundles;
};

/* A key at hand, as sign_record_add() asks for it. */
struct signer {
	EVP_PKEY *key;
	struct certificate certificate;
};

static void signer_done(struct signer *s)
{
	EVP_PKEY_free(s->key);
	certificate_done(&s->certificate);
}

static int sign_here(void *arg, const struct sign_part *part, struct blob message, uint8_t **ret,
		     size_t *ret_size, struct error *error)
{
	const struct signer *s = arg;

	return raw_sig_make(s->key, s->certificate.algorithm, part->use, message, ret, ret_size,
			    error);
}

/* The certificate before the key, where it is known: what is wrong with it is no reason to ask for
 * a PIN. */
static int open_signer(const struct sign_arguments *a, struct signer *s, struct error *error)
{
	const char *name = a->certificate ? a->certificate : a->key;
	_cleanup_pin_ struct pin pin = {.file = a->pin_file}, other = {};
	bool in_token = !a->certificate || signing_key_is_uri(a->certificate);
	int r = 0;

	/* Before OpenSSL is used: as it ends it would tear the provider down below a token's
	 * library that uses OpenSSL, too, and has not ended. SoftHSM crashes then. */
	if (signing_key_is_uri(a->key) || in_token)
		OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	if (!in_token) {
		r = certificate_read(a->certificate, &s->certificate, error);
		if (r == 0)
			r = sign_check_certificate(&s->certificate, name, error);
	}
	if (r == 0)
		r = signing_key_open(a->key, &pin, &s->key, error);
	if (r == 0 && in_token) {
		/* A secret goes only where it is known to belong: not to another token. */
		if (signing_key_is_uri(a->key))
			other.file = a->pin_file;
		r = signing_key_certificate(name, a->certificate ? NULL : s->key,
					    a->certificate ? &other : &pin, &s->certificate, error);
		if (r == 0)
			r = sign_check_certificate(&s->certificate, name, error);
	}
	if (r == 0 && EVP_PKEY_eq(s->certificate.key, s->key) != 1) {
		ERR_clear_error();
		r = error_set(error, -EKEYREJECTED, ERROR_FAILED, STEP_NONE,
			      "%s does not belong to the certificate %s: give the certificate "
			      "of this key",
			      a->key, name);
	}
	return r;
}

/* ---- output ---- */

static struct json_object *result_object(const char *path, const struct signee *signee,
					 const struct certificate *certificate)
{
	struct json_object *object = json_object_new_object();
	char text[DIGEST_TEXT_SIZE];

	json_add_string(object, "bundle", path);
	digest_format(signee->bundle.digest, text);
	json_add_string(object, "digest", text);
	digest_format(certificate->digest, text);
	json_add_string(object, "signer", text);
	json_add_string(object, "algorithm", signer_algorithm_name(certificate->algorithm));
	return object;
}

static void print_signed(const struct context *ctx, const char *path, const struct signee *signee,
			 const struct certificate *certificate, unsigned n_sigs)
{
	char digest[DIGEST_TEXT_SIZE], key[DIGEST_TEXT_SIZE];

	if (ctx->json != JSON_MODE_OFF) {
		_cleanup_json_ struct json_object *object =
			result_object(path, signee, certificate);

		json_add_u64(object, "kernelSignatures", n_sigs);
		output_json(ctx, object);
		return;
	}
	digest_format(signee->bundle.digest, digest);
	digest_format(certificate->digest, key);
	output_line(stdout, "%s: signed by %s (%s), %u kernel signatures", path,
		    certificate->subject, signer_algorithm_name(certificate->algorithm), n_sigs);
	output_line(stdout, "  bundle %s", digest);
	output_line(stdout, "  key    %s", key);
}

/* One line of a terminal, which the next output overwrites. */
static void show_progress(const struct sign_arguments *a, int i)
{
	_cleanup_free_ char *name = NULL;

	if (a->n_bundles < 2 || !isatty(STDERR_FILENO))
		return;
	fflush(stdout);
	if (i < a->n_bundles) {
		name = output_escape(a->bundles[i], strlen(a->bundles[i]));
		fprintf(stderr, "\r\033[Ksigning %d of %d: %.50s", i + 1, a->n_bundles,
			name ? name : "");
	} else
		fputs("\r\033[K", stderr);
	fflush(stderr);
}

/* ---- with a key at hand ---- */

static int sign_one(struct context *ctx, const struct sign_arguments *a, const char *path,
		    const struct certificate *certificate, const struct sign_source *source,
		    struct error *error)
{
	const char *output = a->output ? a->output : path;
	_cleanup_signee_ struct signee signee = {};
	_cleanup_free_ uint8_t *file = NULL;
	_cleanup_close_ int lock = -1;
	unsigned n_sigs;
	size_t size;
	int r = 0;

	/* two at once would each write what they have read, and one signature would be lost */
	if (!a->output)
		r = file_lock(path, LOCK_SEC, &lock, error);
	if (r == 0)
		r = signee_open(path, a->add, certificate, &signee, error);
	if (r == 0)
		r = sign_record_add(&signee, certificate, source, &file, &size, &n_sigs, error);
	if (r == 0)
		r = file_write(output, file, size, error);
	if (r < 0)
		return r;
	show_progress(a, a->n_bundles);
	print_signed(ctx, output, &signee, certificate, n_sigs);
	return 0;
}

/* Each by itself: one that cannot be signed stays as it was, and the rest is signed all the same.
 */
static int sign_all(struct context *ctx, const struct sign_arguments *a)
{
	_cleanup_(signer_done) struct signer signer = {};
	const struct sign_source source = {sign_here, &signer};
	_cleanup_error_ struct error error = ERROR_INIT;
	int status = EXIT_SUCCESS, n_signed = 0;

	if (open_signer(a, &signer, &error) < 0)
		return output_error(ctx, &error);
	for (int i = 0; i < a->n_bundles; i++) {
		_cleanup_error_ struct error failed = ERROR_INIT;

		show_progress(a, i);
		if (sign_one(ctx, a, a->bundles[i], &signer.certificate, &source, &failed) == 0) {
			n_signed++;
			continue;
		}
		show_progress(a, a->n_bundles);
		error_field_string(&failed, "bundle", a->bundles[i]);
		if (status == EXIT_SUCCESS)
			status = output_error(ctx, &failed);
		else
			output_error(ctx, &failed);
	}
	if (a->n_bundles > 1 && status != EXIT_SUCCESS)
		output_note("%d of %d bundles are signed; the others are as they were", n_signed,
			    a->n_bundles);
	return status;
}

/* ---- with signatures made elsewhere ---- */

static void print_export(const struct context *ctx, const struct detached *d,
			 const struct signee *signee)
{
	bool kernel = d->n_missing > 0 && d->missing[0].use == RAW_SIG_KERNEL;
	_cleanup_json_ struct json_object *object = NULL;
	struct json_object *list = json_object_new_array();

	if (ctx->json == JSON_MODE_OFF && d->n_missing == 0)
		output_line(stdout, "%s: all is signed; now: bpfctl sign --import", d->folder);
	else if (ctx->json == JSON_MODE_OFF)
		output_line(stdout, "%s: to sign, as its README says; then: bpfctl sign --%s",
			    d->folder, kernel ? "export, once more" : "import");
	for (unsigned i = 0; i < d->n_missing; i++) {
		const char *hash = raw_sig_hash(d->certificate->algorithm, d->missing[i].use);
		char name[DETACHED_NAME_MAX], data[DETACHED_NAME_MAX + 4], sig[sizeof(data)];
		struct json_object *item = json_object_new_object();

		detached_name(&d->missing[i], name);
		snprintf(data, sizeof(data), "%s.tbs", name);
		snprintf(sig, sizeof(sig), "%s.sig", name);
		if (ctx->json == JSON_MODE_OFF)
			output_line(stdout, "  %s -> %s (%s)", data, sig, hash ? hash : "no hash");
		json_add_string(item, "data", data);
		json_add_string(item, "signature", sig);
		if (hash)
			json_add_string(item, "hash", hash);
		json_object_array_add(list, item);
	}
	object = result_object(signee->path, signee, d->certificate);
	json_add_string(object, "folder", d->folder);
	json_add(object, "toSign", list);
	if (ctx->json != JSON_MODE_OFF)
		output_json(ctx, object);
}

static int export_one(struct context *ctx, const struct sign_arguments *a)
{
	_cleanup_certificate_ struct certificate certificate = {};
	struct detached d = {.folder = a->export, .certificate = &certificate, .export = true};
	const struct sign_source source = {detached_sign, &d};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_signee_ struct signee signee = {};
	_cleanup_free_ uint8_t *file = NULL;
	unsigned n_sigs;
	size_t size;
	int r;

	r = detached_certificate(a->export, a->certificate, &certificate, &error);
	if (r == 0)
		r = signee_open(a->bundles[0], a->add, &certificate, &signee, &error);
	if (r == 0)
		r = detached_create(a->export, &certificate, &error);
	if (r == 0)
		r = sign_record_add(&signee, &certificate, &source, &file, &size, &n_sigs, &error);
	if (r == 0 || r == -EINPROGRESS)
		r = detached_write_readme(&d, &signee, &error);
	if (r < 0)
		return output_error(ctx, &error);
	print_export(ctx, &d, &signee);
	return EXIT_SUCCESS;
}

static int import_one(struct context *ctx, const struct sign_arguments *a)
{
	_cleanup_certificate_ struct certificate certificate = {};
	struct detached d = {.folder = a->import, .certificate = &certificate};
	const struct sign_source source = {detached_sign, &d};
	_cleanup_error_ struct error error = ERROR_INIT;
	char name[DETACHED_NAME_MAX];
	int r;

	r = detached_certificate(a->import, a->certificate, &certificate, &error);
	if (r == 0)
		r = sign_one(ctx, a, a->bundles[0], &certificate, &source, &error);
	if (r == -EINPROGRESS) {
		detached_name(&d.missing[0], name);
		error_set(&error, r, ERROR_FAILED, STEP_NONE,
			  "%s: %s.sig is missing, so that nothing was signed: sign what \"bpfctl "
			  "sign --export\" lists",
			  a->import, name);
	}
	return r < 0 ? output_error(ctx, &error) : EXIT_SUCCESS;
}

/* ---- the verb ---- */

static int check_arguments(struct context *ctx, const struct sign_arguments *a)
{
	const char *uris[] = {a->key, a->certificate};
	bool detached = a->export || a->import;

	if (a->n_bundles < 1)
		return verb_usage(ctx, "give at least one bundle");
	if (a->n_bundles > 1 && (a->output || detached))
		return verb_usage(ctx,
				  "give exactly one bundle with --output, --export or --import");
	if (a->export && a->import)
		return verb_usage(ctx, "--export and --import are two steps");
	if (detached && (a->key || a->pin_file))
		return verb_usage(ctx, "with --export and --import another tool has the key");
	if (a->export && a->output)
		return verb_usage(ctx, "--export writes no bundle; --import does");
	if (!detached && !a->key)
		return verb_usage(ctx, "give the private key with --key");
	if (!detached && !a->certificate && !signing_key_is_uri(a->key))
		return verb_usage(ctx, "give the key's certificate with --cert");
	for (size_t i = 0; i < ARRAY_SIZE(uris); i++)
		if (uris[i] && signing_key_is_uri(uris[i]) && signing_key_check_uri(uris[i]))
			return verb_usage(ctx, "%s", signing_key_check_uri(uris[i]));
	return EXIT_SUCCESS;
}

int verb_sign(struct context *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{"key", required_argument, NULL, 'k'},
		{"cert", required_argument, NULL, 'c'},
		{"pin-file", required_argument, NULL, 'p'},
		{"add", no_argument, NULL, 'a'},
		{"export", required_argument, NULL, 'e'},
		{"import", required_argument, NULL, 'i'},
		{"output", required_argument, NULL, 'o'},
		{},
	};
	struct sign_arguments a = {};
	int c, status;

	while ((c = verb_option(ctx, argc, argv, "o:", options)) > 0) {
		const char **value = c == 'k'	? &a.key
				     : c == 'c' ? &a.certificate
				     : c == 'p' ? &a.pin_file
				     : c == 'e' ? &a.export
				     : c == 'i' ? &a.import
						: &a.output;

		if (c == 'a')
			a.add = true;
		else
			*value = optarg;
	}
	if (c < 0)
		return ctx->exit_status;
	a.n_bundles = argc - optind;
	a.bundles = argv + optind;
	status = check_arguments(ctx, &a);
	if (status != EXIT_SUCCESS)
		return status;
	if (a.export)
		return export_one(ctx, &a);
	if (a.import)
		return import_one(ctx, &a);
	return sign_all(ctx, &a);
}
