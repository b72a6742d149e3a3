/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trust.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certificate.h"
#include "chain.h"
#include "owned.h"

static int set_reason(struct trusted_key *key, const char *text)
{
	key->reason = strdup(text);
	return key->reason ? 0 : -ENOMEM;
}

/* What @error says becomes the reason; lack of memory does not. */
static int set_reason_error(struct trusted_key *key, int r, const struct error *error)
{
	return r == -ENOMEM ? r : set_reason(key, error_message(error));
}

/* Moves what a usable key needs out of the certificate. */
static void take_certificate(struct trusted_key *key, struct certificate *certificate)
{
	key->subject = TAKE_PTR(certificate->subject);
	memcpy(key->digest, certificate->digest, sizeof(key->digest));
	key->algorithm = certificate->algorithm;
	key->not_before = certificate->not_before;
	key->not_after = certificate->not_after;
	key->authority = certificate->authority;
	key->x509 = TAKE_PTR(certificate->x509);
	key->key = TAKE_PTR(certificate->key);
	key->der.data = TAKE_PTR(certificate->der);
	key->der.size = certificate->der_size;
}

static int parse(struct trusted_key *key, const char *pem, size_t size)
{
	_cleanup_certificate_ struct certificate certificate = {};
	const char *reason = NULL;
	int r;

	r = certificate_parse(pem, size, &certificate, &reason);
	if (r == -ENOMEM)
		return r;
	key->misnamed_list = r < 0 && chain_is_list(pem, size);
	if (key->misnamed_list)
		return set_reason(key, CHAIN_MISNAMED_LIST);
	if (r < 0)
		return set_reason(key, reason ?: "it is not a certificate");
	take_certificate(key, &certificate);
	if (certificate.authority)
		return 0;
	if (certificate.reason)
		return set_reason(key, certificate.reason);
	if (!certificate.has_key_id)
		return set_reason(key, "it has no subjectKeyIdentifier, by which kernel "
				       "signatures name the key");
	key->usable = true;
	return 0;
}

/* 1: the file is masked and there is no key. */
static int read_key(int folder, const char *dir, const char *name, uid_t owner,
		    struct trusted_key *key)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ char *pem = NULL;
	size_t size;
	int r;

	r = owned_read(folder, dir, name, owner, CERTIFICATE_FILE_MAX, &pem, &size, &error);
	if (r > 0)
		return 1;
	key->file = strdup(name);
	if (!key->file)
		return -ENOMEM;
	return r < 0 ? set_reason_error(key, r, &error) : parse(key, pem, size);
}

/* One key is one signer: were it counted under two names, "2 signatures" could be one. */
static int check_duplicate(const struct trust *trust, unsigned n)
{
	struct trusted_key *key = &trust->keys[n];
	char text[512];

	if (!key->usable)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		const struct trusted_key *other = &trust->keys[i];

		if (!other->usable || memcmp(other->digest, key->digest, DIGEST_SIZE) != 0)
			continue;
		key->usable = false;
		snprintf(text, sizeof(text),
			 "it has the same key as '%s': keep one of the two files", other->file);
		return set_reason(key, text);
	}
	return 0;
}

