// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a map must be to be folded into a signature, and how much of it is. */

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "kernel.h"
#include "keys.h"
#include "row.h"

/* RETURN_0, signed with the one map that @spec describes, and which is frozen or not. */
static void with_map(const char *name, const char *expected, struct map_spec spec, bool exclusive,
		     bool frozen)
{
	_cleanup_request_ struct request q = {};
	_cleanup_map_ struct map map = {};
	uint8_t digest[32];

	program_digest(RETURN_0, digest);
	spec.digest = exclusive ? digest : NULL;
	spec.value_size = spec.value_size ?: 8;
	map_make_open(&map, &spec, 9);
	if (frozen)
		must("BPF_MAP_FREEZE", map_freeze(map.fd));
	request_init(&q, RETURN_0);
	request_bind(&q, &map);
	request_sign(&q);
	row_load(name, expected, &q);
}

static void rows_rules(void)
{
	const struct map_spec plain = {}, two = {.max_entries = 2};

	with_map("fold/good", "ok", plain, true, true);
	with_map("fold/not-frozen", "EPERM", plain, true, false);
	with_map("fold/not-exclusive", "EPERM", plain, false, true);
	with_map("fold/neither", "EPERM", plain, false, false);
	with_map("fold/two-entries", "ENOTSUPP", two, true, true);
	with_map("fold/two-entries-not-frozen", NULL, two, true, false);
	with_map("fold/two-entries-not-exclusive", NULL, two, false, true);
	with_map("fold/rdonly-prog", "ok", (struct map_spec){.flags = BPF_F_RDONLY_PROG}, true,
		 true);
	with_map("fold/wronly-prog", NULL, (struct map_spec){.flags = BPF_F_WRONLY_PROG}, true,
		 true);
	with_map("fold/mmapable", "ok", (struct map_spec){.flags = BPF_F_MMAPABLE}, true, true);
	with_map("fold/inner-map", NULL, (struct map_spec){.flags = BPF_F_INNER_MAP}, true, true);
	with_map("fold/numa-node", NULL, (struct map_spec){.flags = BPF_F_NUMA_NODE}, true, true);
}

static void rows_sizes(void)
{
	static const uint32_t sizes[] = {1,    2,     3,     4,	      5,      7,    8,
					 9,    63,    64,    65,      255,    4095, 4096,
					 4097, 65535, 65536, 1048575, 1048576};

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		char name[64];

		snprintf(name, sizeof(name), "fold/value-of-%u", sizes[i]);
		with_map(name, "ok", (struct map_spec){.value_size = sizes[i]}, true, true);
	}
}

/* An array's element is a multiple of 8 bytes; the value is what counts. */
static void rows_rounded(void)
{
	_cleanup_request_ struct request q = {};
	_cleanup_map_ struct map map = {};

	map_make(&map, RETURN_0, 5, 1);
	request_init(&q, RETURN_0);
	request_bind(&q, &map);
	bytes_add(&q.covered, "\0\0", 3);
	request_sign(&q);
	row_load("fold/signed-as-rounded-up", "EKEYREJECTED", &q);
}

static void rows_digest_of_map(void)
{
	_cleanup_request_ struct request q = {}, read = {};
	_cleanup_map_ struct map map = {}, unwritten = {};
	struct code code = READS_MAP(0);
	uint8_t digest[32];

	program_digest(code, digest);
	map_make(&map, code, 8, 1);
	request_init(&q, RETURN_0);
	request_bind(&q, &map);
	request_sign(&q);
	row_load_digest("fold/of-another-program", "EACCES, log: digest", &q);

	unwritten.fd = must("exclusive map", map_create(&(struct map_spec){.digest = digest}));
	must("BPF_MAP_FREEZE", map_freeze(unwritten.fd));
	unwritten.size = 8;
	unwritten.content = calloc(1, 8);
	request_init(&read, code);
	request_bind(&read, &unwritten);
	request_sign(&read);
	row_load_run("fold/never-written", "ok, returns 0x0", &read);
}

/* Writers: a mapping keeps the map from being frozen at all. */
static void rows_mapped(void)
{
	_cleanup_request_ struct request q = {};
	_cleanup_map_ struct map map = {};
	uint8_t digest[32];
	void *page;

	program_digest(RETURN_0, digest);
	map_make_open(
		&map,
		&(struct map_spec){.value_size = 8, .flags = BPF_F_MMAPABLE, .digest = digest}, 1);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map.fd, 0);
	if (page == MAP_FAILED)
		must("mmap", -errno);
	row_result("fold/freeze-while-mapped-writable", "EBUSY", map_freeze(map.fd));
	request_init(&q, RETURN_0);
	request_bind(&q, &map);
	request_sign(&q);
	row_load("fold/mapped-writable", "EPERM", &q);
	munmap(page, 4096);
	row_result("fold/freeze-when-unmapped", "ok", map_freeze(map.fd));
	row_load("fold/once-mapped-then-frozen", "ok", &q);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map.fd, 0);
	row_result("fold/map-writable-when-frozen", "EPERM", page == MAP_FAILED ? -errno : 0);
	page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, map.fd, 0);
	row_result("fold/map-read-only-when-frozen", "ok", page == MAP_FAILED ? -errno : 0);
	row_load("fold/mapped-read-only", "ok", &q);
}

