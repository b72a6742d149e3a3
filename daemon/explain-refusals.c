/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "explain-refusals.h"

#include "json.h"
#include "requires.h"
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

int explain_refusals(const struct refusal_question *q, struct json_object *array)
{
	_cleanup_error_ struct error floor = ERROR_INIT, base = ERROR_INIT, feature = ERROR_INIT;
	const struct manifest *manifest = q->authentic->manifest;
	struct release release;
	int r;

	authentic_release(q->authentic, manifest, &release);
	if (q->tell_all) {
		floors_check(q->gate->floors, q->subject, &release, &floor);
		stage_check(q->gate, q->snapshot, manifest, q->subject, &base);
	}
	requires_check(manifest, &q->gate->probe, &feature);
	r = append(array, q->revoked);
	if (r == 0)
		r = append(array, &floor);
	if (r == 0)
		r = append(array, &base);
	return r < 0 ? r : append(array, &feature);
}
