/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "kernel-sig.h"
#include "raw-sig.h"

static void biop(BIO **bio)
{
	BIO_free(*bio);
}

static void cmsp(CMS_ContentInfo **cms)
{
	CMS_ContentInfo_free(*cms);
}

static void x509_stackp(STACK_OF(X509) * *stack)
{
	sk_X509_free(*stack);
}

int kernel_sig_covered(const struct bundle *bundle, unsigned payload, enum contract contract,
		       uint8_t **ret, size_t *ret_size)
{
	const struct bundle_section *loader = bundle_find(bundle, BUNDLE_LOADER, payload);
	const struct bundle_section *metadata = bundle_find(bundle, BUNDLE_METADATA, payload);
	size_t size;
	uint8_t *data;

	if (!loader || !metadata)
		return -EINVAL;
	size = loader->content.size + (contract == CONTRACT_V2 ? metadata->content.size : 0);
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	memcpy(data, loader->content.data, loader->content.size);
	if (contract == CONTRACT_V2)
		memcpy(data + loader->content.size, metadata->content.data, metadata->content.size);
	*ret = data;
	*ret_size = size;
	return 0;
}

static int openssl_error(struct error *error, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	error_set(error, -EIO, ERROR_FAILED, STEP_NONE, "%s: %s", what,
		  reason ? reason : "OpenSSL gives no reason");
	ERR_clear_error();
	return -EIO;
}

/* All of the PKCS#7, as OpenSSL would make it, with @sig where it would sign. */
static CMS_ContentInfo *build(const struct certificate *certificate, struct blob sig)
{
	_cleanup_(cmsp) CMS_ContentInfo *cms = NULL;
	CMS_SignerInfo *signer;
	BIO *chain;

	cms = CMS_sign(NULL, NULL, NULL, NULL,
		       CMS_NOCERTS | CMS_PARTIAL | CMS_BINARY | CMS_DETACHED | CMS_STREAM);
	if (!cms)
		return NULL;
	signer = CMS_add1_signer(cms, certificate->x509, certificate->key, EVP_sha256(),
				 CMS_NOCERTS | CMS_BINARY | CMS_NOSMIMECAP | CMS_USE_KEYID |
					 CMS_NOATTR);
	if (!signer)
		return NULL;
	/* Sets the versions; the content goes nowhere. */
	chain = CMS_dataInit(cms, NULL);
	if (!chain)
		return NULL;
	BIO_free_all(chain);
	if (ASN1_OCTET_STRING_set(CMS_SignerInfo_get0_signature(signer), sig.data, (int)sig.size) !=
	    1)
		return NULL;
	return TAKE_PTR(cms);
}

int kernel_sig_wrap(const struct certificate *certificate, struct blob sig, uint8_t **ret,
		    size_t *ret_size, struct error *error)
{
	_cleanup_(cmsp) CMS_ContentInfo *cms = NULL;
	uint8_t *der = NULL, *copy;
	int size;

	if (sig.size > BUNDLE_RAW_SIG_MAX)
		return error_set(error, -E2BIG, ERROR_FAILED, STEP_NONE,
				 "a signature of %zu bytes, more than the %u allowed", sig.size,
				 BUNDLE_RAW_SIG_MAX);
	cms = build(certificate, sig);
	if (!cms)
		return openssl_error(error, "cannot make the kernel's signature");
	size = i2d_CMS_ContentInfo(cms, &der);
	if (size <= 0)
		return openssl_error(error, "cannot encode the kernel's signature");
	if ((unsigned)size > BUNDLE_KERNEL_SIG_MAX) {
		OPENSSL_free(der);
		return error_set(error, -E2BIG, ERROR_FAILED, STEP_NONE,
				 "the kernel's signature has %d bytes, more than the %u that a "
				 "kernel takes",
				 size, BUNDLE_KERNEL_SIG_MAX);
	}
	copy = malloc(size);
	if (copy)
		memcpy(copy, der, size);
	OPENSSL_free(der);
	if (!copy)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	*ret = copy;
	*ret_size = size;
	return 0;
}