static int read_keys(struct trust *trust, int folder, const char *dir, uid_t owner,
		     char *const *names, unsigned n)
{
	int r;

	for (unsigned i = 0; i < n; i++) {
		struct trusted_key *key = &trust->keys[trust->n_keys];

		r = read_key(folder, dir, names[i], owner, key);
		if (r > 0)
			continue;
		trust->n_keys++;
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- authorities and their lists ---- */

/* A list that cannot be used is shown among the keys, with its reason. */
static int read_list(struct trust *trust, struct chain *chain, int folder, const char *dir,
		     const char *name, uid_t owner)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct trusted_key *key = &trust->keys[trust->n_keys];
	_cleanup_free_ char *pem = NULL;
	const char *reason = "";
	size_t size = 0;
	int r;

	r = owned_read(folder, dir, name, owner, CRL_FILE_MAX, &pem, &size, &error);
	if (r > 0 || r == -ENOMEM)
		return r > 0 ? 0 : r;
	r = chain_add_list(chain, pem, size, name, &reason);
	if (r != -EBADMSG)
		return r;
	trust->n_keys++;
	key->file = strdup(name);
	if (!key->file)
		return -ENOMEM;
	return set_reason(key, error.code == ERROR_NONE ? reason : error_message(&error));
}

static int copy_limit(const char *file, char **ret)
{
	*ret = *file ? strdup(file) : NULL;
	return *file && !*ret ? -ENOMEM : 0;
}

static int check_issuer(const struct chain *chain, struct trusted_key *key)
{
	struct chain_verdict verdict = {.not_before = key->not_before, .not_after = key->not_after};
	int r;

	if (!key->usable)
		return 0;
	r = chain_check(chain, key->x509, &verdict);
	if (r < 0)
		return r;
	if (!verdict.good) {
		key->usable = false;
		key->revoked = verdict.revoked;
		return set_reason(key, verdict.reason);
	}
	key->not_before = verdict.not_before;
	key->not_after = verdict.not_after;
	r = copy_limit(verdict.before_file, &key->before_file);
	return r < 0 ? r : copy_limit(verdict.after_file, &key->after_file);
}

static int check_issuers(struct trust *trust, const struct chain *chain)
{
	int r = 0;

	for (unsigned i = 0; i < trust->n_keys && r == 0; i++) {
		r = check_issuer(chain, &trust->keys[i]);
		X509_free(TAKE_PTR(trust->keys[i].x509));
	}
	for (unsigned i = 0; i < trust->n_keys && r == 0; i++)
		r = check_duplicate(trust, i);
	return r;
}

static int add_key(struct chain *chain, const struct trusted_key *key)
{
	const char *reason;
	int r;

	if (key->authority)
		return chain_add_authority(chain, key->x509, key->file);
	if (key->misnamed_list) {
		r = chain_add_list(chain, NULL, 0, key->file, &reason);
		return r == -EBADMSG ? 0 : r;
	}
	return key->usable ? 0 : chain_add_unusable(chain, key->x509, key->file);
}

static int check_keys(struct trust *trust, int folder, const char *dir, uid_t owner,
		      char *const *lists, unsigned n_lists)
{
	_cleanup_chain_ struct chain *chain = chain_new();
	int r = chain ? 0 : -ENOMEM;

	for (unsigned i = 0; i < trust->n_keys && r == 0; i++)
		r = add_key(chain, &trust->keys[i]);
	for (unsigned i = 0; i < n_lists && r == 0; i++)
		r = read_list(trust, chain, folder, dir, lists[i], owner);
	return r < 0 ? r : check_issuers(trust, chain);
}

/* The folder itself cannot be used: one entry that says why, so that status shows it. */
static int folder_unusable(struct trust *trust, const char *dir, int r, const struct error *error)
{
	struct trusted_key *key;

	trust->keys = calloc(1, sizeof(*trust->keys));
	if (!trust->keys)
		return -ENOMEM;
	key = &trust->keys[trust->n_keys++];
	key->file = strdup(dir);
	return key->file ? set_reason_error(key, r, error) : -ENOMEM;
}

static int read_folder(struct trust *trust, const char *dir, uid_t owner)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_close_ int folder = -1;
	char **names = NULL, **lists = NULL;
	unsigned n = 0, n_lists = 0;
	int r;

	r = owned_open_folder(dir, owner, &folder, &error);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = owned_list(folder, dir, ".pem", &names, &n, &error);
	if (r == 0)
		r = owned_list(folder, dir, ".crl", &lists, &n_lists, &error);
	if (r < 0) {
		owned_names_free(names, n);
		return folder_unusable(trust, dir, r, &error);
	}
	trust->keys = calloc(n + n_lists + 1, sizeof(*trust->keys));
	r = trust->keys ? read_keys(trust, folder, dir, owner, names, n) : -ENOMEM;
	if (r == 0)
		r = check_keys(trust, folder, dir, owner, lists, n_lists);
	owned_names_free(names, n);
	owned_names_free(lists, n_lists);
	return r;
}

int trust_read(const char *dir, uid_t owner, struct trust **ret, struct error *error)
{
	_cleanup_trust_ struct trust *trust = NULL;
	int r;

	trust = calloc(1, sizeof(*trust));
	if (!trust)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	trust->refs = 1;
	r = read_folder(trust, dir, owner);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "cannot read %s: %s", dir,
				 strerror(-r));
	*ret = TAKE_PTR(trust);
	return 0;
}

struct trust *trust_ref(struct trust *trust)
{
	if (trust)
		__atomic_add_fetch(&trust->refs, 1, __ATOMIC_RELAXED);
	return trust;
}

static void key_done(struct trusted_key *key)
{
	free(key->file);
	free(key->subject);
	free(key->reason);
	free(key->before_file);
	free(key->after_file);
	X509_free(key->x509);
	EVP_PKEY_free(key->key);
	OPENSSL_free((void *)key->der.data);
}

void trust_unref(struct trust *trust)
{
	if (!trust || __atomic_sub_fetch(&trust->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (unsigned i = 0; i < trust->n_keys; i++)
		key_done(&trust->keys[i]);
	free(trust->keys);
	free(trust);
}

enum key_state trusted_key_state(const struct trusted_key *key, int64_t now)
{
	if (!key->usable)
		return key->authority ? KEY_AUTHORITY : key->revoked ? KEY_REVOKED : KEY_UNUSABLE;
	if (now < key->not_before)
		return KEY_NOT_YET_VALID;
	return now > key->not_after ? KEY_EXPIRED : KEY_TRUSTED;
}

const char *key_state_name(enum key_state state)
{
	switch (state) {
	case KEY_TRUSTED:
		return "trusted";
	case KEY_EXPIRED:
		return "expired";
	case KEY_NOT_YET_VALID:
		return "not_yet_valid";
	case KEY_AUTHORITY:
		return "authority";
	case KEY_REVOKED:
		return "revoked";
	case KEY_UNUSABLE:
		break;
	}
	return "unusable";
}

/* A usable key comes before an unusable one of the same digest, which only serves messages. */
const struct trusted_key *trust_find(const struct trust *trust,
				     const uint8_t digest[static DIGEST_SIZE])
{
	const struct trusted_key *found = NULL;

	for (unsigned i = 0; i < trust->n_keys; i++) {
		const struct trusted_key *key = &trust->keys[i];

		if (!key->key || memcmp(key->digest, digest, DIGEST_SIZE) != 0)
			continue;
		if (key->usable)
			return key;
		found = found ?: key;
	}
	return found;
}
