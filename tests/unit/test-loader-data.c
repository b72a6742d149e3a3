/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loaders that hide what they ask for; and those of libbpf, which do not. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "loader-check.h"
#include "loader-data.h"
#include "loader-verdict.h"
#include "manifest.h"
#include "sys-bpf.h"
#include "target.h"

static struct loader_asm a;

static void refused(const char *part)
{
	verdict_refused(&a, NULL, part);
}

static void accepted(void)
{
	verdict_accepted(&a, NULL);
}

/* The attributes of a map of @type; where they are. */
static size_t map_attr(enum bpf_map_type type)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	return asm_data(&a, &attr, ATTR_SIZE(map_name));
}

static void create(size_t at)
{
	asm_sys_bpf(&a, BPF_MAP_CREATE, at, ATTR_SIZE(map_name));
	asm_return(&a, 0);
}

static void test_map_types(void **state)
{
	for (uint32_t type = 0; type < 40; type++) {
		char part[64];

		asm_start(&a, 0);
		create(map_attr((enum bpf_map_type)type));
		if (map_type_name((enum bpf_map_type)type)) {
			accepted();
			continue;
		}
		snprintf(part, sizeof(part), "makes a map of type %u, which", type);
		refused(part);
	}
}

static void load_program(enum bpf_prog_type type, uint32_t attach, size_t size)
{
	union bpf_attr attr;

	asm_start(&a, 0);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.expected_attach_type = attach;
	asm_sys_bpf(&a, BPF_PROG_LOAD, asm_data(&a, &attr, ATTR_SIZE(attach_btf_id)), size);
	asm_return(&a, 0);
}

static void test_program_types(void **state)
{
	static const struct {
		enum bpf_prog_type type;
		uint32_t attach;
		const char *part; /* NULL: accepted */
	} rows[] = {
		{BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, NULL},
		{BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, NULL},
		{BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, NULL},
		{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, NULL},
		{BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, "expected attach type 26, which"},
		{BPF_PROG_TYPE_TRACING, 0, "of type tracing with expected attach type 0"},
		{BPF_PROG_TYPE_LSM, BPF_LSM_MAC, NULL},
		{BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP, "of type lsm with expected attach type 43"},
		{BPF_PROG_TYPE_XDP, 0, NULL},
		{BPF_PROG_TYPE_XDP, BPF_XDP, NULL},
		{BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, NULL},
		{BPF_PROG_TYPE_STRUCT_OPS, 0, "program of type 27"},
		{BPF_PROG_TYPE_EXT, 0, "program of type 28"},
		{BPF_PROG_TYPE_SYSCALL, 0, "program of type 31"},
		{BPF_PROG_TYPE_UNSPEC, 0, "program of type 0"},
		{77, 0, "program of type 77"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		load_program(rows[i].type, rows[i].attach, ATTR_SIZE(attach_btf_id));
		if (rows[i].part)
			refused(rows[i].part);
		else
			accepted();
	}
	/* What is behind the end of the attributes is 0 to the kernel. */
	load_program(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, ATTR_SIZE(prog_name));
	refused("expected attach type 0");
	load_program(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, ATTR_SIZE(expected_attach_type) - 2);
	refused("of a type that it writes");
}

/* Every byte of the type, and none beside it; by each size of store, before the command and after
 * (a command may come again by another way). */
static void test_changed_type(void **state)
{
	static const struct {
		uint8_t size;
		int bytes;
	} stores[] = {{BPF_B, 1}, {BPF_H, 2}, {BPF_W, 4}, {BPF_DW, 8}};

	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		for (int off = -8; off <= 8; off++) {
			size_t at;

			asm_start(&a, 0);
			asm_data(&a, "before", sizeof("before"));
			at = map_attr(BPF_MAP_TYPE_ARRAY);
			asm_data_address(&a, BPF_REG_8, at);
			asm_insn(&a, BPF_ST | BPF_MEM | stores[i].size, BPF_REG_8, 0, (int16_t)off,
				 26);
			create(at);
			if (off + stores[i].bytes <= 0 || off >= 4)
				accepted();
			else
				refused("makes a map of a type that it writes as it runs");
		}
	}
}

/* Many writes, of which a long one reaches over short ones that begin later. */
static void test_overlap(void **state)
{
	static const uint8_t zeros[64];
	size_t at;

	for (unsigned short_one = 0; short_one < 2; short_one++) {
		asm_start(&a, 1);
		at = map_attr(BPF_MAP_TYPE_ARRAY);
		asm_data(&a, zeros, sizeof(zeros));
		asm_opening(&a, BPF_REG_3, 0);
		asm_copy(&a, BPF_FUNC_copy_from_user, 0, short_one ? 8 : 64);
		for (int off = 0; off < 8; off++) {
			asm_data_address(&a, BPF_REG_1, 0);
			asm_insn(&a, BPF_ST | BPF_MEM | BPF_B, BPF_REG_1, 0, (int16_t)off, 0);
		}
		create(at);
		if (short_one)
			accepted();
		else
			refused("of a type that it writes");
	}
}

