/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bpf(2) commands of a loader may read: the metadata, and into maps what was signed. */
#include "check.h"

#include "loader-verdict.h"
#include "sys-bpf.h"

#define FIELD(member) offsetof(union bpf_attr, member)

#define UNKNOWN(what) "that reads its " what " from a place that cannot be told"
#define OUTSIDE(what) "that reads its " what " from outside of its data"
#define COMPUTED      "that puts into a map what it has computed"

static struct loader_asm a;

static void refused(const char *part)
{
	verdict_refused(&a, NULL, part);
}

static void accepted(void)
{
	verdict_accepted(&a, NULL);
}

static void expect(const char *part)
{
	asm_return(&a, 0);
	if (part)
		refused(part);
	else
		accepted();
}

static const uint8_t zeros[64];

/* ---- maps ---- */

/* What a loader of libbpf does for .rodata: a map with its attributes at map, its fd in R8 and in
 * the slot, then the attributes of an update of it, with key and value. */
struct filled {
	size_t map, slot, key, value, update;
};

static void start_update(struct filled *f, enum bpf_map_type type)
{
	union bpf_attr attr;

	asm_start(&a, 2);
	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = 4;
	attr.value_size = 16;
	attr.max_entries = 1;
	f->map = asm_data(&a, &attr, ATTR_SIZE(map_name));
	f->slot = asm_data(&a, zeros, 8);
	f->value = asm_data(&a, zeros, 16);
	f->key = asm_data(&a, zeros, 8);
	asm_sys_bpf(&a, BPF_MAP_CREATE, f->map, ATTR_SIZE(map_name));
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_8, BPF_REG_7, 0, 0);
	asm_store(&a, f->slot, BPF_REG_8);
	asm_opening(&a, BPF_REG_3, 0);
	asm_insn(&a, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_3, 0, 4, 0);
	asm_copy(&a, BPF_FUNC_copy_from_user, f->value, 16);
	asm_data_address(&a, BPF_REG_0, f->slot);
	asm_insn(&a, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_9, BPF_REG_0, 0, 0);
	f->update = asm_update(&a, BPF_REG_9, f->key, f->value);
}

static void finish_update(const struct filled *f, const char *part)
{
	asm_sys_bpf(&a, BPF_MAP_UPDATE_ELEM, f->update, ATTR_SIZE(flags));
	expect(part);
}

/* R0 = a kernel address */
static void kernel_address(void)
{
	size_t at = asm_data(&a, zeros, 8);

	asm_find_symbol(&a, "init_task", at);
	asm_data_address(&a, BPF_REG_1, at);
	asm_insn(&a, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_1, 0, 0);
}

static void store(size_t where, uint8_t size, uint8_t src)
{
	asm_data_address(&a, BPF_REG_1, where);
	asm_insn(&a, BPF_STX | BPF_MEM | size, BPF_REG_1, src, 0, 0);
}

static void test_update(void **state)
{
	struct filled f;

	start_update(&f, BPF_MAP_TYPE_ARRAY);
	finish_update(&f, NULL);
	/* the fd from its slot, and as it comes: either, but not now this, now that */
	start_update(&f, BPF_MAP_TYPE_ARRAY);
	store(f.update, BPF_W, BPF_REG_8);
	finish_update(&f, "that fills a map which cannot be told");
	start_update(&f, BPF_MAP_TYPE_ARRAY);
	f.update = asm_update(&a, BPF_REG_8, f.key, f.value);
	finish_update(&f, NULL);
	start_update(&f, BPF_MAP_TYPE_HASH);
	finish_update(&f, "that fills a map which is no array");
	start_update(&f, BPF_MAP_TYPE_PERCPU_ARRAY);
	finish_update(&f, "that fills a map which is no array");
}

/* Addresses that are the kernel's: as signed, as looked up, in part; before the command or not. */
static void test_addresses(void **state)
{
	static const struct {
		const char *name;
		size_t field;
	} rows[] = {{UNKNOWN("key"), FIELD(key)}, {UNKNOWN("value"), FIELD(value)}};
	const uint64_t address = 0xffffffff81000000;
	struct filled f;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		start_update(&f, BPF_MAP_TYPE_ARRAY);
		memcpy(a.data + f.update + rows[i].field, &address, sizeof(address));
		finish_update(&f, rows[i].name);

		start_update(&f, BPF_MAP_TYPE_ARRAY);
		kernel_address();
		store(f.update + rows[i].field, BPF_DW, BPF_REG_0);
		finish_update(&f, rows[i].name);

		start_update(&f, BPF_MAP_TYPE_ARRAY);
		store(f.update + rows[i].field + 4, BPF_W, BPF_REG_7);
		finish_update(&f, rows[i].name);

		/* the stack's, and the context's */
		start_update(&f, BPF_MAP_TYPE_ARRAY);
		store(f.update + rows[i].field, BPF_DW, BPF_REG_10);
		finish_update(&f, rows[i].name);
		start_update(&f, BPF_MAP_TYPE_ARRAY);
		store(f.update + rows[i].field, BPF_DW, BPF_REG_6);
		finish_update(&f, rows[i].name);

		/* two of data, of which one only is the map's value */
		start_update(&f, BPF_MAP_TYPE_ARRAY);
		asm_pointer(&a, f.update + rows[i].field, f.map);
		finish_update(&f, rows[i].name);
	}
}

