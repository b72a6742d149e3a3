// SPDX-License-Identifier: LGPL-2.1-or-later
/* A request with the last reference to its map, dropped in an interrupt. */
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "checks.h"
#include "last.h"

static struct bpf_object *object;
static struct last *last;
static atomic_bool stop;
static atomic_uint spinner;

/* Makes no calls: it is in the kernel in interrupts only. */
static void *spin(void *p)
{
	checks_pin(1);
	spinner = (unsigned)gettid();
	while (!stop)
		;
	return NULL;
}

static void load(void)
{
	struct bpf_program *program;
	size_t size;

	object = bpf_object__open_file(checks_object("last"), NULL);
	must("open", object ? 0 : -errno);
	bpf_object__for_each_program (program, object)
		must("autoload", bpf_program__set_autoload(program, true));
	must("load", bpf_object__load(object));
	last = bpf_map__initial_value(bpf_object__find_map_by_name(object, ".bss"), &size);
	must(".bss", last && size >= sizeof(*last) ? 0 : -ENOENT);
}

static struct bpf_link *attach(const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);
	struct bpf_link *link = bpf_program__attach(program);

	must(name, link ? 0 : -errno);
	return link;
}

/* An interrupt of the processor on which the spinner runs, every millisecond. */
static struct bpf_link *attach_clock(const char *name)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, spinner, -1, -1, PERF_FLAG_FD_CLOEXEC);
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);
	struct bpf_link *link;

	must("perf event", fd < 0 ? -errno : 0);
	link = bpf_program__attach_perf_event(program, fd);
	must(name, link ? 0 : -errno);
	return link;
}

/* A map that the outer one has: its descriptor, which no other process may have a copy of. */
static int make_inner(int outer)
{
	struct bpf_map *pattern = bpf_object__find_map_by_name(object, "inner");
	LIBBPF_OPTS(bpf_map_create_opts, opts, .btf_fd = (uint32_t)bpf_object__btf_fd(object),
		    .btf_key_type_id = bpf_map__btf_key_type_id(pattern),
		    .btf_value_type_id = bpf_map__btf_value_type_id(pattern));
	uint32_t index = 0, size = sizeof(struct bpf_map_info);
	struct bpf_map_info info = {};
	int fd;

	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "inner", 4, sizeof(struct small), 1, &opts);
	must("inner map", fd);
	must("outer map", bpf_map_update_elem(outer, &index, &fd, BPF_ANY));
	must("map info", bpf_map_get_info_by_fd(fd, &info, &size));
	last->map_id = info.id;
	return fd;
}

/* The descriptor goes, which cancels the request, and the outer map's reference. */
static void let_go(void)
{
	static const char *const places[] = {
		[NOT_YET] = "nowhere",
		[IN_INTERRUPT] = "in an interrupt",
		[IN_WORKER] = "in a worker",
		[IN_TASK] = "in a task",
	};
	int outer = bpf_object__find_map_fd_by_name(object, "outer"), fd;
	uint32_t index = 0;

	fd = make_inner(outer);
	last->armed = spinner;
	must("interrupt", wait_for(&last->inside, 1, 30000) ? 0 : -ETIMEDOUT);
	close(fd);
	must("outer map", bpf_map_delete_elem(outer, &index));
	must("its end", wait_for(&last->left, 1, 30000) ? 0 : -ETIMEDOUT);
	if (last->result != 0 || last->references != 1) {
		answer("scheduled: %s; %lld references are left", answer_name(last->result),
		       (long long)last->references);
		return;
	}
	for (unsigned i = 0; i < 30000 && !last->ended; i++)
		sleep_ms(1);
	answer("put %s, ended %s", places[last->put], places[last->ended]);
}

/*
 * An interrupt may come in the midst of what it would lock, so that what is locked is left to a
 * worker. Not asked of kernels whose requests do not hold their map.
 */
static void run_last(const struct check *check)
{
	struct bpf_link *put, *end, *clock;
	pthread_t thread;

	if (options.stock) {
		answer("skip: asked of the patched kernel only");
		return;
	}
	stop = false;
	spinner = 0;
	checks_pin(0);
	must("thread", -pthread_create(&thread, NULL, spin, NULL));
	while (!spinner)
		sleep_ms(1);
	load();
	put = attach("watch_put");
	end = attach("watch_end");
	clock = attach_clock("hold");
	let_go();
	bpf_link__destroy(clock);
	bpf_link__destroy(end);
	bpf_link__destroy(put);
	bpf_object__close(TAKE_PTR(object));
	stop = true;
	pthread_join(thread, NULL);
}

static const struct check checks[] = {
	{"in-an-interrupt", "put in an interrupt, ended in a worker", run_last, 0, 0, 0, NULL},
};

void rows_tw_last(void)
{
	CHECKS_RUN("last-reference", checks);
}
