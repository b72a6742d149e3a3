/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "revocation.h"

struct revocations *revocations_ref(struct revocations *r)
{
	if (r)
		__atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
	return r;
}

void revocations_clear(struct revocations *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		free(r->items[i].name);
		free(r->items[i].reason);
		free(r->items[i].source);
	}
	free(r->items);
	r->items = NULL;
	r->n = 0;
}

void revocations_unref(struct revocations *r)
{
	if (!r || __atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	revocations_clear(r);
	free(r->reason);
	free(r);
}

int revocation_compare(const struct revocation *a, const struct revocation *b)
{
	int r;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	r = memcmp(a->digest, b->digest, DIGEST_SIZE);
	return r ? r : strcmp(a->name ?: "", b->name ?: "");
}

/* The first item that is not before @key, which is the one that reaches furthest. */
static const struct revocation *find(const struct revocations *r, const struct revocation *key)
{
	unsigned low = 0, high = r ? r->n : 0;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (revocation_compare(&r->items[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return r && low < r->n && revocation_compare(&r->items[low], key) == 0 ? &r->items[low]
									       : NULL;
}

static const struct revocation *find_digest(const struct revocations *r, enum revocation_kind kind,
					    const uint8_t digest[static DIGEST_SIZE])
{
	struct revocation key = {.kind = kind};

	memcpy(key.digest, digest, DIGEST_SIZE);
	return find(r, &key);
}

const struct revocation *revocations_find_key(const struct revocations *r,
					      const uint8_t digest[static DIGEST_SIZE])
{
	return find_digest(r, REVOKED_KEY, digest);
}

const struct revocation *revocations_find_bundle(const struct revocations *r,
						 const uint8_t digest[static DIGEST_SIZE])
{
	return find_digest(r, REVOKED_BUNDLE, digest);
}

const struct revocation *revocations_find_release(const struct revocations *r,
						  const uint8_t signer[static DIGEST_SIZE],
						  const char *name, uint64_t sequence)
{
	struct revocation key = {.kind = REVOKED_RELEASES, .name = (char *)name};
	const struct revocation *found;

	memcpy(key.digest, signer, DIGEST_SIZE);
	found = find(r, &key);
	return found && sequence <= found->sequence ? found : NULL;
}

const struct revocation *revocations_find_signature(const struct revocations *r,
						    const uint8_t signer[static DIGEST_SIZE],
						    const char *name, uint64_t sequence)
{
	return revocations_find_key(r, signer)
		       ?: revocations_find_release(r, signer, name, sequence);
}

bool revocations_have(const struct revocations *r, const struct revocation *revocation)
{
	const struct revocation *found = find(r, revocation);

	return found && found->sequence >= revocation->sequence;
}

void revocation_format(const struct revocation *revocation, char text[static REVOCATION_TEXT_SIZE])
{
	char digest[DIGEST_TEXT_SIZE];

	digest_format(revocation->digest, digest);
	switch (revocation->kind) {
	case REVOKED_KEY:
		snprintf(text, REVOCATION_TEXT_SIZE, "the key %s", digest);
		break;
	case REVOKED_BUNDLE:
		snprintf(text, REVOCATION_TEXT_SIZE, "the bundle %s", digest);
		break;
	case REVOKED_RELEASES:
		snprintf(text, REVOCATION_TEXT_SIZE, "%.128s up to sequence %llu by the key %s",
			 revocation->name, (unsigned long long)revocation->sequence, digest);
	}
}

int revocations_check(const struct revocations *r, uid_t uid, enum step step, struct error *error)
{
	if (!r || !r->deny_all)
		return 0;
	/* the reason may quote a file that is root's alone */
	if (uid == 0)
		return error_set(error, -EACCES, ERROR_DENIED, step,
				 "what is revoked cannot be known, so nothing is allowed: %s",
				 r->reason);
	return error_set(error, -EACCES, ERROR_DENIED, step,
			 "what is revoked cannot be known, so nothing is allowed; an "
			 "administrator finds the reason in the journal of bpfgated");
}
