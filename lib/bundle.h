/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bundle (.bpfb): a signed file that holds what is needed to load BPF programs. Little endian,
 * deterministic, every byte covered by a digest or a signature. docs: bpfgate-bundle(5).
 *
 *   offset  size  header
 *   0       8     magic "BPFGATE\n"
 *   8       4     format version, 1
 *   12      4     number of sections, 1..BUNDLE_SECTIONS_MAX
 *   16      8     size of the signed part: header, section table and sections
 *
 *   offset  size  section table entry, one after the other behind the header
 *   0       4     type, enum bundle_section_type
 *   4       4     payload number; 0 for sections of the whole bundle
 *   8       8     offset from the start of the file
 *   16      8     size, never 0
 *   24      32    SHA-256 of the section
 *
 *   The sections follow, without gaps and in canonical order: manifest, source (may be left out),
 *   then per payload loader, metadata, btf (may be left out), images (of maps with tunables, in
 *   their order; image.h). Payloads count from 0.
 *
 *   Then up to BUNDLE_SIGNERS_MAX signer records up to the end of the file:
 *   0       4     size of the record's body: all of it up to the raw signature's size
 *   4       4     algorithm of the raw signature, enum signer_algorithm
 *   8       32    SHA-256 of the signer's SubjectPublicKeyInfo (DER)
 *   40      4     number of kernel signatures, 0..BUNDLE_KERNEL_SIGS_MAX
 *   44            per kernel signature: payload (4), contract (4: 1 or 2), size (4), PKCS#7 bytes;
 *                 sorted by (payload, contract), none twice
 *   body end 4    size of the raw signature, 1..BUNDLE_RAW_SIG_MAX
 *   +4            raw signature over signer_message(): 0xFF || "bpfgate-signer-v1" || NUL ||
 *                 bundle digest (32) || le64 body size || body
 *
 * The bundle digest is SHA-256(header || section table). Adding a signer leaves it as it is.
 *
 * Authenticate before you parse: bundle_open() looks at header, table and the bounds of records
 * only. Sections are opaque until the caller has verified a signature (signer_verify()) and
 * bundle_check_sections() has compared their digests.
 */
#pragma once

#include <openssl/types.h>

#include "error.h"

#define BUNDLE_MAGIC   "BPFGATE\n"
#define BUNDLE_VERSION 1

#define BUNDLE_SIZE_MAX	       (16u * 1024 * 1024)
#define BUNDLE_PAYLOADS_MAX    16u
#define BUNDLE_IMAGES_MAX      16u /* of all payloads */
#define BUNDLE_SECTIONS_MAX    (2u + 3 * BUNDLE_PAYLOADS_MAX + BUNDLE_IMAGES_MAX)
#define BUNDLE_SIGNERS_MAX     16u
#define BUNDLE_KERNEL_SIGS_MAX (2 * BUNDLE_PAYLOADS_MAX)
#define BUNDLE_KERNEL_SIG_MAX  8192u /* the kernel's own limit, kernel/bpf/syscall.c */
#define BUNDLE_RAW_SIG_MAX     1024u /* RSA with 8192 bits */
#define BUNDLE_MANIFEST_MAX    (256u * 1024)
#define BUNDLE_SOURCE_MAX      (64u * 1024)
#define BUNDLE_LOADER_MAX      (8u * 1000 * 1000) /* a million instructions, the verifier's limit */

#define BUNDLE_HEADER_SIZE 24u
#define BUNDLE_ENTRY_SIZE  56u
#define DIGEST_SIZE	   32u

enum bundle_section_type {
	BUNDLE_MANIFEST = 1,
	BUNDLE_SOURCE = 2, /* text as of sha256sum(1): digest, two spaces, name; a line a file */
	BUNDLE_LOADER = 16,
	BUNDLE_METADATA = 17,
	BUNDLE_BTF = 18,
	BUNDLE_IMAGE = 19, /* as many as there are maps with tunables */
};

enum signer_algorithm {
	SIGNER_RSA_PKCS1_SHA256 = 1,
	SIGNER_RSA_PSS_SHA256 = 2, /* MGF1 with SHA-256, salt of 32 bytes */
	SIGNER_ECDSA_P256_SHA256 = 3,
	SIGNER_ECDSA_P384_SHA384 = 4,
	SIGNER_ED25519 = 5,
};

/* What a PKCS#7 signature covers: kernel-facts.md; v1 the loader, v2 loader || metadata. */
enum contract {
	CONTRACT_NONE = 0,
	CONTRACT_V1 = 1,
	CONTRACT_V2 = 2,
};

struct blob {
	const uint8_t *data; /* borrowed */
	size_t size;
};

struct bundle_section {
	enum bundle_section_type type;
	unsigned payload;
	struct blob content; /* points into the bundle */
	uint8_t digest[DIGEST_SIZE];
};

struct bundle_kernel_sig {
	unsigned payload;
	enum contract contract;
	struct blob pkcs7; /* opaque to the daemon */
};

