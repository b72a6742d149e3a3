// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which maps may have the field: layouts of the value, types of map, flags, capabilities. */
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "checks.h"

/* Where the field is. */
enum layout {
	PLAIN, /* nowhere */
	FIRST,
	LAST,	/* at offset 16, as all that follow */
	ALONE,	/* the value is the field */
	TWO,	/* fields */
	ODD,	/* at offset 4 */
	NESTED, /* in a structure in the value */
	ARRAY_OF_1,
	ARRAY_OF_2,
	IN_UNION,
	TOO_SMALL, /* a structure of that name, but 4 bytes long */
	TOO_LARGE, /* ... 16 bytes long */
	WITH_TIMER,
	WITH_WQ,
	WITH_LOCK,
	OTHER_TYPE, /* an integer called bpf_task_work */
	OUTSIDE,    /* behind the end of the map's value */
};

static int add_struct(struct btf *btf, const char *name, unsigned size, unsigned member_size)
{
	int member = btf__add_int(btf, "unsigned", member_size, 0);
	int id = btf__add_struct(btf, name, size);

	must("BTF", btf__add_field(btf, "opaque", member, 0, 0));
	return id;
}

static int add_field_type(struct btf *btf, enum layout layout)
{
	int id;

	switch (layout) {
	case TOO_SMALL:
		return add_struct(btf, "bpf_task_work", 4, 4);
	case TOO_LARGE:
		return add_struct(btf, "bpf_task_work", 16, 8);
	case OTHER_TYPE:
		return btf__add_int(btf, "bpf_task_work", 8, 0);
	default:
		id = add_struct(btf, "bpf_task_work", 8, 8);
	}
	if (layout == NESTED || layout == IN_UNION) {
		int outer = layout == NESTED ? btf__add_struct(btf, "outer", 8)
					     : btf__add_union(btf, "outer", 8);

		must("BTF", btf__add_field(btf, "work", id, 0, 0));
		return outer;
	}
	if (layout == ARRAY_OF_1 || layout == ARRAY_OF_2)
		return btf__add_array(btf, btf__add_int(btf, "index", 4, 0), id,
				      layout == ARRAY_OF_1 ? 1 : 2);
	return id;
}

static int add_companion(struct btf *btf, enum layout layout)
{
	switch (layout) {
	case WITH_TIMER:
		return add_struct(btf, "bpf_timer", 16, 8);
	case WITH_WQ:
		return add_struct(btf, "bpf_wq", 16, 8);
	default:
		return add_struct(btf, "bpf_spin_lock", 4, 4);
	}
}

/* A value of 32 bytes, or of those 8 that are the field. */
static int add_value(struct btf *btf, enum layout layout)
{
	int field = add_field_type(btf, layout);
	int value, companion;

	if (layout == ALONE)
		return field;
	companion = add_companion(btf, layout);
	value = btf__add_struct(btf, "value", layout == OUTSIDE ? 48 : 32);
	if (layout == WITH_TIMER || layout == WITH_WQ || layout == WITH_LOCK)
		must("BTF", btf__add_field(btf, "companion", companion, 0, 0));
	if (layout == FIRST || layout == TWO)
		must("BTF", btf__add_field(btf, "first", field, 0, 0));
	if (layout == ODD)
		must("BTF", btf__add_field(btf, "odd", field, 4 * 8, 0));
	else if (layout == OUTSIDE)
		must("BTF", btf__add_field(btf, "outside", field, 40 * 8, 0));
	else if (layout != FIRST && layout != PLAIN)
		must("BTF", btf__add_field(btf, "last", field, 16 * 8, 0));
	return value;
}

static int create(enum bpf_map_type type, enum layout layout, uint32_t flags)
{
	struct btf *btf = btf__new_empty();
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
	bool trie = type == BPF_MAP_TYPE_LPM_TRIE;
	bool storage = type == BPF_MAP_TYPE_SK_STORAGE || type == BPF_MAP_TYPE_TASK_STORAGE ||
		       type == BPF_MAP_TYPE_INODE_STORAGE || type == BPF_MAP_TYPE_CGRP_STORAGE;
	int fd;

	must("BTF", btf ? 0 : -errno);
	opts.btf_key_type_id =
		(uint32_t)(trie ? add_struct(btf, "key", 8, 8) : btf__add_int(btf, "key", 4, 0));
	opts.btf_value_type_id = (uint32_t)add_value(btf, layout);
	must("BTF", btf__load_into_kernel(btf));
	opts.btf_fd = (uint32_t)btf__fd(btf);
	if (storage || trie)
		opts.map_flags |= BPF_F_NO_PREALLOC;
	fd = bpf_map_create(type, "work", trie ? 8 : 4, layout == ALONE ? 8 : 32, storage ? 0 : 4,
			    &opts);
	btf__free(btf);
	return fd;
}

