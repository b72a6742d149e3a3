/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "chain.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <time.h>

/* At least 112 bits of security: no SHA-1, no RSA below 2048. */
#define SECURITY_LEVEL 2

struct authority_file {
	X509 *x509;
	char *file;
};

struct list_file {
	X509_CRL *list;
	char *file;
	int64_t this_update, next_update;
};

struct chain {
	X509_STORE *store;
	unsigned n_authorities, n_unusable, n_lists;
	struct authority_file *authorities;
	struct authority_file *unusable; /* .x509 may be NULL: then it can be anything */
	struct list_file lists[CHAIN_LISTS_MAX];
	char *broken; /* a list that cannot be used: its file */
};

struct chain *chain_new(void)
{
	struct chain *chain = calloc(1, sizeof(*chain));

	if (!chain)
		return NULL;
	chain->store = X509_STORE_new();
	if (chain->store)
		return chain;
	free(chain);
	return NULL;
}

static void files_free(struct authority_file *files, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		X509_free(files[i].x509);
		free(files[i].file);
	}
	free(files);
}

void chain_free(struct chain *chain)
{
	if (!chain)
		return;
	files_free(chain->authorities, chain->n_authorities);
	files_free(chain->unusable, chain->n_unusable);
	for (unsigned i = 0; i < chain->n_lists; i++) {
		X509_CRL_free(chain->lists[i].list);
		free(chain->lists[i].file);
	}
	free(chain->broken);
	X509_STORE_free(chain->store);
	free(chain);
}

