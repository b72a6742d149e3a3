/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "testkeys.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#define must(condition)                                                                 \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

const char test_manifest[] = "{\n"
			     "  \"name\": \"execwatch\",\n"
			     "  \"version\": \"1.0\",\n"
			     "  \"sequence\": 1,\n"
			     "  \"description\": \"who executes what\",\n"
			     "  \"license\": \"GPL\",\n"
			     "  \"programs\": {\n"
			     "    \"on_exec\": {\n"
			     "      \"section\": \"tp/sched/sched_process_exec\",\n"
			     "      \"type\": \"tracepoint\",\n"
			     "      \"attach\": [\"tracepoint:sched/sched_process_exec\"],\n"
			     "      \"default\": [\"tracepoint:sched/sched_process_exec\"]\n"
			     "    }\n"
			     "  },\n"
			     "  \"maps\": {\n"
			     "    \"events\": {\n"
			     "      \"type\": \"ringbuf\",\n"
			     "      \"keySize\": 0,\n"
			     "      \"valueSize\": 0,\n"
			     "      \"maxEntries\": 262144,\n"
			     "      \"grant\": \"events\",\n"
			     "      \"event\": \"exec_event\"\n"
			     "    }\n"
			     "  },\n"
			     "  \"requires\": [],\n"
			     "  \"tunables\": {},\n"
			     "  \"after\": []\n"
			     "}\n";

static EVP_PKEY *new_rsa_pss(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *key = NULL;

	must(ctx && EVP_PKEY_keygen_init(ctx) > 0);
	must(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) > 0);
	must(EVP_PKEY_keygen(ctx, &key) > 0);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

EVP_PKEY *test_key_new(enum test_key kind)
{
	EVP_PKEY *key = NULL;

	switch (kind) {
	case TEST_RSA_2048:
		key = EVP_RSA_gen(2048);
		break;
	case TEST_RSA_1024:
		key = EVP_RSA_gen(1024);
		break;
	case TEST_RSA_PSS:
		key = new_rsa_pss();
		break;
	case TEST_P256:
		key = EVP_EC_gen("P-256");
		break;
	case TEST_P384:
		key = EVP_EC_gen("P-384");
		break;
	case TEST_P521:
		key = EVP_EC_gen("P-521");
		break;
	case TEST_ED25519:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	}
	must(key);
	return key;
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;

	if (!*value)
		return;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(extension && X509_add_ext(cert, extension, -1));
	X509_EXTENSION_free(extension);
}

static const EVP_MD *cert_digest(EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
}

X509 *test_cert_new(EVP_PKEY *key, const struct test_cert *options)
{
	const struct test_cert o = options ? *options : (struct test_cert){};
	static long serial = 1;
	X509 *cert = X509_new(), *issuer;
	EVP_PKEY *signer;
	X509_NAME *name;

	must(cert && X509_set_version(cert, X509_VERSION_3));
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
	must(ASN1_TIME_set(X509_getm_notBefore(cert), o.not_before ?: TEST_NOW - 365 * TEST_DAY));
	must(ASN1_TIME_set(X509_getm_notAfter(cert), o.not_after ?: TEST_NOW + 365 * TEST_DAY));
	name = X509_get_subject_name(cert);
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					(const unsigned char *)(o.name ?: "test"), -1, -1, 0));
	issuer = o.issuer ?: cert;
	signer = o.issuer ? o.issuer_key : key;
	must(X509_set_issuer_name(cert, X509_get_subject_name(issuer)) &&
	     X509_set_pubkey(cert, key));
	add_extension(cert, issuer, NID_basic_constraints, o.constraints ?: "critical,CA:FALSE");
	add_extension(cert, issuer, NID_key_usage, o.key_usage ?: "critical,digitalSignature");
	add_extension(cert, issuer, NID_ext_key_usage, o.extended_key_usage ?: "");
	if (!o.no_key_id)
		add_extension(cert, issuer, NID_subject_key_identifier, "hash");
	if (o.issuer)
		add_extension(cert, issuer, NID_authority_key_identifier, "keyid:always");
	must(X509_sign(cert, signer, cert_digest(signer)) > 0);
	return cert;
}

/* By which OpenSSL tells authorities of one name apart. */
static void add_issuer_key_id(X509_CRL *crl, X509 *issuer)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
	must(extension && X509_CRL_add_ext(crl, extension, -1));
	X509_EXTENSION_free(extension);
}

