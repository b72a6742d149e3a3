/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's keyring: takes certificates, says which not, and is closed afterwards, to us too. */
#include "check.h"

#include <linux/capability.h>
#include <linux/keyctl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "loader.h"
#include "testkeys.h"

static const char *skip_reason;

static long control(int operation, long a, long b)
{
	return syscall(SYS_keyctl, operation, a, b, 0L, 0L) < 0 ? -errno : 0;
}

static int group_setup(void **state)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0)
		skip_reason = "no keyrings here";
	return 0;
}

#define SKIP_UNLESS_POSSIBLE()                                       \
	do {                                                         \
		if (skip_reason) {                                   \
			print_message("skipped: %s\n", skip_reason); \
			skip();                                      \
		}                                                    \
	} while (0)

static struct blob make_certificate(enum test_key kind, const char *name)
{
	const struct test_cert options = {.name = name};
	EVP_PKEY *key = test_key_new(kind);
	X509 *certificate = test_cert_new(key, &options);
	unsigned char *der = NULL;
	int size;

	size = i2d_X509(certificate, &der);
	assert_true(size > 0);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return (struct blob){der, (size_t)size};
}

static void blob_free(struct blob blob)
{
	OPENSSL_free((void *)(uintptr_t)blob.data);
}

static unsigned count_keys(int32_t ring)
{
	int32_t keys[16];
	long size = syscall(SYS_keyctl, KEYCTL_READ, ring, keys, sizeof(keys), 0);

	assert_true(size >= 0);
	return (unsigned)size / sizeof(keys[0]);
}

