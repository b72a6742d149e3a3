/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "call.h"

#include "connection.h"
#include "seal.h"

static void call_free(struct call *call)
{
	for (unsigned i = 0; i < call->fds.n; i++)
		close_async(call->fds.fds[i], call->uid);
	json_object_put(call->message);
	free(call);
}

void call_disconnect(struct call *call)
{
	__atomic_store_n(&call->connection, NULL, __ATOMIC_RELEASE);
	if (*call->session)
		call_free(call);
}

/* Sends and ends. The connection goes on where the call does not come straight from it. */
static void finish(struct call *call, char *data, size_t size, const int *fds, unsigned n_fds)
{
	struct connection *connection = call->connection;

	if (connection)
		connection->call = NULL;
	if (connection && data && !call->call.oneway) {
		connection_reply(connection, data, size, fds, n_fds);
	} else {
		free(data);
		for (unsigned i = 0; i < n_fds; i++)
			safe_close(fds[i]);
	}
	call_free(call);
	if (connection)
		connection_continue(connection);
}

/* A client that waits for a reply which cannot be made must not wait for ever. */
static void give_up(struct call *call)
{
	if (call->connection)
		call->connection->broken = true;
}

static void format_and_finish(struct call *call, const char *error, struct json_object *parameters,
			      const int *fds, unsigned n_fds)
{
	char *data = NULL;
	size_t size = 0;

	if (!call->call.oneway && call->connection &&
	    varlink_format_reply(error, parameters, &data, &size) < 0)
		give_up(call);
	finish(call, data, size, fds, n_fds);
}

static bool too_large(struct json_object *parameters)
{
	size_t size;

	return parameters && json_serialize(parameters, JSON_C_TO_STRING_PLAIN, &size) &&
	       size > VARLINK_REPLY_MAX - 1024;
}

void call_reply(struct call *call, struct json_object *parameters, const int *fds, unsigned n_fds)
{
	_cleanup_json_ struct json_object *owned = parameters;
	_cleanup_error_ struct error error = ERROR_INIT;

	if (!too_large(parameters)) {
		format_and_finish(call, NULL, parameters, fds, n_fds);
		return;
	}
	for (unsigned i = 0; i < n_fds; i++)
		safe_close(fds[i]);
	error_set(&error, -E2BIG, ERROR_FAILED, STEP_REQUEST,
		  "The reply would be larger than 8 MiB; ask for less.");
	call_reply_error(call, &error);
}

void call_reply_session(struct call *call, const char *id, struct json_object *parameters,
			const int *fds, unsigned n_fds)
{
	struct connection *connection = call->connection;
	char *data = NULL;
	size_t size = 0;

	if (!call->call.more || !connection || too_large(parameters) ||
	    varlink_format_continues(parameters, &data, &size) < 0) {
		call_reply(call, parameters, fds, n_fds);
		return;
	}
	json_object_put(parameters);
	snprintf(call->session, sizeof(call->session), "%s", id);
	/* it may last for days: what was asked is not kept */
	json_object_put(TAKE_PTR(call->message));
	call->call.method = NULL;
	call->call.parameters = NULL;
	connection_reply(connection, data, size, fds, n_fds);
	connection_continue(connection);
}

/* Fields first: what everybody relies on must not be theirs to say. */
static struct json_object *error_parameters(const struct error *error)
{
	struct json_object *parameters = json_object_new_object();
	int r = parameters ? 0 : -ENOMEM;

	if (r == 0 && error->fields) {
		json_object_object_foreach (error->fields, name, value) {
			if (r == 0)
				r = json_add(parameters, name, json_object_get(value));
		}
	}
	if (r == 0)
		r = json_add(parameters, "message", json_object_new_string(error_message(error)));
	if (r == 0 && error->step != STEP_NONE)
		r = json_add(parameters, "step", json_object_new_string(step_name(error->step)));
	if (r == 0 && error->errnum)
		r = json_add(parameters, "errno", json_object_new_int(error->errnum));
	if (r < 0) {
		json_object_put(parameters);
		return NULL;
	}
	return parameters;
}

int call_format_error(const struct error *error, char **ret, size_t *ret_size)
{
	_cleanup_json_ struct json_object *parameters = error_parameters(error);

	return varlink_format_reply(error_code_name(error->code), parameters, ret, ret_size);
}

void call_reply_error(struct call *call, const struct error *error)
{
	_cleanup_json_ struct json_object *parameters = error_parameters(error);

	format_and_finish(call, error_code_name(error->code), parameters, NULL, 0);
}

void call_reply_standard(struct call *call, const char *name, const char *member, const char *value)
{
	_cleanup_json_ struct json_object *parameters = json_object_new_object();
	char full[64];

	snprintf(full, sizeof(full), "org.varlink.service.%s", name);
	if (parameters && member)
		json_add(parameters, member, json_object_new_string(value));
	format_and_finish(call, full, parameters, NULL, 0);
}

bool call_parameters(struct call *call, const struct json_member *members)
{
	const char *name;

	if (json_dispatch(call->call.parameters, members, &name) == 0)
		return true;
	call_reply_invalid(call, name);
	return false;
}
