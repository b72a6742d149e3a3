// SPDX-License-Identifier: LGPL-2.1-or-later
/* User space neither sees nor writes what is in the field; and what a callback does, it may do. */
#include <fcntl.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "checks.h"
#include "subject.h"

#define KEY 2

static struct subject s;
static struct target t;

/* An element whose work has run once: the field is in use. */
static void begin(enum kind kind, enum what what, const void *address)
{
	must("load", subject_load(&s, NULL));
	target_thread(&t);
	must("element", element_set(&s, kind, KEY, what, address));
	must("schedule", schedule(&s, kind, RESUME, KEY, t.tid));
	must("target", target_turn(&t) ? 0 : -ETIMEDOUT);
}

static void end(void)
{
	target_end(&t);
	subject_close(&s);
}

static const char *describe(const struct elem *elem)
{
	static char text[80];
	uint64_t field;

	memcpy(&field, &elem->work, sizeof(field));
	snprintf(text, sizeof(text), "field %s, rest %s", field ? "not zero" : "zero",
		 elem->tag == 1000 + KEY && elem->end == ~0ULL ? "right" : "wrong");
	return text;
}

enum look { LOOKUP, LOOKUP_AND_DELETE, BATCH };

static void run_look(const struct check *check)
{
	enum kind kind = check->a;
	struct elem elems[KIND_SIZE] = {};
	uint32_t keys[KIND_SIZE], key = KEY, next, count = KIND_SIZE;
	int r, at = 0;

	begin(kind, NOTHING, NULL);
	if (check->b == LOOKUP) {
		r = bpf_map_lookup_elem(s.maps[kind], &key, &elems[0]);
	} else if (check->b == LOOKUP_AND_DELETE) {
		r = bpf_map_lookup_and_delete_elem(s.maps[kind], &key, &elems[0]);
	} else {
		r = bpf_map_lookup_batch(s.maps[kind], NULL, &next, keys, elems, &count, NULL);
		r = r == -ENOENT ? 0 : r; /* that was all */
		at = kind == ARRAY ? KEY : 0;
	}
	answer("%s: %s", answer_name(r), describe(&elems[at]));
	end();
}

/* The field is full of ones, as if it were a pointer. */
static int write_ones(enum kind kind, uint64_t flags)
{
	struct elem elem = {.tag = 1000 + KEY, .slot = KEY, .end = ~0ULL};
	uint32_t key = KEY;

	memset(&elem.work, 0xff, sizeof(elem.work));
	return bpf_map_update_elem(s.maps[kind], &key, &elem, flags);
}

static void run_write(const struct check *check)
{
	enum kind kind = check->a;
	struct elem elem = {};
	uint32_t key = KEY;
	int r, scheduled;

	begin(kind, NOTHING, NULL);
	if (check->c)
		must("delete", element_delete(&s, kind, KEY));
	r = write_ones(kind, check->b);
	if (r < 0) {
		answer_result(r);
		end();
		return;
	}
	must("look-up", bpf_map_lookup_elem(s.maps[kind], &key, &elem));
	s.globals->seen[KEY].finished = 0;
	scheduled = schedule(&s, kind, RESUME, KEY, t.tid);
	target_turn(&t);
	answer("%s; schedule %s, ran %u", describe(&elem), answer_name(scheduled),
	       s.globals->seen[KEY].finished);
	end();
}

/* A page of a file that is not in memory: reading it waits for a disk. NULL if there is no such
 * thing here. */
static const char *absent_page(void)
{
	static const char name[] = "/var/tmp/task-work-page";
	char *page = malloc(4096);
	unsigned char resident = 1;
	void *p;
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(name, fd < 0 ? -errno : 0);
	unlink(name);
	memset(page, 0x5a, 4096);
	must("page", write(fd, page, 4096) == 4096 ? fsync(fd) : -EIO);
	free(page);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	must("page", p == MAP_FAILED ? -errno : posix_fadvise(fd, 0, 4096, POSIX_FADV_DONTNEED));
	must("page", madvise(p, 4096, MADV_DONTNEED));
	close(fd);
	must("mincore", mincore(p, 4096, &resident));
	return resident & 1 ? NULL : p;
}

static void run_copy(const struct check *check)
{
	const char *page = absent_page();
	const struct seen *seen;

	if (!page) {
		answer("skip: no page of a file can be made to leave memory");
		return;
	}
	must("load", subject_load(&s, NULL));
	target_thread(&t);
	must("element", element_set(&s, (enum kind)check->a, KEY, COPY, page));
	must("schedule", schedule(&s, (enum kind)check->a, (enum mode)check->b, KEY, t.tid));
	target_turn(&t);
	wait_for(&s.globals->seen[KEY].finished, 1, 10000);
	seen = &s.globals->seen[KEY];
	answer("without sleep %s; with it %s, %s", answer_name(seen->before),
	       answer_name(seen->result),
	       seen->copied == 0x5a5a5a5a5a5a5a5a ? "right bytes" : "wrong bytes");
	end();
}

/* The callback schedules: .b is what. It runs in its own task, which comes out of the kernel once
 * more. */
