/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "file.h"
#include "kernel-sig.h"
#include "keys.h"
#include "sign-detached.h"

#define SIGNATURE_FILE_MAX (64u * 1024) /* a PKCS#7 may have brought certificates */

void detached_name(const struct sign_part *part, char ret[static DETACHED_NAME_MAX])
{
	if (part->use == RAW_SIG_RECORD)
		snprintf(ret, DETACHED_NAME_MAX, "record");
	else
		snprintf(ret, DETACHED_NAME_MAX, "kernel-%u-v%d", part->payload, part->contract);
}

/* "FOLDER/NAMESUFFIX", malloced; NULL: no memory. */
static char *path_of(const char *folder, const char *name, const char *suffix)
{
	char *path;

	return asprintf(&path, "%s/%s%s", folder, name, suffix) < 0 ? NULL : path;
}

static int no_memory(struct error *error)
{
	return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
}

/* A new file of that name, whatever was there: a link is not followed. */
static int put_file(const char *path, const void *data, size_t size, struct error *error)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(error, -errno, ERROR_FAILED, STEP_NONE, "%s: cannot replace: %s",
				 path, strerror(errno));
	return file_create(path, 0644, data, size, error);
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 || errno != ENOENT;
}

/* ---- the folder ---- */

static int check_empty(const char *folder, struct error *error)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool empty = true;

	if (!dir)
		return error_set(error, -errno, ERROR_FAILED, STEP_NONE, "%s: cannot open: %s",
				 folder, strerror(errno));
	while ((entry = readdir(dir)))
		if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
			empty = false;
	closedir(dir);
	if (!empty)
		return error_set(error, -ENOTEMPTY, ERROR_FAILED, STEP_NONE,
				 "%s: not empty, and not of an earlier --export: name a new folder",
				 folder);
	return 0;
}

static int put_certificate(const char *path, const struct certificate *certificate,
			   struct error *error)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long size;
	int r;

	if (!bio || PEM_write_bio_X509(bio, certificate->x509) != 1)
		r = no_memory(error);
	else {
		size = BIO_get_mem_data(bio, &text);
		r = put_file(path, text, size, error);
	}
	BIO_free(bio);
	return r;
}

int detached_certificate(const char *folder, const char *file, struct certificate *ret,
			 struct error *error)
{
	_cleanup_certificate_ struct certificate given = {}, own = {};
	_cleanup_free_ char *path = path_of(folder, "certificate", ".pem");
	int r = 0;

	if (!path)
		return no_memory(error);
	if (file)
		r = certificate_read(file, &given, error);
	else if (!exists(path))
		r = error_set(error, -ENOENT, ERROR_FAILED, STEP_NONE,
			      "%s: there is no %s: start with --export and --cert", folder,
			      file_base_name(path));
	if (r == 0 && exists(path))
		r = certificate_read(path, &own, error);
	if (r == 0 && file && own.x509 && memcmp(own.digest, given.digest, DIGEST_SIZE) != 0)
		r = error_set(error, -EEXIST, ERROR_FAILED, STEP_NONE,
			      "%s: of the signer %s, not of %s: name another folder", folder,
			      own.subject, given.subject);
	if (r == 0)
		r = sign_check_certificate(file ? &given : &own, file ? file : path, error);
	if (r < 0)
		return r;
	*ret = file ? given : own;
	if (file)
		given = (struct certificate){};
	else
		own = (struct certificate){};
	return 0;
}

int detached_create(const char *folder, const struct certificate *certificate, struct error *error)
{
	_cleanup_free_ char *path = path_of(folder, "certificate", ".pem");
	int r;

	if (!path)
		return no_memory(error);
	if (exists(path))
		return 0;
	if (mkdir(folder, 0777) < 0 && errno != EEXIST)
		return error_set(error, -errno, ERROR_FAILED, STEP_NONE, "%s: cannot create: %s",
				 folder, strerror(errno));
	r = check_empty(folder, error);
	if (r < 0)
		return r;
	return put_certificate(path, certificate, error);
}