/* What the kernel writes behind attributes of its own accord. */
static void test_kernel_writes(void **state)
{
	static const struct {
		int command;
		uint8_t type;
		size_t known;
	} rows[] = {
		{BPF_PROG_LOAD, BPF_PROG_TYPE_XDP, ATTR_SIZE(core_relo_rec_size)},
		{BPF_BTF_LOAD, 0, ATTR_SIZE(btf_log_level)},
		{BPF_MAP_CREATE, BPF_MAP_TYPE_ARRAY, ATTR_SIZE(map_extra)},
	};
	union bpf_attr attr;
	uint8_t data[256];
	size_t at;

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		size_t known = rows[i / 2].known;

		asm_start(&a, 0);
		memset(&attr, 0, sizeof(attr));
		attr.map_type = i % 2 ? 0 : BPF_MAP_TYPE_ARRAY;
		memset(data, 0, sizeof(data));
		memcpy(data + known + 4, &attr, ATTR_SIZE(map_name));
		data[0] = rows[i / 2].type;
		at = asm_data(&a, data, sizeof(data));
		/* up to the map's attributes, and over them */
		asm_sys_bpf(&a, rows[i / 2].command, at, known + 4 * (i % 2 + 1));
		create(at + known + 4);
		if (i % 2 == 0)
			accepted();
		else
			refused("of a type that it writes");
	}
}

static void test_places(void **state)
{
	static const struct bpf_insn stores[] = {
		/* a number, the map itself, what was read from memory */
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 8},
		{.code = BPF_LDX | BPF_MEM | BPF_DW,
		 .dst_reg = BPF_REG_2,
		 .src_reg = BPF_REG_10,
		 .off = -8},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = 8},
		{.code = BPF_ALU64 | BPF_ADD | BPF_X, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_7},
		{.code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X,
		 .dst_reg = BPF_REG_2,
		 .src_reg = BPF_REG_8,
		 .off = 8},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_sys_close},
	};

	for (size_t i = 0; i <= ARRAY_SIZE(stores); i++) {
		asm_start(&a, 0);
		asm_data_address(&a, BPF_REG_8, 0);
		asm_data_address(&a, BPF_REG_2, 0);
		if (i < ARRAY_SIZE(stores))
			asm_insn(&a, stores[i].code, stores[i].dst_reg, stores[i].src_reg,
				 stores[i].off, stores[i].imm);
		asm_insn(&a, BPF_STX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_7, 0, 0);
		asm_return(&a, 0);
		if (i == ARRAY_SIZE(stores))
			accepted();
		else
			refused("a store to a place that cannot be told");
	}
	asm_start(&a, 0);
	asm_insn(&a, BPF_STX | BPF_ATOMIC | BPF_W, BPF_REG_10, BPF_REG_7, -8, BPF_ADD);
	asm_return(&a, 0);
	refused("an atomic operation");
	asm_start(&a, 0);
	asm_insn(&a, BPF_LD | BPF_ABS | BPF_W, 0, 0, 0, 0);
	asm_return(&a, 0);
	refused("a load of a packet's bytes");
	for (uint8_t reg = 11; reg < 16; reg++) {
		asm_start(&a, 0);
		asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, 0);
		asm_return(&a, 0);
		refused("a register that there is not");
		asm_start(&a, 0);
		asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, reg, 0, 0);
		asm_return(&a, 0);
		refused("a register that there is not");
	}
}

/* Where ways meet, only what all of them say is known; the clean-up is reached from anywhere. */
static void test_joins(void **state)
{
	size_t at;

	for (unsigned same = 0; same < 2; same++) {
		asm_start(&a, 0);
		at = map_attr(BPF_MAP_TYPE_ARRAY);
		asm_data_address(&a, BPF_REG_8, 0);
		asm_insn(&a, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_7, 0, 2, 0);
		asm_data_address(&a, BPF_REG_8, same ? 0 : at);
		asm_insn(&a, BPF_ST | BPF_MEM | BPF_W, BPF_REG_8, 0, 0, 0);
		create(at);
		if (same)
			accepted();
		else
			refused("a store to a place that cannot be told");
	}

	/* Only who jumps gets there: what is known is what was known at the jump. */
	asm_start(&a, 0);
	at = map_attr(BPF_MAP_TYPE_ARRAY);
	asm_data_address(&a, BPF_REG_8, at);
	asm_insn(&a, BPF_JMP | BPF_JA, 0, 0, 2, 0);
	asm_return(&a, 0);
	asm_insn(&a, BPF_ST | BPF_MEM | BPF_W, BPF_REG_8, 0, 0, 0);
	create(at);
	refused("of a type that it writes");

	/* Backwards, with another address than was there on the way down. */
	asm_start(&a, 0);
	asm_data_address(&a, BPF_REG_8, 0);
	asm_insn(&a, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_7, 0, 3, 0);
	asm_insn(&a, BPF_ST | BPF_MEM | BPF_W, BPF_REG_8, 0, 0, 26);
	asm_return(&a, 0);
	asm_insn(&a, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_7, 0, -4, 0);
	asm_return(&a, 0);
	refused("a store to a place that cannot be told");
}

