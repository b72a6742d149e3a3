/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "explain-refusals.h"

#include "json.h"
#include "quota.h"
#include "requires.h"
#include "signature.h"
#include "stage.h"

/* Nothing for ERROR_NONE. */
static int append(struct json_object *array, const struct error *error)
{
	struct json_object *object;
	int r;

	if (error->code == ERROR_NONE)
		return 0;
	object = json_object_new_object();
	if (!object || json_object_array_add(array, object) < 0) {
		json_object_put(object);
		return -ENOMEM;
	}
	r = json_add_string(object, "error", error_code_name(error->code));
	if (r == 0)
		r = json_add_string(object, "step", step_name(error->step));
	return r < 0 ? r : json_add_string(object, "message", error_message(error));
}

/* Of the first payload that has none. */
static void check_signatures(const struct refusal_question *q, struct error *error)
{
	struct blob pkcs7;

	for (unsigned i = 0; i < q->authentic->bundle.n_payloads; i++)
		if (signature_choose(q->gate, q->snapshot, q->authentic, i, &pkcs7, error) < 0)
			return;
}

/* The first of the limits, and asked before all else. */
static int check_loads(const struct refusal_question *q, struct error *error)
{
	const struct decision *d = q->decision;
	const struct quota user = {d->rule, d->source, q->subject, false};

	return quota_loads(&user, d->limits.loads, table_count(q->gate->table, q->subject), error);
}

static void check_limits(const struct refusal_question *q, struct error *error)
{
	const struct decision *d = q->decision;
	const struct quota user = {d->rule, d->source, q->subject, false};

	table_would_admit(q->gate->table, &user, &d->limits, &d->total, error);
}

int explain_refusals(const struct refusal_question *q, struct json_object *array)
{
	_cleanup_error_ struct error floor = ERROR_INIT, base = ERROR_INIT, limit = ERROR_INIT;
	_cleanup_error_ struct error feature = ERROR_INIT, signature = ERROR_INIT;
	_cleanup_error_ struct error loads = ERROR_INIT;
	const struct error *all[] = {q->revoked, &loads,   &floor,    &base,
				     &limit,	 &feature, &signature};
	const struct manifest *manifest = q->authentic->manifest;
	struct release release;
	int r = 0;

	authentic_release(q->authentic, manifest, &release);
	if (q->tell_all) {
		floors_check(q->gate->floors, q->subject, &release, &floor);
		stage_check(q->gate, q->snapshot, manifest, q->subject, &base);
	}
	if (q->decision && check_loads(q, &loads) == 0)
		check_limits(q, &limit);
	requires_check(manifest, &q->gate->probe, &feature);
	/* of a revoked signer, none counts */
	if (q->tell_all && q->revoked->code == ERROR_NONE)
		check_signatures(q, &signature);
	for (unsigned i = 0; i < ARRAY_SIZE(all) && r == 0; i++)
		r = append(array, all[i]);
	return r;
}
