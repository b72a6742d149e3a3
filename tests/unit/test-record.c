/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of loads: who sees what, what counts, what is closed when. */
#include "record-json.h"
#include "record-maker.h"

static void test_new_loads(void **state)
{
	struct load *a = load_new(), *b = load_new();

	assert_int_equal(strlen(a->id), LOAD_ID_SIZE - 1);
	assert_true(record_id_valid(a->id));
	assert_string_not_equal(a->id, b->id);
	assert_int_equal(a->objects.programs[0], -1);
	assert_int_equal(a->objects.maps[MANIFEST_MAPS_MAX - 1], -1);
	load_unref(a);
	load_unref(b);
	load_unref(NULL);
}

static void test_last_reference_closes_all(void **state)
{
	unsigned before = count_fds();
	struct load *load = load_make(1000, 1);

	assert_int_equal(count_fds(), before + 6);
	load_ref(load);
	load_unref(load);
	assert_int_equal(count_fds(), before + 6);
	load_unref(load);
	assert_int_equal(count_fds(), before);
}

static void add(struct record_fixture *f, struct load *load)
{
	_cleanup_error_ struct error error = ERROR_INIT;

	if (table_add(f->table, load, &error) < 0)
		fail_msg("%s", error_message(&error));
	load_unref(load);
}

static void test_owner_and_root_see_it_others_do_not(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load *load = load_make(1000, 1), *found = NULL;
	char id[LOAD_ID_SIZE];

	strcpy(id, load->id);
	add(f, load);
	assert_int_equal(table_find(f->table, id, 1000, &found, &error), 0);
	assert_ptr_equal(found, load);
	load_unref(found);
	found = NULL;
	assert_int_equal(table_find(f->table, id, 0, &found, &error), 0);
	load_unref(found);
	found = NULL;
	assert_int_equal(table_find(f->table, id, 1001, &found, &error), -ENOENT);
	assert_null(found);
	check_error(&error, ERROR_NOT_FOUND, id);
	assert_non_null(error.fields);
	error_done(&error);
	assert_int_equal(table_remove(f->table, id, 1001, &error), -ENOENT);
	check_error(&error, ERROR_NOT_FOUND, "not yours");
	assert_int_equal(table_count_all(f->table), 1);
	assert_int_equal(table_remove(f->table, id, 1000, NULL), 0);
	assert_int_equal(table_count_all(f->table), 0);
	assert_int_equal(table_remove(f->table, id, 1000, NULL), -ENOENT);
}

static void test_foreign_and_missing_look_the_same(void **state)
{
	struct record_fixture *f = *state;
	_cleanup_error_ struct error foreign = ERROR_INIT, missing = ERROR_INIT;
	struct load *load = load_make(1000, 1), *found;
	char id[LOAD_ID_SIZE];

	strcpy(id, load->id);
	add(f, load);
	assert_int_equal(table_find(f->table, id, 1001, &found, &foreign), -ENOENT);
	assert_int_equal(table_remove(f->table, id, 0, NULL), 0);
	assert_int_equal(table_find(f->table, id, 1001, &found, &missing), -ENOENT);
	assert_string_equal(error_message(&foreign), error_message(&missing));
}

static void resolves(struct record_fixture *f, const char *text, uid_t uid, const char *id)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	char found[LOAD_ID_SIZE] = "";

	if (table_resolve(f->table, text, uid, found, &error) < 0)
		fail_msg("%s: %s", text, error_message(&error));
	assert_string_equal(found, id);
}

static void does_not_resolve(struct record_fixture *f, const char *text, uid_t uid, int r,
			     const char *part)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	char found[LOAD_ID_SIZE] = "";

	assert_int_equal(table_resolve(f->table, text, uid, found, &error), r);
	check_error(&error, ERROR_NOT_FOUND, part);
	assert_string_equal(found, "");
}

static struct load *add_called(struct record_fixture *f, uid_t uid, const char *id,
			       const char *name)
{
	struct load *load = load_make(uid, 1);

	strcpy(load->id, id);
	free(load->manifest->name);
	load->manifest->name = strdup(name);
	add(f, load);
	return load;
}

static void test_which_one_is_meant(void **state)
{
	struct record_fixture *f = *state;

	add_called(f, 1000, "aaaa000000000001", "one");
	add_called(f, 1000, "aaaa000000000002", "two");
	add_called(f, 1001, "aaab000000000003", "two");
	/* called as another's id, or its beginning, is written */
	add_called(f, 1001, "bbbb000000000004", "aaaa000000000001");
	add_called(f, 1001, "cccc000000000005", "bbb");

	resolves(f, "aaaa000000000001", 1000, "aaaa000000000001");
	resolves(f, "aaaa000000000001", 0, "aaaa000000000001");
	resolves(f, "aaaa000000000001", 1001, "bbbb000000000004");
	resolves(f, "one", 1000, "aaaa000000000001");
	/* what others have is no hindrance, and not told */
	resolves(f, "two", 1000, "aaaa000000000002");
	resolves(f, "a", 1001, "aaab000000000003");
	resolves(f, "aaab", 0, "aaab000000000003");
	does_not_resolve(f, "two", 0, -ENOTUNIQ,
			 "two can be any of 2 loads: aaaa000000000002 (two 1.0), "
			 "aaab000000000003 (two 1.0); give more of the id");
	does_not_resolve(f, "aaaa", 1000, -ENOTUNIQ, "aaaa000000000002");
	does_not_resolve(f, "bbb", 1001, -ENOTUNIQ, "bbbb000000000004");
	does_not_resolve(f, "bbb", 1000, -ENOENT, "there is no load bbb, or it is not yours");
	does_not_resolve(f, "on", 1000, -ENOENT, "no load on");
	does_not_resolve(f, "", 1000, -ENOENT, "no load without a name");
	does_not_resolve(f, "aaaa0000000000010", 1000, -ENOENT, "no load");
}

