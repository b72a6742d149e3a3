// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which keyring is asked, and what state it and its keys are in. */

#include <sys/prctl.h>
#include <sys/wait.h>

#include "kernel.h"
#include "keys.h"
#include "row.h"

enum {
	BUILTIN = 0,
	SECONDARY = 1,
	PLATFORM = 2,
};

static int load_with(int32_t ring, const struct signer *signer)
{
	_cleanup_request_ struct request q = {};
	int fd;

	request_init(&q, RETURN_0);
	request_sign_how(&q, signer, NULL);
	q.attr.keyring_id = ring;
	fd = request_load(&q);
	safe_close(fd);
	return fd < 0 ? fd : 0;
}

static void with(const char *name, const char *expected, int32_t ring)
{
	row_result(name, expected, load_with(ring, keys.trusted));
}

/* A keyring of its own that holds the trusted key. */
static int32_t ring_with_key(const char *name)
{
	int32_t ring = must("keyring", ring_make(name, KEY_SPEC_SESSION_KEYRING));

	must("key", ring_add(ring, keys.trusted));
	return ring;
}

static int32_t key_of(int32_t ring)
{
	int32_t key[2] = {};

	must("the keyring's content",
	     keyctl(KEYCTL_READ, (unsigned long)ring, ptr(key), sizeof(key), 0));
	return key[0];
}

static void rows_system(void)
{
	const struct signer *own = NULL;

	with("keyring/builtin-unknown-signer", "ENOKEY", BUILTIN);
	with("keyring/secondary-unknown-signer", "ENOKEY", SECONDARY);
	with("keyring/platform-unknown-signer", "ENOKEY", PLATFORM);
	if (options.builtin_key && options.builtin_cert)
		own = signer_read(options.builtin_key, options.builtin_cert);
	if (!own) {
		row_skip("keyring/builtin", "no key of ours is compiled into this kernel");
		row_skip("keyring/builtin-key-in-secondary",
			 "no key of ours is compiled into this kernel");
		row_skip("keyring/builtin-key-in-platform",
			 "no key of ours is compiled into this kernel");
		row_skip("keyring/builtin-key-in-a-users",
			 "no key of ours is compiled into this kernel");
		return;
	}
	row_result("keyring/builtin", "ok", load_with(BUILTIN, own));
	row_result("keyring/builtin-key-in-secondary", "ok", load_with(SECONDARY, own));
	row_result("keyring/builtin-key-in-platform", "ENOKEY", load_with(PLATFORM, own));
	row_result("keyring/builtin-key-in-a-users", "ENOKEY", load_with(keys.ring, own));
}

static void rows_numbers(void)
{
	with("keyring/serial", "ok", keys.ring);
	with("keyring/no-such-serial", "EINVAL", 0x7ffffff0);
	with("keyring/3", "EINVAL", 3);
	with("keyring/int-min", "EINVAL", INT32_MIN);
	with("keyring/int-max", "EINVAL", INT32_MAX);
	with("keyring/minus-100", "EINVAL", -100);
	with("keyring/serial-of-a-key", "ENOKEY", keys.key);
	with("keyring/group", "EINVAL", KEY_SPEC_GROUP_KEYRING);
	with("keyring/request-key-auth", "EINVAL", KEY_SPEC_REQKEY_AUTH_KEY);
	with("keyring/requestor", "EINVAL", KEY_SPEC_REQUESTOR_KEYRING);
}

/* The session keyring holds keys.ring, and so the key: nested keyrings are searched. */
static void rows_special(void)
{
	static const struct {
		const char *name;
		int32_t id;
	} special[] = {
		{"process", KEY_SPEC_PROCESS_KEYRING},
		{"thread", KEY_SPEC_THREAD_KEYRING},
		{"user", KEY_SPEC_USER_KEYRING},
		{"user-session", KEY_SPEC_USER_SESSION_KEYRING},
	};

	with("keyring/session", "ok", KEY_SPEC_SESSION_KEYRING);
	for (unsigned i = 0; i < ARRAY_SIZE(special); i++) {
		char name[64];
		int r;

		snprintf(name, sizeof(name), "keyring/%s-not-yet-made", special[i].name);
		if (special[i].id != KEY_SPEC_USER_SESSION_KEYRING)
			with(name, NULL, special[i].id);
		r = ring_add(special[i].id, keys.trusted);
		must("key into a special keyring", r);
		snprintf(name, sizeof(name), "keyring/%s", special[i].name);
		with(name, "ok", special[i].id);
	}
}

static void rows_nested(void)
{
	int32_t inner = ring_with_key("inner"), outer;

	outer = must("keyring", ring_make("outer", KEY_SPEC_SESSION_KEYRING));
	with("keyring/empty", "ENOKEY", outer);
	must("link", keyctl(KEYCTL_LINK, (unsigned long)inner, (unsigned long)outer, 0, 0));
	with("keyring/nested", "ok", outer);
	for (int i = 0; i < 4; i++) {
		int32_t next;
		char name[24];

		snprintf(name, sizeof(name), "outer %d", i);
		next = must("keyring", ring_make(name, KEY_SPEC_SESSION_KEYRING));

		must("link", keyctl(KEYCTL_LINK, (unsigned long)outer, (unsigned long)next, 0, 0));
		outer = next;
	}
	with("keyring/nested-5-deep", NULL, outer);
	must("revoke", keyctl(KEYCTL_REVOKE, (unsigned long)inner, 0, 0, 0));
	with("keyring/nested-revoked", NULL, outer);
}