/* Up to the end of the data, and over it. */
static void test_outside(void **state)
{
	struct filled f;

	for (unsigned over = 0; over < 2; over++) {
		start_update(&f, BPF_MAP_TYPE_ARRAY);
		f.update = asm_update(&a, BPF_REG_9, f.key, a.size + ATTR_SIZE(flags));
		asm_data(&a, zeros, over ? 8 : 16);
		finish_update(&f, over ? OUTSIDE("value") : NULL);

		start_update(&f, BPF_MAP_TYPE_ARRAY);
		f.update = asm_update(&a, BPF_REG_9, a.size + ATTR_SIZE(flags) + over, f.value);
		a.size += 4;
		finish_update(&f, over ? OUTSIDE("key") : NULL);
	}
}

/* Every byte of key and value, and none beside them. */
static void test_content(void **state)
{
	struct filled f;

	for (int off = -8; off <= 16; off++) {
		start_update(&f, BPF_MAP_TYPE_ARRAY);
		asm_data_address(&a, BPF_REG_1, f.value);
		asm_insn(&a, BPF_ST | BPF_MEM | BPF_B, BPF_REG_1, 0, (int16_t)off, 1);
		/* the slot lies before the value, the key behind it */
		finish_update(&f, off >= 0		   ? COMPUTED
				  : off >= -8 && off <= -5 ? "which cannot be told"
							   : NULL);
	}
	/* a symbol's address; what it was copied over later; before its update, and after it */
	start_update(&f, BPF_MAP_TYPE_ARRAY);
	asm_find_symbol(&a, "init_task", f.value + 8);
	finish_update(&f, COMPUTED);
	start_update(&f, BPF_MAP_TYPE_ARRAY);
	asm_sys_bpf(&a, BPF_MAP_UPDATE_ELEM, f.update, ATTR_SIZE(flags));
	asm_find_symbol(&a, "init_task", f.value);
	expect(COMPUTED);
	/* where the kernel writes, behind another's attributes */
	start_update(&f, BPF_MAP_TYPE_ARRAY);
	asm_sys_bpf(&a, BPF_MAP_FREEZE, f.key - 4, 8);
	finish_update(&f, COMPUTED);
}

/* Whose values are how long? */
static void test_which_map(void **state)
{
	struct filled f;

	/* a number, another command's result, two maps, a part of a fd */
	start_update(&f, BPF_MAP_TYPE_ARRAY);
	store(f.update, BPF_W, BPF_REG_10);
	finish_update(&f, "which cannot be told");
	start_update(&f, BPF_MAP_TYPE_ARRAY);
	asm_sys_bpf(&a, BPF_MAP_FREEZE, f.key, 4);
	store(f.slot, BPF_W, BPF_REG_7);
	finish_update(&f, "which cannot be told");
	start_update(&f, BPF_MAP_TYPE_ARRAY);
	asm_make_map(&a, "other");
	store(f.slot, BPF_W, BPF_REG_7);
	finish_update(&f, "which cannot be told");
	start_update(&f, BPF_MAP_TYPE_ARRAY);
	store(f.update, BPF_B, BPF_REG_7);
	finish_update(&f, "which cannot be told");
	start_update(&f, BPF_MAP_TYPE_ARRAY);
	store(f.slot, BPF_DW, BPF_REG_8);
	finish_update(&f, "which cannot be told");
	/* a fd that was signed: 3 is what the first map gets */
	for (unsigned i = 0; i < 2; i++) {
		start_update(&f, BPF_MAP_TYPE_ARRAY);
		a.data[i == 0 ? f.slot : f.update] = 3;
		finish_update(&f, "which cannot be told");
	}
	/* sizes that change */
	for (size_t field = FIELD(key_size); field <= FIELD(value_size); field += 4) {
		start_update(&f, BPF_MAP_TYPE_ARRAY);
		store(f.map + field, BPF_B, BPF_REG_7);
		finish_update(&f, field == FIELD(key_size) ? "whose key size it writes"
							   : "whose value size it writes");
	}
	/* the fd of another map, which got it after a close, on one way of two */
	for (unsigned i = 0; i < 2; i++) {
		start_update(&f, BPF_MAP_TYPE_ARRAY);
		asm_insn(&a, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_7, 0, 2, 0);
		asm_close(&a, 3);
		if (i == 1)
			a.insns[a.n - 1] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K};
		finish_update(&f, i == 0 ? "that fills a map after a close" : NULL);
	}
}

/* ---- BTF ---- */

static void test_btf(void **state)
{
	static const struct {
		uint32_t size;
		const char *part;
	} rows[] = {{64, NULL}, {65, OUTSIDE("BTF")}, {UINT32_MAX, OUTSIDE("BTF")}};
	union bpf_attr attr;
	size_t at;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		asm_start(&a, 0);
		memset(&attr, 0, sizeof(attr));
		attr.btf_size = rows[i].size;
		at = asm_data(&a, &attr, 32);
		asm_pointer(&a, at, asm_data(&a, zeros, 64));
		asm_sys_bpf(&a, BPF_BTF_LOAD, at, ATTR_SIZE(btf_log_level));
		expect(rows[i].part);
	}
	asm_start(&a, 0);
	at = asm_data(&a, &attr, 32);
	kernel_address();
	store(at, BPF_DW, BPF_REG_0);
	asm_sys_bpf(&a, BPF_BTF_LOAD, at, ATTR_SIZE(btf_log_level));
	expect(UNKNOWN("BTF"));
	asm_start(&a, 0);
	at = asm_data(&a, &attr, 32);
	store(at + FIELD(btf_size), BPF_W, BPF_REG_7);
	asm_sys_bpf(&a, BPF_BTF_LOAD, at, ATTR_SIZE(btf_log_level));
	expect("whose size of BTF it writes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_update),	  cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_outside),	  cmocka_unit_test(test_content),
		cmocka_unit_test(test_which_map), cmocka_unit_test(test_btf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