/* However many jumps there are, what is remembered of them has a bound. */
static void test_many_joins(void **state)
{
	for (int n = 1024; n <= 1025; n++) {
		asm_start(&a, 0);
		for (int i = 0; i < n; i++)
			asm_insn(&a, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_7, 0,
				 (int16_t)(2 * n - 2 * i), i);
		for (int i = 0; i < n; i++)
			asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
		for (int i = 0; i < n; i++)
			asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
		asm_return(&a, 0);
		if (n == 1024)
			accepted();
		else
			refused("one jump forwards too many");
	}
}

static void test_attributes(void **state)
{
	/* from a register that was moved, of a size that was read, behind the end */
	asm_start(&a, 0);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, BPF_MAP_CREATE);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 8);
	asm_insn(&a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_bpf);
	asm_return(&a, 0);
	refused("whose attributes cannot be told");

	asm_start(&a, 0);
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, BPF_MAP_CREATE);
	asm_data_address(&a, BPF_REG_2, 0);
	asm_insn(&a, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_3, BPF_REG_6, 0, 0);
	asm_insn(&a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_bpf);
	asm_return(&a, 0);
	refused("whose attributes cannot be told");

	static const struct {
		int64_t at;
		int32_t size;
	} rows[] = {{0, 9}, {4, 8}, {8, 4}, {0, 3}, {0, 0}, {0, -1}, {UINT32_MAX, 4}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		asm_start(&a, 0); /* 8 bytes of data */
		asm_sys_bpf(&a, BPF_MAP_FREEZE, (size_t)rows[i].at, (size_t)rows[i].size);
		asm_return(&a, 0);
		refused("attributes outside of its data");
	}
	asm_start(&a, 0);
	asm_sys_bpf(&a, BPF_MAP_FREEZE, 4, 4);
	asm_return(&a, 0);
	accepted();
}

/* The helpers that fill memory. */
static void test_helpers(void **state)
{
	static const int32_t copies[] = {BPF_FUNC_copy_from_user, BPF_FUNC_probe_read_kernel};
	size_t at;

	for (size_t i = 0; i < ARRAY_SIZE(copies); i++) {
		for (unsigned known = 0; known < 2; known++) {
			asm_start(&a, 1);
			at = map_attr(BPF_MAP_TYPE_ARRAY);
			asm_opening(&a, BPF_REG_3, 0);
			asm_copy(&a, copies[i], 0, 8);
			if (!known)
				a.insns[a.n - 2] =
					(struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W,
							  .dst_reg = BPF_REG_2,
							  .src_reg = BPF_REG_6};
			create(at);
			if (known)
				accepted();
			else
				refused("a store to a place that cannot be told");
		}
	}
	asm_start(&a, 0);
	at = map_attr(BPF_MAP_TYPE_ARRAY);
	asm_find_symbol(&a, "init_task", at);
	create(at);
	refused("of a type that it writes");
}

/* What 'bpfctl build' makes of the programs of this tree: with fds, addresses, types, weak
 * functions and initial values to be filled in. */
static void test_built(void **state)
{
	static const char *const names[] = {"execwatch", "nmiwatch", "openargs", "opencount",
					    "xdpcount"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		_cleanup_bundle_ struct bundle bundle = {};
		_cleanup_manifest_ struct manifest *manifest = NULL;
		_cleanup_free_ char *path = NULL;
		_cleanup_close_ int fd = -1;
		struct load_input input = {};
		struct blob text;
		struct stat st;
		void *data;

		assert_true(asprintf(&path, BUNDLES "/%s.bpfb", names[i]) > 0);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			print_message("skipped: %s is not built\n", path);
			skip();
		}
		assert_int_equal(fstat(fd, &st), 0);
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		assert_true(data != MAP_FAILED);
		assert_int_equal(bundle_open(data, (size_t)st.st_size, &bundle, NULL), 0);
		input.loader = bundle_find(&bundle, BUNDLE_LOADER, 0)->content;
		input.metadata = bundle_find(&bundle, BUNDLE_METADATA, 0)->content;
		text = bundle_find(&bundle, BUNDLE_MANIFEST, 0)->content;
		if (manifest_parse((const char *)text.data, text.size, &manifest, &error) < 0)
			fail_msg("%s: %s", names[i], error_message(&error));
		input.n_maps = manifest->n_maps;
		input.program_types = manifest_types(manifest, 0);
		if (loader_check(input.loader, &error) < 0 || loader_data_check(&input, &error) < 0)
			fail_msg("%s: %s", names[i], error_message(&error));
		munmap(data, (size_t)st.st_size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_types),     cmocka_unit_test(test_program_types),
		cmocka_unit_test(test_changed_type),  cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_kernel_writes), cmocka_unit_test(test_places),
		cmocka_unit_test(test_joins),	      cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_helpers),	      cmocka_unit_test(test_many_joins),
		cmocka_unit_test(test_built),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