static void rows_states(void)
{
	int32_t ring = ring_with_key("revoked key"), key;

	must("revoke", keyctl(KEYCTL_REVOKE, (unsigned long)key_of(ring), 0, 0, 0));
	with("keyring/revoked-key", "EKEYREVOKED", ring);

	ring = ring_with_key("revoked");
	must("revoke", keyctl(KEYCTL_REVOKE, (unsigned long)ring, 0, 0, 0));
	with("keyring/revoked", "EKEYREVOKED", ring);

	ring = ring_with_key("expired key");
	must("timeout", keyctl(KEYCTL_SET_TIMEOUT, (unsigned long)key_of(ring), 3, 0, 0));
	with("keyring/key-before-its-timeout", "ok", ring);
	sleep(4);
	with("keyring/expired-key", "EKEYEXPIRED", ring);

	ring = ring_with_key("expired");
	must("timeout", keyctl(KEYCTL_SET_TIMEOUT, (unsigned long)ring, 1, 0, 0));
	sleep(2);
	with("keyring/expired", NULL, ring);

	ring = ring_with_key("unlinked key");
	key = key_of(ring);
	must("unlink", keyctl(KEYCTL_UNLINK, (unsigned long)key, (unsigned long)ring, 0, 0));
	with("keyring/unlinked-key", "ENOKEY", ring);

	ring = ring_with_key("cleared");
	must("clear", keyctl(KEYCTL_CLEAR, (unsigned long)ring, 0, 0, 0));
	with("keyring/cleared", "ENOKEY", ring);

	ring = ring_with_key("invalidated key");
	must("invalidate", keyctl(KEYCTL_INVALIDATE, (unsigned long)key_of(ring), 0, 0, 0));
	/* Until the kernel has collected it, it counts as revoked. */
	for (int i = 0; i < 100 && key_of(ring) != 0; i++)
		usleep(100000);
	with("keyring/invalidated-key", "ENOKEY", ring);

	ring = ring_with_key("unlinked");
	must("unlink", keyctl(KEYCTL_UNLINK, (unsigned long)ring,
			      (unsigned long)KEY_SPEC_SESSION_KEYRING, 0, 0));
	usleep(200000);
	with("keyring/unlinked", "EINVAL", ring);

	ring = ring_with_key("restricted");
	must("restrict", keyctl(KEYCTL_RESTRICT_KEYRING, (unsigned long)ring, 0, 0, 0));
	with("keyring/restricted", "ok", ring);
}

/* Possessor, user, group, other: 8 bits each; 0x08 is search, 0x01 view, 0x02 read. */
static void permission(const char *name, const char *expected, uint32_t of_ring, uint32_t of_key)
{
	int32_t ring = ring_with_key(name);

	must("permissions", keyctl(KEYCTL_SETPERM, (unsigned long)key_of(ring), of_key, 0, 0));
	must("permissions", keyctl(KEYCTL_SETPERM, (unsigned long)ring, of_ring, 0, 0));
	with(name, expected, ring);
}

static void rows_permissions(void)
{
	permission("keyring/search-and-view", "ok", 0x09090000, 0x09090000);
	permission("keyring/search-only", NULL, 0x08080000, 0x08080000);
	permission("keyring/no-search", NULL, 0x37373737, 0x3f3f3f3f);
	permission("keyring/no-permissions", NULL, 0, 0x3f3f3f3f);
	permission("keyring/key-without-search", NULL, 0x3f3f3f3f, 0x37373737);
	permission("keyring/key-without-permissions", NULL, 0x3f3f3f3f, 0);
}

/* In a process that has joined another session: it possesses nothing. */
static void rows_stranger(void)
{
	int32_t ring = ring_with_key("a stranger's");
	int status;
	pid_t pid;

	must("link",
	     keyctl(KEYCTL_LINK, (unsigned long)ring, (unsigned long)KEY_SPEC_USER_KEYRING, 0, 0));
	must("permissions", keyctl(KEYCTL_SETPERM, (unsigned long)ring, 0x3f000000, 0, 0));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		must("session keyring", keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0));
		with("keyring/of-the-session-left", NULL, keys.ring);
		with("keyring/possessors-only", NULL, ring);
		exit(0); /* what is wrong is in the rows, which have no expectation */
	}
	if (waitpid(pid, &status, 0) != pid || status)
		must("a stranger's answers", -EIO);
}

void rows_keyrings(void)
{
	rows_system();
	rows_numbers();
	rows_special();
	rows_nested();
	rows_states();
	rows_permissions();
	rows_stranger();
}
