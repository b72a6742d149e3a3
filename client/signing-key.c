/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "file.h"
#include "output.h"
#include "signing-key.h"

#define KEY_FILE_MAX (64u * 1024)
#define SCHEME	     "pkcs11:"

static void biop(BIO **bio)
{
	BIO_free(*bio);
}

static void storep(OSSL_STORE_CTX **store)
{
	OSSL_STORE_close(*store);
}

static void infop(OSSL_STORE_INFO **info)
{
	OSSL_STORE_INFO_free(*info);
}

static void uip(UI_METHOD **ui)
{
	UI_destroy_method(*ui);
}

bool signing_key_is_uri(const char *key)
{
	return strncasecmp(key, SCHEME, strlen(SCHEME)) == 0;
}

const char *signing_key_check_uri(const char *uri)
{
	/* Attributes of the query have no percent signs in their names. */
	for (const char *p = uri; (p = strcasestr(p, "pin-value")); p++)
		if (p > uri && strchr("?&;:", p[-1]))
			return "a PIN on the command line can be read by everybody on this "
			       "machine: use --pin-file or pin-source";
	return NULL;
}

/* ---- PIN and passphrase ---- */

void pin_done(struct pin *pin)
{
	explicit_bzero(pin, sizeof(*pin));
}

/* The first line of the file. */
static int read_pin(struct pin *pin)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t size;

	if (file_read(pin->file, PIN_MAX + 2, &text, &size, NULL) < 0) {
		pin->failure = "the PIN's file cannot be read, or is longer than 256 bytes";
		return -EIO;
	}
	if (stat(pin->file, &st) == 0 && (st.st_mode & 007))
		output_note("warning: %s can be read by others", pin->file);
	pin->size = strcspn(text, "\r\n");
	if (pin->size == 0 || pin->size > PIN_MAX || strlen(text) != size)
		pin->failure = "the PIN's file must hold one line of at most 256 bytes";
	else
		memcpy(pin->text, text, pin->size);
	explicit_bzero(text, size);
	return pin->failure ? -EINVAL : 0;
}

/* OpenSSL would read standard input where there is no terminal, and wait for it. */
static int ask_pin(struct pin *pin)
{
	_cleanup_close_ int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *question = NULL, *of = output_escape(pin->of, strlen(pin->of));

	if (fd < 0) {
		pin->failure = "a PIN or passphrase is needed, and there is no terminal to ask "
			       "for it: use --pin-file";
		return -ENOTTY;
	}
	if (!of || asprintf(&question, "PIN or passphrase of %.200s: ", of) < 0) {
		question = NULL;
		return -ENOMEM;
	}
	if (EVP_read_pw_string_min(pin->text, 1, PIN_MAX + 1, question, 0) != 0) {
		explicit_bzero(pin->text, sizeof(pin->text));
		pin->failure = "no PIN or passphrase was given";
		return -ECANCELED;
	}
	pin->size = strlen(pin->text);
	return 0;
}

/* pem_password_cb of a struct pin. A PIN that was given and asked for again was wrong, or is wanted
 * by another token: tokens lock themselves after some wrong ones, so it is not tried twice. */
static int give_pin(char *buffer, int size, int writing, void *userdata)
{
	struct pin *pin = userdata;

	if (pin->times > 0) {
		pin->failure = "the PIN was asked for a second time: it is wrong, or the URI fits "
			       "more than one token (token=... names one)";
		return -1;
	}
	if (pin->size == 0 && (pin->file ? read_pin(pin) : ask_pin(pin)) < 0)
		return -1;
	if ((size_t)size < pin->size)
		return -1;
	pin->times++;
	memcpy(buffer, pin->text, pin->size);
	if ((size_t)size > pin->size)
		buffer[pin->size] = 0;
	return (int)pin->size;
}

/* What OpenSSL, or its provider, has to say; @what says of what. */
static int openssl_failed(struct error *error, const struct pin *pin, const char *name,
			  const char *what)
{
	unsigned long first = ERR_peek_error(), last = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(last);

	/* The provider's reason comes before what OpenSSL makes of it. */
	if (ERR_GET_LIB(first) >= ERR_LIB_USER && ERR_reason_error_string(first))
		reason = ERR_reason_error_string(first);
	error_set(error, -EBADMSG, ERROR_FAILED, STEP_NONE, "%s: %s: %s", name, what,
		  pin && pin->failure ? pin->failure
		  : reason	      ? reason
				      : "OpenSSL gives no reason");
	ERR_clear_error();
	return -EBADMSG;
}

/* ---- files ---- */

static int read_file(const char *path, struct pin *pin, EVP_PKEY **ret, struct error *error)
{
	_cleanup_(biop) BIO *bio = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r;

	r = file_read(path, KEY_FILE_MAX, &text, &size, error);
	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(text, (int)size);
	*ret = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_pin, pin) : NULL;
	explicit_bzero(text, size);
	return *ret ? 0 : openssl_failed(error, pin, path, "no usable PEM private key");
}

/* ---- tokens ---- */

/* Unless openssl.cnf has it already. */
static int load_provider(const char *uri, struct error *error)
{
	if (OSSL_PROVIDER_available(NULL, "pkcs11"))
		return 0;
	/* With one provider loaded by name the default one is not loaded by itself any more. */
	if (!OSSL_PROVIDER_load(NULL, "default") || !OSSL_PROVIDER_load(NULL, "pkcs11"))
		return openssl_failed(error, NULL, uri,
				      "OpenSSL has no provider for PKCS#11 (package "
				      "pkcs11-provider)");
	return 0;
}

