/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "kernel-sig.h"

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

/* A BIO over what a signature for @contract covers. */
static BIO *covered(const struct bundle *bundle, unsigned payload, enum contract contract)
{
	const struct bundle_section *loader = bundle_find(bundle, BUNDLE_LOADER, payload);
	const struct bundle_section *metadata = bundle_find(bundle, BUNDLE_METADATA, payload);
	_cleanup_(biop) BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || !loader || !metadata ||
	    BIO_write(bio, loader->content.data, (int)loader->content.size) !=
		    (int)loader->content.size)
		return NULL;
	if (contract == CONTRACT_V2 &&
	    BIO_write(bio, metadata->content.data, (int)metadata->content.size) !=
		    (int)metadata->content.size)
		return NULL;
	BIO_set_mem_eof_return(bio, 0);
	return TAKE_PTR(bio);
}

static int openssl_error(struct error *error, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	error_set(error, -EIO, ERROR_FAILED, STEP_NONE, "%s: %s", what,
		  reason ? reason : "OpenSSL gives no reason");
	ERR_clear_error();
	return -EIO;
}

int kernel_sig_make(const struct bundle *bundle, unsigned payload, enum contract contract,
		    const struct certificate *certificate, EVP_PKEY *key, uint8_t **ret,
		    size_t *ret_size, struct error *error)
{
	_cleanup_(biop) BIO *bio = covered(bundle, payload, contract);
	_cleanup_(cmsp) CMS_ContentInfo *cms = NULL;
	uint8_t *der = NULL, *copy;
	int size;

	if (!bio)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");

	cms = CMS_sign(NULL, NULL, NULL, bio,
		       CMS_NOCERTS | CMS_PARTIAL | CMS_BINARY | CMS_DETACHED | CMS_STREAM);
	if (!cms ||
	    !CMS_add1_signer(cms, certificate->x509, key, EVP_sha256(),
			     CMS_NOCERTS | CMS_BINARY | CMS_NOSMIMECAP | CMS_USE_KEYID |
				     CMS_NOATTR) ||
	    CMS_final(cms, bio, NULL, CMS_NOCERTS | CMS_BINARY) != 1)
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

int kernel_sig_verify(const struct bundle *bundle, const struct bundle_kernel_sig *sig,
		      const struct certificate *certificate)
{
	_cleanup_(biop) BIO *bio = covered(bundle, sig->payload, sig->contract);
	_cleanup_(cmsp) CMS_ContentInfo *cms = NULL;
	_cleanup_(x509_stackp) STACK_OF(X509) *certificates = sk_X509_new_null();
	const unsigned char *p = sig->pkcs7.data;
	int r;

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
