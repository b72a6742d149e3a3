/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certificate.h"

bool signer_algorithm_in_kernel(enum signer_algorithm algorithm)
{
	return algorithm == SIGNER_RSA_PKCS1_SHA256 || algorithm == SIGNER_ECDSA_P256_SHA256 ||
	       algorithm == SIGNER_ECDSA_P384_SHA384;
}

void certificate_done(struct certificate *certificate)
{
	free(certificate->subject);
	X509_free(certificate->x509);
	EVP_PKEY_free(certificate->key);
	OPENSSL_free(certificate->der);
	*certificate = (struct certificate){};
}

static void biop(BIO **bio)
{
	BIO_free(*bio);
}

static void openssl_freep(void *p)
{
	OPENSSL_free(*(void **)p);
}

/*
 * Exactly one PEM object, a certificate. The decoded bytes go through d2i_X509(), which must use
 * them up.
 */
static int read_pem(const char *pem, size_t size, X509 **ret, const char **ret_reason)
{
	_cleanup_(biop) BIO *bio = BIO_new_mem_buf(pem, (int)size);
	_cleanup_(openssl_freep) char *name = NULL, *header = NULL;
	_cleanup_(openssl_freep) unsigned char *data = NULL;
	_cleanup_(openssl_freep) char *name2 = NULL, *header2 = NULL;
	_cleanup_(openssl_freep) unsigned char *data2 = NULL;
	const unsigned char *p;
	long length, length2;
	X509 *x509;

	if (!bio)
		return -ENOMEM;
	if (PEM_read_bio(bio, &name, &header, &data, &length) != 1) {
		*ret_reason = "there is no PEM certificate in it";
		return -EBADMSG;
	}
	if (!streq(name, PEM_STRING_X509) && !streq(name, PEM_STRING_X509_OLD)) {
		*ret_reason = strstr(name, "PRIVATE KEY")
				      ? "it holds a private key, not a certificate"
				      : "its PEM object is not a certificate";
		return -EBADMSG;
	}
	if (PEM_read_bio(bio, &name2, &header2, &data2, &length2) == 1) {
		*ret_reason = "it holds more than one PEM object; one certificate a file";
		return -EBADMSG;
	}
	p = data;
	x509 = d2i_X509(NULL, &p, length);
	if (!x509 || p != data + length) {
		X509_free(x509);
		*ret_reason = "its certificate does not parse";
		return -EBADMSG;
	}
	*ret = x509;
	return 0;
}

static char *format_subject(const X509 *x509)
{
	_cleanup_(biop) BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL, *copy;
	long size;

	if (!bio || X509_NAME_print_ex(bio, X509_get_subject_name(x509), 0,
				       XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
		return NULL;
	size = BIO_get_mem_data(bio, &text);
	copy = malloc(size + 1);
	if (!copy)
		return NULL;
	if (size > 0)
		memcpy(copy, text, size);
	copy[size] = 0;
	return copy;
}

static int seconds(const ASN1_TIME *time, int64_t *ret)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return -EBADMSG;
	*ret = timegm(&tm);
	return 0;
}

/* Why the certificate does not entitle its key to sign bundles, or NULL. */
static const char *check_usage(X509 *x509)
{
	/* Parses the extensions, too: flags and usages are valid after it only. */
	if (X509_check_purpose(x509, -1, 0) != 1)
		return "its extensions do not parse or contradict one another";

	if (X509_get_extension_flags(x509) & EXFLAG_CA)
		return "it is a certificate authority; bundles are signed by leaf keys "
		       "(basicConstraints CA:FALSE)";
	if (X509_get_extension_flags(x509) & EXFLAG_CRITICAL)
		return "it has a critical extension that is not known";
	if (!(X509_get_extension_flags(x509) & EXFLAG_KUSAGE) ||
	    !(X509_get_key_usage(x509) & KU_DIGITAL_SIGNATURE))
		return "its keyUsage does not name digitalSignature";
	if ((X509_get_extension_flags(x509) & EXFLAG_XKUSAGE) &&
	    !(X509_get_extended_key_usage(x509) & XKU_CODE_SIGN))
		return "its extendedKeyUsage does not name codeSigning";
	return NULL;
}

static const char *check_key(EVP_PKEY *key, enum signer_algorithm *ret)
{
	bool rsa = EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");

	if (key_algorithm(key, ret) == 0)
		return NULL;
	return rsa ? "its RSA key has less than 2048 or more than 8192 bits"
		   : "its key is of no kind that bpfgate takes (RSA, ECDSA P-256 or P-384, "
		     "Ed25519)";
}

/* After check_usage(). X509_check_ca() would also take what only old rules made an authority. */
static bool is_authority(X509 *x509)
{
	const uint32_t flags = X509_get_extension_flags(x509);

	return (flags & EXFLAG_CA) && (flags & EXFLAG_KUSAGE) && !(flags & EXFLAG_CRITICAL) &&
	       (X509_get_key_usage(x509) & KU_KEY_CERT_SIGN);
}

static int fill(X509 *x509, struct certificate *c, const char **ret_reason)
{
	int length;

	c->subject = format_subject(x509);
	if (!c->subject)
		return -ENOMEM;
	if (seconds(X509_get0_notBefore(x509), &c->not_before) < 0 ||
	    seconds(X509_get0_notAfter(x509), &c->not_after) < 0) {
		*ret_reason = "its dates do not parse";
		return -EBADMSG;
	}
	length = i2d_X509(x509, &c->der);
	if (length <= 0)
		return -ENOMEM;
	c->der_size = length;
	c->has_key_id = X509_get0_subject_key_id(x509) != NULL;

	c->key = X509_get_pubkey(x509);
	if (!c->key) {
		c->reason = "its key does not parse";
		return 0;
	}
	if (key_digest(c->key, c->digest) < 0)
		return -ENOMEM;
	c->reason = check_key(c->key, &c->algorithm);
	if (!c->reason) {
		c->reason = check_usage(x509);
		c->authority = is_authority(x509);
	}
	return 0;
}

int certificate_parse(const char *pem, size_t size, struct certificate *ret,
		      const char **ret_reason)
{
	_cleanup_certificate_ struct certificate c = {};
	int r;

	if (size > CERTIFICATE_FILE_MAX) {
		*ret_reason = "it is larger than 64 KiB";
		return -EBADMSG;
	}
	r = read_pem(pem, size, &c.x509, ret_reason);
	if (r < 0)
		return r;
	r = fill(c.x509, &c, ret_reason);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct certificate){};
	return 0;
}
