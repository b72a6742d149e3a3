/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How entries of maps are shown, and how values of many CPUs become one. */
#include "check.h"

#include "output.h"
#include "tables.h"

/* struct count { u64 packets; u64 bytes; }, enum protocol { TCP = 6 } */
static struct btf *btf_count(void)
{
	struct btf *btf = btf__new_empty();
	int u64, u32, comm;

	assert_non_null(btf);
	u64 = btf__add_int(btf, "u64", 8, 0);
	u32 = btf__add_int(btf, "u32", 4, 0);
	comm = btf__add_array(btf, u32, btf__add_int(btf, "char", 1, BTF_INT_SIGNED), 4);
	btf__add_struct(btf, "count", 16);
	btf__add_field(btf, "packets", u64, 0, 0);
	btf__add_field(btf, "bytes", u64, 64, 0);
	btf__add_enum(btf, "protocol", 4);
	btf__add_enum_value(btf, "TCP", 6);
	btf__add_struct(btf, "mixed", 12);
	btf__add_field(btf, "comm", comm, 0, 0);
	btf__add_field(btf, "n", u32, 32, 0);
	btf__add_field(btf, "low", u32, 64, 4);
	btf__add_field(btf, "high", u32, 68, 28);
	btf__add_union(btf, "either", 8);
	btf__add_field(btf, "a", u64, 0, 0);
	btf__add_field(btf, "b", u64, 0, 0);
	return btf;
}

#define BLOB(x) ((struct blob){(const uint8_t *)&(x), sizeof(x)})

static void check_print(const struct load_map *map, const struct btf *btf,
			const struct table_entry *entry, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(table_entry_print(f, map, btf, entry), 0);
	fclose(f);
	assert_string_equal(text, expected);
}

static void check_json(const struct load_map *map, const struct btf *btf,
		       const struct table_entry *entry, const char *expected)
{
	_cleanup_json_ struct json_object *object = NULL;
	_cleanup_free_ char *text = NULL;

	assert_int_equal(table_entry_json(map, btf, entry, &object), 0);
	text = output_json_text(object, JSON_MODE_SHORT);
	assert_string_equal(text, expected);
}

static const struct load_map protocols = {
	.name = "protocols",
	.type = BPF_MAP_TYPE_PERCPU_HASH,
	.max_entries = 257,
	.key = "enum protocol",
	.value = "struct count",
};

static void test_entry(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_count();
	uint32_t key = 6;
	uint64_t sum[] = {3, 30}, first[] = {1, 10}, second[] = {2, 20};
	struct blob cpus[] = {BLOB(first), BLOB(second)};
	struct table_entry entry = {
		.key = BLOB(key),
		.value = BLOB(sum),
		.n_cpus = 2,
		.cpus = cpus,
	};

	check_print(&protocols, btf, &entry, "  TCP: packets=3 bytes=30\n");
	check_json(&protocols, btf, &entry,
		   "{\"key\":\"TCP\",\"value\":{\"packets\":3,\"bytes\":30},"
		   "\"perCpu\":[{\"packets\":1,\"bytes\":10},{\"packets\":2,\"bytes\":20}]}");
	entry.n_cpus = 0;
	check_json(&protocols, btf, &entry,
		   "{\"key\":\"TCP\",\"value\":{\"packets\":3,\"bytes\":30}}");
}

/* Without types, or with types of another size: numbers where they can be, else bytes. */
static void test_untyped(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_count();
	struct load_map map = protocols;
	uint16_t key = 258;
	uint8_t value[] = {0xde, 0xad, 0xbe};
	struct table_entry entry = {.key = BLOB(key), .value = BLOB(value)};

	check_print(&map, NULL, &entry, "  258: deadbe\n");
	check_json(&map, NULL, &entry, "{\"key\":258,\"value\":\"deadbe\"}");
	check_print(&map, btf, &entry, "  258: deadbe\n");
	memcpy(value, "ls\0", sizeof(value));
	check_print(&map, NULL, &entry, "  258: \"ls\"\n");
	check_json(&map, NULL, &entry, "{\"key\":258,\"value\":\"6c7300\"}");
	memcpy(value, "l\0s", sizeof(value));
	check_print(&map, NULL, &entry, "  258: 6c0073\n");
	memcpy(value, "\033[m", sizeof(value));
	check_print(&map, NULL, &entry, "  258: 1b5b6d\n");
	memcpy(value, "\0\0\0", sizeof(value));
	check_print(&map, NULL, &entry, "  258: 000000\n");
	memcpy(value, "\xde\xad\xbe", sizeof(value));
	map.key = map.value = "no such type";
	check_print(&map, btf, &entry, "  258: deadbe\n");
	map.key = map.value = NULL;
	check_print(&map, btf, &entry, "  258: deadbe\n");
}

