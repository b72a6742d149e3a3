// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The kernel's copy of the trusted keys: a keyring that is filled once, closed, and then replaced
 * but never changed. keyrings(7), Documentation/security/keys/core.rst.
 */

#include <linux/keyctl.h>

#include "errno-text.h"
#include "loader.h"
#include "sys-bpf.h"

/* Permission bits of keyctl_setperm(3); the kernel's header for them is not for user space. */
#define KEY_VIEW	0x01u
#define KEY_READ	0x02u
#define KEY_SEARCH	0x08u
#define POSSESSOR(bits) ((bits) << 24)
#define OWNER(bits)	((bits) << 16)

/*
 * Nobody may write, link or change attributes, not even we: there is no way back. Who may search
 * may also invalidate (keyctl_invalidate(3)), so only we may, by possession: the owner is any
 * process of root's, one without a capability as well.
 */
#define RING_PERMISSIONS (POSSESSOR(KEY_VIEW | KEY_READ | KEY_SEARCH) | OWNER(KEY_VIEW))
#define KEY_PERMISSIONS	 (POSSESSOR(KEY_VIEW | KEY_SEARCH) | OWNER(KEY_VIEW))

static int32_t key_add(const char *type, const char *description, const void *payload, size_t size,
		       int32_t ring)
{
	long serial = syscall(SYS_add_key, type, description, payload, size, ring);

	return serial < 0 ? -errno : (int32_t)serial;
}

static int key_control(int operation, unsigned long a, unsigned long b, unsigned long c)
{
	long r = syscall(SYS_keyctl, operation, a, b, c, 0UL);

	return r < 0 ? -errno : (int)r;
}

/* Nothing that a certificate, or the configuration, is to blame for. */
static bool is_shortage(int r)
{
	return r == -EDQUOT || r == -ENOMEM;
}

static int fail_shortage(struct error *error, int r, const char *what)
{
	char buffer[ERRNO_TEXT_SIZE];

	error_set(error, r, ERROR_FAILED, STEP_NONE,
		  "%s: %s: root has too many keys (/proc/key-users, kernel.keys.root_maxkeys and "
		  "root_maxbytes)",
		  what, errno_text(-r, buffer));
	if (error && !error->errnum)
		error->errnum = -r;
	return r;
}

static unsigned long serial_arg(int32_t serial)
{
	return (unsigned long)(long)serial;
}

/* Why there is no session keyring of this process's own, so that none can be made: 0, it is there.
 */
static int no_session;

int keyring_setup(void)
{
	int r = key_control(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0);

	no_session = is_shortage(r) ? r : 0;
	return r < 0 && !no_session ? r : 0;
}

static int ring_add_certificate(int32_t ring, struct blob certificate)
{
	int32_t key;

	/* Without a description: the kernel makes one of subject and serial number, as it likes. */
	key = key_add("asymmetric", "", certificate.data, certificate.size, ring);
	if (key < 0)
		return key;
	return key_control(KEYCTL_SETPERM, serial_arg(key), KEY_PERMISSIONS, 0);
}

/* From here on nothing can be added or taken away, by anybody. */
static int ring_close(int32_t ring)
{
	int r;

	/* Without a type: "reject all links". */
	r = key_control(KEYCTL_RESTRICT_KEYRING, serial_arg(ring), 0, 0);
	if (r < 0)
		return r;
	return key_control(KEYCTL_SETPERM, serial_arg(ring), RING_PERMISSIONS, 0);
}

int keyring_make(const struct blob *certificates, unsigned n, int *rejected, int32_t *ret,
		 struct error *error)
{
	static unsigned count;
	char buffer[ERRNO_TEXT_SIZE], name[32];
	int32_t ring;
	int r;

	if (no_session)
		return fail_shortage(error, no_session,
				     "there was no session keyring to be had when bpfgated was "
				     "started; restart it when there is");
	/* Links go by their description: a second one of the same would take the first one's place
	 * here, under loads that use it, and be taken away in its stead later. */
	snprintf(name, sizeof(name), "bpfgate-%u", __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED));
	ring = key_add("keyring", name, NULL, 0, KEY_SPEC_SESSION_KEYRING);
	if (is_shortage(ring))
		return fail_shortage(error, ring, "cannot make a keyring");
	if (ring < 0) {
		error_set(error, ring, ERROR_FAILED, STEP_NONE,
			  "cannot make a keyring in the session keyring (%s): does the unit have "
			  "KeyringMode=private, and does its system call filter allow add_key and "
			  "keyctl?",
			  errno_text(-ring, buffer));
		if (error && !error->errnum)
			error->errnum = -ring;
		return ring;
	}
	for (unsigned i = 0; i < n; i++) {
		r = ring_add_certificate(ring, certificates[i]);
		if (is_shortage(r)) {
			keyring_drop(ring);
			return fail_shortage(error, r, "cannot put a key into the keyring");
		}
		rejected[i] = r < 0 ? -r : 0;
	}
	r = ring_close(ring);
	if (r < 0) {
		keyring_drop(ring);
		error_set(error, r, ERROR_FAILED, STEP_NONE,
			  "cannot close the keyring against changes: %s", errno_text(-r, buffer));
		return r;
	}
	*ret = ring;
	return 0;
}

void keyring_drop(int32_t serial)
{
	/* The session keyring's own permissions decide; it holds the only link. */
	if (serial > KEYRING_PLATFORM)
		key_control(KEYCTL_UNLINK, serial_arg(serial), serial_arg(KEY_SPEC_SESSION_KEYRING),
			    0);
}

/* Filled when the kernel was built, by keys that those vouch for, and by the firmware. */
static const char *const system_names[] = {
	[KEYRING_BUILTIN] = "builtin",
	[KEYRING_SECONDARY] = "secondary",
	[KEYRING_PLATFORM] = "platform",
};

int keyring_system(const char *name, int32_t *ret)
{
	for (int32_t i = 0; i < (int32_t)ARRAY_SIZE(system_names); i++) {
		if (streq(system_names[i], name)) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *keyring_name(int32_t serial)
{
	if (serial == KEYRING_NONE)
		return "none";
	return serial >= 0 && serial < (int32_t)ARRAY_SIZE(system_names) ? system_names[serial]
									 : "own";
}
