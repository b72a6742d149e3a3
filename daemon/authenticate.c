/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authenticate.h"

#include <stdarg.h>
#include <time.h>

#include "certificate.h"
#include "image.h"
#include "test-hooks.h"

/* How many signers a refusal names before it says "and N more". */
#define SIGNERS_NAMED 3

/* Why no signer is left, gathered while the records are gone through. */
struct complaint {
	unsigned n_known, n_unknown;
	const char *revocation; /* the first entry that had a part in it, "FILE:LINE" */
	char known[1024];	/* about keys in keys.d, a clause each */
	char unknown[512];	/* digests */
};

static _printf_(3, 4) void append(char *text, size_t size, const char *format, ...)
{
	size_t fill = strlen(text);
	va_list ap;

	va_start(ap, format);
	vsnprintf(text + fill, size - fill, format, ap);
	va_end(ap);
}

static void format_day(int64_t seconds, char *text, size_t size)
{
	time_t t = seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(text, size, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		snprintf(text, size, "%lld s after 1970", (long long)seconds);
}

/* What is known by its file is called by it. */
static void name_key(struct complaint *c, const struct trusted_key *key,
		     const uint8_t digest[static DIGEST_SIZE])
{
	char text[DIGEST_TEXT_SIZE];

	digest_format(digest, text);
	append(c->known, sizeof(c->known), "%sthe key %s%.128s%s ", c->n_known > 1 ? ", " : "",
	       key ? "'" : "", key ? key->file : text, key ? "'" : "");
}

static void complain_revoked(struct complaint *c, const struct trusted_key *key,
			     const struct revocation *by)
{
	c->revocation = c->revocation ?: by->source;
	if (c->n_known++ >= SIGNERS_NAMED)
		return;
	name_key(c, key, by->digest);
	append(c->known, sizeof(c->known), "is revoked by %.200s", by->source);
	if (by->kind == REVOKED_RELEASES)
		append(c->known, sizeof(c->known), " for %s up to sequence %llu", by->name,
		       (unsigned long long)by->sequence);
}

/* What it hangs on is not valid: an authority, or a revocation list. */
static void complain_limit(struct complaint *c, const char *file)
{
	if (file)
		append(c->known, sizeof(c->known), " (because of '%.128s')", file);
}

static void complain_known(struct complaint *c, const struct trusted_key *key, enum key_state state)
{
	char day[64];

	if (state == KEY_REVOKED)
		c->revocation = c->revocation ?: key->file;
	if (c->n_known++ >= SIGNERS_NAMED)
		return;
	name_key(c, key, key->digest);
	switch (state) {
	case KEY_REVOKED:
		append(c->known, sizeof(c->known), "is revoked: %.200s", key->reason ?: "");
		break;
	case KEY_EXPIRED:
		format_day(key->not_after, day, sizeof(day));
		append(c->known, sizeof(c->known), "expired on %s", day);
		complain_limit(c, key->after_file);
		break;
	case KEY_NOT_YET_VALID:
		format_day(key->not_before, day, sizeof(day));
		append(c->known, sizeof(c->known), "is not valid before %s", day);
		complain_limit(c, key->before_file);
		break;
	case KEY_AUTHORITY:
		append(c->known, sizeof(c->known),
		       "is an authority's, whose certificates count and not itself");
		break;
	default:
		append(c->known, sizeof(c->known), "cannot be used: %.128s",
		       key->reason ?: "see the journal");
	}
}

static void complain_unknown(struct complaint *c, const uint8_t digest[static DIGEST_SIZE])
{
	char text[DIGEST_TEXT_SIZE];

	if (c->n_unknown++ >= SIGNERS_NAMED)
		return;
	digest_format(digest, text);
	append(c->unknown, sizeof(c->unknown), "%s%s", c->n_unknown > 1 ? ", " : "", text);
}

static int refuse_untrusted(const struct complaint *c, struct error *error)
{
	enum error_code code = c->revocation ? ERROR_REVOKED : ERROR_NOT_AUTHENTIC;
	char more[32] = "";

	if (c->n_known > 0) {
		if (c->n_known > SIGNERS_NAMED)
			snprintf(more, sizeof(more), " (and %u more)", c->n_known - SIGNERS_NAMED);
		error_set(error, -EKEYREJECTED, code, STEP_AUTHENTICATE,
			  "no trusted signature: %s%s; the publisher can add a signature by a "
			  "valid key ('bpfctl sign --add')",
			  c->known, more);
		error_field_string(error, "revocation", c->revocation);
		return -EKEYREJECTED;
	}
	if (c->n_unknown > SIGNERS_NAMED)
		snprintf(more, sizeof(more), " (and %u more)", c->n_unknown - SIGNERS_NAMED);
	return error_set(error, -EKEYREJECTED, ERROR_NOT_AUTHENTIC, STEP_AUTHENTICATE,
			 "no trusted signature: signed by %s%s only, which is no trusted key; an "
			 "administrator can put its certificate into /etc/bpfgate/keys.d",
			 c->unknown, more);
}

/* One key is one signer, whatever the format lets pass. */
static int check_distinct(const struct bundle *bundle, unsigned i, struct error *error)
{
	char text[DIGEST_TEXT_SIZE];

	for (unsigned j = 0; j < i; j++) {
		if (memcmp(bundle->signers[i].key_digest, bundle->signers[j].key_digest,
			   DIGEST_SIZE) != 0)
			continue;
		digest_format(bundle->signers[i].key_digest, text);
		return error_set(error, -EKEYREJECTED, ERROR_NOT_AUTHENTIC, STEP_AUTHENTICATE,
				 "signer records %u and %u are both by the key %s; a key signs "
				 "once",
				 j, i, text);
	}
	return 0;
}

static int verify_record(const struct bundle *bundle, const struct bundle_signer *record,
			 const struct trusted_key *key, struct error *error)
{
	int r;

	r = signer_verify(bundle, record, key->key);
	if (r == 0 || test_hook_skip_authentication())
		return 0;
	if (r == -EKEYREJECTED)
		return error_set(error, r, ERROR_NOT_AUTHENTIC, STEP_AUTHENTICATE,
				 "the signature by the key '%s' does not verify: the bundle was "
				 "changed after it was signed; get it anew from its publisher",
				 key->file);
	return error_set(error, r < 0 ? r : -EIO, ERROR_FAILED, STEP_AUTHENTICATE,
			 "the signature by the key '%s' could not be checked: %s", key->file,
			 strerror(r < 0 ? -r : EIO));
}

/*
 * A key that has expired (or is not valid yet) still tells a changed bundle from a whole one, so
 * its record is verified before its dates decide.
 */
static int check_record(struct authentic *a, const struct bundle_signer *record,
			const struct authority *by, int64_t now, struct complaint *complaint,
			struct error *error)
{
	const struct revocation *revoked =
		revocations_find_key(by->revocations, record->key_digest);
	const struct trusted_key *key = trust_find(by->trust, record->key_digest);
	enum key_state state;
	int r;

	if (revoked) {
		complain_revoked(complaint, key, revoked);
		return 0;
	}
	if (!key) {
		complain_unknown(complaint, record->key_digest);
		return 0;
	}
	state = trusted_key_state(key, now);
	if (key->usable) {
		r = verify_record(&a->bundle, record, key, error);
		if (r < 0)
			return r;
	}
	if (state != KEY_TRUSTED) {
		complain_known(complaint, key, state);
		return 0;
	}
	a->signers[a->n_signers].key = key;
	a->signers[a->n_signers].record = record;
	a->n_signers++;
	return 0;
}

static int check_signers(struct authentic *a, const struct authority *by, int64_t now,
			 struct error *error)
{
	struct complaint complaint = {};
	int r;

	if (a->bundle.n_signers == 0)
		return error_set(error, -EKEYREJECTED, ERROR_NOT_AUTHENTIC, STEP_AUTHENTICATE,
				 "no signature: the bundle has no signer record; its publisher "
				 "signs it with 'bpfctl sign'");
	for (unsigned i = 0; i < a->bundle.n_signers; i++) {
		r = check_distinct(&a->bundle, i, error);
		if (r == 0)
			r = check_record(a, &a->bundle.signers[i], by, now, &complaint, error);
		if (r < 0)
			return r;
	}
	return a->n_signers > 0 ? 0 : refuse_untrusted(&complaint, error);
}

static int check_sections(const struct bundle *bundle, struct error *error)
{
	struct error ignored = ERROR_INIT;
	int r;

	if (!test_hook_skip_authentication())
		return bundle_check_sections(bundle, error);
	r = bundle_check_sections(bundle, &ignored);
	error_done(&ignored);
	return r == -ENOMEM ? r : 0;
}

/* What is signed must also be complete; from here on the sections may be parsed. */
static int read_manifest(struct authentic *a, struct error *error)
{
	const struct bundle_section *manifest = bundle_find(&a->bundle, BUNDLE_MANIFEST, 0);
	int r;

	if (!manifest)
		return error_set(error, -EBADMSG, ERROR_BAD_MANIFEST, STEP_AUTHENTICATE,
				 "the bundle has no manifest");
	r = manifest_parse((const char *)manifest->content.data, manifest->content.size,
			   &a->manifest, error);
	if (r == 0)
		r = manifest_check_payloads(a->manifest, a->bundle.n_payloads, error);
	return r < 0 ? r : images_check(&a->bundle, a->manifest, error);
}

static int check_bundle(const struct authentic *a, const struct authority *by, struct error *error)
{
	const struct revocation *revoked =
		revocations_find_bundle(by->revocations, a->bundle.digest);

	if (!revoked)
		return 0;
	error_set(error, -EKEYREVOKED, ERROR_REVOKED, STEP_AUTHENTICATE,
		  "the bundle is revoked by %s; its publisher may have a newer one",
		  revoked->source);
	error_field_string(error, "revocation", revoked->source);
	return -EKEYREVOKED;
}

/* Signers whose signature does not count for this release of this name. */
static int check_releases(struct authentic *a, const struct authority *by, struct error *error)
{
	struct complaint complaint = {};
	unsigned n = 0;

	for (unsigned i = 0; i < a->n_signers; i++) {
		const struct trusted_key *key = a->signers[i].key;
		const struct revocation *revoked = revocations_find_release(
			by->revocations, key->digest, a->manifest->name, a->manifest->sequence);

		if (revoked)
			complain_revoked(&complaint, key, revoked);
		else
			a->signers[n++] = a->signers[i];
	}
	a->n_signers = n;
	if (n > 0)
		return 0;
	error_set(error, -EKEYREVOKED, ERROR_REVOKED, STEP_AUTHENTICATE,
		  "no trusted signature: %s, and this one has sequence %llu; its publisher may "
		  "have a newer one",
		  complaint.known, (unsigned long long)a->manifest->sequence);
	error_field_string(error, "revocation", complaint.revocation);
	return -EKEYREVOKED;
}

int authenticate(const void *data, size_t size, const struct authority *by, int64_t now,
		 struct authentic *ret, struct error *error)
{
	_cleanup_authentic_ struct authentic a = {};
	char digest[DIGEST_TEXT_SIZE];
	int r;

	r = bundle_open(data, size, &a.bundle, error);
	if (r < 0)
		return r;
	r = check_signers(&a, by, now, error);
	if (r == 0)
		r = check_bundle(&a, by, error);
	if (r == 0)
		r = check_sections(&a.bundle, error);
	if (r == 0)
		r = read_manifest(&a, error);
	if (r == 0)
		r = check_releases(&a, by, error);
	if (r < 0) {
		if (error && (error->code == ERROR_NOT_AUTHENTIC || error->code == ERROR_REVOKED)) {
			digest_format(a.bundle.digest, digest);
			error_field_string(error, "digest", digest);
		}
		return r;
	}
	*ret = a;
	a = (struct authentic){};
	return 0;
}

void authentic_done(struct authentic *authentic)
{
	manifest_free(authentic->manifest);
	bundle_done(&authentic->bundle);
	*authentic = (struct authentic){};
}

const struct bundle_kernel_sig *authentic_kernel_sig(const struct authentic *authentic,
						     unsigned payload, enum contract contract)
{
	for (unsigned i = 0; i < authentic->n_signers; i++) {
		const struct trusted_key *key = authentic->signers[i].key;
		const struct bundle_kernel_sig *sig;

		if (!signer_algorithm_in_kernel(key->algorithm) || key->kernel_rejects)
			continue;
		sig = bundle_find_kernel_sig(authentic->signers[i].record, payload, contract);
		if (sig)
			return sig;
	}
	return NULL;
}

void authentic_release(const struct authentic *authentic, const struct manifest *manifest,
		       struct release *ret)
{
	*ret = (struct release){
		.name = manifest->name,
		.sequence = manifest->sequence,
		.n_signers = authentic->n_signers,
	};
	for (unsigned i = 0; i < authentic->n_signers; i++) {
		ret->signers[i].digest = authentic->signers[i].key->digest;
		ret->signers[i].file = authentic->signers[i].key->file;
	}
}