static void test_ids_of_any_form_are_only_not_found(void **state)
{
	static const char *const ids[] = {"", "x", "../../etc/passwd", "0123456789ABCDEF",
					  "00000000000000000000000000"};
	struct record_fixture *f = *state;
	struct load *found;

	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
		assert_int_equal(table_find(f->table, ids[i], 0, &found, NULL), -ENOENT);
		assert_int_equal(table_remove(f->table, ids[i], 0, NULL), -ENOENT);
	}
}

static void test_remove_detaches_at_once(void **state)
{
	struct record_fixture *f = *state;
	struct load *load = load_make(1000, 1), *held = NULL;
	int link = load->links.items[2].fd, map = load->objects.maps[0];

	add(f, load);
	assert_int_equal(table_find(f->table, load->id, 1000, &held, NULL), 0);
	assert_true(is_open(link));
	assert_int_equal(table_remove(f->table, load->id, 1000, NULL), 0);
	/* Somebody still looks at it: its maps stay, but it runs no more. */
	assert_false(is_open(link));
	assert_true(is_open(map));
	assert_int_equal(held->links.n, 0);
	load_unref(held);
	assert_false(is_open(map));
}

static void test_session_ends_with_the_table(void **state)
{
	struct record_fixture *f = *state;
	struct load *load = load_make(1000, 1), *held;
	int link = load->links.items[0].fd;

	held = load_ref(load);
	add(f, load);
	table_free(f->table);
	f->table = NULL;
	assert_false(is_open(link));
	load_unref(held);
}

static void test_list_by_age_and_owner(void **state)
{
	static const struct {
		uid_t uid;
		uint64_t usec;
	} made[] = {{1000, 50}, {1001, 20}, {1000, 40}, {1000, 60}, {1001, 10}};
	struct record_fixture *f = *state;
	struct load **loads = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(made); i++)
		add(f, load_make(made[i].uid, made[i].usec));
	assert_int_equal(table_list(f->table, 1000, &loads, &n), 0);
	assert_int_equal(n, 3);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(loads[i]->uid, 1000);
		assert_int_equal(loads[i]->loaded_usec, 40 + 10 * i);
		load_unref(loads[i]);
	}
	free(loads);
	assert_int_equal(table_list(f->table, 0, &loads, &n), 0);
	assert_int_equal(n, 5);
	/* Out of the middle, and both ends. */
	for (unsigned i = 0; i < n; i++) {
		assert_true(i == 0 || loads[i - 1]->loaded_usec < loads[i]->loaded_usec);
		assert_int_equal(table_remove(f->table, loads[(i * 3) % 5]->id, 0, NULL), 0);
		assert_int_equal(table_count_all(f->table), 4 - i);
	}
	for (unsigned i = 0; i < n; i++)
		load_unref(loads[i]);
	free(loads);
	assert_int_equal(table_list(f->table, 65534, &loads, &n), 0);
	assert_int_equal(n, 0);
	free(loads);
}

static void test_counts_what_is_being_made(void **state)
{
	struct record_fixture *f = *state;
	struct load *load = load_make(1000, 1);
	unsigned n = 99;

	assert_int_equal(table_reserve(f->table, 1000, &n), 0);
	assert_int_equal(n, 0);
	/* Two at once: the second sees the first. */
	assert_int_equal(table_reserve(f->table, 1000, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(table_reserve(f->table, 1000 + 1024, &n), 0);
	assert_int_equal(n, 0);
	add(f, load);
	assert_int_equal(table_count(f->table, 1000), 3);
	table_release(f->table, 1000);
	table_release(f->table, 1000);
	assert_int_equal(table_count(f->table, 1000), 1);
	table_release(f->table, 1000);
	assert_int_equal(table_count(f->table, 1000), 1);
	assert_int_equal(table_count(f->table, 1000 + 1024), 1);
	table_release(f->table, 1000 + 1024);
	assert_int_equal(table_count(f->table, 1000 + 1024), 0);
	assert_int_equal(table_remove(f->table, load->id, 1000, NULL), 0);
	assert_int_equal(table_count(f->table, 1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_loads),
		cmocka_unit_test(test_last_reference_closes_all),
		cmocka_unit_test_setup_teardown(test_owner_and_root_see_it_others_do_not,
						record_setup, record_teardown),
		cmocka_unit_test_setup_teardown(test_foreign_and_missing_look_the_same,
						record_setup, record_teardown),
		cmocka_unit_test_setup_teardown(test_ids_of_any_form_are_only_not_found,
						record_setup, record_teardown),
		cmocka_unit_test_setup_teardown(test_which_one_is_meant, record_setup,
						record_teardown),
		cmocka_unit_test_setup_teardown(test_remove_detaches_at_once, record_setup,
						record_teardown),
		cmocka_unit_test_setup_teardown(test_session_ends_with_the_table, record_setup,
						record_teardown),
		cmocka_unit_test_setup_teardown(test_list_by_age_and_owner, record_setup,
						record_teardown),
		cmocka_unit_test_setup_teardown(test_counts_what_is_being_made, record_setup,
						record_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