static int add_file(struct authority_file **files, unsigned *n, X509 *x509, const char *file)
{
	struct authority_file *all = reallocarray(*files, *n + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	*files = all;
	all[*n].file = strdup(file);
	if (!all[*n].file)
		return -ENOMEM;
	if (x509)
		X509_up_ref(x509);
	all[*n].x509 = x509;
	(*n)++;
	return 0;
}

int chain_add_authority(struct chain *chain, X509 *x509, const char *file)
{
	if (X509_STORE_add_cert(chain->store, x509) != 1)
		return -ENOMEM;
	return add_file(&chain->authorities, &chain->n_authorities, x509, file);
}

int chain_add_unusable(struct chain *chain, X509 *x509, const char *file)
{
	return add_file(&chain->unusable, &chain->n_unusable, x509, file);
}

/* ---- lists ---- */

static int seconds(const ASN1_TIME *time, int64_t *ret)
{
	struct tm tm;

	if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
		return -EBADMSG;
	*ret = timegm(&tm);
	return 0;
}

/* The next PEM object of @bio: 1, or 0 where there is none. */
static int next_object(BIO *bio, char **ret_name, unsigned char **ret_data, long *ret_size)
{
	char *header = NULL;
	int r = PEM_read_bio(bio, ret_name, &header, ret_data, ret_size);

	OPENSSL_free(header);
	return r == 1;
}

static int parse_list(const char *pem, size_t size, X509_CRL **ret, const char **ret_reason)
{
	BIO *bio = size <= CRL_FILE_MAX ? BIO_new_mem_buf(pem, (int)size) : NULL;
	unsigned char *data = NULL, *data2 = NULL;
	char *name = NULL, *name2 = NULL;
	const unsigned char *p;
	X509_CRL *list = NULL;
	long length = 0, length2;

	*ret_reason = "there is no PEM revocation list in it";
	if (bio && next_object(bio, &name, &data, &length) && streq(name, PEM_STRING_X509_CRL)) {
		p = data;
		list = d2i_X509_CRL(NULL, &p, length);
		*ret_reason = "its revocation list does not parse";
		if (list && p != data + length) {
			X509_CRL_free(list);
			list = NULL;
		}
	}
	if (list && next_object(bio, &name2, &data2, &length2)) {
		*ret_reason = "it holds more than one PEM object; one list a file";
		X509_CRL_free(list);
		list = NULL;
	}
	OPENSSL_free(name);
	OPENSSL_free(name2);
	OPENSSL_free(data);
	OPENSSL_free(data2);
	BIO_free(bio);
	*ret = list;
	return list ? 0 : -EBADMSG;
}

/* Takes @list over, even on failure. */
static int keep_list(struct chain *chain, X509_CRL *list, const char *file, const char **ret_reason)
{
	struct list_file *new = &chain->lists[chain->n_lists];
	int r = -EBADMSG;

	*new = (struct list_file){.list = list};
	if (chain->n_lists + 1 > CHAIN_LISTS_MAX - 1)
		*ret_reason = "there are too many revocation lists";
	else if (seconds(X509_CRL_get0_lastUpdate(list), &new->this_update) < 0 ||
		 seconds(X509_CRL_get0_nextUpdate(list), &new->next_update) < 0)
		*ret_reason = "it does not say from when and until when it counts";
	else
		r = 0;
	if (r == 0) {
		new->file = strdup(file);
		r = new->file &&X509_STORE_add_crl(chain->store, list) == 1 ? 0 : -ENOMEM;
	}
	if (r < 0) {
		free(new->file);
		X509_CRL_free(list);
		return r;
	}
	chain->n_lists++;
	return 0;
}

bool chain_is_list(const char *pem, size_t size)
{
	static const char begin[] = "-----BEGIN " PEM_STRING_X509_CRL "-----";

	return memmem(pem, size, begin, sizeof(begin) - 1);
}

int chain_add_list(struct chain *chain, const char *pem, size_t size, const char *file,
		   const char **ret_reason)
{
	X509_CRL *list;
	int r = -EBADMSG;

	*ret_reason = "it cannot be read";
	if (pem)
		r = parse_list(pem, size, &list, ret_reason);
	if (r == 0)
		r = keep_list(chain, list, file, ret_reason);
	if (r == -EBADMSG && !chain->broken) {
		chain->broken = strdup(file);
		if (!chain->broken)
			return -ENOMEM;
	}
	return r;
}

/*
 * Of several by one issuer the youngest counts, for OpenSSL as for us. @signer (NULL: any): by
 * whose key it must be, for an authority that was renewed has its name still.
 */
static const struct list_file *find_list_by(const struct chain *chain, X509_NAME *issuer,
					    X509 *signer)
{
	const struct list_file *found = NULL;

	for (unsigned i = 0; i < chain->n_lists; i++) {
		const struct list_file *l = &chain->lists[i];

		if (X509_NAME_cmp(X509_CRL_get_issuer(l->list), issuer) == 0 &&
		    (!found || l->this_update > found->this_update) &&
		    (!signer || X509_CRL_verify(l->list, X509_get0_pubkey(signer)) == 1))
			found = l;
	}
	return found;
}

static const struct list_file *find_list(const struct chain *chain, X509_NAME *issuer)
{
	return find_list_by(chain, issuer, NULL);
}

/* ---- checking ---- */

static const struct authority_file *find_issuer(const struct chain *chain, X509_NAME *issuer)
{
	for (unsigned i = 0; i < chain->n_authorities; i++)
		if (X509_NAME_cmp(X509_get_subject_name(chain->authorities[i].x509), issuer) == 0)
			return &chain->authorities[i];
	return NULL;
}

static const char *file_of(const struct chain *chain, const X509 *x509)
{
	for (unsigned i = 0; i < chain->n_authorities; i++)
		if (X509_cmp(chain->authorities[i].x509, x509) == 0)
			return chain->authorities[i].file;
	return "?";
}

static void refuse(struct chain_verdict *verdict, const char *format, ...) _printf_(2, 3);
static void refuse(struct chain_verdict *verdict, const char *format, ...)
{
	va_list ap;

	verdict->good = false;
	va_start(ap, format);
	vsnprintf(verdict->reason, sizeof(verdict->reason), format, ap);
	va_end(ap);
}

static void limit(struct chain_verdict *verdict, int64_t not_before, int64_t not_after,
		  const char *file)
{
	if (not_before > verdict->not_before) {
		verdict->not_before = not_before;
		snprintf(verdict->before_file, sizeof(verdict->before_file), "%s", file);
	}
	if (not_after < verdict->not_after) {
		verdict->not_after = not_after;
		snprintf(verdict->after_file, sizeof(verdict->after_file), "%s", file);
	}
}

/* An authority need not have a list; one that has must have one that fits. */
static int on_verify(int ok, X509_STORE_CTX *ctx)
{
	const struct chain *chain = X509_STORE_CTX_get_app_data(ctx);
	X509 *x509 = X509_STORE_CTX_get_current_cert(ctx);

	if (ok || X509_STORE_CTX_get_error(ctx) != X509_V_ERR_UNABLE_TO_GET_CRL || !x509 ||
	    find_list(chain, X509_get_issuer_name(x509)))
		return ok;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

static void explain(const struct chain *chain, X509_STORE_CTX *ctx, const char *issuer,
		    struct chain_verdict *verdict)
{
	int error = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);
	X509 *x509 = X509_STORE_CTX_get_current_cert(ctx);
	const struct list_file *list;

	if (error != X509_V_ERR_CERT_REVOKED || !x509) {
		refuse(verdict, "it does not verify under its issuer '%.128s': %s", issuer,
		       X509_verify_cert_error_string(error));
		return;
	}
	verdict->revoked = true;
	list = find_list(chain, X509_get_issuer_name(x509));
	if (depth == 0)
		refuse(verdict, "its issuer has revoked it (%.128s)", list ? list->file : "?");
	else
		refuse(verdict, "the authority '%.128s' above it is revoked (%.128s)",
		       file_of(chain, x509), list ? list->file : "?");
}

/* Whatever the chain hangs on has dates of its own. */
static int limit_all(const struct chain *chain, X509_STORE_CTX *ctx, struct chain_verdict *verdict)
{
	STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);

	for (int i = 0; i < sk_X509_num(path); i++) {
		X509 *x509 = sk_X509_value(path, i), *above = sk_X509_value(path, i + 1);
		const struct list_file *list =
			find_list_by(chain, X509_get_issuer_name(x509), above ?: x509);
		int64_t from, until;

		if (seconds(X509_get0_notBefore(x509), &from) < 0 ||
		    seconds(X509_get0_notAfter(x509), &until) < 0)
			return -EBADMSG;
		if (i > 0)
			limit(verdict, from, until, file_of(chain, x509));
		if (list)
			limit(verdict, list->this_update, list->next_update, list->file);
	}
	return 0;
}