void test_crl_write(X509 *issuer, EVP_PKEY *key, X509 *revoked, int64_t from, int64_t until,
		    const char *path)
{
	ASN1_TIME *time = ASN1_TIME_new();
	X509_CRL *crl = X509_CRL_new();
	X509_REVOKED *entry;
	FILE *f;

	must(crl && time && X509_CRL_set_version(crl, X509_CRL_VERSION_2));
	must(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)));
	must(ASN1_TIME_set(time, from ?: TEST_NOW - 365 * TEST_DAY));
	must(X509_CRL_set1_lastUpdate(crl, time));
	if (revoked) {
		entry = X509_REVOKED_new();
		must(entry && X509_REVOKED_set_revocationDate(entry, time));
		must(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked)));
		must(X509_CRL_add0_revoked(crl, entry));
	}
	must(ASN1_TIME_set(time, until ?: TEST_NOW + 365 * TEST_DAY));
	must(X509_CRL_set1_nextUpdate(crl, time));
	add_issuer_key_id(crl, issuer);
	must(X509_CRL_sign(crl, key, cert_digest(key)) > 0);
	f = fopen(path, "we");
	must(f && PEM_write_X509_CRL(f, crl) && fclose(f) == 0 && chmod(path, 0644) == 0);
	X509_CRL_free(crl);
	ASN1_TIME_free(time);
}

void test_file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	must(f && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, 0644) == 0);
}

void test_cert_write(X509 *cert, const char *path)
{
	FILE *f = fopen(path, "we");

	must(f && PEM_write_X509(f, cert) && fclose(f) == 0 && chmod(path, 0644) == 0);
}

void test_key_write(EVP_PKEY *key, const char *path)
{
	FILE *f = fopen(path, "we");

	must(f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) && fclose(f) == 0 &&
	     chmod(path, 0600) == 0);
}

static const EVP_MD *sign_digest(enum signer_algorithm algorithm)
{
	if (algorithm == SIGNER_ED25519)
		return NULL;
	return algorithm == SIGNER_ECDSA_P384_SHA384 ? EVP_sha384() : EVP_sha256();
}

void test_sign(EVP_PKEY *key, enum signer_algorithm algorithm, const uint8_t *message, size_t size,
	       uint8_t **ret, size_t *ret_size)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	size_t n = 0;

	must(ctx);
	must(EVP_DigestSignInit(ctx, &pctx, sign_digest(algorithm), NULL, key) > 0);
	if (algorithm == SIGNER_RSA_PSS_SHA256) {
		must(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0);
		must(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, 32) > 0);
	}
	must(EVP_DigestSign(ctx, NULL, &n, message, size) > 0);
	*ret = malloc(n);
	must(*ret && EVP_DigestSign(ctx, *ret, &n, message, size) > 0);
	*ret_size = n;
	EVP_MD_CTX_free(ctx);
}

void test_bundle_new(const char *manifest, uint8_t **ret, size_t *ret_size)
{
	/* r0 = 0; exit */
	static const uint8_t loader[16] = {0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95};
	static const uint8_t metadata[16] = {1, 2, 3};
	const struct bundle_payload payload = {
		.loader = {loader, sizeof(loader)},
		.metadata = {metadata, sizeof(metadata)},
	};
	struct error error = ERROR_INIT;
	const char *text = manifest ?: test_manifest;

	if (bundle_make((struct blob){(const uint8_t *)text, strlen(text)}, (struct blob){},
			&payload, 1, ret, ret_size, &error) < 0)
		fprintf(stderr, "%s\n", error_message(&error));
	must(error.code == ERROR_NONE);
}

void test_bundle_sign(uint8_t **bundle, size_t *size, EVP_PKEY *key, bool kernel_sigs)
{
	static const uint8_t dummy[8] = "pkcs#7";
	const struct bundle_kernel_sig sigs[] = {
		{.payload = 0, .contract = CONTRACT_V1, .pkcs7 = {dummy, sizeof(dummy)}},
		{.payload = 0, .contract = CONTRACT_V2, .pkcs7 = {dummy, sizeof(dummy)}},
	};
	uint8_t digest[DIGEST_SIZE], *body, *message, *raw;
	size_t body_size, message_size, raw_size;
	enum signer_algorithm algorithm;
	struct error error = ERROR_INIT;
	struct bundle b;

	must(key_digest(key, digest) == 0 && key_algorithm(key, &algorithm) == 0);
	must(bundle_open(*bundle, *size, &b, &error) == 0);
	must(signer_body(algorithm, digest, sigs, kernel_sigs ? 2 : 0, &body, &body_size, &error) ==
	     0);
	must(signer_message(b.digest, (struct blob){body, body_size}, &message, &message_size) ==
	     0);
	bundle_done(&b);
	test_sign(key, algorithm, message, message_size, &raw, &raw_size);
	must(bundle_append_signer(bundle, size, (struct blob){body, body_size},
				  (struct blob){raw, raw_size}, &error) == 0);
	free(body);
	free(message);
	free(raw);
}

char *test_folder_new(void)
{
	const char *base = getenv("TMPDIR") ?: "/tmp";
	char *path;

	must(asprintf(&path, "%s/bpfgate-test-XXXXXX", base) > 0);
	must(mkdtemp(path) && chmod(path, 0755) == 0);
	return path;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void test_folder_remove(char *path)
{
	must(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
	free(path);
}

const char *test_path(const char *folder, const char *name)
{
	static char buffers[4][PATH_MAX];
	static unsigned next;
	char *buffer = buffers[next++ % ARRAY_SIZE(buffers)];

	snprintf(buffer, PATH_MAX, "%s/%s", folder, name);
	return buffer;
}
