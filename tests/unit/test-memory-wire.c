/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages and records without memory: what is written is whole, or not a success. */
#include "check.h"

#include <sys/socket.h>

#include "fail-alloc.h"
#include "record-json.h"
#include "record-maker.h"
#include "varlink.h"

static struct error error;
static struct json_object *object;
static char *text;

static void try(const char *name, int (*run)(void), void (*check)(int r))
{
	const struct attempt attempt = {.name = name, .run = run, .check = check};

	assert_true(fail_alloc_all(&attempt));
}

static struct varlink_reader reader;
static int ends[2];

static int run_message(void)
{
	static const char call[] =
		"{\"method\":\"a.b\",\"x.y\":{},\"parameters\":{\"c\":[1,\"d\"]}}";
	struct fd_set_owned fds;
	struct varlink_call parsed;
	size_t size;
	int r;

	if (varlink_send(ends[0], call, sizeof(call), NULL, 0) != (ssize_t)sizeof(call))
		return -EIO;
	do
		r = varlink_reader_fill(&reader, ends[1]);
	while (r == 1);
	if (r == -EAGAIN)
		r = varlink_reader_next(&reader, &object, &fds);
	if (r < 0)
		return r;
	r = varlink_call_parse(object, &parsed);
	return r < 0 ? r : varlink_format_reply("a.B", parsed.parameters, &text, &size);
}

static void check_message(int r)
{
	static const char expected[] = "{\"error\":\"a.B\",\"parameters\":{\"c\":[1,\"d\"]}}";
	char rest[256];

	hold(r == 0 || r == -ENOMEM);
	if (r == 0)
		hold(streq(text, expected));
	free(TAKE_PTR(text));
	json_object_put(TAKE_PTR(object));
	varlink_reader_done(&reader);
	while (recv(ends[1], rest, sizeof(rest), MSG_DONTWAIT) > 0)
		;
}

static void test_message(void **state)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
			 0);
	varlink_reader_init(&reader, 4096, 4);
	try("message", run_message, check_message);
	close(ends[0]);
	close(ends[1]);
}

static struct load *load, *load_back;

static int run_record(void)
{
	int r = record_to_json(load, &object);

	if (r < 0)
		return error_set(&error, r, ERROR_FAILED, STEP_NONE, "not written");
	return record_from_json(object, &load_back, &error);
}

static void check_record(int r)
{
	/* who reads records says that for it */
	hold(r < 0 || error.code == ERROR_NONE);
	error_done(&error);
	error = ERROR_INIT;
	json_object_put(TAKE_PTR(object));
	if (r < 0)
		return;
	hold(streq(load_back->rule, load->rule));
	hold((load_back->n_attachments) == 2);
	load_unref(TAKE_PTR(load_back));
}

static int run_tunables(void)
{
	return tuning_format(load->manifest, &load->tuning, &text);
}

static void check_tunables(int r)
{
	hold(r == 0 || r == -ENOMEM);
	hold(r < 0 ? !text : streq(text, "entries=1"));
	free(TAKE_PTR(text));
}

static void test_record(void **state)
{
	load = load_make(1000, 77);
	try("tunables", run_tunables, check_tunables);
	try("record", run_record, check_record);
	load_unref(load);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_record),
	};

	fail_alloc_setup();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