static void test_make(void **state)
{
	struct blob certificates[] = {make_certificate(TEST_RSA_2048, "one"),
				      make_certificate(TEST_RSA_2048, "two"),
				      {(const uint8_t *)"no certificate", 14}};
	_cleanup_error_ struct error error = ERROR_INIT;
	int rejected[3] = {77, 77, 77};
	int32_t ring = 0;

	SKIP_UNLESS_POSSIBLE();
	if (keyring_make(certificates, 3, rejected, &ring, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_true(ring > 0);
	assert_int_equal(rejected[0], 0);
	assert_int_equal(rejected[1], 0);
	assert_int_equal(rejected[2], EBADMSG);
	assert_int_equal(count_keys(ring), 2);
	keyring_drop(ring);
	blob_free(certificates[0]);
	blob_free(certificates[1]);
}

/* Most kernels cannot use Ed25519: such a key is left out, and the others stay. */
static void test_ed25519(void **state)
{
	struct blob certificates[] = {make_certificate(TEST_ED25519, "ed"),
				      make_certificate(TEST_RSA_2048, "rsa")};
	int rejected[2] = {77, 77};
	int32_t ring = 0;

	SKIP_UNLESS_POSSIBLE();
	assert_int_equal(keyring_make(certificates, 2, rejected, &ring, NULL), 0);
	assert_int_not_equal(rejected[0], 77);
	assert_int_equal(rejected[1], 0);
	assert_int_equal(count_keys(ring), rejected[0] ? 1 : 2);
	keyring_drop(ring);
	blob_free(certificates[0]);
	blob_free(certificates[1]);
}

static void test_closed(void **state)
{
	struct blob certificates[] = {make_certificate(TEST_RSA_2048, "in"),
				      make_certificate(TEST_RSA_2048, "out")};
	int32_t ring = 0, keys[1];
	int rejected[1];

	SKIP_UNLESS_POSSIBLE();
	assert_int_equal(keyring_make(certificates, 1, rejected, &ring, NULL), 0);

	assert_true(syscall(SYS_add_key, "asymmetric", NULL, certificates[1].data,
			    certificates[1].size, ring) < 0);
	assert_true(syscall(SYS_add_key, "user", "x", "x", 1, ring) < 0);
	assert_true(syscall(SYS_add_key, "keyring", "x", NULL, 0, ring) < 0);
	assert_true(control(KEYCTL_LINK, KEY_SPEC_SESSION_KEYRING, ring) < 0);
	assert_true(control(KEYCTL_CLEAR, ring, 0) < 0);
	assert_true(control(KEYCTL_REVOKE, ring, 0) < 0);
	assert_true(control(KEYCTL_SETPERM, ring, 0x3f3f3f3f) < 0);
	assert_true(control(KEYCTL_SET_TIMEOUT, ring, 1) < 0);
	assert_true(control(KEYCTL_RESTRICT_KEYRING, ring, 0) < 0);

	assert_int_equal(syscall(SYS_keyctl, KEYCTL_READ, ring, keys, sizeof(keys), 0),
			 sizeof(keys));
	assert_true(control(KEYCTL_UNLINK, keys[0], ring) < 0);
	assert_true(control(KEYCTL_REVOKE, keys[0], 0) < 0);
	assert_true(control(KEYCTL_SETPERM, keys[0], 0x3f3f3f3f) < 0);
	assert_int_equal(count_keys(ring), 1);
	keyring_drop(ring);
	blob_free(certificates[0]);
	blob_free(certificates[1]);
}

/* In a process of the same user that does not possess it, without any capability: 0 or an errno. */
static int stranger_invalidates(int32_t serial)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {};
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
		    syscall(SYS_capset, &header, none) < 0)
			_exit(255);
		_exit((int)-control(KEYCTL_INVALIDATE, serial, 0));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* As any process of uid 0 would be, once the daemon runs. */
static void test_owner_cannot_invalidate(void **state)
{
	struct blob certificate = make_certificate(TEST_RSA_2048, "in");
	int32_t ring = 0, key = 0;
	int rejected;

	SKIP_UNLESS_POSSIBLE();
	assert_int_equal(keyring_make(&certificate, 1, &rejected, &ring, NULL), 0);
	assert_int_equal(syscall(SYS_keyctl, KEYCTL_READ, ring, &key, sizeof(key), 0), sizeof(key));
	assert_int_equal(stranger_invalidates(key), EACCES);
	assert_int_equal(stranger_invalidates(ring), EACCES);
	assert_int_equal(count_keys(ring), 1);
	keyring_drop(ring);
	blob_free(certificate);
}

static void test_drop(void **state)
{
	int32_t ring = 0;
	unsigned wait = 0;

	SKIP_UNLESS_POSSIBLE();
	assert_int_equal(keyring_make(NULL, 0, NULL, &ring, NULL), 0);
	assert_int_equal(control(KEYCTL_DESCRIBE, ring, 0), 0);
	keyring_drop(ring);
	/* The kernel's collector takes it away a little later. */
	while (control(KEYCTL_DESCRIBE, ring, 0) == 0 && wait++ < 500)
		usleep(10 * 1000);
	assert_true(control(KEYCTL_DESCRIBE, ring, 0) < 0);
	keyring_drop(0); /* none: nothing happens to the session keyring */
	assert_int_equal(control(KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, 0), 0);
}

/* A reload makes the next one while loads use this one, and then takes this one away. */
static void test_two(void **state)
{
	int32_t first = 0, second = 0;
	unsigned wait = 0;

	SKIP_UNLESS_POSSIBLE();
	assert_int_equal(keyring_make(NULL, 0, NULL, &first, NULL), 0);
	assert_int_equal(keyring_make(NULL, 0, NULL, &second, NULL), 0);
	/* what is linked nowhere is gone a little later */
	usleep(100 * 1000);
	assert_int_equal(control(KEYCTL_DESCRIBE, first, 0), 0);
	assert_int_equal(control(KEYCTL_DESCRIBE, second, 0), 0);
	keyring_drop(first);
	while (control(KEYCTL_DESCRIBE, first, 0) == 0 && wait++ < 500)
		usleep(10 * 1000);
	assert_true(control(KEYCTL_DESCRIBE, first, 0) < 0);
	assert_int_equal(control(KEYCTL_DESCRIBE, second, 0), 0);
	keyring_drop(second);
}

/* ---- quotas: in a process of a user who has nothing else ---- */

#define QUOTA_UID 61234

/* Keys of a few bytes, until the kernel gives no more; the last one's serial. */
static int32_t use_up_quota(void)
{
	int32_t last = -1;
	char name[32];

	for (unsigned i = 0; i < 100000; i++) {
		long key;

		snprintf(name, sizeof(name), "filler-%u", i);
		key = syscall(SYS_add_key, "user", name, "x", 1, KEY_SPEC_SESSION_KEYRING);
		if (key < 0)
			return errno == EDQUOT ? last : -1;
		last = (int32_t)key;
	}
	return -1;
}

/* 0, or the line that something was wrong in. */
#define REQUIRE(condition)               \
	do {                             \
		if (!(condition))        \
			return __LINE__; \
	} while (0)

static int without_quota(struct blob certificate)
{
	_cleanup_error_ struct error error = ERROR_INIT, partly = ERROR_INIT;
	int rejected[1] = {0};
	int32_t ring = 0, last;

	REQUIRE(keyring_setup() == 0);
	last = use_up_quota();
	REQUIRE(last > 0);
	REQUIRE(keyring_make(&certificate, 1, rejected, &ring, &error) == -EDQUOT);
	REQUIRE(strstr(error_message(&error), "Disk quota exceeded"));
	/* room for the ring, and not for what is to be in it: that is none that is to be used */
	REQUIRE(control(KEYCTL_UNLINK, last, KEY_SPEC_SESSION_KEYRING) == 0);
	for (unsigned i = 0; i < 100; i++) {
		long key = syscall(SYS_add_key, "user", "probe", "x", 1, KEY_SPEC_SESSION_KEYRING);

		/* keys go late */
		if (key > 0) {
			REQUIRE(control(KEYCTL_UNLINK, key, KEY_SPEC_SESSION_KEYRING) == 0);
			break;
		}
		usleep(100000);
	}
	usleep(300000);
	REQUIRE(keyring_make(&certificate, 1, rejected, &ring, &partly) == -EDQUOT);
	REQUIRE(ring == 0);
	return 0;
}

static void test_quota(void **state)
{
	struct blob certificate = make_certificate(TEST_RSA_2048, "one");
	int ends[2], line = -1, status;
	pid_t pid;

	SKIP_UNLESS_POSSIBLE();
	if (geteuid() != 0) {
		print_message("skipped: not root\n");
		skip();
	}
	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		line = setresuid(QUOTA_UID, QUOTA_UID, QUOTA_UID) < 0 ? __LINE__
								      : without_quota(certificate);
		_exit(write(ends[1], &line, sizeof(line)) != sizeof(line));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(read(ends[0], &line, sizeof(line)), sizeof(line));
	close(ends[0]);
	close(ends[1]);
	blob_free(certificate);
	if (line != 0)
		fail_msg("wrong in line %d", line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make),   cmocka_unit_test(test_ed25519),
		cmocka_unit_test(test_closed), cmocka_unit_test(test_owner_cannot_invalidate),
		cmocka_unit_test(test_drop),   cmocka_unit_test(test_two),
		cmocka_unit_test(test_quota),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