static void run_again(const struct check *check)
{
	enum kind kind = check->a;
	struct elem elem = {.slot = KEY, .what = check->b, .times = 3, .other = KEY + 1};

	must("load", subject_load(&s, NULL));
	target_thread(&t);
	must("other element", element_set(&s, kind, KEY + 1, NOTHING, NULL));
	must("element", element_put(&s, kind, KEY, &elem));
	must("schedule", schedule(&s, kind, RESUME, KEY, t.tid));
	for (unsigned i = 0; i < 6; i++)
		target_turn(&t);
	answer("%s; ran %u, the other %u", answer_name(s.globals->seen[KEY].result),
	       s.globals->seen[KEY].finished, s.globals->seen[KEY + 1].finished);
	end();
}

/* A second time while the first is pending, for both modes; and afterwards. */
static void run_busy(const struct check *check)
{
	enum kind kind = check->a;
	int first, second, third;

	must("load", subject_load(&s, NULL));
	target_thread(&t);
	must("element", element_set(&s, kind, KEY, NOTHING, NULL));
	first = schedule(&s, kind, RESUME, KEY, t.tid);
	second = schedule(&s, kind, (enum mode)check->b, KEY, t.tid);
	target_turn(&t);
	third = schedule(&s, kind, RESUME, KEY, t.tid);
	target_turn(&t);
	answer("first %s, second %s", first ? "failed" : "ok", answer_name(second));
	if (third)
		answer("third %s", answer_name(third));
	if (s.globals->seen[KEY].finished != 2)
		answer("ran %u", s.globals->seen[KEY].finished);
	end();
}

#define LOOK(name, kind, look)                                                    \
	{                                                                         \
		name, "ok: field zero, rest right", run_look, kind, look, 0, NULL \
	}
#define WRITE(name, kind, flags, anew)                                                            \
	{                                                                                         \
		name, "field zero, rest right; schedule ok, ran 1", run_write, kind, flags, anew, \
			NULL                                                                      \
	}
#define COPIED "without sleep EFAULT; with it ok, right bytes"
#define BUSY   "first ok, second EBUSY"

static const struct check checks[] = {
	LOOK("lookup-array", ARRAY, LOOKUP),
	LOOK("lookup-hash", HASH, LOOKUP),
	LOOK("lookup-hash-no-prealloc", HASH_ALLOC, LOOKUP),
	LOOK("lookup-lru", LRU, LOOKUP),
	LOOK("lookup-and-delete-hash", HASH, LOOKUP_AND_DELETE),
	LOOK("lookup-and-delete-lru", LRU, LOOKUP_AND_DELETE),
	LOOK("batch-array", ARRAY, BATCH),
	LOOK("batch-hash", HASH, BATCH),
	WRITE("update-array", ARRAY, BPF_ANY, 0),
	WRITE("update-hash", HASH, BPF_ANY, 0),
	WRITE("update-hash-no-prealloc", HASH_ALLOC, BPF_ANY, 0),
	WRITE("update-lru", LRU, BPF_ANY, 0),
	WRITE("update-hash-exist", HASH, BPF_EXIST, 0),
	WRITE("insert-hash", HASH, BPF_NOEXIST, 1),
	WRITE("insert-hash-no-prealloc", HASH_ALLOC, BPF_NOEXIST, 1),
	WRITE("insert-lru", LRU, BPF_NOEXIST, 1),
	{"update-array-with-lock", NULL, run_write, ARRAY, BPF_F_LOCK, 0, NULL},
	{"update-hash-with-lock", NULL, run_write, HASH, BPF_F_LOCK, 0, NULL},
	{"sleeps-resume", COPIED, run_copy, ARRAY, RESUME, 0, NULL},
	{"sleeps-signal", COPIED, run_copy, ARRAY, SIGNAL, 0, NULL},
	{"sleeps-hash", COPIED, run_copy, HASH, RESUME, 0, NULL},
	{"sleeps-lru", COPIED, run_copy, LRU, RESUME, 0, NULL},
	{"again-itself-array", NULL, run_again, ARRAY, AGAIN_ITSELF, 0, NULL},
	{"again-itself-hash", NULL, run_again, HASH, AGAIN_ITSELF, 0, NULL},
	{"again-another-array", "ok; ran 1, the other 1", run_again, ARRAY, AGAIN_ANOTHER, 0, NULL},
	{"again-another-hash", "ok; ran 1, the other 1", run_again, HASH, AGAIN_ANOTHER, 0, NULL},
	{"deletes-itself-hash", NULL, run_again, HASH, DELETE_ITSELF, 0, NULL},
	{"deletes-itself-hash-no-prealloc", NULL, run_again, HASH_ALLOC, DELETE_ITSELF, 0, NULL},
	{"deletes-itself-lru", NULL, run_again, LRU, DELETE_ITSELF, 0, NULL},
	{"deletes-itself-array", NULL, run_again, ARRAY, DELETE_ITSELF, 0, NULL},
	{"busy-array", BUSY, run_busy, ARRAY, RESUME, 0, NULL},
	{"busy-hash", BUSY, run_busy, HASH, RESUME, 0, NULL},
	{"busy-lru", BUSY, run_busy, LRU, RESUME, 0, NULL},
	{"busy-other-mode", BUSY, run_busy, HASH, SIGNAL, 0, NULL},
};

void rows_tw_values(void)
{
	CHECKS_RUN("values", checks);
}