/*
 * A layout that is not right makes a map all the same, in which there is no field: a program that
 * schedules (as if it were at offset .c) cannot use it.
 */
static void run_layout(const struct check *check)
{
	static const char *const programs[] = {[0] = "at_0", [4] = "at_4", [16] = "at_16"};
	int fd = create(check->a, check->b, 0);

	if (fd < 0)
		answer("map %s", answer_name(fd));
	else
		answer("map ok, program %s",
		       answer_name(verify_with("arguments", programs[check->c], "array", fd)));
	safe_close(fd);
}

/* The twin without the field says whether the map can be made at all. */
static void run(const struct check *check)
{
	int fd = create(check->a, check->b, check->c);
	int plain = create(check->a, PLAIN, check->c);

	if (plain < 0)
		answer("%s, %s without the field", answer_name(fd), strerrorname_np(-plain));
	else
		answer_result(fd);
	safe_close(fd);
	safe_close(plain);
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* Only these two need no capability but for the field; the BTF is loaded before. */
static int create_without_capability(enum bpf_map_type type, enum layout layout)
{
	struct btf *btf = btf__new_empty();
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	int status, r;
	pid_t pid;

	opts.btf_key_type_id = (uint32_t)btf__add_int(btf, "key", 4, 0);
	opts.btf_value_type_id = (uint32_t)add_value(btf, layout);
	must("BTF", btf__load_into_kernel(btf));
	opts.btf_fd = (uint32_t)btf__fd(btf);
	pid = must("fork", fork());
	if (pid == 0) {
		r = drop_capabilities();
		if (r == 0)
			r = bpf_map_create(type, "work", 4, 32, 4, &opts);
		_exit(r < 0 ? -r : 0);
	}
	waitpid(pid, &status, 0);
	btf__free(btf);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

static void run_without_capability(const struct check *check)
{
	int fd = open("/proc/sys/kernel/unprivileged_bpf_disabled", O_RDWR | O_CLOEXEC);
	char old = '2';

	if (fd < 0 || pread(fd, &old, 1, 0) != 1 || pwrite(fd, "0", 1, 0) != 1)
		answer("skip: BPF without privileges cannot be allowed");
	else
		answer_result(create_without_capability(check->a, check->b));
	if (fd >= 0 && pwrite(fd, &old, 1, 0) != 1)
		note("unprivileged_bpf_disabled stays allowed");
	safe_close(fd);
}

/* A writable mapping of an array would be a way to the field. */
static void run_mmap(const struct check *check)
{
	int fd = create(BPF_MAP_TYPE_ARRAY, check->a, BPF_F_MMAPABLE);
	void *p = mmap(NULL, 4096, (int)check->b, MAP_SHARED, fd, 0);

	answer("map %s, mmap %s", answer_name(fd), answer_name(p == MAP_FAILED ? -errno : 0));
	safe_close(fd);
}

static void run_freeze(const struct check *check)
{
	int fd = create(check->a, check->b, 0);
	int r = bpf_map_freeze(must("map", fd));

	answer_result(r < 0 ? -errno : 0);
	close(fd);
}

#define LAYOUT(name, layout, offset, expected)                                                \
	{                                                                                     \
		"layout-" name, expected, run_layout, BPF_MAP_TYPE_HASH, layout, offset, NULL \
	}
#define GOOD "map ok, program ok"
#define TYPE(name, type, expected)                                              \
	{                                                                       \
		"type-" name, expected, run, BPF_MAP_TYPE_##type, LAST, 0, NULL \
	}
#define FLAG(name, type, flag, expected)                                           \
	{                                                                          \
		"flag-" name, expected, run, BPF_MAP_TYPE_##type, LAST, flag, NULL \
	}

static const struct check checks[] = {
	LAYOUT("first", FIRST, 0, GOOD),
	LAYOUT("last", LAST, 16, GOOD),
	LAYOUT("alone", ALONE, 0, NULL),
	LAYOUT("two", TWO, 16, NULL),
	LAYOUT("odd", ODD, 4, NULL),
	LAYOUT("nested", NESTED, 16, NULL),
	LAYOUT("array-of-1", ARRAY_OF_1, 16, NULL),
	LAYOUT("array-of-2", ARRAY_OF_2, 16, NULL),
	LAYOUT("in-union", IN_UNION, 16, NULL),
	LAYOUT("too-small", TOO_SMALL, 16, NULL),
	LAYOUT("too-large", TOO_LARGE, 16, NULL),
	LAYOUT("with-timer", WITH_TIMER, 16, NULL),
	LAYOUT("with-wq", WITH_WQ, 16, NULL),
	LAYOUT("with-lock", WITH_LOCK, 16, NULL),
	LAYOUT("other-type", OTHER_TYPE, 16, NULL),
	LAYOUT("plain", PLAIN, 16, NULL),
	LAYOUT("outside", OUTSIDE, 16, NULL),

	TYPE("array", ARRAY, "ok"),
	TYPE("hash", HASH, "ok"),
	TYPE("lru-hash", LRU_HASH, "ok"),
	TYPE("percpu-array", PERCPU_ARRAY, "EOPNOTSUPP"),
	TYPE("percpu-hash", PERCPU_HASH, "EOPNOTSUPP"),
	TYPE("lru-percpu-hash", LRU_PERCPU_HASH, "EOPNOTSUPP"),
	TYPE("lpm-trie", LPM_TRIE, NULL),
	TYPE("sk-storage", SK_STORAGE, "EOPNOTSUPP"),
	TYPE("task-storage", TASK_STORAGE, "EOPNOTSUPP"),
	TYPE("inode-storage", INODE_STORAGE, "EOPNOTSUPP"),
	TYPE("cgroup-storage", CGRP_STORAGE, "EOPNOTSUPP"),

	FLAG("readonly-for-programs", HASH, BPF_F_RDONLY_PROG, "EACCES"),
	FLAG("writeonly-for-programs", HASH, BPF_F_WRONLY_PROG, "EACCES"),
	FLAG("array-readonly-for-programs", ARRAY, BPF_F_RDONLY_PROG, "EACCES"),
	FLAG("readonly", HASH, BPF_F_RDONLY, NULL),
	FLAG("writeonly", HASH, BPF_F_WRONLY, NULL),
	FLAG("no-prealloc", HASH, BPF_F_NO_PREALLOC, "ok"),
	FLAG("lru-per-cpu", LRU_HASH, BPF_F_NO_COMMON_LRU, NULL),
	FLAG("mmapable", ARRAY, BPF_F_MMAPABLE, NULL),
	FLAG("inner-array", ARRAY, BPF_F_INNER_MAP, NULL),
	FLAG("zero-seed", HASH, BPF_F_ZERO_SEED, NULL),

	{"mmap-writable", NULL, run_mmap, LAST, PROT_READ | PROT_WRITE, 0, NULL},
	{"mmap-read-only", NULL, run_mmap, LAST, PROT_READ, 0, NULL},
	{"mmap-without-the-field", "map ok, mmap ok", run_mmap, PLAIN, PROT_READ | PROT_WRITE, 0,
	 NULL},
	{"freeze-array", NULL, run_freeze, BPF_MAP_TYPE_ARRAY, LAST, 0, NULL},
	{"freeze-hash", NULL, run_freeze, BPF_MAP_TYPE_HASH, LAST, 0, NULL},
	{"freeze-without-the-field", "ok", run_freeze, BPF_MAP_TYPE_HASH, PLAIN, 0, NULL},
	{"no-capability-array", "EPERM", run_without_capability, BPF_MAP_TYPE_ARRAY, LAST, 0, NULL},
	{"no-capability-hash", "EPERM", run_without_capability, BPF_MAP_TYPE_HASH, LAST, 0, NULL},
	{"no-capability-without-the-field", "ok", run_without_capability, BPF_MAP_TYPE_HASH, PLAIN,
	 0, NULL},
};

void rows_tw_maps(void)
{
	CHECKS_RUN("maps", checks);
}