static int open_store(const char *uri, int type, const UI_METHOD *ui, struct pin *pin,
		      OSSL_STORE_CTX **ret, struct error *error)
{
	const char *refusal = signing_key_check_uri(uri);
	int r;

	if (refusal)
		return error_set(error, -EINVAL, ERROR_FAILED, STEP_NONE, "%s", refusal);
	r = load_provider(uri, error);
	if (r < 0)
		return r;
	pin->times = 0;
	*ret = OSSL_STORE_open_ex(uri, NULL, "?provider=pkcs11", ui, pin, NULL, NULL, NULL);
	if (!*ret || OSSL_STORE_expect(*ret, type) != 1)
		return openssl_failed(error, pin, uri, "cannot open the token");
	return 0;
}

/* The first object of @type whose key is @key (NULL: any); a second one is a refusal, as nobody
 * said which is meant. */
static int find_in_token(const char *uri, int type, EVP_PKEY *key, struct pin *pin,
			 OSSL_STORE_INFO **ret, struct error *error)
{
	_cleanup_(uip) UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(give_pin, 0);
	_cleanup_(storep) OSSL_STORE_CTX *store = NULL;
	_cleanup_(infop) OSSL_STORE_INFO *found = NULL;
	const char *what = type == OSSL_STORE_INFO_PKEY ? "private key" : "certificate";
	int r;

	r = open_store(uri, type, ui, pin, &store, error);
	if (r < 0)
		return r;
	while (!OSSL_STORE_eof(store)) {
		_cleanup_(infop) OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		/* The provider calls it an error, without a reason, that nothing was found. */
		if (!info && OSSL_STORE_error(store) && (pin->failure || ERR_peek_error()))
			return openssl_failed(error, pin, uri, "cannot read the token");
		if (!info && OSSL_STORE_error(store))
			break;
		if (!info || OSSL_STORE_INFO_get_type(info) != type)
			continue;
		if (key && X509_check_private_key(OSSL_STORE_INFO_get0_CERT(info), key) != 1)
			continue;
		if (found)
			return error_set(error, -EEXIST, ERROR_FAILED, STEP_NONE,
					 "%s: names more than one %s: add id=... or object=...",
					 uri, what);
		found = TAKE_PTR(info);
	}
	ERR_clear_error();
	if (!found)
		return error_set(error, -ENOENT, ERROR_FAILED, STEP_NONE,
				 "%s: there is no such %s in the token%s", uri, what,
				 type == OSSL_STORE_INFO_PKEY ? ", or the PIN is wrong" : "");
	*ret = TAKE_PTR(found);
	return 0;
}

static int open_token(const char *uri, struct pin *pin, EVP_PKEY **ret, struct error *error)
{
	_cleanup_(infop) OSSL_STORE_INFO *info = NULL;
	int r;

	r = find_in_token(uri, OSSL_STORE_INFO_PKEY, NULL, pin, &info, error);
	if (r < 0)
		return r;
	*ret = OSSL_STORE_INFO_get1_PKEY(info);
	return *ret ? 0 : openssl_failed(error, pin, uri, "cannot use the key");
}

int signing_key_open(const char *key, struct pin *pin, EVP_PKEY **ret, struct error *error)
{
	pin->of = key;
	return signing_key_is_uri(key) ? open_token(key, pin, ret, error)
				       : read_file(key, pin, ret, error);
}

/* @uri without the attributes by which a private key and its certificate differ. NULL: no memory.
 */
static char *certificate_uri(const char *uri)
{
	const char *path = uri + strlen(SCHEME), *query = strchrnul(uri, '?');
	_cleanup_free_ char *text = malloc(strlen(uri) + sizeof(";type=cert"));
	char *p = text;

	if (!text)
		return NULL;
	p = stpcpy(p, SCHEME);
	while (path < query) {
		size_t length = MIN(strcspn(path, ";"), (size_t)(query - path));

		if (strncmp(path, "type=", 5) != 0) {
			p = mempcpy(p, path, length);
			*p++ = ';';
		}
		path += length;
		if (path < query)
			path++;
	}
	p = stpcpy(p, "type=cert");
	stpcpy(p, query);
	return TAKE_PTR(text);
}

static int parse_certificate(X509 *x509, const char *uri, struct certificate *ret,
			     struct error *error)
{
	_cleanup_(biop) BIO *bio = BIO_new(BIO_s_mem());
	const char *reason = "";
	char *text;
	long size;
	int r;

	if (!bio || PEM_write_bio_X509(bio, x509) != 1)
		return openssl_failed(error, NULL, uri, "cannot read the certificate");
	size = BIO_get_mem_data(bio, &text);
	r = certificate_parse(text, size, ret, &reason);
	if (r == -ENOMEM)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "out of memory");
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "%s: %s", uri, reason);
	return 0;
}

int signing_key_certificate(const char *uri, EVP_PKEY *key, struct pin *pin,
			    struct certificate *ret, struct error *error)
{
	_cleanup_(infop) OSSL_STORE_INFO *info = NULL;
	_cleanup_free_ char *derived = NULL;
	int r;

	if (key) {
		derived = certificate_uri(uri);
		if (!derived)
			return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
		uri = derived;
	}
	pin->of = uri;
	r = find_in_token(uri, OSSL_STORE_INFO_CERT, key, pin, &info, error);
	if (r == -ENOENT && key)
		error_prefix(error, "no certificate was given with --cert");
	if (r < 0)
		return r;
	return parse_certificate(OSSL_STORE_INFO_get0_CERT(info), uri, ret, error);
}