int kernel_sig_unwrap(struct blob pkcs7, uint8_t **ret, size_t *ret_size, const char **ret_reason)
{
	_cleanup_(cmsp) CMS_ContentInfo *cms = NULL;
	const unsigned char *p = pkcs7.data;
	STACK_OF(CMS_SignerInfo) * signers;
	const ASN1_OCTET_STRING *sig;
	CMS_SignerInfo *signer;
	size_t size;

	cms = d2i_CMS_ContentInfo(NULL, &p, (long)pkcs7.size);
	signers = cms && p == pkcs7.data + pkcs7.size ? CMS_get0_SignerInfos(cms) : NULL;
	ERR_clear_error();
	if (!signers || sk_CMS_SignerInfo_num(signers) != 1) {
		*ret_reason = "no PKCS#7 in DER with one signature (openssl cms -outform DER)";
		return -EBADMSG;
	}
	signer = sk_CMS_SignerInfo_value(signers, 0);
	/* With them the signature is over the attributes, and not over the bytes themselves. */
	if (CMS_signed_get_attr_count(signer) >= 0) {
		*ret_reason = "it has signed attributes (openssl cms -noattr leaves them out)";
		return -EBADMSG;
	}
	sig = CMS_SignerInfo_get0_signature(signer);
	size = ASN1_STRING_length(sig);
	*ret = malloc(size ? size : 1);
	if (!*ret)
		return -ENOMEM;
	memcpy(*ret, ASN1_STRING_get0_data(sig), size);
	*ret_size = size;
	return 0;
}

int kernel_sig_make(const struct bundle *bundle, unsigned payload, enum contract contract,
		    const struct certificate *certificate, EVP_PKEY *key, uint8_t **ret,
		    size_t *ret_size, struct error *error)
{
	_cleanup_free_ uint8_t *data = NULL, *sig = NULL;
	size_t data_size, sig_size;
	int r;

	r = kernel_sig_covered(bundle, payload, contract, &data, &data_size);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "payload %u: %s", payload,
				 strerror(-r));
	r = raw_sig_make(key, certificate->algorithm, RAW_SIG_KERNEL,
			 (struct blob){data, data_size}, &sig, &sig_size, error);
	if (r < 0)
		return r;
	return kernel_sig_wrap(certificate, (struct blob){sig, sig_size}, ret, ret_size, error);
}

int kernel_sig_verify(const struct bundle *bundle, const struct bundle_kernel_sig *sig,
		      const struct certificate *certificate)
{
	_cleanup_(x509_stackp) STACK_OF(X509) *certificates = sk_X509_new_null();
	_cleanup_(cmsp) CMS_ContentInfo *cms = NULL;
	_cleanup_(biop) BIO *bio = NULL;
	_cleanup_free_ uint8_t *data = NULL;
	const unsigned char *p = sig->pkcs7.data;
	size_t size;
	int r;

	r = kernel_sig_covered(bundle, sig->payload, sig->contract, &data, &size);
	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(data, (int)size);
	if (!bio || !certificates || !sk_X509_push(certificates, certificate->x509))
		return -ENOMEM;
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)sig->pkcs7.size);
	/* The kernel takes detached signatures by key identifier only, nothing behind them. */
	if (!cms || p != sig->pkcs7.data + sig->pkcs7.size || CMS_is_detached(cms) != 1) {
		ERR_clear_error();
		return -EBADMSG;
	}
	/* Who may sign is decided by the caller, so no chain of certificates is looked at. */
	r = CMS_verify(cms, certificates, NULL, bio, NULL,
		       CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY | CMS_DETACHED);
	ERR_clear_error();
	return r == 1 ? 0 : -EKEYREJECTED;
}