struct bundle_signer {
	enum signer_algorithm algorithm;
	uint8_t key_digest[DIGEST_SIZE];
	struct blob body; /* what the raw signature covers of the record */
	struct blob raw_sig;
	unsigned n_kernel_sigs;
	struct bundle_kernel_sig kernel_sigs[BUNDLE_KERNEL_SIGS_MAX];
};

/* A bundle taken apart; borrows the memory it was opened from. */
struct bundle {
	struct blob file;
	uint8_t digest[DIGEST_SIZE];
	unsigned n_sections;
	struct bundle_section sections[BUNDLE_SECTIONS_MAX];
	unsigned n_payloads;
	unsigned n_images;
	size_t signed_size;
	unsigned n_signers;
	struct bundle_signer *signers; /* owned: n_signers of them */
};

/*
 * Checks header, section table and record bounds of @data, which must stay as it is while the
 * bundle is in use (a sealed mapping). Error ERROR_MALFORMED at STEP_AUTHENTICATE names offset and
 * rule. Does not look into a section, allocates nothing but the signer array.
 */
int bundle_open(const void *data, size_t size, struct bundle *ret, struct error *error);
void bundle_done(struct bundle *bundle);
#define _cleanup_bundle_ _cleanup_(bundle_done)

/* Compares every section with its digest, then checks the rule on loaders (whole instructions,
 * first byte not 0xFF). ERROR_NOT_AUTHENTIC names the section. */
int bundle_check_sections(const struct bundle *bundle, struct error *error);

/* NULL when the bundle has no such section; of images see image_find(). */
const struct bundle_section *bundle_find(const struct bundle *bundle, enum bundle_section_type type,
					 unsigned payload);
const char *bundle_section_name(enum bundle_section_type type);
const struct bundle_kernel_sig *bundle_find_kernel_sig(const struct bundle_signer *signer,
						       unsigned payload, enum contract contract);

/* ---- signatures (signer.c) ---- */

/* SHA-256 of @key's SubjectPublicKeyInfo. 0 or a negative errno. */
int key_digest(EVP_PKEY *key, uint8_t ret[static DIGEST_SIZE]);

/* The algorithm that bpfgate uses with @key (RSA: PKCS#1 v1.5 unless it is an RSA-PSS key);
 * -EOPNOTSUPP. */
int key_algorithm(EVP_PKEY *key, enum signer_algorithm *ret);
const char *signer_algorithm_name(enum signer_algorithm algorithm);

/* The message that a raw signature covers. *ret is malloced. */
int signer_message(const uint8_t bundle_digest[static DIGEST_SIZE], struct blob body, uint8_t **ret,
		   size_t *ret_size);

/*
 * Verifies the raw signature of @signer with @key, whose digest and algorithm must fit the record
 * (RSA keys below 2048 bits, other curves: refused). 0, -EKEYREJECTED when it does not verify,
 * -EKEYREJECTED too when key and algorithm do not fit, another negative errno on a failure of
 * OpenSSL; nothing but 0 means verified.
 */
int signer_verify(const struct bundle *bundle, const struct bundle_signer *signer, EVP_PKEY *key);

/* ---- writing (bundle-write.c) ---- */

struct bundle_payload {
	struct blob loader;
	struct blob metadata;
	struct blob btf; /* size 0: none */
	unsigned n_images;
	const struct blob *images; /* contents as of image_make() */
};

/* Makes an unsigned bundle; *ret is malloced. The same input gives the same bytes. Checks every
 * limit of the format (ERROR_MALFORMED). @source may have size 0. */
int bundle_make(struct blob manifest, struct blob source, const struct bundle_payload *payloads,
		unsigned n_payloads, uint8_t **ret, size_t *ret_size, struct error *error);

/*
 * The body of a signer record, malloced. @sigs must be sorted as the format says. The caller signs
 * signer_message(digest, body) and appends with bundle_append_signer().
 */
int signer_body(enum signer_algorithm algorithm, const uint8_t key[static DIGEST_SIZE],
		const struct bundle_kernel_sig *sigs, unsigned n_sigs, uint8_t **ret,
		size_t *ret_size, struct error *error);

/* @file (malloced, *size bytes) grows by one record; refuses a second record of the same key. */
int bundle_append_signer(uint8_t **file, size_t *size, struct blob body, struct blob raw_sig,
			 struct error *error);

/* ---- digests ---- */

int sha256(const void *data, size_t size, uint8_t ret[static DIGEST_SIZE]);
/* "sha256:" and 64 digits and a NUL. */
#define DIGEST_TEXT_SIZE (7 + 2 * DIGEST_SIZE + 1)
void digest_format(const uint8_t digest[static DIGEST_SIZE], char ret[static DIGEST_TEXT_SIZE]);
/* The whole of @text, digits of either case. 0 or -EINVAL. */
int digest_parse(const char *text, uint8_t ret[static DIGEST_SIZE]);
