/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl keygen: a signing key with a self-signed certificate. */

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "file.h"
#include "keys.h"
#include "verbs.h"

#define DAYS_MAX    36500
#define SUBJECT_MAX 64 /* ub-common-name, RFC 5280 */

struct keygen_arguments {
	const char *out;
	const char *algorithm;
	const char *subject;
	unsigned days;
};

static void pkeyp(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void x509p(X509 **x509)
{
	X509_free(*x509);
}

static void biop(BIO **bio)
{
	BIO_free(*bio);
}

static EVP_PKEY *generate(const char *algorithm)
{
	if (streq(algorithm, "rsa"))
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072);
	if (streq(algorithm, "ecdsa-p256"))
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	if (streq(algorithm, "ecdsa-p384"))
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static bool algorithm_known(const char *name)
{
	static const char *const names[] = {"rsa", "ecdsa-p256", "ecdsa-p384", "ed25519"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(names[i], name))
			return true;
	return false;
}

static bool add_extension(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;
	int r;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x509, x509, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (!extension)
		return false;
	r = X509_add_ext(x509, extension, -1);
	X509_EXTENSION_free(extension);
	return r == 1;
}

/* 20 octets at most, positive, not zero: RFC 5280, 4.1.2.2. */
static bool set_serial(X509 *x509)
{
	unsigned char bytes[16];
	BIGNUM *number;
	bool ok;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 0x40;
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
	BN_free(number);
	return ok;
}

static X509 *make_certificate(EVP_PKEY *key, const struct keygen_arguments *a, const char *subject)
{
	_cleanup_(x509p) X509 *x509 = X509_new();
	const EVP_MD *md = streq(a->algorithm, "ed25519")      ? NULL
			   : streq(a->algorithm, "ecdsa-p384") ? EVP_sha384()
							       : EVP_sha256();
	X509_NAME *name;

	if (!x509 || X509_set_version(x509, X509_VERSION_3) != 1 || !set_serial(x509) ||
	    !X509_gmtime_adj(X509_getm_notBefore(x509), 0) ||
	    !X509_time_adj_ex(X509_getm_notAfter(x509), (int)a->days, 0, NULL) ||
	    X509_set_pubkey(x509, key) != 1)
		return NULL;

	name = X509_get_subject_name(x509);
	if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)subject,
				       -1, -1, 0) != 1 ||
	    X509_set_issuer_name(x509, name) != 1)
		return NULL;

	if (!add_extension(x509, NID_basic_constraints, "critical,CA:FALSE") ||
	    !add_extension(x509, NID_key_usage, "critical,digitalSignature") ||
	    !add_extension(x509, NID_ext_key_usage, "codeSigning") ||
	    !add_extension(x509, NID_subject_key_identifier, "hash") ||
	    !add_extension(x509, NID_authority_key_identifier, "keyid:always"))
		return NULL;
	if (X509_sign(x509, key, md) <= 0)
		return NULL;
	return TAKE_PTR(x509);
}

static int openssl_failed(struct error *error, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	error_set(error, -EIO, ERROR_FAILED, STEP_NONE, "cannot make the %s: %s", what,
		  reason ? reason : "OpenSSL gives no reason");
	ERR_clear_error();
	return -EIO;
}

/* Writes both files or none: the certificate's name is tried before the key is made. */
static int write_files(EVP_PKEY *key, X509 *x509, const char *key_path, const char *cert_path,
		       struct error *error)
{
	_cleanup_(biop) BIO *key_bio = BIO_new(BIO_s_secmem());
	_cleanup_(biop) BIO *cert_bio = BIO_new(BIO_s_mem());
	char *key_text, *cert_text;
	long key_size, cert_size;
	int r;