/* An array of one entry has no key worth a line of its own. */
static void test_single(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_count();
	struct load_map map = {
		.name = "tot\033als",
		.type = BPF_MAP_TYPE_ARRAY,
		.max_entries = 1,
		.value = "count",
	};
	uint32_t key = 0;
	uint64_t value[] = {3, 30};
	struct table_entry entry = {.key = BLOB(key), .value = BLOB(value)};

	check_print(&map, btf, &entry, "tot\\x1bals: packets=3 bytes=30\n");
	check_json(&map, btf, &entry, "{\"key\":0,\"value\":{\"packets\":3,\"bytes\":30}}");
}

/* Values that cannot be added up are shown one by one. */
static void test_no_sum(void **state)
{
	struct load_map map = {.name = "m", .type = BPF_MAP_TYPE_PERCPU_HASH, .max_entries = 9};
	uint8_t first[] = {1, 2, 3}, second[] = {4, 5, 6};
	struct blob cpus[] = {BLOB(first), BLOB(second)};
	uint32_t key = 7;
	struct table_entry entry = {.key = BLOB(key), .n_cpus = 2, .cpus = cpus};

	check_print(&map, NULL, &entry, "  7: cpu0={010203} cpu1={040506}\n");
	check_json(&map, NULL, &entry, "{\"key\":7,\"perCpu\":[\"010203\",\"040506\"]}");
}

static void test_sum(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_count();
	uint64_t a[] = {UINT32_MAX, 1}, b[] = {1, 2}, c[] = {5, 3}, sum[2];
	struct blob records[] = {BLOB(a), BLOB(b), BLOB(c)};

	assert_int_equal(table_sum(btf, "struct count", records, 3, (uint8_t *)sum), 0);
	assert_true(sum[0] == UINT32_MAX + UINT64_C(6));
	assert_true(sum[1] == 6);
	assert_int_equal(table_sum(btf, "struct count", records, 1, (uint8_t *)sum), 0);
	assert_true(sum[0] == UINT32_MAX && sum[1] == 1);
	assert_int_equal(table_sum(NULL, NULL, records, 3, (uint8_t *)sum), -EOPNOTSUPP);
}

/* Text and bitfields are the first CPU's; members of a union are added once, not twice. */
static void test_sum_mixed(void **state)
{
	_cleanup_btf_ struct btf *btf = btf_count();
	struct {
		char comm[4];
		uint32_t n, bits;
	} a = {"one", 1, 0x23}, b = {"two", 41, 0x11}, sum;
	struct blob records[] = {BLOB(a), BLOB(b)};
	uint64_t x = 5, y = 6, total, small;
	struct blob either[] = {BLOB(x), BLOB(y)};

	assert_int_equal(table_sum(btf, "mixed", records, 2, (uint8_t *)&sum), 0);
	assert_string_equal(sum.comm, "one");
	assert_int_equal(sum.n, 42);
	assert_int_equal(sum.bits, 0x23);

	assert_int_equal(table_sum(btf, "union either", either, 2, (uint8_t *)&total), 0);
	assert_int_equal(total, 11);
	assert_int_equal(table_sum(NULL, NULL, either, 2, (uint8_t *)&small), 0);
	assert_int_equal(small, 11);
	/* The type is larger than the value: nothing is read behind it. */
	assert_int_equal(table_sum(btf, "count", either, 2, (uint8_t *)&total), -EBADMSG);
}

static void test_readable(void **state)
{
	struct load_map map = {
		.name = "m",
		.type = BPF_MAP_TYPE_HASH,
		.grant = GRANT_READ,
		.fd = 0,
	};

	assert_true(table_readable(&map));
	map.type = BPF_MAP_TYPE_LRU_PERCPU_HASH;
	assert_true(table_readable(&map));
	map.type = BPF_MAP_TYPE_QUEUE;
	assert_false(table_readable(&map));
	map.type = BPF_MAP_TYPE_RINGBUF;
	map.grant = GRANT_EVENTS;
	assert_false(table_readable(&map));
	map.type = BPF_MAP_TYPE_HASH;
	map.grant = GRANT_NONE;
	assert_false(table_readable(&map));
	map.grant = GRANT_READ_WRITE;
	map.fd = -1;
	assert_false(table_readable(&map));
	assert_int_equal(table_each(&map, NULL, NULL, NULL), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entry),	 cmocka_unit_test(test_untyped),
		cmocka_unit_test(test_single),	 cmocka_unit_test(test_no_sum),
		cmocka_unit_test(test_sum),	 cmocka_unit_test(test_sum_mixed),
		cmocka_unit_test(test_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
