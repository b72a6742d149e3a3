// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sign.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "row.h"

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	note("%s: %s", what, ERR_reason_error_string(ERR_peek_last_error()) ?: "no reason given");
	must(what, -EIO);
}

void bytes_add(struct bytes *bytes, const void *data, size_t size)
{
	uint8_t *more = realloc(bytes->data, bytes->size + size + 1);

	check(more, "memory");
	memcpy(more + bytes->size, data, size);
	bytes->data = more;
	bytes->size += size;
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){};
}

EVP_PKEY *key_rsa(unsigned bits)
{
	EVP_PKEY *key = EVP_RSA_gen(bits);

	check(key, "RSA key");
	return key;
}

EVP_PKEY *key_ec(const char *curve)
{
	EVP_PKEY *key = EVP_EC_gen(curve);

	check(key, "EC key");
	return key;
}

EVP_PKEY *key_ed25519(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	check(key, "Ed25519 key");
	return key;
}

static void extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	check(extension && X509_add_ext(certificate, extension, -1) == 1,
	      "certificate's extension");
	X509_EXTENSION_free(extension);
}

static void add_der(struct signer *signer)
{
	unsigned char *der = NULL;
	int size = i2d_X509(signer->certificate, &der);

	check(size > 0, "certificate");
	bytes_add(&signer->der, der, (size_t)size);
	OPENSSL_free(der);
}

struct signer *signer_make(const char *name, EVP_PKEY *key, const struct certificate_how *how)
{
	static const struct certificate_how plain;
	static long serial = 4096;
	struct signer *signer = calloc(1, sizeof(*signer));
	X509 *x = X509_new(), *issuer;
	EVP_PKEY *issuer_key;
	X509_NAME *subject;
	bool pure;

	check(signer && x, "memory");
	if (!how)
		how = &plain;
	signer->key = key;
	signer->certificate = x;
	issuer = how->issuer ? how->issuer->certificate : x;
	issuer_key = how->issuer ? how->issuer->key : key;
	pure = EVP_PKEY_get_id(issuer_key) == EVP_PKEY_ED25519;
	subject = X509_get_subject_name(x);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), -7200);
	X509_gmtime_adj(X509_getm_notAfter(x), how->past ? -3600 : 86400);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
				   0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	X509_set_pubkey(x, key);
	extend(x, issuer, NID_basic_constraints,
	       how->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	extend(x, issuer, NID_key_usage, how->ca ? "keyCertSign" : "digitalSignature");
	if (!how->no_key_id) {
		extend(x, issuer, NID_subject_key_identifier, "hash");
		extend(x, issuer, NID_authority_key_identifier, "keyid");
	}
	if (how->comment) {
		char *text = malloc(how->comment + 1);

		check(text, "memory");
		memset(text, 'x', how->comment);
		text[how->comment] = 0;
		extend(x, issuer, NID_netscape_comment, text);
		free(text);
	}
	check(X509_sign(x, issuer_key, pure ? NULL : EVP_sha256()) > 0, "certificate");
	add_der(signer);
	return signer;
}

struct signer *signer_read(const char *key_file, const char *certificate_file)
{
	_cleanup_fclose_ FILE *k = fopen(key_file, "re"), *c = fopen(certificate_file, "re");
	struct signer *signer = calloc(1, sizeof(*signer));

	if (!signer || !k || !c)
		return NULL;
	signer->key = PEM_read_PrivateKey(k, NULL, NULL, NULL);
	signer->certificate = PEM_read_X509(c, NULL, NULL, NULL);
	if (!signer->key || !signer->certificate)
		return NULL;
	add_der(signer);
	return signer;
}

static void add_signer(CMS_ContentInfo *cms, const struct signer *signer,
		       const struct sign_how *how, unsigned flags)
{
	CMS_SignerInfo *info = CMS_add1_signer(cms, signer->certificate, signer->key,
					       how->md ?: EVP_sha256(), flags);

	check(info, "CMS signer");
	if (how->pss)
		check(EVP_PKEY_CTX_set_rsa_padding(CMS_SignerInfo_get0_pkey_ctx(info),
						   RSA_PKCS1_PSS_PADDING) > 0,
		      "CMS padding");
}

struct bytes sign(const struct signer *signer, const void *data, size_t size,
		  const struct sign_how *how)
{
	static const struct sign_how plain;
	unsigned flags = CMS_NOCERTS | CMS_PARTIAL | CMS_BINARY | CMS_STREAM;
	unsigned signer_flags = CMS_NOCERTS | CMS_BINARY | CMS_NOSMIMECAP;
	BIO *bio = BIO_new_mem_buf(data, (int)size);
	struct bytes signature = {};
	unsigned char *der = NULL;
	CMS_ContentInfo *cms;
	int n;

	if (!how)
		how = &plain;
	flags |= how->attached ? 0 : CMS_DETACHED;
	signer_flags |= how->issuer_and_serial ? 0 : CMS_USE_KEYID;
	signer_flags |= how->attributes ? 0 : CMS_NOATTR;
	signer_flags |= how->pss ? CMS_KEY_PARAM : 0;
	cms = CMS_sign(NULL, NULL, NULL, bio, flags);
	check(bio && cms, "CMS");
	add_signer(cms, signer, how, signer_flags);
	if (how->second)
		add_signer(cms, how->second, how, signer_flags);
	if (how->with_certificate)
		check(CMS_add1_cert(cms, how->with_certificate->certificate) == 1,
		      "CMS certificate");
	check(CMS_final(cms, bio, NULL, CMS_NOCERTS | CMS_BINARY) == 1, "CMS signature");
	if (how->no_signer)
		sk_CMS_SignerInfo_pop(CMS_get0_SignerInfos(cms));
	n = i2d_CMS_ContentInfo(cms, &der);
	check(n > 0, "CMS encoding");
	bytes_add(&signature, der, (size_t)n);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(bio);
	ERR_clear_error();
	return signature;
}
