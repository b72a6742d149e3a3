/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private keys in files, with and without a passphrase, and what may stand in a URI. */

#include "check.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "signing-key.h"
#include "testkeys.h"

static void test_uri(void **state)
{
	static const char *const good[] = {
		"pkcs11:",
		"pkcs11:token=a;id=%01;type=private",
		"pkcs11:token=a?pin-source=file:/pin-value",
		"pkcs11:object=my-pin-value",
	};
	static const char *const bad[] = {
		"pkcs11:token=a?pin-value=1234", "pkcs11:token=a?module-name=x&pin-value=1234",
		"pkcs11:pin-value=1234",	 "pkcs11:token=a;pin-value=1234",
		"PKCS11:token=a?PIN-VALUE=1234", "pkcs11:object=my-pin-value?pin-value=1234",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(signing_key_is_uri(good[i]));
		assert_null(signing_key_check_uri(good[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		_cleanup_pin_ struct pin pin = {};
		EVP_PKEY *key = NULL;

		assert_true(signing_key_is_uri(bad[i]));
		assert_non_null(signing_key_check_uri(bad[i]));
		assert_true(signing_key_open(bad[i], &pin, &key, &error) < 0);
		check_error(&error, ERROR_FAILED, "a PIN on the command line");
		assert_null(strstr(error_message(&error), "1234"));
		assert_null(key);
	}
	assert_false(signing_key_is_uri("release.key"));
	assert_false(signing_key_is_uri("./pkcs11:x"));
}

static void write_locked(EVP_PKEY *key, const char *path, const char *passphrase)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(PEM_write_PKCS8PrivateKey(f, key, EVP_aes_256_cbc(), passphrase,
						   (int)strlen(passphrase), NULL, NULL),
			 1);
	assert_int_equal(fclose(f), 0);
}

/* @text is the PIN's file. @refusal NULL: it opens the key. */
static void check_passphrase(const char *text, const char *refusal)
{
	char *folder = test_folder_new();
	const char *path = test_path(folder, "key"), *file = test_path(folder, "pin");
	EVP_PKEY *key = test_key_new(TEST_P256), *opened = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	struct pin pin = {.file = file};
	int r;

	write_locked(key, path, "open sesame");
	if (text)
		test_file_write(file, text);
	r = signing_key_open(path, &pin, &opened, &error);
	if (refusal) {
		assert_true(r < 0);
		check_error(&error, ERROR_FAILED, refusal);
		assert_null(opened);
	} else {
		assert_int_equal(r, 0);
		assert_int_equal(EVP_PKEY_eq(key, opened), 1);
	}
	pin_done(&pin);
	for (size_t i = 0; i < sizeof(pin.text); i++)
		assert_int_equal(pin.text[i], 0);
	EVP_PKEY_free(key);
	EVP_PKEY_free(opened);
	test_folder_remove(folder);
}

static void test_passphrase(void **state)
{
	char longest[PIN_MAX + 4];

	check_passphrase("open sesame", NULL);
	check_passphrase("open sesame\n", NULL);
	check_passphrase("open sesame\r\n", NULL);
	check_passphrase("open sesame ", "no usable PEM private key");
	check_passphrase("wrong\n", "no usable PEM private key");
	check_passphrase("", "must hold one line");
	check_passphrase("\nopen sesame\n", "must hold one line");
	check_passphrase(NULL, "cannot be read");
	memset(longest, 'x', sizeof(longest));
	longest[PIN_MAX + 3] = 0;
	check_passphrase(longest, "longer than 256 bytes");
	longest[PIN_MAX + 1] = 0;
	check_passphrase(longest, "must hold one line");
	longest[PIN_MAX] = 0;
	check_passphrase(longest, "no usable PEM private key");
}

/* A key without a passphrase asks for none, wherever it might come from. */
static void test_plain(void **state)
{
	char *folder = test_folder_new();
	const char *path = test_path(folder, "key");
	EVP_PKEY *key = test_key_new(TEST_ED25519), *opened = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_pin_ struct pin pin = {.file = "/nonexistent"};

	test_key_write(key, path);
	assert_int_equal(signing_key_open(path, &pin, &opened, &error), 0);
	assert_int_equal(EVP_PKEY_eq(key, opened), 1);
	assert_null(pin.failure);
	EVP_PKEY_free(key);
	EVP_PKEY_free(opened);
	test_folder_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uri),
		cmocka_unit_test(test_passphrase),
		cmocka_unit_test(test_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
