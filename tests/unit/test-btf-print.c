/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed records: what each kind of type looks like, and what a hostile type or record may not do.
 */
#include "check.h"

#include <time.h>

#include "btf-print.h"
#include "output.h"

static struct btf *btf_new(void)
{
	struct btf *btf = btf__new_empty();

	assert_non_null(btf);
	return btf;
}

/* Adding in a fixed order gives fixed ids; 1..5 are there in every test. */
enum {
	U8 = 1,
	U32,
	U64,
	CHAR,
	S32,
};

static struct btf *btf_basic(void)
{
	struct btf *btf = btf_new();

	assert_int_equal(btf__add_int(btf, "unsigned char", 1, 0), U8);
	assert_int_equal(btf__add_int(btf, "unsigned int", 4, 0), U32);
	assert_int_equal(btf__add_int(btf, "unsigned long long", 8, 0), U64);
	assert_int_equal(btf__add_int(btf, "char", 1, BTF_INT_SIGNED), CHAR);
	assert_int_equal(btf__add_int(btf, "int", 4, BTF_INT_SIGNED), S32);
	return btf;
}

#define RECORD(...) \
	((struct blob){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})

static void check_text(const struct btf *btf, uint32_t id, struct blob record, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(btf_print(f, btf, id, record), 0);
	fclose(f);
	assert_string_equal(text, expected);
}

static void check_json(const struct btf *btf, uint32_t id, struct blob record, const char *expected)
{
	_cleanup_json_ struct json_object *object = NULL;
	_cleanup_free_ char *text = NULL;

	assert_int_equal(btf_json(btf, id, record, &object), 0);
	text = output_json_text(object, JSON_MODE_SHORT);
	assert_string_equal(text, expected);
}

/* Refused by both, with nothing printed and nothing leaked. */
static void check_refused(const struct btf *btf, uint32_t id, struct blob record, int expected)
{
	struct json_object *object = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(btf_print(f, btf, id, record), expected);
	fclose(f);
	assert_int_equal(size, 0);
	assert_int_equal(btf_json(btf, id, record, &object), expected);
	assert_null(object);
}

static void test_numbers(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_basic();
	int boolean = btf__add_int(btf, "_Bool", 1, BTF_INT_BOOL);
	int wide = btf__add_int(btf, "__int128", 16, BTF_INT_SIGNED);
	int pointer = btf__add_ptr(btf, 0);
	int number = btf__add_float(btf, "float", 4);
	int name = btf__add_typedef(btf, "u32", btf__add_const(btf, U32));

	check_text(btf, U32, RECORD(1, 2, 0, 0), "513");
	check_text(btf, name, RECORD(1, 2, 0, 0), "513");
	check_text(btf, S32, RECORD(0xff, 0xff, 0xff, 0xff), "-1");
	check_json(btf, S32, RECORD(0xff, 0xff, 0xff, 0xff), "-1");
	check_json(btf, U64, RECORD(255, 255, 255, 255, 255, 255, 255, 255),
		   "18446744073709551615");
	check_text(btf, boolean, RECORD(0), "false");
	check_json(btf, boolean, RECORD(2), "true");
	check_text(btf, pointer, RECORD(0, 0x10, 0, 0, 0, 0, 0, 0), "0x1000");
	check_json(btf, pointer, RECORD(0, 0, 0, 0, 0, 0, 0, 0), "\"0x0\"");
	check_text(btf, number, RECORD(0, 0, 0x80, 0x3f), "0x3f800000");
	check_text(btf, wide, RECORD(1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0),
		   "0x20000000000000001");
}

