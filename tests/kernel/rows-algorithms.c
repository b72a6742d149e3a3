// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who signed, how, and with what. */

#include "kernel.h"
#include "keys.h"
#include "row.h"

static void signed_by(const char *name, const char *expected, const struct signer *signer,
		      const struct sign_how *how, int32_t ring)
{
	_cleanup_request_ struct request q = {};

	request_init(&q, RETURN_0);
	request_sign_how(&q, signer, how);
	q.attr.keyring_id = ring;
	row_load(name, expected, &q);
}

static void how(const char *name, const char *expected, struct sign_how how_to)
{
	signed_by(name, expected, keys.trusted, &how_to, keys.ring);
}

/* A key of another kind, in a keyring of its own. */
static void kind(const char *name, const char *expected, EVP_PKEY *key, const EVP_MD *md)
{
	const struct signer *signer = signer_make(name, key, NULL);
	int32_t ring = must("keyring", ring_make(name, KEY_SPEC_SESSION_KEYRING));
	int r = ring_add(ring, signer);

	if (r < 0)
		row(name, NULL, "key not taken: %s", answer_name(r));
	else
		signed_by(name, expected, signer, &(struct sign_how){.md = md}, ring);
}

static void rows_chain(void)
{
	const struct signer *ca, *leaf;
	int32_t ring = must("keyring", ring_make("ca", KEY_SPEC_SESSION_KEYRING));

	ca = signer_make("conformance: CA", key_rsa(2048), &(struct certificate_how){.ca = true});
	leaf = signer_make("conformance: leaf", key_rsa(2048),
			   &(struct certificate_how){.issuer = ca});
	must("CA", ring_add(ring, ca));
	signed_by("signer/leaf-of-a-ca-in-the-keyring", NULL, leaf, NULL, ring);
	signed_by("signer/the-same-with-its-certificate", NULL, leaf,
		  &(struct sign_how){.with_certificate = leaf}, ring);
	signed_by("signer/the-same-by-issuer-and-serial", NULL, leaf,
		  &(struct sign_how){.with_certificate = leaf, .issuer_and_serial = true}, ring);
	signed_by("signer/ca-itself", NULL, ca, NULL, ring);
}

static void rows_certificates(void)
{
	const struct certificate_how past = {.past = true}, no_id = {.no_key_id = true};
	const struct signer *s;
	int32_t ring = must("keyring", ring_make("certificates", KEY_SPEC_SESSION_KEYRING));

	s = signer_make("conformance: past", key_rsa(2048), &past);
	must("key", ring_add(ring, s));
	signed_by("signer/certificate-past-its-date", NULL, s, NULL, ring);
	s = signer_make("conformance: no id", keys.unknown->key, &no_id);
	must("key", ring_add(ring, s));
	signed_by("signer/certificate-without-key-id", NULL, s,
		  &(struct sign_how){.issuer_and_serial = true}, ring);
}

void rows_algorithms(void)
{
	signed_by("signer/unknown", "ENOKEY", keys.unknown, NULL, keys.ring);
	signed_by("signer/unknown-with-its-certificate", "ENOKEY", keys.unknown,
		  &(struct sign_how){.with_certificate = keys.unknown}, keys.ring);
	how("signer/with-certificate", NULL, (struct sign_how){.with_certificate = keys.trusted});
	how("signer/none", NULL, (struct sign_how){.no_signer = true});
	how("signer/two-second-unknown", NULL, (struct sign_how){.second = keys.unknown});
	signed_by("signer/two-first-unknown", NULL, keys.unknown,
		  &(struct sign_how){.second = keys.trusted}, keys.ring);
	signed_by("signer/two-unknown", NULL, keys.unknown,
		  &(struct sign_how){.second = keys.unknown}, keys.ring);
	how("signer/by-issuer-and-serial", NULL, (struct sign_how){.issuer_and_serial = true});
	how("signer/attributes", NULL, (struct sign_how){.attributes = true});
	how("signer/attached", NULL, (struct sign_how){.attached = true});
	rows_chain();
	rows_certificates();

	how("algorithm/rsa-sha1", NULL, (struct sign_how){.md = EVP_sha1()});
	how("algorithm/rsa-sha224", NULL, (struct sign_how){.md = EVP_sha224()});
	how("algorithm/rsa-sha384", NULL, (struct sign_how){.md = EVP_sha384()});
	how("algorithm/rsa-sha512", NULL, (struct sign_how){.md = EVP_sha512()});
	how("algorithm/rsa-sha3-256", NULL, (struct sign_how){.md = EVP_sha3_256()});
	how("algorithm/rsa-md5", "ENOPKG", (struct sign_how){.md = EVP_md5()});
	how("algorithm/rsa-sha512-256", "ENOPKG", (struct sign_how){.md = EVP_sha512_256()});
	how("algorithm/rsa-pss", NULL, (struct sign_how){.pss = true});
	kind("algorithm/rsa-4096", NULL, key_rsa(4096), NULL);
	kind("algorithm/ecdsa-p256", NULL, key_ec("P-256"), NULL);
	kind("algorithm/ecdsa-p384", NULL, key_ec("P-384"), EVP_sha384());
	kind("algorithm/ecdsa-p521", NULL, key_ec("P-521"), EVP_sha512());
	kind("algorithm/ecdsa-secp256k1", NULL, key_ec("secp256k1"), NULL);
	kind("algorithm/ed25519", NULL, key_ed25519(), EVP_sha512());
}
