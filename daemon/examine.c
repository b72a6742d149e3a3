/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is what runs still trusted? Three answers: good; revoked, on purpose, and then it goes unless its
 * rule said that it stays; or no longer trusted, because its key was taken out of keys.d, which is
 * no revocation: it goes on, and the journal says so. That a key has expired is none of them.
 */

#include "audit.h"
#include "gate.h"
#include "journal.h"
#include "stage.h"

void examination_done(struct examination *examination)
{
	removal_done(&examination->unloaded);
	removal_done(&examination->dependents);
	*examination = (struct examination){};
}

/* Whom the rule counted, as they are today. */
struct count {
	unsigned n_good;
	char why[512];	    /* of the first that is revoked; empty: none is */
	const char *source; /* which entry or list says so */
};

static void note_revoked(struct count *count, const char *key, const char *how, const char *by)
{
	if (*count->why)
		return;
	snprintf(count->why, sizeof(count->why), "the key '%.128s' is revoked%s %.256s", key, how,
		 by);
	count->source = by;
}

static void count_signer(const struct snapshot *snapshot, const struct load *load, const char *text,
			 struct count *count)
{
	const struct manifest *manifest = load->manifest;
	const struct revocation *revoked;
	const struct trusted_key *key;
	uint8_t digest[DIGEST_SIZE];

	if (digest_parse(text, digest) < 0)
		return;
	key = trust_find(snapshot->trust, digest);
	revoked = revocations_find_signature(snapshot->revocations, digest, manifest->name,
					     manifest->sequence);
	if (revoked)
		note_revoked(count, key ? key->file : text, " by", revoked->source);
	else if (key && key->revoked)
		note_revoked(count, key->file, ":", key->reason);
	else
		count->n_good += key && key->usable;
}

static int refuse_revoked(const char *why, const char *source, enum step step, struct error *error)
{
	error_set(error, -EKEYREVOKED, ERROR_REVOKED, step, "%s", why);
	error_field_string(error, "revocation", source);
	return -EKEYREVOKED;
}

int examine_load(const struct snapshot *snapshot, const struct load *load, enum step step,
		 struct error *error)
{
	const struct revocation *revoked = NULL;
	struct count count = {};
	uint8_t digest[DIGEST_SIZE];

	if (digest_parse(load->digest, digest) == 0)
		revoked = revocations_find_bundle(snapshot->revocations, digest);
	if (revoked) {
		snprintf(count.why, sizeof(count.why), "the bundle is revoked by %.256s",
			 revoked->source);
		return refuse_revoked(count.why, revoked->source, step, error);
	}
	for (unsigned i = 0; i < load->n_signers; i++)
		if (load->counted & 1u << i)
			count_signer(snapshot, load, load->signers[i], &count);
	if (count.n_good >= load->required)
		return 0;
	if (*count.why)
		return refuse_revoked(count.why, count.source, step, error);
	return error_set(error, -EKEYREJECTED, ERROR_NOT_AUTHENTIC, step,
			 "of the keys that signed it %u are trusted, and its rule wanted %u",
			 count.n_good, load->required);
}

/* Or has it gone meanwhile, with what it follows? */
static bool is_there(struct table *table, const struct load *load)
{
	struct load *found = NULL;

	if (table_find(table, load->id, 0, &found, NULL) < 0)
		return false;
	load_unref(found);
	return true;
}

/* What follows it goes, too, whatever the rules of that say. */
static void take_down(struct gate *gate, const struct load *load, const struct error *why,
		      struct examination *ret)
{
	_cleanup_removal_ struct removal removal = {};
	_cleanup_error_ struct error error = ERROR_INIT;
	int r;

	r = stage_take_down(gate->table, load->id, 0, &removal, &error);
	if (error.code == ERROR_NOT_FOUND)
		return;
	for (unsigned i = 0; i < removal.n; i++)
		removal_add(&ret->dependents, removal.items[i].id, removal.items[i].uid, NULL);
	if (r == 0 || !is_there(gate->table, load)) {
		removal_add(&ret->unloaded, load->id, load->uid, error_message(why));
		audit_examined(load, why, AUDIT_UNLOADED);
	}
	if (r < 0) {
		ret->n_failed++;
		journal_line(LOG_ERR, "Load %s is revoked, but %s", load->id,
			     error_message(&error));
	}
}

static void examine_one(struct gate *gate, const struct snapshot *snapshot, const struct load *load,
			struct examination *ret)
{
	_cleanup_error_ struct error why = ERROR_INIT;
	int r = examine_load(snapshot, load, STEP_RECORD, &why);

	if (r == 0 || !is_there(gate->table, load))
		return;
	if (r != -EKEYREVOKED) {
		ret->n_untrusted++;
		audit_examined(load, &why, AUDIT_UNTRUSTED);
	} else if (load->keep_revoked) {
		ret->n_kept++;
		audit_examined(load, &why, AUDIT_KEPT);
	} else {
		take_down(gate, load, &why, ret);
	}
}

int examine_all(struct gate *gate, const struct snapshot *snapshot, struct examination *ret)
{
	_cleanup_free_ struct load **loads = NULL;
	unsigned n = 0;
	int r;

	r = table_list(gate->table, 0, &loads, &n);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < n; i++) {
		examine_one(gate, snapshot, loads[i], ret);
		load_unref(loads[i]);
	}
	return 0;
}

int examine_added(struct gate *gate, const struct snapshot *snapshot, const struct load *load,
		  struct error *error)
{
	_cleanup_snapshot_ struct snapshot *today = gate_snapshot(gate);
	_cleanup_error_ struct error why = ERROR_INIT;

	/* A reload swaps first and looks at the table then; this load is in the table since before
	 * this look at the snapshot: one of the two sees the other. */
	if (today == snapshot || examine_load(today, load, STEP_RECORD, &why) != -EKEYREVOKED ||
	    load->keep_revoked)
		return 0;
	stage_take_down(gate->table, load->id, 0, NULL, NULL);
	return refuse_revoked(error_message(&why), NULL, STEP_RECORD, error);
}