static void test_text(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_basic();
	int comm = btf__add_array(btf, U32, CHAR, 8);
	int bytes = btf__add_array(btf, U32, U8, 3);

	check_text(btf, comm, RECORD('l', 's', 0, 'x', 0, 0, 0, 0), "\"ls\"");
	check_json(btf, comm, RECORD('l', 's', 0, 'x', 0, 0, 0, 0), "\"ls\"");
	/* No NUL at all: the array's end is the end. */
	check_text(btf, comm, RECORD('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), "\"abcdefgh\"");
	check_text(btf, comm, RECORD(0, 0, 0, 0, 0, 0, 0, 0), "\"\"");
	check_text(btf, CHAR, RECORD('x'), "\"x\"");
	/* Bytes that are no text stay numbers. */
	check_text(btf, bytes, RECORD(1, 2, 255), "[1 2 255]");
	check_json(btf, bytes, RECORD(1, 2, 255), "[1,2,255]");
}

/* What a process can call itself must not reach the terminal as it is. */
static void test_escapes(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_basic();
	int comm = btf__add_array(btf, U32, CHAR, 6);

	check_text(btf, comm, RECORD(0x1b, '[', '2', 'J', '\n', 0), "\"\\x1b[2J\\n\"");
	check_text(btf, comm, RECORD('a', '"', ' ', 'b', '=', '\\'), "\"a\\\" b=\\\\\"");
	/* C1: CSI in UTF-8, and a lone byte that is no UTF-8. */
	check_text(btf, comm, RECORD(0xc2, 0x9b, 'm', 0xff, 0, 0), "\"\\x9bm\\xff\"");
	check_json(btf, comm, RECORD(0x1b, '[', '2', 'J', '\n', 0), "\"\\u001b[2J\\n\"");
	check_json(btf, comm, RECORD(0xc2, 0x9b, 'm', 0, 0, 0), "\"\\u009bm\"");
	/* No UTF-8: nothing is lost. */
	check_json(btf, comm, RECORD('a', 0xff, 0, 0, 0, 0), "[97,255]");
}

static void test_enums(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_basic();
	int e = btf__add_enum(btf, "e", 4), s, big;

	btf__add_enum_value(btf, "A", 0);
	btf__add_enum_value(btf, "B", 7);
	s = btf__add_enum(btf, "s", 1);
	btf__add_enum_value(btf, "MINUS", -1);
	btf__add_enum_value(btf, "ZERO", 0);
	big = btf__add_enum64(btf, "big", 8, false);
	btf__add_enum64_value(btf, "HUGE_VALUE", 0x100000000);

	check_text(btf, e, RECORD(7, 0, 0, 0), "B");
	check_json(btf, e, RECORD(0, 0, 0, 0), "\"A\"");
	check_text(btf, e, RECORD(8, 0, 0, 0), "8");
	check_json(btf, e, RECORD(8, 0, 0, 0), "8");
	check_text(btf, s, RECORD(0xff), "MINUS");
	check_text(btf, s, RECORD(0xfe), "-2");
	check_text(btf, big, RECORD(0, 0, 0, 0, 1, 0, 0, 0), "HUGE_VALUE");
}

static void test_structs(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_basic();
	int pair, list, hidden, outer;

	pair = btf__add_struct(btf, "pair", 8);
	btf__add_field(btf, "x", U32, 0, 0);
	btf__add_field(btf, "y", S32, 32, 0);
	list = btf__add_array(btf, U32, pair, 2);
	hidden = btf__add_union(btf, NULL, 4);
	btf__add_field(btf, "word", U32, 0, 0);
	btf__add_field(btf, "byte", U8, 0, 0);
	outer = btf__add_struct(btf, "outer", 28);
	btf__add_field(btf, "one", pair, 0, 0);
	btf__add_field(btf, "many", list, 64, 0);
	btf__add_field(btf, "", hidden, 192, 0);

	check_text(btf, outer,
		   RECORD(1, 0, 0, 0, 255, 255, 255, 255, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6, 0,
			  0, 0, 2, 1, 0, 0),
		   "one={x=1 y=-1} many=[{x=3 y=4} {x=5 y=6}] word=258 byte=2");
	check_json(btf, outer,
		   RECORD(1, 0, 0, 0, 255, 255, 255, 255, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6, 0,
			  0, 0, 2, 1, 0, 0),
		   "{\"one\":{\"x\":1,\"y\":-1},\"many\":[{\"x\":3,\"y\":4},{\"x\":5,\"y\":6}],"
		   "\"word\":258,\"byte\":2}");
	/* A ring buffer's record may be longer than its type. */
	check_text(btf, pair, RECORD(1, 0, 0, 0, 2, 0, 0, 0, 9, 9), "x=1 y=2");
	check_text(btf, list, RECORD(1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0),
		   "[{x=1 y=2} {x=3 y=4}]");
}

static void test_bitfields(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_basic();
	int s = btf__add_struct(btf, "bits", 4);

	btf__add_field(btf, "a", U32, 0, 3);
	btf__add_field(btf, "b", S32, 3, 5);
	btf__add_field(btf, "c", U32, 8, 17);
	/* a = 5, b = -2 (30), c = 65537 */
	check_text(btf, s, RECORD(5 | 30 << 3, 1, 0, 1), "a=5 b=-2 c=65537");
}

static void test_variables(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_basic();
	int a = btf__add_var(btf, "first", BTF_VAR_GLOBAL_ALLOCATED, U32);
	int b = btf__add_var(btf, "second", BTF_VAR_STATIC, U8);
	int section = btf__add_datasec(btf, ".bss", 5);

	btf__add_datasec_var_info(btf, a, 0, 4);
	btf__add_datasec_var_info(btf, b, 4, 1);
	check_text(btf, section, RECORD(1, 0, 0, 0, 2), "first=1 second=2");
}

/* ---- what must not be believed ---- */

static void test_short_records(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_basic();
	int array = btf__add_array(btf, U32, CHAR, 8);
	int pointer = btf__add_ptr(btf, 0);
	int s = btf__add_struct(btf, "s", 8), liar;

	btf__add_field(btf, "x", U32, 0, 0);
	btf__add_field(btf, "y", U32, 32, 0);
	/* A member that lies outside its struct, and would lie outside the record. */
	liar = btf__add_struct(btf, "liar", 4);
	btf__add_field(btf, "x", U32, 1u << 20, 0);

	check_refused(btf, U32, RECORD(1, 2, 3), -EBADMSG);
	check_refused(btf, array, RECORD('a', 'b', 'c'), -EBADMSG);
	check_refused(btf, pointer, RECORD(1, 2, 3, 4), -EBADMSG);
	check_refused(btf, s, RECORD(1, 0, 0, 0, 2, 0, 0), -EBADMSG);
	check_refused(btf, s, (struct blob){}, -EBADMSG);
	check_refused(btf, liar, RECORD(1, 0, 0, 0), -EBADMSG);
}

static void test_hostile_types(void **state)
{
	static const uint8_t zeros[256 * 1024];
	struct blob record = {zeros, sizeof(zeros)};
	_cleanup_btf_ struct btf *btf = btf_basic();
	int many = btf__add_array(btf, U32, U8, BTF_VALUES_MAX + 1);
	int most = btf__add_array(btf, U32, U8, BTF_VALUES_MAX - 2);
	int empty, nothings, deep = U32, huge, twice;
	_cleanup_json_ struct json_object *object = NULL;

	empty = btf__add_struct(btf, "empty", 0);
	nothings = btf__add_array(btf, U32, empty, UINT32_MAX);
	for (unsigned i = 0; i < BTF_DEPTH_MAX; i++)
		deep = btf__add_array(btf, U32, deep, 1);
	huge = btf__add_array(btf, U32, U64, UINT32_MAX);
	twice = btf__add_struct(btf, "twice", 4);
	btf__add_field(btf, "x", U32, 0, 0);
	btf__add_field(btf, "x", U32, 0, 0);

	check_refused(btf, many, record, -E2BIG);
	assert_int_equal(btf_json(btf, most, record, &object), 0);
	/* Four billion elements of nothing end at once. */
	check_text(btf, nothings, record, "[]");
	check_refused(btf, deep, record, -E2BIG);
	check_refused(btf, huge, record, -EBADMSG);
	/* Text can show both; in JSON there can be one only. */
	check_text(btf, twice, record, "x=0 x=0");
	object = (json_object_put(object), NULL);
	assert_int_equal(btf_json(btf, twice, record, &object), -EBADMSG);
	assert_null(object);
	/* No value: a function, a declaration, void, an id that does not exist. */
	check_refused(btf, 0, record, -EBADMSG);
	check_refused(btf, btf__add_fwd(btf, "declared", BTF_FWD_STRUCT), record, -EBADMSG);
	check_refused(btf, btf__add_func_proto(btf, 0), record, -EOPNOTSUPP);
	check_refused(btf, 4000, record, -EBADMSG);
}

/* Little to show, but a lot to look at: it ends as soon as what shows too much. */
static void test_slow_types(void **state)
{
	static const uint8_t zeros[BTF_VALUES_MAX / 2];
	struct blob record = {zeros, sizeof(zeros)};
	_cleanup_btf_ struct btf *btf = btf_basic();
	int nested = btf__add_struct(btf, "empty", 0), names, slow;
	clock_t begin = clock();

	/* 64 unnamed members of 64 unnamed members and so on: 2^72 ways to nothing. */
	for (unsigned i = 0; i < 12; i++) {
		int inner = nested;

		nested = btf__add_struct(btf, "", 0);
		for (unsigned k = 0; k < 64; k++)
			btf__add_field(btf, "", inner, 0, 0);
	}
	check_refused(btf, nested, record, -E2BIG);

	names = btf__add_enum(btf, "names", 1);
	for (unsigned i = 1; i < 20000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		btf__add_enum_value(btf, name, i);
	}
	slow = btf__add_array(btf, U32, names, sizeof(zeros));
	check_refused(btf, slow, record, -E2BIG);
	assert_true(clock() - begin < 5 * CLOCKS_PER_SEC);
}

/* A type that contains itself: no compiler makes it, libbpf's own checks let it pass. */
static void test_recursive_type(void **state)
{
	static const uint8_t zeros[64];
	_cleanup_btf_ struct btf *btf = btf_basic();
	int self = btf__add_struct(btf, "self", 4);

	btf__add_field(btf, "again", self, 0, 0);
	check_refused(btf, self, (struct blob){zeros, sizeof(zeros)}, -E2BIG);
}

static void test_hostile_names(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_basic();
	int s = btf__add_struct(btf, "s", 4), t;

	btf__add_field(btf, "a\033[2J", U32, 0, 0);
	check_text(btf, s, RECORD(1, 0, 0, 0), "a\\x1b[2J=1");
	check_json(btf, s, RECORD(1, 0, 0, 0), "{\"a\\u001b[2J\":1}");

	t = btf__add_struct(btf, "t", 4);
	btf__add_field(btf, "a\xff", U32, 0, 0);
	check_text(btf, t, RECORD(1, 0, 0, 0), "a\\xff=1");
}

static void test_find(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_basic();
	uint32_t id = 0;
	size_t size;
	int s, name;

	btf__add_fwd(btf, "event", BTF_FWD_STRUCT);
	s = btf__add_struct(btf, "event", 12);
	name = btf__add_typedef(btf, "u32", U32);

	assert_int_equal(btf_find(btf, "event", &id), 0);
	assert_int_equal(id, s);
	assert_int_equal(btf_find(btf, "struct event", &id), 0);
	assert_int_equal(id, s);
	assert_int_equal(btf_find(btf, "unsigned int", &id), 0);
	assert_int_equal(id, U32);
	assert_int_equal(btf_find(btf, "u32", &id), 0);
	assert_int_equal(id, name);
	assert_int_equal(btf_record_size(btf, s, &size), 0);
	assert_int_equal(size, 12);

	id = 77;
	assert_int_equal(btf_find(btf, "union event", &id), -ENOENT);
	assert_int_equal(btf_find(btf, "", &id), -ENOENT);
	assert_int_equal(btf_find(btf, "struct ", &id), -ENOENT);
	assert_int_equal(id, 77);
}

static void test_open(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_basic(), *again = NULL;
	struct btf *none = NULL;
	uint32_t size;
	const void *data = btf__raw_data(btf, &size);

	assert_int_equal(btf_open((struct blob){data, size}, &again), 0);
	assert_int_equal(btf__type_cnt(again), btf__type_cnt(btf));
	for (uint32_t cut = 0; cut < size; cut++)
		assert_true(btf_open((struct blob){data, cut}, &none) < 0);
	assert_null(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),	       cmocka_unit_test(test_text),
		cmocka_unit_test(test_escapes),	       cmocka_unit_test(test_enums),
		cmocka_unit_test(test_structs),	       cmocka_unit_test(test_bitfields),
		cmocka_unit_test(test_variables),      cmocka_unit_test(test_short_records),
		cmocka_unit_test(test_hostile_types),  cmocka_unit_test(test_slow_types),
		cmocka_unit_test(test_recursive_type), cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_find),	       cmocka_unit_test(test_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
