/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>

#include "chain.h"
#include "file.h"
#include "keys.h"

int certificate_read(const char *path, struct certificate *ret, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	const char *reason = "";
	size_t size;
	int r;

	r = file_read(path, CERTIFICATE_FILE_MAX, &text, &size, error);
	if (r < 0)
		return r;
	r = certificate_parse(text, size, ret, &reason);
	if (r == -ENOMEM)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "out of memory");
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "%s: %s", path, reason);
	return 0;
}

void keys_done(struct keys *keys)
{
	for (size_t i = 0; i < keys->n; i++) {
		free(keys->files[i].file);
		free(keys->files[i].owned_reason);
		certificate_done(&keys->files[i].certificate);
	}
	free(keys->files);
	*keys = (struct keys){};
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), tail = strlen(suffix);

	return length > tail && name[0] != '.' && streq(name + length - tail, suffix);
}

/* Certificates and revocation lists. */
static int is_wanted(const struct dirent *entry)
{
	return has_suffix(entry->d_name, ".pem") || has_suffix(entry->d_name, ".crl");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Fills @f but for its name. -ENOMEM is the only failure. */
static int read_key(const char *dir, const char *name, struct key_file *f)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	const char *reason = NULL;
	size_t size;
	int r;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = file_read(path, CERTIFICATE_FILE_MAX, &text, &size, NULL);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		f->reason = r == -EFBIG ? "it is larger than 64 KiB" : "it cannot be read";
		return 0;
	}
	r = certificate_parse(text, size, &f->certificate, &reason);
	if (r == -ENOMEM)
		return r;
	f->misnamed_list = r < 0 && chain_is_list(text, size);
	if (f->misnamed_list)
		reason = CHAIN_MISNAMED_LIST;
	f->reason = r < 0 ? reason : f->certificate.reason;
	return 0;
}

/* A list that cannot be used stays among the keys, with its reason. */
static int read_list(const char *dir, struct key_file *f, struct chain *chain)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	size_t size = 0;
	int r;

	if (asprintf(&path, "%s/%s", dir, f->file) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (file_read(path, CRL_FILE_MAX, &text, &size, NULL) == -ENOMEM)
		return -ENOMEM;
	r = chain_add_list(chain, text, size, f->file, &f->reason);
	if (r == 0)
		f->reason = "it is a revocation list";
	return r == -EBADMSG ? 0 : r;
}

static int check_issuer(const struct chain *chain, struct key_file *f)
{
	struct chain_verdict verdict = {
		.not_before = f->certificate.not_before,
		.not_after = f->certificate.not_after,
	};
	int r;

	if (f->reason)
		return 0;
	r = chain_check(chain, f->certificate.x509, &verdict);
	if (r < 0)
		return r;
	f->certificate.not_before = verdict.not_before;
	f->certificate.not_after = verdict.not_after;
	if (verdict.good)
		return 0;
	f->reason = f->owned_reason = strdup(verdict.reason);
	return f->reason ? 0 : -ENOMEM;
}

static int add_file(const char *dir, struct key_file *f, struct chain *chain)
{
	int r;

	if (f->certificate.authority)
		return chain_add_authority(chain, f->certificate.x509, f->file);
	if (has_suffix(f->file, ".crl"))
		return read_list(dir, f, chain);
	if (f->misnamed_list) {
		r = chain_add_list(chain, NULL, 0, f->file, &f->reason);
		f->reason = CHAIN_MISNAMED_LIST;
		return r == -EBADMSG ? 0 : r;
	}
	return f->reason ? chain_add_unusable(chain, f->certificate.x509, f->file) : 0;
}

static int check_issuers(const char *dir, struct keys *keys)
{
	_cleanup_chain_ struct chain *chain = chain_new();
	int r = chain ? 0 : -ENOMEM;

	for (size_t i = 0; i < keys->n && r == 0; i++)
		r = add_file(dir, &keys->files[i], chain);
	for (size_t i = 0; i < keys->n && r == 0; i++)
		r = check_issuer(chain, &keys->files[i]);
	return r;
}

static int read_all_keys(const char *dir, struct dirent **entries, int n, struct keys *keys)
{
	keys->files = calloc(n ? n : 1, sizeof(*keys->files));
	if (!keys->files)
		return -ENOMEM;
	for (int i = 0; i < n; i++) {
		struct key_file *f = &keys->files[keys->n];
		int r;

		f->file = strdup(entries[i]->d_name);
		if (!f->file)
			return -ENOMEM;
		keys->n++;
		r = has_suffix(f->file, ".pem") ? read_key(dir, f->file, f) : 0;
		if (r < 0)
			return r;
	}
	return check_issuers(dir, keys);
}

int keys_read(const char *dir, struct keys *ret, struct error *error)
{
	_cleanup_keys_ struct keys keys = {};
	struct dirent **entries = NULL;
	int n, r;

	n = scandir(dir, &entries, is_wanted, by_name);
	if (n < 0)
		return error_set(error, -errno, ERROR_FAILED, STEP_NONE,
				 "%s: cannot read the trusted keys: %s", dir, strerror(errno));
	if (n > KEYS_MAX)
		r = error_set(error, -E2BIG, ERROR_FAILED, STEP_NONE,
			      "%s: %d certificates, more than the %d allowed", dir, n, KEYS_MAX);
	else {
		r = read_all_keys(dir, entries, n, &keys);
		if (r < 0)
			error_set(error, r, ERROR_FAILED, STEP_NONE, "out of memory");
	}
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	if (r < 0)
		return r;
	*ret = keys;
	keys = (struct keys){};
	return 0;
}

const struct key_file *keys_find(const struct keys *keys, const uint8_t digest[static DIGEST_SIZE])
{
	for (size_t i = 0; i < keys->n; i++)
		if (!keys->files[i].reason &&
		    memcmp(keys->files[i].certificate.digest, digest, DIGEST_SIZE) == 0)
			return &keys->files[i];
	return NULL;
}
