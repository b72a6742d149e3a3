// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subject.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "checks.h"

static const char *const kind_names[] = {
	[ARRAY] = "array", [HASH] = "hash", [HASH_ALLOC] = "hash_alloc", [LRU] = "lru"};

const char *kind_name(enum kind kind)
{
	return kind == HASH_ALLOC ? "hash-no-prealloc" : kind_names[kind];
}

const char *mode_name(enum mode mode)
{
	return mode == SIGNAL ? "signal" : "resume";
}

static uint32_t id_of_map(int fd)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	must("map info", bpf_map_get_info_by_fd(fd, &info, &size));
	return info.id;
}

static uint32_t id_of_prog(int fd)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	must("program info", bpf_prog_get_info_by_fd(fd, &info, &size));
	return info.id;
}

/* Our own view of .bss, which stays when the object goes. */
static void *map_globals(struct bpf_object *object)
{
	int fd = bpf_object__find_map_fd_by_name(object, ".bss");
	void *p = mmap(NULL, sizeof(struct globals), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	must(".bss", p == MAP_FAILED ? -errno : 0);
	return p;
}

int subject_load(struct subject *s, const char *extra)
{
	return subject_load_with(s, (const char *const[]){extra, NULL});
}

int subject_load_with(struct subject *s, const char *const *extras)
{
	struct bpf_program *program;
	int r;

	*s = (struct subject){.prog = -1};
	s->object = bpf_object__open_file(checks_object("work"), NULL);
	must("open", s->object ? 0 : -errno);
	for (; *extras; extras++) {
		program = bpf_object__find_program_by_name(s->object, *extras);
		must(*extras, program ? bpf_program__set_autoload(program, true) : -ENOENT);
	}
	r = bpf_object__load(s->object);
	if (r < 0) {
		bpf_object__close(TAKE_PTR(s->object));
		return r;
	}
	s->globals = map_globals(s->object);
	program = bpf_object__find_program_by_name(s->object, "from_syscall");
	s->prog = bpf_program__fd(program);
	s->prog_id = id_of_prog(s->prog);
	for (unsigned i = 0; i < N_KINDS; i++) {
		s->maps[i] = bpf_object__find_map_fd_by_name(s->object, kind_names[i]);
		s->map_ids[i] = id_of_map(s->maps[i]);
	}
	return 0;
}

void subject_close(struct subject *s)
{
	bpf_link__destroy(TAKE_PTR(s->link));
	bpf_object__close(TAKE_PTR(s->object));
	if (s->own)
		safe_close(s->prog);
	s->prog = -1;
	for (unsigned i = 0; i < N_KINDS; i++) {
		if (s->own)
			safe_close(s->maps[i]);
		s->maps[i] = -1;
	}
	s->own = false;
}

void subject_close_maps(struct subject *s)
{
	int fd = must("dup", fcntl(s->prog, F_DUPFD_CLOEXEC, 3));

	subject_close(s);
	s->prog = fd;
	s->own = true;
}

void subject_close_program(struct subject *s)
{
	int fds[N_KINDS];

	for (unsigned i = 0; i < N_KINDS; i++)
		fds[i] = must("dup", fcntl(s->maps[i], F_DUPFD_CLOEXEC, 3));
	subject_close(s);
	memcpy(s->maps, fds, sizeof(fds));
	s->own = true;
}

bool subject_has_program(const struct subject *s)
{
	int fd = bpf_prog_get_fd_by_id(s->prog_id);

	safe_close(fd);
	return fd >= 0;
}

void subject_forget(struct subject *s)
{
	if (s->globals)
		munmap(TAKE_PTR(s->globals), sizeof(struct globals));
}

static bool gone(const struct subject *s)
{
	int fd = bpf_prog_get_fd_by_id(s->prog_id);

	for (unsigned i = 0; fd < 0 && i < N_KINDS; i++)
		fd = bpf_map_get_fd_by_id(s->map_ids[i]);
	if (fd < 0)
		return true;
	close(fd);
	return false;
}

const char *subject_gone(const struct subject *s)
{
	for (unsigned i = 0; i < 1200; i++) {
		if (gone(s))
			return "all freed";
		sleep_ms(50);
	}
	return "not freed";
}

uint64_t subject_ok(const struct subject *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < N_KINDS; i++)
		for (unsigned key = 0; key < KIND_SIZE; key++)
			n += __atomic_load_n(&s->globals->counts.ok[i][key], __ATOMIC_RELAXED);
	return n;
}

uint64_t subject_finished(const struct subject *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < N_SLOTS; i++)
		n += __atomic_load_n(&s->globals->seen[i].finished, __ATOMIC_RELAXED);
	return n;
}

uint64_t subject_quiet(const struct subject *s, uint64_t expected)
{
	uint64_t n = subject_finished(s), before;

	for (unsigned still = 0; still < (n == expected ? 1 : 8);) {
		before = n;
		sleep_ms(200);
		n = subject_finished(s);
		still = n == before ? still + 1 : 0;
	}
	return n;
}

int element_put(struct subject *s, enum kind kind, uint32_t key, const struct elem *elem)
{
	return bpf_map_update_elem(s->maps[kind], &key, elem, BPF_ANY);
}

int element_set(struct subject *s, enum kind kind, uint32_t key, enum what what,
		const void *address)
{
	struct elem elem = {
		.tag = 1000 + key,
		.slot = key,
		.what = what,
		.address = (uintptr_t)address,
		.end = ~0ULL,
	};

	return element_put(s, kind, key, &elem);
}

int element_delete(struct subject *s, enum kind kind, uint32_t key)
{
	return bpf_map_delete_elem(s->maps[kind], &key);
}

int schedule_by(int prog, enum kind kind, enum mode mode, uint32_t key, uint32_t tid)
{
	struct request request = {.kind = kind, .mode = mode, .key = key, .tid = tid};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &request, .ctx_size_in = sizeof(request));

	must("BPF_PROG_RUN", bpf_prog_test_run_opts(prog, &opts));
	return (int)opts.retval;
}

int schedule(struct subject *s, enum kind kind, enum mode mode, uint32_t key, uint32_t tid)
{
	return schedule_by(s->prog, kind, mode, key, tid);
}
