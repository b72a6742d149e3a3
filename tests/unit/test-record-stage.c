/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loads that follow others: what lets them in, what keeps what they follow, what takes them along.
 */
#include "record-maker.h"

#include <json-c/json.h>
#include <pthread.h>

/* The digest of bundle number @n. */
static const char *digest(uint8_t n)
{
	static _Thread_local char text[4][DIGEST_TEXT_SIZE];
	static _Thread_local unsigned next;
	char *at = text[next++ % 4];

	digest_format((const uint8_t[DIGEST_SIZE]){n}, at);
	return at;
}

/* A load of bundle @n that follows the bundles @after (a list that ends with 0). */
static struct load *make(uid_t uid, uint8_t n, const uint8_t *after)
{
	static uint64_t usec;
	struct load *load = load_make(uid, __atomic_add_fetch(&usec, 1, __ATOMIC_RELAXED));
	struct manifest *m = load->manifest;

	strcpy(load->digest, digest(n));
	m->after = calloc(MANIFEST_AFTER_MAX, sizeof(*m->after));
	while (*after)
		m->after[m->n_after++] = strdup(digest(*after++));
	return load;
}

#define AFTER(...) ((const uint8_t[]){__VA_ARGS__, 0})
#define NOTHING	   ((const uint8_t[]){0})

/* Adds it; borrowed, until it is removed. */
static struct load *add(struct record_fixture *f, uid_t uid, uint8_t n, const uint8_t *after)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load *load = make(uid, n, after);

	if (table_add(f->table, load, &error) < 0)
		fail_msg("%s", error_message(&error));
	load_unref(load);
	return load;
}

static void check_refused(struct record_fixture *f, uid_t uid, const uint8_t *after)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load *load = make(uid, 99, after);
	unsigned before = table_count_all(f->table);
	char message[256];

	assert_int_equal(table_add(f->table, load, &error), -ENOENT);
	snprintf(message, sizeof(message),
		 "the bundle is to be loaded after %s, which was unloaded meanwhile",
		 digest(after[0]));
	check_error(&error, ERROR_NO_BASE, message);
	assert_int_equal(error.step, STEP_RECORD);
	assert_int_equal(table_count_all(f->table), before);
	load_unref(load);
}

/* Removes all of @id that must go; the ids that went besides, in order, must be @expected. */
static void check_removed(struct record_fixture *f, const char *id, const char *const *expected,
			  unsigned n)
{
	_cleanup_removal_ struct removal removal = {};

	assert_int_equal(table_remove_all(f->table, id, 0, &removal, NULL), 0);
	assert_int_equal(removal.n, n);
	for (unsigned i = 0; i < n; i++)
		assert_string_equal(removal.items[i].id, expected[i]);
}

static void test_what_can_be_followed(void **state)
{
	struct record_fixture *f = *state;
	struct load *base = add(f, 1000, 1, NOTHING);
	struct load **bases = NULL;
	unsigned n = 0;

	check_refused(f, 1001, AFTER(1));
	check_refused(f, 0, AFTER(1));
	check_refused(f, 1000, AFTER(2));
	check_refused(f, 1000, AFTER(2, 1));
	add(f, 1000, 3, AFTER(1));
	base->lifetime = LIFETIME_PERSISTENT;
	add(f, 1001, 3, AFTER(1));
	assert_int_equal(table_list_bases(f->table, digest(1), 1001, &bases, &n), 0);
	assert_int_equal(n, 1);
	assert_ptr_equal(bases[0], base);
	load_unref(bases[0]);
	free(bases);
	base->lifetime = LIFETIME_SESSION;
	bases = NULL;
	assert_int_equal(table_list_bases(f->table, digest(1), 1001, &bases, &n), 0);
	assert_int_equal(n, 0);
	free(bases);
}

static void test_needed(void **state)
{
	_cleanup_error_ struct error own = ERROR_INIT, all = ERROR_INIT;
	struct record_fixture *f = *state;
	struct load *base = add(f, 1000, 1, NOTHING), *upper, *top, *theirs;
	struct json_object *value;
	char message[512];

	upper = add(f, 1000, 2, AFTER(1));
	top = add(f, 1000, 3, AFTER(2));
	base->lifetime = LIFETIME_PERSISTENT;
	theirs = add(f, 1001, 2, AFTER(1));
	assert_int_equal(table_remove(f->table, base->id, 1000, &own), -EBUSY);
	snprintf(message, sizeof(message),
		 "load %s (example 1.0) is needed by loads that follow it: %s (example 1.0), %s "
		 "(example 1.0), and 1 of other users; unload them first, or all together with "
		 "'bpfctl unload --with-dependents'",
		 base->id, upper->id, top->id);
	assert_string_equal(error_message(&own), message);
	assert_int_equal(own.code, ERROR_NEEDED);
	assert_int_equal(own.step, STEP_REQUEST);
	assert_true(json_object_object_get_ex(own.fields, "dependents", &value));
	assert_int_equal(json_object_array_length(value), 2);
	assert_string_equal(json_object_get_string(json_object_array_get_idx(value, 1)), top->id);
	assert_true(json_object_object_get_ex(own.fields, "otherDependents", &value));
	assert_int_equal(json_object_get_int(value), 1);
	assert_int_equal(table_remove(f->table, base->id, 0, &all), -EBUSY);
	assert_non_null(strstr(error_message(&all), theirs->id));
	assert_null(strstr(error_message(&all), "other users"));
	assert_int_equal(table_count_all(f->table), 4);

	/* from above they go one by one */
	assert_int_equal(table_remove(f->table, upper->id, 0, NULL), -EBUSY);
	assert_int_equal(table_remove(f->table, top->id, 0, NULL), 0);
	assert_int_equal(table_remove(f->table, upper->id, 0, NULL), 0);
	assert_int_equal(table_remove(f->table, theirs->id, 0, NULL), 0);
	/* nothing of it is pinned */
	base->lifetime = LIFETIME_SESSION;
	assert_int_equal(table_remove(f->table, base->id, 0, NULL), 0);
}