/* ---- what is to be signed ---- */

/* The bytes of a kernel signature never change; the record's do when a kernel signature does. */
static int put_message(const struct detached *d, const struct sign_part *part, const char *path,
		       struct blob message, struct error *error)
{
	_cleanup_free_ char *old = NULL;
	size_t size;
	int r;

	if (!exists(path))
		return put_file(path, message.data, message.size, error);
	r = file_read(path, BUNDLE_SIZE_MAX, &old, &size, error);
	if (r < 0)
		return r;
	if (size == message.size && memcmp(old, message.data, size) == 0)
		return 0;
	if (part->use == RAW_SIG_KERNEL)
		return error_set(error, -EEXIST, ERROR_FAILED, STEP_NONE,
				 "%s: %s is of another bundle: name another folder", d->folder,
				 file_base_name(path));
	return put_file(path, message.data, message.size, error);
}

/* ---- signatures ---- */

/* -ENOENT, without an error: there is none. */
static int read_signature(const struct detached *d, const struct sign_part *part, uint8_t **ret,
			  size_t *ret_size, char **ret_path, struct error *error)
{
	_cleanup_free_ char *plain = NULL, *pkcs7 = NULL, *text = NULL;
	const struct certificate *c = d->certificate;
	const char *reason = "out of memory";
	char name[DETACHED_NAME_MAX];
	bool wrapped;
	size_t size;
	int r;

	detached_name(part, name);
	plain = path_of(d->folder, name, ".sig");
	pkcs7 = path_of(d->folder, name, ".p7s");
	if (!plain || !pkcs7)
		return no_memory(error);
	wrapped = part->use == RAW_SIG_KERNEL && exists(pkcs7);
	if (!wrapped && !exists(plain))
		return -ENOENT;
	if (wrapped && exists(plain))
		return error_set(error, -EEXIST, ERROR_FAILED, STEP_NONE,
				 "%s and %s: two signatures of the same: remove one", plain, pkcs7);

	*ret_path = wrapped ? TAKE_PTR(pkcs7) : TAKE_PTR(plain);
	r = file_read(*ret_path, SIGNATURE_FILE_MAX, &text, &size, error);
	if (r < 0)
		return r;
	if (wrapped)
		r = kernel_sig_unwrap((struct blob){(uint8_t *)text, size}, ret, ret_size, &reason);
	else
		r = raw_sig_normalise(c->algorithm, (struct blob){(uint8_t *)text, size}, ret,
				      ret_size);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "%s: %s", *ret_path, reason);
	return 0;
}

int detached_sign(void *arg, const struct sign_part *part, struct blob message, uint8_t **ret,
		  size_t *ret_size, struct error *error)
{
	_cleanup_free_ char *data_path = NULL, *path = NULL;
	_cleanup_free_ uint8_t *sig = NULL;
	struct detached *d = arg;
	char name[DETACHED_NAME_MAX];
	size_t size;
	int r = 0;

	detached_name(part, name);
	data_path = path_of(d->folder, name, ".tbs");
	if (!data_path)
		return no_memory(error);
	if (d->export)
		r = put_message(d, part, data_path, message, error);
	if (r < 0)
		return r;
	r = read_signature(d, part, &sig, &size, &path, error);
	if (r == -ENOENT && d->n_missing < DETACHED_PARTS_MAX) {
		d->missing[d->n_missing++] = *part;
		return -EINPROGRESS;
	}
	if (r < 0)
		return r;
	r = raw_sig_verify(d->certificate->key, d->certificate->algorithm, part->use, message,
			   (struct blob){sig, size});
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE,
				 "%s: is no signature by %s over this bundle's %s.tbs: remove it%s",
				 path, d->certificate->subject, name,
				 part->use == RAW_SIG_RECORD ? ", export again (the record covers "
							       "the kernel signatures) and sign it "
							       "anew"
							     : " and sign that file anew");
	*ret = TAKE_PTR(sig);
	*ret_size = size;
	return 0;
}
