/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "front.h"
#include "load-json.h"
#include "service.h"

static int list(struct table *table, uid_t uid, struct json_object *array)
{
	_cleanup_free_ struct load **loads = NULL;
	unsigned n = 0;
	int r;

	r = table_list(table, uid, &loads, &n);
	for (unsigned i = 0; i < n; i++) {
		struct json_object *load = NULL;

		if (r == 0)
			r = load_to_json(loads[i], NULL, &load, NULL, NULL);
		if (r == 0 && json_object_array_add(array, load) < 0)
			r = -ENOMEM;
		load_unref(loads[i]);
	}
	return r;
}

void method_list(struct call *call)
{
	struct json_object *parameters, *array;

	if (!call_parameters(call, (const struct json_member[]){{}}))
		return;
	parameters = json_object_new_object();
	array = json_object_new_array();
	if (json_add(parameters, "loads", array) < 0 ||
	    list(call->front->gate->table, call->uid, array) < 0) {
		json_object_put(parameters);
		call_reply_error(call, &(struct error){.code = ERROR_FAILED, .step = STEP_REQUEST});
		return;
	}
	call_reply(call, parameters, NULL, 0);
}