/*
 * BPF_MAP_UPDATE_ELEM on a frozen map fails, but counts as a writer while it does: the only one
 * that a frozen map can have. Asked often enough, the load meets it.
 */
struct writer {
	int fd;
	atomic_bool stop;
};

static void *write_always(void *p)
{
	struct writer *writer = p;
	uint64_t value = 0;

	while (!writer->stop)
		map_update(writer->fd, 0, &value);
	return NULL;
}

static void rows_writer(void)
{
	_cleanup_request_ struct request q = {};
	_cleanup_map_ struct map map = {};
	struct writer writer = {};
	unsigned n_busy = 0, n_other = 0, n;
	pthread_t thread;

	map_make(&map, RETURN_0, 8, 1);
	request_init(&q, RETURN_0);
	request_bind(&q, &map);
	request_sign(&q);
	/* Maps are looked at first; without a signature worth checking that goes fast. */
	q.attr.signature = ptr("no signature");
	q.attr.signature_size = 12;
	writer.fd = map.fd;
	must("thread", -pthread_create(&thread, NULL, write_always, &writer));
	for (n = 0; n < 500000 && n_busy == 0; n++) {
		int r = sys_bpf(BPF_PROG_LOAD, &q.attr, q.attr_size);

		if (r == -EBUSY)
			n_busy++;
		else if (r != -EBADMSG)
			n_other++;
	}
	writer.stop = true;
	pthread_join(thread, NULL);
	note("fold/writer: %u tries, %u EBUSY, %u others", n, n_busy, n_other);
	row("fold/writer", "EBUSY", "%s", n_other ? "other" : n_busy ? "EBUSY" : "not seen");
	row_load("fold/writer-gone", "EBADMSG", &q);
}

/* What the program itself writes is its own affair, until somebody loads it again. */
static void rows_own_writes(void)
{
	struct code code =
		CODE(MAP_IDX_VALUE(1, 0, 0), LOAD32(0, 1, 0), MOV(2, 7), STORE32(1, 0, 2), EXIT);
	_cleanup_request_ struct request q = {};
	_cleanup_map_ struct map map = {};

	map_make(&map, code, 8, 1);
	request_init(&q, code);
	request_bind(&q, &map);
	request_sign(&q);
	row_load_run("fold/program-writes-its-map", "ok, returns 0x160f0801", &q);
	row_load("fold/loaded-again-after-that", "EKEYREJECTED", &q);
}

/* The same, but the program may not write: the map's flag is looked at, too. */
static void rows_read_only(void)
{
	struct code code =
		CODE(MAP_IDX_VALUE(1, 0, 0), LOAD32(0, 1, 0), MOV(2, 7), STORE32(1, 0, 2), EXIT);
	_cleanup_request_ struct request q = {};
	_cleanup_map_ struct map map = {};
	uint8_t digest[32];

	program_digest(code, digest);
	map_make_open(
		&map,
		&(struct map_spec){.value_size = 8, .flags = BPF_F_RDONLY_PROG, .digest = digest},
		1);
	must("BPF_MAP_FREEZE", map_freeze(map.fd));
	request_init(&q, code);
	request_bind(&q, &map);
	request_sign(&q);
	row_load("fold/program-writes-a-read-only-map", "EACCES", &q);
}

/* An fd that was opened for reading or writing only. */
static void rows_fd_mode(void)
{
	static const struct {
		const char *name;
		uint32_t flags;
	} modes[] = {
		{"fold/read-only-fd", BPF_F_RDONLY},
		{"fold/write-only-fd", BPF_F_WRONLY},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		_cleanup_request_ struct request q = {};
		_cleanup_map_ struct map map = {};
		union bpf_attr attr;

		map_make(&map, RETURN_0, 8, 1);
		memset(&attr, 0, sizeof(attr));
		attr.map_id = map_id(map.fd);
		attr.open_flags = modes[i].flags;
		request_init(&q, RETURN_0);
		request_bind(&q, &map);
		q.fds[0] = must("fd by id",
				sys_bpf(BPF_MAP_GET_FD_BY_ID, &attr, ATTR_SIZE(open_flags)));
		request_sign(&q);
		row_load(modes[i].name, NULL, &q);
		close(q.fds[0]);
	}
}

void rows_fold(void)
{
	rows_rules();
	rows_sizes();
	rows_rounded();
	rows_digest_of_map();
	rows_mapped();
	rows_writer();
	rows_own_writes();
	rows_read_only();
	rows_fd_mode();
}