static int verify(const struct chain *chain, X509 *leaf, const char *issuer,
		  struct chain_verdict *verdict)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;

	if (!ctx || X509_STORE_CTX_init(ctx, chain->store, leaf, NULL) != 1) {
		X509_STORE_CTX_free(ctx);
		return -ENOMEM;
	}
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_flags(param,
				    X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE |
					    X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_CRL_CHECK |
					    X509_V_FLAG_CRL_CHECK_ALL);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	X509_STORE_CTX_set_app_data(ctx, (void *)(uintptr_t)chain);
	X509_STORE_CTX_set_verify_cb(ctx, on_verify);
	if (X509_verify_cert(ctx) != 1)
		explain(chain, ctx, issuer, verdict);
	else if (limit_all(chain, ctx, verdict) < 0)
		refuse(verdict, "the dates of an authority above it do not parse");
	X509_STORE_CTX_free(ctx);
	return 0;
}

/* A mistake in the issuer's file, or to remove it, must not free a certificate of what it stood
 * under. */
static void check_alone(const struct chain *chain, X509_NAME *issuer, struct chain_verdict *verdict)
{
	for (unsigned i = 0; i < chain->n_unusable; i++) {
		const struct authority_file *f = &chain->unusable[i];

		if (!f->x509)
			refuse(verdict,
			       "its issuer is not here, or is '%.128s', which cannot be used",
			       f->file);
		else if (X509_NAME_cmp(X509_get_subject_name(f->x509), issuer) == 0)
			refuse(verdict, "its issuer '%.128s' cannot be used", f->file);
	}
	if (verdict->good && chain->n_lists > 0)
		refuse(verdict,
		       "its issuer is not here, and may be revoked by one of the lists that are "
		       "('%.128s'): put the issuer's certificate beside it",
		       chain->lists[0].file);
}

int chain_check(const struct chain *chain, X509 *leaf, struct chain_verdict *ret)
{
	X509_NAME *name = X509_get_issuer_name(leaf);
	const struct authority_file *issuer = find_issuer(chain, name);
	const struct list_file *list = find_list(chain, name);

	ret->good = true;
	ret->revoked = false;
	ret->reason[0] = ret->before_file[0] = ret->after_file[0] = '\0';
	if (X509_self_signed(leaf, 1) == 1)
		return 0;
	if (chain->broken)
		refuse(ret, "its issuer may have revoked it, but '%.128s' cannot be used",
		       chain->broken);
	else if (issuer)
		return verify(chain, leaf, issuer->file, ret);
	else if (list)
		refuse(ret, "its issuer has a revocation list here ('%.128s'), but no certificate",
		       list->file);
	else
		check_alone(chain, name, ret);
	return 0;
}