	if (!key_bio || PEM_write_bio_PKCS8PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return openssl_failed(error, "key file");
	if (!cert_bio || PEM_write_bio_X509(cert_bio, x509) != 1)
		return openssl_failed(error, "certificate file");
	key_size = BIO_get_mem_data(key_bio, &key_text);
	cert_size = BIO_get_mem_data(cert_bio, &cert_text);

	r = file_create(cert_path, 0644, cert_text, cert_size, error);
	if (r < 0)
		return r;
	r = file_create(key_path, 0600, key_text, key_size, error);
	if (r < 0)
		unlink(cert_path);
	return r;
}

static void print_result(const struct context *ctx, const char *key_path, const char *cert_path,
			 const uint8_t digest[static DIGEST_SIZE])
{
	char text[DIGEST_TEXT_SIZE];

	digest_format(digest, text);
	if (ctx->json != JSON_MODE_OFF) {
		_cleanup_json_ struct json_object *object = json_object_new_object();

		json_add_string(object, "key", key_path);
		json_add_string(object, "certificate", cert_path);
		json_add_string(object, "digest", text);
		output_json(ctx, object);
		return;
	}
	output_line(stdout, "key         %s (keep it secret)", key_path);
	output_line(stdout, "certificate %s (for the administrator's keys.d)", cert_path);
	output_line(stdout, "key digest  %s", text);
}

static int keygen(struct context *ctx, const struct keygen_arguments *a)
{
	_cleanup_free_ char *key_path = NULL, *cert_path = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	const char *subject = a->subject ? a->subject : file_base_name(a->out);
	uint8_t digest[DIGEST_SIZE];
	_cleanup_(pkeyp) EVP_PKEY *key = NULL;
	_cleanup_(x509p) X509 *x509 = NULL;
	int r = 0;

	if (asprintf(&key_path, "%s.key", a->out) < 0)
		key_path = NULL;
	if (asprintf(&cert_path, "%s.pem", a->out) < 0)
		cert_path = NULL;
	if (!key_path || !cert_path)
		r = error_set(&error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	if (r == 0) {
		key = generate(a->algorithm);
		if (!key || key_digest(key, digest) < 0)
			r = openssl_failed(&error, "key");
	}
	if (r == 0) {
		x509 = make_certificate(key, a, subject);
		if (!x509)
			r = openssl_failed(&error, "certificate");
	}
	if (r == 0)
		r = write_files(key, x509, key_path, cert_path, &error);
	if (r < 0)
		return output_error(ctx, &error);
	print_result(ctx, key_path, cert_path, digest);
	return EXIT_SUCCESS;
}

static bool parse_days(const char *text, unsigned *ret)
{
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || n < 1 || n > DAYS_MAX)
		return false;
	*ret = n;
	return true;
}

int verb_keygen(struct context *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{"out", required_argument, NULL, 'o'},
		{"algorithm", required_argument, NULL, 'a'},
		{"days", required_argument, NULL, 'd'},
		{"subject", required_argument, NULL, 's'},
		{},
	};
	struct keygen_arguments a = {.algorithm = "ecdsa-p256", .days = 365};
	const char *subject;
	int c;

	while ((c = verb_option(ctx, argc, argv, "o:", options)) > 0) {
		if (c == 'o')
			a.out = optarg;
		else if (c == 'a')
			a.algorithm = optarg;
		else if (c == 's')
			a.subject = optarg;
		else if (!parse_days(optarg, &a.days))
			return verb_usage(ctx, "--days %s: must be a number from 1 to %d", optarg,
					  DAYS_MAX);
	}
	if (c < 0)
		return ctx->exit_status;
	if (argc - optind != 0)
		return verb_usage(ctx, "%s: no further argument is taken", argv[optind]);
	if (!a.out || !*file_base_name(a.out))
		return verb_usage(ctx, "give the files' name with --out NAME");
	if (!algorithm_known(a.algorithm))
		return verb_usage(ctx,
				  "--algorithm %s: must be rsa, ecdsa-p256, ecdsa-p384 or ed25519",
				  a.algorithm);
	subject = a.subject ? a.subject : file_base_name(a.out);
	if (!*subject || strlen(subject) > SUBJECT_MAX || !utf8_valid(subject, strlen(subject)))
		return verb_usage(ctx,
				  "the subject must have 1 to %d bytes of UTF-8: use --subject",
				  SUBJECT_MAX);
	return keygen(ctx, &a);
}