static void test_another_base(void **state)
{
	struct record_fixture *f = *state;
	struct load *first = add(f, 1000, 1, NOTHING), *second = add(f, 1000, 1, NOTHING), *upper;
	char first_id[LOAD_ID_SIZE], upper_id[LOAD_ID_SIZE], stray[DIGEST_TEXT_SIZE];

	upper = add(f, 1000, 2, AFTER(1));
	strcpy(first_id, first->id);
	strcpy(upper_id, upper->id);
	assert_int_equal(table_remove(f->table, first_id, 1000, NULL), 0);
	assert_false(table_is_stray(f->table, upper, stray));
	assert_int_equal(table_remove(f->table, second->id, 1000, NULL), -EBUSY);
	check_removed(f, second->id, (const char *const[]){upper_id}, 1);
	assert_int_equal(table_count_all(f->table), 0);
}

/* Each goes once, whatever it follows, and what depends on others stays. */
static void test_all_that_follows(void **state)
{
	struct record_fixture *f = *state;
	struct load *base = add(f, 1000, 1, NOTHING), *other = add(f, 1000, 7, NOTHING);
	struct load *left, *right, *top, *aside;
	char ids[4][LOAD_ID_SIZE], base_id[LOAD_ID_SIZE];
	unsigned before;

	left = add(f, 1000, 2, AFTER(1));
	right = add(f, 1000, 3, AFTER(7, 1));
	top = add(f, 1000, 4, AFTER(2, 3));
	aside = add(f, 1000, 5, AFTER(7));
	strcpy(ids[0], top->id);
	strcpy(ids[1], right->id);
	strcpy(ids[2], left->id);
	strcpy(base_id, base->id);
	before = count_fds();
	check_removed(f, base_id, (const char *const[]){ids[0], ids[1], ids[2]}, 3);
	/* two programs, a map, three links, of four loads */
	assert_int_equal(count_fds(), before - 24);
	assert_int_equal(table_count_all(f->table), 2);
	assert_int_equal(table_remove_all(f->table, base_id, 0, NULL, NULL), -ENOENT);
	strcpy(ids[0], aside->id);
	check_removed(f, other->id, (const char *const[]){ids[0]}, 1);
}

static void test_many(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_removal_ struct removal removal = {};
	struct record_fixture *f = *state;
	struct load *base = add(f, 1000, 1, NOTHING);

	for (unsigned i = 0; i < 40; i++)
		add(f, 1000, 2, AFTER(1));
	assert_int_equal(table_remove(f->table, base->id, 1000, &error), -EBUSY);
	check_error(&error, ERROR_NEEDED, "(example 1.0) and 32 more; unload them first");
	assert_int_equal(table_remove_all(f->table, base->id, 1001, &removal, NULL), -ENOENT);
	assert_int_equal(table_count_all(f->table), 41);
	assert_int_equal(table_remove_all(f->table, base->id, 1000, &removal, NULL), 0);
	assert_int_equal(removal.n, 40);
	assert_int_equal(table_count_all(f->table), 0);
}

/* One that lost its base otherwise is nobody's dependent, and is found. */
static void test_stray(void **state)
{
	struct record_fixture *f = *state;
	struct load *base = add(f, 1000, 1, NOTHING), *unrelated = add(f, 1000, 7, NOTHING);
	struct load *upper = add(f, 1000, 2, AFTER(1));
	char missing[DIGEST_TEXT_SIZE] = "";

	assert_false(table_is_stray(f->table, upper, missing));
	base->uid = 1001; /* as if it had gone, and another had one */
	assert_true(table_is_stray(f->table, upper, missing));
	assert_string_equal(missing, digest(1));
	assert_int_equal(table_remove(f->table, unrelated->id, 1000, NULL), 0);
	base->uid = 1000;
	assert_int_equal(table_remove(f->table, base->id, 1000, NULL), -EBUSY);
	base->uid = 1001;
	load_ref(upper);
	check_removed(f, upper->id, NULL, 0);
	assert_false(table_is_stray(f->table, upper, missing));
	load_unref(upper);
	base->uid = 1000;
}

#define ROUNDS 500

static void *come_and_go(void *arg)
{
	struct record_fixture *f = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct load *base = make(1000, 1, NOTHING);

		table_add(f->table, base, NULL);
		table_remove_all(f->table, base->id, 0, NULL, NULL);
		load_unref(base);
	}
	return NULL;
}

static void *follow(void *arg)
{
	struct record_fixture *f = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct load *load = make(1000, 2, AFTER(1));

		table_add(f->table, load, NULL);
		load_unref(load);
	}
	return NULL;
}

/* However bases and what follows them come and go: nothing stays without its base. */
static void test_threads(void **state)
{
	struct record_fixture *f = *state;
	unsigned before = count_fds();
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, i % 2 ? follow : come_and_go, f),
				 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(table_count_all(f->table), 0);
	assert_int_equal(count_fds(), before);
}

#define with_table(test) cmocka_unit_test_setup_teardown(test, record_setup, record_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_table(test_what_can_be_followed),
		with_table(test_needed),
		with_table(test_another_base),
		with_table(test_all_that_follows),
		with_table(test_many),
		with_table(test_stray),
		with_table(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
